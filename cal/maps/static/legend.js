/**
 * What the colours of a map mean: a list of names, or a bar of numbers.
 */

import {numberColour, cssColour} from "./colours.js";
import {decimal, el, short, svg, thousands} from "./dom.js";

/**
 * A list of names with their colours and counts. Its buttons hide and show the points of a name.
 *
 * @param {Object} parts
 * @param {string} [parts.title] what the names are, above the list.
 * @param {Array<{name: string, colour: string, count: number, code: number, hidden: boolean}>} parts.entries the names.
 * @param {boolean} [parts.counted] whether to say how many points each name has.
 * @param {(code: number) => void} parts.toggle hides or shows the points of a name.
 * @returns {HTMLElement} the list.
 */
export function nameLegend({title, entries, counted = true, toggle}) {
  const list = el("ul", {class: "legend-names"}, entries.map(entry => el("li", {},
    el("button", {type: "button", class: "legend-name", "aria-pressed": String(!entry.hidden), title: entry.name,
      onclick: () => toggle(entry.code)},
    el("i", {class: "legend-dot", "aria-hidden": "true", style: {"background-color": entry.colour}}),
    el("span", {class: "legend-text"}, short(entry.name, 60)),
    counted ? el("span", {class: "legend-count"}, thousands(entry.count)) : null))));
  return el("div", {class: "legend"}, title ? el("div", {class: "legend-title"}, title) : null, list);
}

/**
 * A bar of colours from the least to the greatest number.
 *
 * @param {{title: string, low: number, high: number, missing: number, dark: boolean, rest: string}} parts what the
 *   numbers are, their range, how many points have none, the theme, and the colour of those without.
 * @returns {HTMLElement} the bar.
 */
export function numberLegend({title, low, high, missing, dark, rest}) {
  const bar = svg("svg", {class: "legend-bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", role: "img",
    "aria-label": `Colours from ${decimal(low)} to ${decimal(high)}`});
  for (let k = 0; k < 50; k++) {
    bar.append(svg("rect", {x: 2 * k, y: 0, width: 2.5, height: 8, fill: cssColour(numberColour(k / 49, dark))}));
  }
  const middle = (low + high) / 2;
  return el("div", {class: "legend"}, title ? el("div", {class: "legend-title"}, title) : null,
    Number.isFinite(low) ? [bar, el("div", {class: "legend-ends"}, el("span", {}, decimal(low)),
      el("span", {}, decimal(middle)), el("span", {}, decimal(high)))] : null,
    missing ? el("div", {class: "legend-missing"},
      el("i", {class: "legend-dot", "aria-hidden": "true", style: {"background-color": rest}}),
      `no value: ${thousands(missing)}`) : null);
}
