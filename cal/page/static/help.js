/** Help: all keys, which can be changed here, and how deciding works. */

import {el} from "../map/dom.js";
import {go} from "./address.js";
import {bindings, rebind, shownKey} from "./keys.js";
import {emit} from "./state.js";

const GROUPS = ["Deciding", "Looking closer", "Moving around"];

/** Shows the help. */
export function showHelp() {
  if (document.querySelector("dialog.help")) return;
  const list = el("div", {class: "help-keys"}), problem = el("p", {class: "wrong", role: "alert"});
  let waits = null;  // name of the action that gets the next key

  function row(each) {
    const waiting = waits === each.name;
    const keys = waiting ? "press a key" : each.keys.map(shownKey).join(" or ") || "no key";
    return el("li", {}, el("span", {}, each.told),
      el("button", {type: "button", class: waiting ? "rebind waiting" : "rebind", "data-action": each.name,
        "aria-label": `${each.told}: ${keys}. Change the key`,
        onclick: () => { waits = waiting ? null : each.name; problem.textContent = ""; draw(each.name); }},
      waiting ? "Press a key …" : each.keys.length ? each.keys.map(key => el("kbd", {}, shownKey(key))) : "–"),
      each.rebound ? el("button", {type: "button", class: "plain", "aria-label": `Usual key for: ${each.told}`,
        title: "Take the usual key", onclick: () => change(each.name, null)}, "↺") : el("span", {}));
  }

  function draw(focus = null) {
    const all = bindings(), groups = [...new Set([...GROUPS, ...all.map(each => each.group).filter(each => each !== "Labels"), "Labels"])];
    list.replaceChildren(...groups.map(group => [group, all.filter(each => each.group === group)])
      .filter(([, some]) => some.length)
      .map(([group, some]) => el("section", {}, el("h3", {}, group), el("ul", {}, some.map(row)))));
    if (focus) list.querySelector(`[data-action="${CSS.escape(focus)}"]`)?.focus();
  }

  function change(name, key) {
    problem.textContent = rebind(name, key) ?? "";
    waits = null;
    draw(name);
    emit("keys");
  }

  const dialog = el("dialog", {class: "help", "aria-label": "Keys and help"},
    el("header", {}, el("h2", {}, "Keys"), el("button", {type: "button", class: "plain", "aria-label": "Close",
      onclick: () => dialog.close()}, "×")),
    el("p", {}, "One key decides and goes on to the next document. You can undo every decision. To change a key, click it."),
    el("p", {}, el("button", {type: "button", onclick: () => {
      dialog.close();
      go({view: "review"});
      emit("tour");
    }}, "Start the tour")),
    problem, list);
  dialog.addEventListener("keydown", event => {
    if (waits === null || ["Tab", "Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === "Escape") {
      const name = waits;
      waits = null;
      draw(name);
    } else change(waits, event.key.length === 1 ? event.key.toLowerCase() : event.key);
  });
  dialog.addEventListener("cancel", event => { if (waits !== null) event.preventDefault(); });
  dialog.addEventListener("close", () => dialog.remove());
  draw();
  document.body.append(dialog);
  dialog.showModal();
}
