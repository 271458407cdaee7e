/** What the server has refused: nothing is lost silently. */

import {el} from "../map/dom.js";
import {forget, refused, retry} from "./outbox.js";
import {emit, on} from "./state.js";

/** Shows what the server has refused, with the reasons. */
export function showRefused() {
  if (document.querySelector("dialog.refused")) return;
  const list = el("ul", {class: "refused-list"});
  const dialog = el("dialog", {class: "refused", "aria-label": "Not recorded"},
    el("header", {}, el("h2", {}, "Not recorded"), el("button", {type: "button", class: "plain", "aria-label": "Close",
      onclick: () => dialog.close()}, "×")),
    el("p", {}, "The server has refused these. They are kept in this browser until you forget them."), list);
  const draw = () => {
    const all = refused();
    list.replaceChildren(...all.map(each => el("li", {}, el("p", {}, el("strong", {}, each.about?.told ?? what(each))),
      each.about?.text && el("p", {}, el("q", {dir: "auto"}, each.about.text)), el("p", {class: "wrong"}, each.message),
      el("p", {class: "buttons"},
        each.about?.number !== undefined && el("button", {type: "button", onclick: () => {
          dialog.close();
          emit("open", {number: each.about.number});
        }}, "Open the document"),
        el("button", {type: "button", onclick: () => retry(each.key).catch(() => {})}, "Send again"),
        el("button", {type: "button", onclick: () => forget(each.key)}, "Forget")))));
    if (!all.length && dialog.open) dialog.close();
  };
  const stop = on("outbox", draw);
  dialog.addEventListener("close", () => {
    stop();
    dialog.remove();
  });
  draw();
  document.body.append(dialog);
  dialog.showModal();
}

function what({path, body}) {
  if (path === "undo") return "Taking a decision back";
  if (path === "labels") return `New label ${body.name}`;
  return path === "decisions" ? `A decision about ${body.decisions[0].document}` : "A decision about several documents";
}
