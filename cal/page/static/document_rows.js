/**
 * The rows of the list of documents: as many as fit on the screen are in the page, however long the list is.
 *
 * What was fetched stays in memory, a few hundred bytes a row; further rows are fetched when they are about to be seen.
 */

import {counted, decimal, el, thousands} from "../map/dom.js";
import {labelChip} from "./card_document.js";
import {setting} from "./state.js";
import {stateName} from "./state_names.js";
import {chance} from "./words.js";

const BEYOND = 8;  // rows above and below what is seen
const AHEAD = 60;  // rows before the end at which more are fetched

/**
 * Makes the table.
 *
 * @param {{more: function(): void, open: function(Object): void, pick: function(Object, boolean, boolean): void,
 *   all: function(boolean): void, isPicked: function(number): boolean}} does `more` fetches; `pick` gets a row, whether
 *   it is picked now, and whether all up to it are meant; `all` picks everything that fits.
 */
export function createRows(does) {
  let rows = [], total = null, bounded = false, complete = false, active = 0, opened = null, height = 56, sortedBy = null;
  const columns = [["check", ""], ["text", "Text"], ["given", "Given"], ["suggested", "Suggested"], ["state", "State"], ["value", ""]];
  const every = el("input", {type: "checkbox", "aria-label": "Select all documents that match", title: "Select all that match",
    onchange: () => does.all(every.checked)});
  const heads = Object.fromEntries(columns.map(([name, title]) => [name, el("th", {scope: "col", class: name}, title)]));
  heads.check.append(every);
  const above = el("tr", {class: "spacer", "aria-hidden": "true"}, el("td"));
  const below = el("tr", {class: "spacer", "aria-hidden": "true"}, el("td"));
  const body = el("tbody", {}, above, below);
  const table = el("table", {class: "documents-table", role: "grid", "aria-label": "Documents", "aria-multiselectable": "true"},
    el("thead", {}, el("tr", {"aria-rowindex": 1}, Object.values(heads))), body);
  const root = el("div", {class: "documents-scroll"}, table);
  const made = new Map();  // number of a document -> its row in the page

  function cells(row) {
    const picked = does.isPicked(row.number), isOpen = row.number === opened;
    const check = el("input", {type: "checkbox", tabIndex: -1, checked: picked, "aria-label": `Select document ${row.document}`});
    check.addEventListener("click", event => {
      event.stopPropagation();
      does.pick(row, check.checked, event.shiftKey);
    });
    const changed = row.label !== null && row.label !== row.given && !setting("hidden", false);
    return {attributes: {"aria-selected": String(picked), "data-state": row.state, "aria-current": isOpen ? "true" : null}, children: [
      el("td", {class: "check"}, check),
      el("th", {scope: "row", class: "text"}, el("span", {class: "clamp", dir: "auto"}, row.text)),
      el("td", {class: "given"}, row.given !== null ? labelChip(row.given) : setting("hidden", false) ? "" : el("em", {}, "none")),
      el("td", {class: row.score !== null && row.score < 0.5 ? "suggested weak" : "suggested"}, row.suggested === null ? "" : labelChip(row.suggested, {p: row.score})),
      el("td", {class: "state"}, el("span", {class: "state-name"}, row.came_back ? "Came back" : stateName(row.state)),
        changed ? [" ", labelChip(row.label)] : row.reviewers.length ? el("span", {class: "by"}, ` ${row.reviewers.join(", ")}`) : ""),
      el("td", {class: "value number"}, sortedBy ? row.value === null ? "" : decimal(row.value) : row.p_wrong === null ? "" : chance(row.p_wrong))]};
  }

  function rowOf(k) {
    const row = rows[k], {attributes, children} = cells(row);
    const node = made.get(row.number)?.node ?? el("tr", {"data-number": row.number});
    if (made.get(row.number)?.key !== keyOf(row)) {
      node.replaceChildren(...children);
      made.set(row.number, {node, key: keyOf(row)});
    }
    for (const [name, value] of Object.entries(attributes)) {
      if (value === null) node.removeAttribute(name);
      else node.setAttribute(name, value);
    }
    node.querySelector("input").checked = does.isPicked(row.number);
    node.setAttribute("aria-rowindex", k + 2);
    node.tabIndex = k === active ? 0 : -1;
    return node;
  }

  const keyOf = row => JSON.stringify([setting("hidden", false), row.given, row.state, row.label, row.came_back, row.reviewers, row.value, row.suggested, row.score]);

  /** Puts the rows into the page that are seen. */
  function draw() {
    const view = root.clientHeight || 600, head = table.tHead.offsetHeight;
    const first = Math.max(0, Math.floor((root.scrollTop - head) / height) - BEYOND);
    const last = Math.min(rows.length, Math.ceil((root.scrollTop + view) / height) + BEYOND);
    const wanted = new Set();
    for (let k = first; k < last; k++) wanted.add(k);
    if (rows[active]) wanted.add(active);  // so that it keeps the focus
    const focused = document.activeElement?.closest?.("tr[data-number]");
    const order = [...wanted].sort((a, b) => a - b), nodes = order.map(rowOf), keep = new Set(nodes);
    for (const [number, {node}] of made) {
      if (!keep.has(node)) {
        node.remove();
        made.delete(number);
      }
    }
    const apart = order.findIndex((k, j) => j > 0 && k !== order[j - 1] + 1);  // the active row may be far away
    above.firstChild.style.height = `${(order[0] === active && apart === 1 ? first - 1 : order[0] ?? 0) * height}px`;
    below.firstChild.style.height = `${Math.max(0, rows.length - last - (active >= last ? 1 : 0)) * height}px`;
    let place = above;
    for (const node of nodes) {
      if (place.nextSibling !== node) place.after(node);
      place = node;
    }
    if (focused && keep.has(focused) && document.activeElement !== focused && root.contains(focused)) focused.focus({preventScroll: true});
    const seen = nodes.find(node => node.offsetHeight);
    if (seen && Math.abs(seen.offsetHeight - height) > 0.5) {
      height = seen.offsetHeight;
      requestAnimationFrame(draw);
    }
    table.setAttribute("aria-rowcount", complete ? rows.length + 1 : total !== null && !bounded ? total + 1 : -1);
    if (!complete && last > rows.length - AHEAD) does.more();
  }

  function move(to, {focus = true} = {}) {
    if (!rows.length) return;
    active = Math.min(rows.length - 1, Math.max(0, to));
    const head = table.tHead.offsetHeight, top = active * height + head;
    if (top - head < root.scrollTop) root.scrollTop = top - head;
    else if (top + height > root.scrollTop + root.clientHeight) root.scrollTop = top + height - root.clientHeight;
    draw();
    if (focus) made.get(rows[active].number)?.node.focus({preventScroll: true});
  }

  body.addEventListener("click", event => {
    const node = event.target.closest("tr[data-number]");
    if (!node || event.target.closest("input")) return;
    const k = rows.findIndex(each => each.number === Number(node.dataset.number));
    if (k < 0) return;
    if (event.shiftKey) return does.pick(rows[k], true, true);
    move(k);
    if (event.target.closest("td.check")) does.pick(rows[k], !does.isPicked(rows[k].number), false);
    else does.open(rows[k]);
  });
  body.addEventListener("mousedown", event => { if (event.shiftKey) event.preventDefault(); });  // no text is selected
  body.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input")) return;
    const page = Math.max(1, Math.floor(root.clientHeight / height) - 1);
    const steps = {ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page};
    if (event.key in steps) {
      const before = active;
      move(active + steps[event.key]);
      if (event.shiftKey) does.pick(rows[active], true, true);
      else if (opened !== null && active !== before) does.open(rows[active]);
    } else if (event.key === "Home") move(0);
    else if (event.key === "End") move(rows.length - 1);
    else if (event.key === "Enter") does.open(rows[active]);
    else if (event.key === " ") does.pick(rows[active], !does.isPicked(rows[active].number), event.shiftKey);
    else return;
    event.preventDefault();
  });
  let frame = 0;
  root.addEventListener("scroll", () => { frame ||= requestAnimationFrame(() => { frame = 0; draw(); }); });
  new ResizeObserver(() => draw()).observe(root);

  return {
    root,
    draw,
    rows: () => rows,
    /** Begins another list. */
    reset({by}) {
      [rows, total, bounded, complete, active, sortedBy] = [[], null, false, false, 0, by];
      heads.value.textContent = by ? by.replace(/^[+-]/, "") : "";
      for (const {node} of made.values()) node.remove();
      made.clear();
      root.scrollTop = 0;
    },
    /** Takes a part of the list. */
    add(part) {
      if (part.total !== null) [total, bounded] = [part.total, part.more];
      rows = [...rows, ...part.rows];
      complete = part.next === null;
      if (!sortedBy) heads.value.textContent = rows.some(each => each.p_wrong !== null) ? "Wrong" : "";
      draw();
    },
    /** Changes rows that were decided. */
    change(numbers, change) {
      const wanted = new Set(numbers);
      if (!rows.some(each => wanted.has(each.number))) return;
      rows = rows.map(each => wanted.has(each.number) ? {...each, ...change(each)} : each);
      draw();
    },
    /** Shows which document is open; null for none. */
    setOpened(number) {
      opened = number;
      const k = rows.findIndex(each => each.number === number);
      if (k >= 0) move(k, {focus: false});
      else draw();
    },
    /** The row that is this many places after the open one. */
    beside(by) {
      const k = rows.findIndex(each => each.number === opened);
      return k < 0 ? null : rows[k + by] ?? null;
    },
    setAll(all) {
      every.checked = all;
      draw();
    },
    focus: () => move(active),
    /** Moves the focus; at first to the row that was left. */
    step: by => move(root.contains(document.activeElement) ? active + by : active),
    open: () => { if (rows[active]) does.open(rows[active]); },
    told: () => total === null ? "" : bounded ? `More than ${thousands(total)} documents` : counted(total, "document"),
    total: () => bounded ? null : total,
  };
}
