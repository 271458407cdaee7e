/** What else is known about a document: chart, similar documents, what others decided, its row of the corpus. */

import {classCurves} from "../map/curve.js";
import {el, short} from "../map/dom.js";
import {labelChip} from "./card_document.js";
import {shownColour} from "./label_colours.js";
import {app, emit, keep, setting} from "./state.js";
import {done, moment} from "./words.js";

const small = matchMedia("(max-width: 50rem)");
const REGIONS = {"easy-to-learn": "easy to learn", "hard-to-learn": "hard to learn", ambiguous: "ambiguous"};

/** The sections below a document; those without content are left out. */
export function details(view) {
  return [others(view), chart(view), similar(view), facts(view)];
}

function section(name, title, ...content) {
  const open = setting(`section ${name}`, !small.matches);
  const box = el("details", {class: `detail ${name}`, open}, el("summary", {}, el("h3", {}, title)), ...content);
  box.addEventListener("toggle", () => {
    if (box.open !== open) keep(`section ${name}`, box.open);
  });
  return box;
}

function chart(view) {
  if (!view.curves?.values.length || !view.curves.values[0].length) return null;
  const {labels, values} = view.curves;
  const suggested = view.suggestion?.label ?? view.point?.predicted;
  const picture = classCurves({
    values: values.map(each => each.map(p => p ?? NaN)), names: labels, given: labels.indexOf(view.given),
    suggested: labels.indexOf(suggested),
  });
  if (view.given !== null) picture.style.setProperty("--curve-given", shownColour(view.given));
  if (suggested) picture.style.setProperty("--curve-suggested", shownColour(suggested));
  return section("chart", view.curves.unseen ? "One model, during its training" : "The model, during its training", picture,
    view.curves.unseen && el("p", {class: "quiet"}, "This model never saw the document. The percentages above may come from several models."));
}

function similar(view) {
  if (!view.neighbours.length) return null;
  const same = view.neighbours.filter(each => each.label === view.given), other = view.neighbours.filter(each => each.label !== view.given);
  const n = view.neighbours.length;
  const told = view.given === null ? null
    : `${same.length || "None"} of the ${n} most similar documents ${same.length < 2 ? "has" : "have"} the same label.`;
  return section("similar", view.given === null ? "Similar documents" : "Similar documents with another label",
    told && el("p", {class: "quiet"}, told),
    el("ul", {class: "neighbours"}, other.map(each => el("li", {}, el("button", {type: "button", class: "neighbour",
      title: "Open this document", onclick: () => emit("open", {number: each.number})},
    each.label === null ? el("em", {}, "no label") : labelChip(each.label),
    el("span", {class: "neighbour-text", dir: "auto"}, short(each.text, 200)))))));
}

function others(view) {
  const said = view.verdicts.filter(each => each.reviewer !== app.reviewer);
  if (!said.length) return null;
  return section("others", "What others decided", el("ul", {class: "verdicts"}, said.map(each => el("li", {},
    el("strong", {}, el("bdi", {}, each.reviewer)), ` ${done(each.action, each.label)}, ${moment(each.time)}`,
    each.comment && el("q", {class: "comment-said", dir: "auto"}, each.comment)))));
}

function facts(view) {
  const rows = [["id", view.document], ["split", view.split]];
  if (view.point?.region) rows.push(["on the map", REGIONS[view.point.region] ?? view.point.region]);
  for (const [name, value] of Object.entries(view.columns)) {
    rows.push([name, value === null ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value)]);
  }
  return section("facts", "About the document", el("dl", {class: "fact-list"}, rows.filter(row => row[1] !== null && row[1] !== "")
    .map(([name, value]) => el("div", {}, el("dt", {}, el("bdi", {}, name)), el("dd", {}, el("bdi", {}, short(value, 500)))))));
}
