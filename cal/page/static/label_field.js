/** A field to type the name of a label: one that exists, or a new one. */

import {el} from "../map/dom.js";
import {labelChip} from "./card_document.js";
import {app} from "./state.js";

const MOST = 7;

/**
 * Opens the field.
 *
 * @param {HTMLElement} place where it goes.
 * @param {{fresh: boolean, ranking: Array, choose: function(string, boolean): void, closed: function(): void}} how
 *   `fresh`: whether a new label is meant, so that only the same name takes an existing one; `choose` gets the name, and
 *   whether it is new.
 */
export function openLabelField(place, {fresh, ranking, choose, closed}) {
  const names = [...new Set([...ranking.map(each => each.label), ...app.about.labels.map(each => each.name)])];
  const input = el("input", {id: "label-name", maxLength: 200, autocomplete: "off", role: "combobox", "aria-expanded": "true",
    "aria-controls": "label-options", "aria-autocomplete": "list", spellcheck: false, enterKeyHint: "done"});
  const list = el("ul", {id: "label-options", role: "listbox", "aria-label": "Labels"});
  let options = [], at = 0;

  const close = () => {
    place.replaceChildren();
    closed();
  };
  const pick = option => {
    if (!option) return;
    close();
    choose(option.name, option.isNew);
  };

  function draw() {
    list.replaceChildren(...options.map((each, k) => el("li", {id: `label-option-${k}`, role: "option",
      "aria-selected": String(k === at), onclick: () => pick(each)},
    each.isNew ? ["New label ", el("strong", {}, el("bdi", {}, each.name))] : labelChip(each.name))));
    if (options.length) input.setAttribute("aria-activedescendant", `label-option-${at}`);
    else input.removeAttribute("aria-activedescendant");
  }

  function find() {
    const typed = input.value.trim(), low = typed.toLowerCase();
    const same = names.filter(each => each.toLowerCase() === low);
    const starts = names.filter(each => !same.includes(each) && each.toLowerCase().startsWith(low));
    const holds = names.filter(each => !same.includes(each) && !starts.includes(each) && each.toLowerCase().includes(low));
    const found = [...same, ...starts, ...holds].slice(0, MOST).map(name => ({name, isNew: false}));
    const made = typed && !names.includes(typed) ? [{name: typed, isNew: true}] : [];
    options = fresh && typed && !same.length ? [...made, ...found] : [...found, ...made];
    at = 0;
    draw();
  }

  input.addEventListener("input", find);
  input.addEventListener("keydown", event => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      at = options.length ? (at + (event.key === "ArrowDown" ? 1 : options.length - 1)) % options.length : 0;
      draw();
    } else if (event.key === "Enter") pick(options[at]);
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  place.replaceChildren(el("div", {class: "field-box"}, list,
    el("div", {class: "field-row"}, el("label", {htmlFor: "label-name"}, fresh ? "New label" : "Label"), input,
      el("button", {type: "button", class: "plain", "aria-label": "Close", onclick: close}, "×")),
    el("p", {class: "quiet"}, "Enter gives it to this document · ↑ ↓ choose · Esc closes")));
  find();
  input.focus();
}
