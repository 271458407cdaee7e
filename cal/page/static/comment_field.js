/** A field for a comment: it goes with the next decision about the document, or by itself. */

import {el} from "../map/dom.js";

/**
 * Opens the field.
 *
 * @param {HTMLElement} place where it goes.
 * @param {{draft: string, keepDraft: function(string): void, send: function(string): void, closed: function(): void}} how
 *   `keepDraft` gets what goes with the next decision, empty for nothing; `send` what goes by itself.
 */
export function openCommentField(place, {draft, keepDraft, send, closed}) {
  const input = el("textarea", {id: "comment", rows: 2, maxLength: 20_000, value: draft, dir: "auto"});
  const close = () => {
    place.replaceChildren();
    closed();
  };
  const keep = () => {
    keepDraft(input.value.trim());
    close();
  };
  const sendNow = () => {
    if (!input.value.trim()) return;
    send(input.value.trim());
    close();
  };
  input.addEventListener("keydown", event => {
    if (event.isComposing) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) sendNow();
    else if (event.key === "Enter" && !event.shiftKey) keep();
    else if (event.key === "Escape") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  place.replaceChildren(el("div", {class: "field-box"},
    el("div", {class: "field-row"}, el("label", {htmlFor: "comment"}, "Comment"), input,
      el("button", {type: "button", class: "plain", "aria-label": "Close", onclick: close}, "×")),
    el("div", {class: "field-row"},
      el("button", {type: "button", class: "primary", onclick: keep}, "Keep for my decision ", el("kbd", {}, "Enter")),
      el("button", {type: "button", onclick: sendNow}, "Send without a decision ", el("kbd", {}, "Ctrl Enter"))),
    el("p", {class: "quiet"}, "Shift Enter starts a new line · Esc closes")));
  input.focus();
  input.setSelectionRange(input.value.length, input.value.length);
}
