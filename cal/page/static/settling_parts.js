/** What reviewers say about a document in disagreement, side by side. */

import {el} from "../map/dom.js";
import {labelChip} from "./card_document.js";
import {app} from "./state.js";
import {moment} from "./words.js";

const WITHOUT_LABEL = {ambiguous: "ambiguous", exclude: "exclude it"};

/** The answer of a reviewer in a word. */
export function answerOf({action, label}) {
  return label ?? WITHOUT_LABEL[action] ?? action;
}

/** The answers side by side, each with its comments, and a word to whoever gave one of them. */
export function opinions(all) {
  const boxes = all.map(each => el("section", {class: "opinion"},
    el("h3", {}, el("bdi", {}, each.reviewer), each.reviewer === app.reviewer ? " (you)" : ""),
    el("p", {}, each.label === null ? el("strong", {}, answerOf(each)) : labelChip(each.label), each.action === "keep" ? " kept" : ""),
    each.comments.map(comment => el("q", {class: "comment-said", dir: "auto"}, comment)),
    el("p", {class: "quiet"}, el("time", {dateTime: each.time}, moment(each.time)))));
  const took = all.some(each => each.reviewer === app.reviewer);
  return el("div", {class: "opinions-said"}, el("div", {class: "opinions"}, boxes),
    took ? el("p", {class: "note own"}, "One of these answers is yours. You may settle it, but it is fairer if "
      + "somebody else does.") : null);
}
