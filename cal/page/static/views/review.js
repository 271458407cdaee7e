/** Review: the document on the left, the map on the right. */

import {el} from "../../map/dom.js";
import {cardIn, hasCard} from "../card_place.js";
import {mapPanel} from "../map_panel.js";
import {complain} from "../notices.js";

const narrow = matchMedia("(max-width: 50rem)");

export const review = {
  name: "review",
  title: "Review",
  create(root) {
    const left = el("div", {class: "card-side"}), right = el("aside", {class: "map-side", "aria-label": "Map"});
    root.append(left, right);
    const showMap = address => {
      if (narrow.matches) return;  // it has a view of its own
      const panel = mapPanel();
      if (panel.element.parentElement !== right) right.append(panel.element);
      panel.show(address).catch(complain);
    };
    let latest = {};
    narrow.addEventListener("change", () => { if (!root.hidden) showMap(latest); });
    return {
      show: address => {
        latest = address;
        showMap(address);
        return cardIn(left).show(address);
      },
      hide: () => { if (hasCard(left)) cardIn(left).hide?.(); },
    };
  },
};
