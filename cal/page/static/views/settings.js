/** The project: its labels, reviewers, guidelines, runs and queues, and what has happened in it. */

import {el, thousands} from "../../map/dom.js";
import {link} from "../address.js";
import {createEvents} from "../events_list.js";
import {createLabels} from "../labels_list.js";
import {markdown} from "../markdown.js";
import {complain} from "../notices.js";
import {createReviewers} from "../reviewer_links.js";
import {app, on} from "../state.js";
import {folded, section, table} from "../tables.js";
import {moment} from "../words.js";

const SOON = 2000;  // milliseconds

export const settings = {
  name: "settings",
  title: "Project",
  create(root) {
    const labelsAt = el("div"), reviewersAt = el("div"), eventsAt = el("div"), facts = el("div", {class: "column"});
    const labels = createLabels(labelsAt), reviewers = createReviewers(reviewersAt), events = createEvents(eventsAt);
    const onlyLead = el("p", {class: "muted"}, "Whoever leads the project can change them.");
    root.append(el("h2", {class: "only-heard"}, "Project"), el("div", {class: "settings-page"},
      el("div", {class: "column"}, section("labels", "Labels", onlyLead, labelsAt), section("events", "Activity", eventsAt)),
      el("div", {class: "column"}, section("people", "Reviewers", reviewersAt), facts)));
    let shown = false, timer = 0;

    function draw() {
      onlyLead.hidden = app.about.leads;
      const open = [...facts.querySelectorAll("details[open]")].map(each => each.dataset.name);
      facts.replaceChildren(guidelinesSection(), runsSection(), queuesSection());
      for (const each of facts.querySelectorAll("details")) each.open = open.includes(each.dataset.name);
    }

    function later() {
      if (shown) timer ||= setTimeout(() => { timer = 0; if (shown) Promise.all([events.refresh(), reviewers.refresh()]).catch(complain); }, SOON);
    }

    on("changes", later);
    on("about", () => {
      if (!shown) return;
      draw();
      labels.refresh().catch(complain);
    });
    return {
      show() {
        shown = true;
        draw();
        return Promise.all([labels.refresh(), reviewers.refresh(), events.refresh()]);
      },
      hide() {
        shown = false;
      },
    };
  },
};

function guidelinesSection() {
  const {guidelines, leads} = app.about;
  const how = leads ? "Press G in any view to read or change them." : "Press G in any view to read them.";
  return section("guidelines", "Guidelines", guidelines.trim() ? folded("guidelines", "Read the guidelines", markdown(guidelines))
    : el("p", {class: "muted"}, "No guidelines yet."), el("p", {class: "muted"}, how));
}

function runsSection() {
  const {runs} = app.about;
  if (!runs.length) return section("runs", "Runs", el("p", {class: "muted"}, "No map and no ranking of suspects was imported yet."));
  const kinds = {map: "map", suspects: "ranking of suspects"};
  return section("runs", "Runs", table("Runs", [{title: "Run"}, {title: "Kind"}, {title: "Training"}, {title: "Imported"}],
    [...runs].reverse().map(each => [each.name, kinds[each.kind] ?? each.kind, each.told || "–", moment(each.imported)])));
}

function queuesSection() {
  const {queues} = app.about;
  if (!queues.length) return section("queues-made", "Queues", el("p", {class: "muted"}, "There is no queue yet."));
  return section("queues-made", "Queues", table("Queues", [{title: "Queue"}, {title: "Documents", number: true}, {title: "Decided", number: true},
    {title: "Which documents"}], [...queues].reverse().map(each => [el("a", {href: link({view: "review", queue: each.number}), title: each.told}, each.name),
    thousands(each.n_documents), thousands(each.n_decided), each.filter])));
}
