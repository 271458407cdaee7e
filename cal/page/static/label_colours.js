/** Colours of labels that can be seen on the page, whatever colour somebody gave them. */

import {rgb} from "../map/colours.js";
import {isDark} from "./theme.js";
import {labelColour} from "./state.js";

const LIGHT = [255, 255, 255], DARK = [20, 24, 29];
const known = new Map();

/** The relative luminance of a colour, as WCAG defines it. */
function luminance(colour) {
  const [r, g, b] = colour.map(each => each / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/**
 * The contrast of two colours, from 1 to 21.
 *
 * @param {number[]} one red, green and blue, 0 to 255.
 * @param {number[]} other the same.
 */
export function contrast(one, other) {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

/**
 * A colour, as little changed as possible, that stands out from the page with a contrast of 3, as WCAG asks for marks.
 *
 * @param {string} colour "#rrggbb".
 * @param {boolean} dark whether the page is dark.
 * @returns {string} "rgb(r, g, b)".
 */
export function visible(colour, dark) {
  const key = `${colour} ${dark}`;
  if (!known.has(key)) {
    const [page, end] = dark ? [DARK, LIGHT] : [LIGHT, [0, 0, 0]], from = rgb(colour);
    let found = from;
    for (let t = 0; t <= 1 && contrast(found, page) < 3.2; t += 0.04) {
      found = from.map((each, k) => Math.round(each + t * (end[k] - each)));
    }
    known.set(key, `rgb(${found.join(", ")})`);
  }
  return known.get(key);
}

/** The colour of a label in this project, as it can be seen on the page now. */
export function shownColour(label) {
  return visible(labelColour(label), isDark());
}
