/** Review: the document on the left, the map on the right. */

import {el} from "../../map/dom.js";
import {createCard} from "../card.js";

export const review = {
  name: "review",
  title: "Review",
  create(root) {
    const left = el("div", {class: "document-side"}), right = el("div", {class: "map-side"});
    root.append(left, right);
    const card = createCard(left);
    return {show: address => card.show(address)};
  },
};
