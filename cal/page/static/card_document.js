/** What is read of a document: notes, text, labels, and why its label is suspected. */

import {el} from "../map/dom.js";
import {shownColour} from "./label_colours.js";
import {app} from "./state.js";
import {chance, done, moment} from "./words.js";

/** A label with its colour beside its name, which is said, too. */
export function labelChip(label, {p = null, title = null} = {}) {
  return el("span", {class: "chip", title, style: {"--label": shownColour(label)}},
    el("span", {class: "chip-name"}, el("bdi", {}, label)), chance(p) && el("span", {class: "chip-p"}, chance(p)));
}

/**
 * The notes above a text: why it is here again, who decides it, what was taken back.
 *
 * @param {Object} view the document.
 * @param {string|null} undone what was taken back just now.
 * @param {string|null} changed what somebody else has done to it meanwhile.
 */
export function notes(view, undone, changed) {
  const own = view.verdicts.find(each => each.reviewer === app.reviewer);
  const note = (kind, ...text) => el("p", {class: `note ${kind}`}, ...text);
  return [
    undone && note("undone", view.hidden ? "Taken back. Decide again." : `Taken back: you ${undone}.`),
    changed && note("changed", changed),
    view.came_back && note("back", el("strong", {}, "It came back: "), view.came_back),
    view.adjudicates && note("settles", "Reviewers disagree about this document. Your decision settles it."),
    view.role === "test" && !view.hidden && app.about.learning?.trained && note("measures", "No suggestion here: this document measures accuracy."),
    view.blind && note("double", "Two reviewers decide this document. Neither sees the other's decision."),
    view.hidden && note("hidden-hints", "Blind mode: the given label and what models say are hidden."),
    own && note("own", `You ${done(own.action, own.label)} (${moment(own.time)}). You can decide again.`),
  ];
}

/** The text, or the parts of a pair or of choices. */
export function text(view) {
  const n = view.sequences ? view.sequences.flat().join(" ").length : view.text.length;
  const size = n < 240 ? "large" : n < 900 ? "middle" : "small";
  if (!view.sequences) return el("div", {class: `text ${size}`, dir: "auto"}, view.text);
  const same = k => view.sequences.length > 1 && view.sequences.every(each => each[k] === view.sequences[0][k]);
  const shared = view.sequences.length > 1 && view.sequences[0].length > 1 && same(0);  // choices share their question
  const part = (name, words) => el("section", {class: "part"}, el("h3", {}, name), el("p", {dir: "auto"}, words));
  if (view.sequences.length === 1) {
    return el("div", {class: `text ${size}`}, view.sequences[0].map((each, k, all) => part(all.length === 2
      ? ["First text", "Second text"][k] : `Text ${k + 1}`, each)));
  }
  return el("div", {class: `text ${size}`}, shared && part("Question", view.sequences[0][0]),
    view.sequences.map((each, k) => part(`Choice ${k + 1}`, (shared ? each.slice(1) : each).join("\n"))));
}

/** The given label beside what is suggested. */
export function labels(view) {
  if (view.hidden) return null;
  const p = label => view.ranking.find(each => each.label === label)?.p ?? null;
  const suggested = view.suggestion?.label ?? null;
  const row = (name, ...what) => el("div", {class: "said"}, el("dt", {}, name), el("dd", {}, what));
  if (view.role !== null && view.given === null && suggested === null && view.label === null && !view.suggestions.length) return null;
  const others = view.suggestions.filter(each => each.source !== view.suggestion?.source);
  return el("dl", {class: "labels-said"},
    (view.given !== null || view.role === null) && row("Given label", view.given === null ? el("em", {}, "none") : labelChip(view.given, {p: p(view.given)})),
    suggested !== null && row("Suggested", suggested === view.given ? [labelChip(suggested, {p: p(suggested)}), " the same"]
      : labelChip(suggested, {p: view.suggestion.score})),
    view.suggestion?.p_wrong !== null && view.suggestion?.p_wrong !== undefined
      && row("Given label is wrong", el("strong", {}, chance(view.suggestion.p_wrong))),
    others.map(each => row(each.source, labelChip(each.label, {p: each.score}), each.why.length > 0
      && el("span", {class: "source-why", dir: "auto"}, ` ${each.why.join(" ")}`))),
    view.label !== view.given && view.label !== null && row("Label now", labelChip(view.label)));
}

/** Why the label is suspected, a sentence each. */
export function why(view) {
  const reasons = view.suggestion?.why ?? [];
  if (view.hidden || !reasons.length) return null;
  return el("section", {class: "why"}, el("h3", {}, "Why look at it"), reasons.length === 1 ? el("p", {}, reasons[0])
    : el("ul", {}, reasons.map(each => el("li", {}, each))));
}
