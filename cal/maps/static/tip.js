/**
 * The small box beside the mouse.
 */

import {el} from "./dom.js";

/** A box that shows lines of text beside a place of the window. */
export class Tip {
  /** @param {HTMLElement} [within] element that the box stays inside, or the window. */
  constructor(within = document.documentElement) {
    this.within = within;
    this.element = el("div", {class: "map-tip", hidden: true, "aria-hidden": "true"});
    document.body.append(this.element);
  }

  /** Shows lines of text (or nodes) beside a place; empty lines are left out. */
  show(lines, clientX, clientY) {
    this.element.replaceChildren(...lines.filter(Boolean).map(line => el("div", {}, line)));
    this.element.hidden = false;
    const {width, height} = this.element.getBoundingClientRect(), room = this.within.getBoundingClientRect();
    const place = (at, size, end) => Math.max(4, at + 14 + size > end - 4 ? at - 14 - size : at + 14);
    this.element.style.left = `${place(clientX, width, Math.min(innerWidth, room.right))}px`;
    this.element.style.top = `${place(clientY, height, Math.min(innerHeight, room.bottom))}px`;
  }

  /** Hides the box. */
  hide() {
    this.element.hidden = true;
  }
}
