/** Progress: how far the project is, how many errors may be left, and what its reviewers do. */

import {el} from "../../map/dom.js";
import {get} from "../api.js";
import {complain} from "../notices.js";
import {progressNow} from "../progress_line.js";
import {agreementSection, reviewersSection} from "../progress_people.js";
import {changesSection, countsSection, leftSection, queuesSection, sourcesSection, stopSection} from "../progress_parts.js";
import {app, on} from "../state.js";

const AGAIN = 5000;  // milliseconds

export const progress = {
  name: "progress",
  title: "Progress",
  create(root) {
    const counts = el("div"), rest = el("div", {class: "progress-rest"}, el("p", {class: "muted"}, "Counting errors …"));
    root.append(el("h2", {class: "only-heard"}, "Progress"), el("div", {class: "progress-page"}, counts, rest));
    let shown = false, seq = -1, timer = 0, asking = false;

    function drawCounts(line) {
      counts.replaceChildren(countsSection(line));
    }

    async function refresh() {
      clearTimeout(timer);
      timer = 0;
      if (asking) return;
      asking = true;
      try {
        const found = await get("progress");
        if (found.seq !== seq) draw(found);
        if (!found.fresh) later();
      } catch (error) {
        complain(error);
      } finally {
        asking = false;
      }
    }

    function draw(found) {
      seq = found.seq;
      drawCounts({...found, disagreements: found.states.disagreement});
      const open = [...rest.querySelectorAll("details[open]")].map(each => each.dataset.name);
      const errors = found.queues.length || !app.about.learning;  // labelling from nothing looks for no errors
      rest.replaceChildren(...(errors ? [el("div", {class: "column"}, leftSection(found)),
        el("div", {class: "column"}, stopSection(found), changesSection(found))] : []),
      ...[reviewersSection(found), agreementSection(found), sourcesSection(found), errors && queuesSection(found)].filter(Boolean));
      for (const each of rest.querySelectorAll("details")) each.open = open.includes(each.dataset.name);
    }

    function later() {
      timer ||= setTimeout(() => { timer = 0; if (shown) refresh(); }, AGAIN);
    }

    on("progress", ({line}) => {
      if (!shown) return;
      if (line.seq !== seq) drawCounts(line);
      if (line.seq !== seq) later();
    });
    return {
      show() {
        shown = true;
        if (seq < 0 && progressNow()) drawCounts(progressNow());
        return refresh();
      },
      hide() {
        shown = false;
      },
    };
  },
};
