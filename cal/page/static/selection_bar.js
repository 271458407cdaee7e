/** The bar of a selection, made on the map or in the list, and what can be done with all of it. */

import {counted, el} from "../map/dom.js";
import {go} from "./address.js";
import {send} from "./api.js";
import {openBulk} from "./bulk.js";
import {complain} from "./notices.js";
import {openQueue} from "./queue_dialog.js";
import {emit, on} from "./state.js";

/**
 * Makes the bar.
 *
 * @param {{from: string, clear: function(): void, list?: boolean}} how `from`: map or list, as the event `selection`
 *   says; `clear` takes the selection back; `list`: whether it offers to show the documents in the list.
 * @returns {{element: HTMLElement, show: function(Object, number|null): Promise, clear: function(): void}} `show` gets
 *   {filter, numbers, lasso, queue}, and the number of documents; null asks the server.
 */
export function createSelectionBar({from, clear, list = from !== "list"}) {
  const told = el("span", {class: "selection-told", role: "status"});
  const button = (name, text, run) => el("button", {type: "button", class: name, onclick: run}, text);
  let selection = null, n = null, latest = 0;
  const actions = el("span", {class: "selection-actions"},
    button("keep-labels", "Keep their labels…", () => openBulk(selection, {action: "keep"})),
    button("relabel", "Relabel…", () => openBulk(selection, {action: "relabel"})),
    button("bulk", "Other…", () => openBulk(selection)),
    button("queue", "Make a queue…", () => openQueue(selection)),
    list && button("to-list", "Show in the list", () => {
      const listed = selection;
      go({view: "documents", document: null, filter: null, queue: null});  // the view must be there to listen
      emit("list selection", {selection: listed});
    }));
  const element = el("div", {class: "selection-bar", hidden: true}, told, actions, button("plain", "Clear", clear));

  function say(count) {
    n = count;
    told.textContent = count === null ? "Counting …" : count ? `${counted(count, "document")} selected`
      : "There is no document in it.";
    actions.hidden = !count;
  }

  async function count() {
    const mine = ++latest, asked = selection;
    const found = await send("count", {selection: asked});
    if (mine !== latest || selection !== asked) return;
    say(found.count);
    emit("selection", {selection, count: found.count, from});
  }

  on("changes", () => {  // a filter may fit others now
    if (selection?.filter && !element.hidden && element.getClientRects().length) count().catch(complain);
  });

  return {
    element,
    async show(chosen, known = null) {
      latest++;
      selection = chosen;
      element.hidden = false;
      say(known);
      if (known !== null) emit("selection", {selection, count: known, from});
      else await count().catch(complain);
    },
    clear() {
      latest++;
      element.hidden = true;
      if (selection) emit("selection", {selection: null, count: 0, from});
      selection = null;
    },
  };
}
