/** Where learning begins: a project whose documents have no labels, and that has no queue. */

import {counted, el} from "../map/dom.js";
import {commandLine, learn} from "./learning_now.js";
import {app} from "./state.js";
import {section} from "./tables.js";

/** An invitation to learn from decisions, for the view of the learning. */
export function beginSection({n_unlabelled: n, starts, starting, command}, again) {
  if (!n) return section("begin", "This project does not learn", el("p", {}, "All of its documents have labels."));
  return section("begin", "Learn from your decisions", ...invitation({n, starts, starting, command, again}));
}

/**
 * What learning is, a field for labels that are known, and a button; without a server that may train, the command.
 *
 * @param {{n: number, starts: boolean, starting: boolean, command: string, again: function(): void}} about `again` is called when learning
 *   has begun.
 */
export function invitation({n, starts, starting, command, again}) {
  const about = el("p", {}, `${counted(n, "document")} ${n === 1 ? "has" : "have"} no label. Label a few, and a model learns from them. From then on it chooses `
    + "which documents to ask about next, so that few decisions teach it much.");
  if (starting) return [about, el("p", {role: "status"}, el("strong", {}, "The first documents are being chosen."), " They appear by themselves in a moment.")];
  if (!starts) return [about, el("p", {}, "Start it in a terminal; this page follows by itself:"), commandLine(command)];
  if (!app.about.leads) return [about, el("p", {}, "Whoever leads the project can start it.")];
  const labels = el("textarea", {id: "first-labels", rows: 3, maxLength: 20_000, spellcheck: false, "aria-describedby": "first-labels-told",
    value: app.about.labels.map(each => each.name).join("\n")});
  const yes = el("button", {type: "submit", class: "primary"}, "Learn from my decisions");
  const form = el("form", {class: "begin-form", onsubmit: async event => {
    event.preventDefault();
    yes.disabled = true;
    const known = new Set(app.about.labels.map(each => each.name));
    const names = [...new Set(labels.value.split("\n").map(each => each.trim()).filter(each => each && !known.has(each)))];
    if (await learn(names)) again();
    else yes.disabled = false;
  }}, el("label", {htmlFor: "first-labels"}, "Labels that you know already"), labels,
  el("p", {class: "quiet", id: "first-labels-told"}, "One in each line, or none: you can give a document a new label at any time with the key N."),
  el("p", {class: "buttons"}, yes));
  return [about, form];
}
