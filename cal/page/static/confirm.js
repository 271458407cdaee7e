/** A question that must be answered before something large happens. */

import {el} from "../map/dom.js";

/**
 * Asks a question.
 *
 * @param {string} question what would happen, as a question.
 * @param {{yes: string, no?: string, more?: string}} texts of the buttons, and a second sentence.
 * @returns {Promise<boolean>} whether the answer was yes.
 */
export function confirmed(question, {yes, no = "Cancel", more = ""}) {
  return new Promise(resolve => {
    const form = el("form", {method: "dialog"}, el("h2", {}, question), more && el("p", {}, more),
      el("p", {class: "buttons"}, el("button", {type: "submit", value: "no"}, no),
        el("button", {type: "submit", class: "primary", value: "yes", autofocus: true}, yes)));
    const dialog = el("dialog", {class: "small", "aria-label": question}, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
