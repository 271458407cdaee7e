/** Sections and tables of the views that tell about a project. */

import {el} from "../map/dom.js";

/** A section with a heading. */
export function section(name, title, ...children) {
  return el("section", {class: `sheet ${name}`, "aria-labelledby": `sheet-${name}`},
    el("h3", {id: `sheet-${name}`}, title), ...children);
}

/** A part that is opened by a click; whoever draws it again keeps it open by its `data-name`. */
export function folded(name, title, ...children) {
  return el("details", {"data-name": name}, el("summary", {}, title), ...children);
}

/**
 * A table that scrolls by itself where it is too wide.
 *
 * @param {string} caption what it tells, for screen readers.
 * @param {{title: string, number?: boolean, hint?: string}[]} columns its columns; numbers are aligned on the right.
 * @param {Array<Array<Node|string|number>>} rows cells; the first of each row is its heading.
 */
export function table(caption, columns, rows) {
  const head = columns.map(each => el("th", {scope: "col", class: each.number ? "number" : null, title: each.hint}, each.title));
  const body = rows.map(cells => el("tr", {}, cells.map((cell, k) => el(k ? "td" : "th",
    {scope: k ? null : "row", class: columns[k].number ? "number" : null}, cell))));
  return el("div", {class: "table", tabIndex: 0, role: "region", "aria-label": `Table: ${caption}`},
    el("table", {}, el("caption", {class: "only-heard"}, caption), el("thead", {}, el("tr", {}, head)), el("tbody", {}, body)));
}

/** A text whose end may be a command, which is shown as one. */
export function withCommand(text) {
  const at = text.search(/\bcal annotate /);
  return at < 0 ? [text] : [text.slice(0, at), el("code", {}, text.slice(at))];
}

/** A share in per cent, rounded down, so that 100 % means all. */
export function share(value) {
  if (value === null || value === undefined) return "–";
  return value > 0 && value < 0.01 ? "under 1 %" : `${Math.floor(100 * value + 1e-9)} %`;
}
