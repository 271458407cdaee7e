/** Names of the regions, written over the map where most of their points are. */

import {el} from "../map/dom.js";

/** Names over a map. */
export class RegionNames {
  /** @param {DataMap} map the map. */
  constructor(map) {
    this.map = map;
    this.regions = [];
    this.element = el("div", {class: "region-names", "aria-hidden": "true"});
    map.element.append(this.element);
    map.addEventListener("view", () => this.place());
  }

  /** Shows other names: [{name, x, y}]. */
  show(regions) {
    this.regions = regions.map(each => ({...each, node: el("span", {}, each.name)}));
    this.element.replaceChildren(...this.regions.map(each => each.node));
    this.place();
  }

  /** Puts the names in their places. */
  place() {
    if (!this.map.started) return;
    const {x0, x1, y0, y1} = this.map.axes.view(), {left, top, width, height} = this.map.axes.box();
    for (const {x, y, node} of this.regions) {
      const across = (x - x0) / (x1 - x0), up = (y - y0) / (y1 - y0);
      node.hidden = !(across >= 0 && across <= 1 && up >= 0 && up <= 1);
      if (node.hidden) continue;
      const half = [node.offsetWidth / 2 + 6, node.offsetHeight / 2 + 6];
      const inside = (value, margin, room) => Math.max(margin, Math.min(room - margin, value));
      node.style.left = `${left + inside(across * width, half[0], width)}px`;
      node.style.top = `${top + inside((1 - up) * height, half[1], height)}px`;
    }
  }
}
