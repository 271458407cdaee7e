/** The card is one: the view in front has it. */

import {el} from "../map/dom.js";
import {createCard} from "./card.js";

let card = null;
const side = el("div", {class: "document-side"});

/**
 * Puts the card into a view.
 *
 * @param {HTMLElement} root where it goes.
 * @returns {{show: function(Object): void, hide: function(): void}} the card.
 */
export function cardIn(root) {
  if (side.parentElement !== root) root.append(side);
  card ??= createCard(side);
  return card;
}

/** Whether the card is in this element. */
export function hasCard(root) {
  return side.parentElement === root;
}
