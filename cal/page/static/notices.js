/** Notices: lines in the corner that says what has just happened, or what is wrong. */

import {el} from "../map/dom.js";

/**
 * Shows a notice.
 *
 * @param {string} text what has happened.
 * @param {{wrong?: boolean, milliseconds?: number, button?: {text: string, run: function}}} [how] `wrong`: it stays until
 *   it is closed.
 * @returns {function(): void} closes it.
 */
export function notice(text, {wrong = false, milliseconds = 4000, button = null} = {}) {
  const box = el("div", {class: wrong ? "notice wrong" : "notice"}, el("span", {}, text));
  const close = () => box.remove();
  if (button) box.append(el("button", {type: "button", onclick: () => { close(); button.run(); }}, button.text));
  box.append(el("button", {type: "button", class: "plain", "aria-label": "Close", onclick: close}, "×"));
  document.getElementById("notices").append(box);
  if (!wrong) setTimeout(close, milliseconds);
  return close;
}

/** Shows what went wrong. */
export function complain(error) {
  if (error.name !== "AbortError") notice(error.message, {wrong: true});
}
