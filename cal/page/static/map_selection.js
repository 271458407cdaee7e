/** What was selected on the map, and what can be done with it. */

import {counted, el} from "../map/dom.js";
import {send} from "./api.js";
import {complain} from "./notices.js";
import {emit} from "./state.js";

/** The bar below a map that has a selection. */
export class SelectionBar {
  #latest = 0;

  /** @param {{clear: function(): void}} panel takes the selection back. */
  constructor({clear}) {
    this.told = el("span", {class: "selection-told", role: "status"});
    this.actions = el("span", {class: "selection-actions"},
      el("button", {type: "button", class: "bulk", onclick: () => this.#with("openBulk")}, "Decide all…"),
      el("button", {type: "button", class: "queue", onclick: () => this.#with("openQueue")}, "Make a queue…"));
    this.element = el("div", {class: "selection-bar", hidden: true}, this.told, this.actions,
      el("button", {type: "button", class: "plain", title: "Clear the selection", onclick: clear}, "Clear"));
    this.selection = null;
  }

  /**
   * Shows a selection.
   *
   * @param {Object} selection as the server takes it: {filter, numbers, lasso}.
   * @param {number|null} count number of documents; null asks the server.
   */
  async show(selection, count) {
    const mine = ++this.#latest;
    this.selection = selection;
    this.element.hidden = false;
    this.#say(count);
    if (count !== null) return emit("selection", {selection, count, from: "map"});
    try {
      const found = (await send("count", {selection})).count;
      if (mine !== this.#latest) return;
      this.#say(found);
      emit("selection", {selection, count: found, from: "map"});
    } catch (error) {
      complain(error);
    }
  }

  /** Hides the bar. */
  clear() {
    this.#latest++;
    this.element.hidden = true;
    if (this.selection) emit("selection", {selection: null, count: 0, from: "map"});
    this.selection = null;
  }

  #say(count) {
    this.told.textContent = count === null ? "Counting…" : count ? `${counted(count, "document")} selected` :
      "No document is in there.";
    this.actions.hidden = !count;
  }

  async #with(name) {
    try {
      const dialogs = await import("./bulk.js");
      dialogs[name](this.selection);
    } catch (error) {
      complain(error);
    }
  }
}
