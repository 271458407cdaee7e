/**
 * The page of `cal map` and `cal map-diff`: a map, and beside it colours, search, a selection and one point.
 */

import {singleCurve} from "./curve.js";
import {el, short, thousands} from "./dom.js";
import {copyText, saveFile} from "./handing_over.js";
import {DataMap} from "./map.js";
import {PageData} from "./page_data.js";
import {pictureOf} from "./picture.js";
import {themeSwitch} from "./theme_switch.js";
import {Tip} from "./tip.js";

const LISTED = 200;  // entries of the list; copying and saving take all
const $ = id => document.getElementById(id);
const given = JSON.parse($("data").textContent);
const data = new PageData(given);
const state = {matching: null, selected: null, pinned: null};
const places = (x, y) => ({x: data.columns.get(x).values, y: data.columns.get(y).values});
const map = new DataMap($("map"), {x: given.x, y: given.y, ranges: {x: given.ranges[0], y: given.ranges[1]},
  label: "Data map", tool: matchMedia("(pointer: coarse)").matches ? "pan" : "zoom", picture: true});
const tip = new Tip($("map"));

function colourBy(name) {
  const {names, codes, values} = data.columns.get(name);
  map.setColour(names ? {kind: "names", names, codes} : {kind: "numbers", values});
}

function showArrows() {
  if (!given.start) return;
  const indices = [];
  for (let row = 0; row < data.n && indices.length < given.n_arrows; row++) {
    if (!state.matching || state.matching[row]) indices.push(row);
  }
  map.setArrows({...places(...given.start), indices});
}

/** Rows that are found and selected, or none if there is neither a search nor a selection. */
function listed() {
  if (!state.selected && !state.matching) return [];
  const rows = state.selected ?? Array.from({length: data.n}, (_, row) => row);
  return state.matching ? rows.filter(row => state.matching[row]) : rows;
}

function showList() {
  const rows = listed(), all = `${thousands(data.n)} ${data.n === 1 ? "point" : "points"}`;
  const total = data.n === data.total ? all : `${all}, a sample of ${thousands(data.total)}`;
  const what = [state.matching && "found", state.selected && "selected"].filter(Boolean).join(" and ");
  $("count").textContent = what ? `${thousands(rows.length)} ${what} of ${total}` : total;
  $("copy").disabled = $("save").disabled = !rows.length;
  $("list").replaceChildren(...Array.from(rows.slice(0, LISTED), row => el("li", {},
    el("button", {type: "button", onclick: () => pin(row), onmouseenter: () => map.hover(row),
      onfocus: () => map.hover(row), onmouseleave: () => map.hover(null), onblur: () => map.hover(null)}, short(data.line(row), 90)))));
  $("more").hidden = rows.length <= LISTED;
  $("more").textContent = `The list shows the first ${LISTED}. Copy and save take all ${thousands(rows.length)}.`;
}

function showPoint(row) {
  const table = el("table", {}, el("tbody", {}, [...data.columns.keys()].map(name =>
    el("tr", {}, el("th", {scope: "row"}, name), el("td", {}, data.value(name, row))))));
  $("point").replaceChildren(...[
    el("h2", {}, data.ids[row]), data.texts ? el("p", {class: "text"}, data.texts[row]) : null,
    data.curves ? singleCurve(data.curve(row)) : null, table].filter(Boolean));
}

function pin(row) {
  state.pinned = row;
  map.highlight(row);
  document.body.classList.toggle("pinned", row !== null);
  if (row !== null) showPoint(row);
}

function showTip(row, clientX, clientY) {
  const labels = ["gold", "predicted"].filter(name => data.columns.has(name));
  tip.show([short(data.texts ? data.texts[row] : data.ids[row], 160),
    labels.map(name => `${name}: ${data.value(name, row)}`).join(" · ")], clientX, clientY);
}

let waiting = 0;
function search() {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    state.matching = data.matching($("search").value);
    map.setMatching(state.matching);
    showArrows();
    showList();
  }, 150);
}

function select(indices) {
  state.selected = indices;
  showList();
}

for (const name of data.columns.keys()) $("colour").add(new Option(name, name, false, name === given.colour));
$("colour").addEventListener("change", () => colourBy($("colour").value));
$("search").addEventListener("input", search);
$("copy").addEventListener("click", async () => {
  const ids = Array.from(listed(), row => data.ids[row]);
  const done = await copyText(ids.join("\n"));
  $("count").textContent = done ? `${thousands(ids.length)} ids copied` : "This browser does not let the page copy. Save a CSV.";
});
$("save").addEventListener("click", () => saveFile(new Blob([data.csv(listed())], {type: "text/csv"}), "selected.csv"));
addEventListener("keydown", event => { if (event.key === "Escape") pin(null); });

map.addEventListener("hover", ({detail}) => {
  showTip(detail.index, detail.clientX, detail.clientY);
  if (state.pinned === null) showPoint(detail.index);
});
map.addEventListener("leave", () => tip.hide());
map.addEventListener("click", ({detail}) => pin(detail.index));
map.addEventListener("select", ({detail}) => select(detail.indices));
map.addEventListener("picture", async () => saveFile(await pictureOf(map, $("colour").value), "map.png"));
map.addEventListener("deselect", () => select(null));

map.setPoints(places(given.x, given.y));
map.setDensity(given.density ?? null);
colourBy(given.colour);
showArrows();
showList();
$("legend").append(map.legend());
$("theme").append(themeSwitch(() => map.theme()));
await map.ready;
document.body.dataset.ready = "yes";
