/**
 * Colours of names, numbers and themes.
 *
 * Each colour of a name is a pair: one for a light page and one for a dark page, each with a contrast of at least 3 to
 * its background. Neighbours in the palette differ in lightness as well as in hue, so that people who see few colours
 * can tell the first eight apart.
 */

/** @type {Array<[string, string]>} colours of names: [on a light page, on a dark page]. */
export const PALETTE = [
  ["#0072B2", "#4C9FE0"], ["#D55E00", "#FF8B45"], ["#009E73", "#22C493"], ["#C25F9A", "#F0A3CF"],
  ["#AD7B00", "#F0C348"], ["#2A95D0", "#93D0F5"], ["#882255", "#D9668F"], ["#6B7A00", "#B9C24A"],
  ["#444C56", "#C9D1D9"], ["#7C5BB5", "#B79CE8"], ["#8A5A2B", "#CFA06B"], ["#2F4B7C", "#8299D8"],
];
const REST = ["#8A939C", "#77818C"];  // names beyond the palette, missing values

/** Colours that do not depend on the order of names: regions of a data map and states of a document. */
const FIXED = {
  "easy-to-learn": 0, "ambiguous": 4, "hard-to-learn": 1,
  "undecided": 8, "kept": 0, "relabelled": 1, "excluded": 6, "skipped": 4, "disagreement": 3,
};
const REGIONS = ["easy-to-learn", "ambiguous", "hard-to-learn"];
const STATES = ["undecided", "kept", "relabelled", "ambiguous", "excluded", "skipped", "disagreement"];

/**
 * The colours of names, in their order; the same names in the same order have the same colours on every page.
 *
 * Names of regions or of states have colours of their own if there is no other name among them. Names beyond the
 * palette share one grey.
 *
 * @param {string[]} names the names.
 * @param {boolean} [dark] whether the page is dark.
 * @returns {string[]} a colour "#rrggbb" for each name.
 */
export function nameColours(names, dark = false) {
  const tone = dark ? 1 : 0;
  for (const known of [REGIONS, STATES]) {
    if (names.length && names.every(name => known.includes(name))) {
      return names.map(name => PALETTE[known === STATES && name === "ambiguous" ? 5 : FIXED[name]][tone]);
    }
  }
  return names.map((_, k) => k < PALETTE.length ? PALETTE[k][tone] : REST[tone]);
}

/**
 * The grey of whatever has no colour of its own.
 *
 * @param {boolean} [dark] whether the page is dark.
 * @returns {string} the colour.
 */
export function restColour(dark = false) {
  return REST[dark ? 1 : 0];
}

const VIRIDIS = [
  [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121],
  [110, 206, 88], [181, 222, 43], [253, 231, 37],
];

/**
 * The colour of a number on the scale viridis.
 *
 * @param {number} t a number between 0 and 1.
 * @returns {[number, number, number]} red, green and blue, 0 to 255.
 */
export function viridis(t) {
  const place = Math.max(0, Math.min(1, t)) * (VIRIDIS.length - 1), k = Math.min(VIRIDIS.length - 2, Math.floor(place));
  return [0, 1, 2].map(c => Math.round(VIRIDIS[k][c] + (place - k) * (VIRIDIS[k + 1][c] - VIRIDIS[k][c])));
}

/**
 * The colour of a number, without the ends of viridis that cannot be seen on the page.
 *
 * @param {number} t a number between 0 and 1.
 * @param {boolean} [dark] whether the page is dark.
 * @returns {[number, number, number]} red, green and blue, 0 to 255.
 */
export function numberColour(t, dark = false) {
  return viridis(dark ? 0.2 + 0.8 * t : 0.92 * t);
}

/**
 * Red, green and blue of a colour.
 *
 * @param {string} colour "#rgb", "#rrggbb" or "rgb(r g b)".
 * @returns {[number, number, number]} 0 to 255 each.
 */
export function rgb(colour) {
  const text = colour.trim();
  if (/^#[0-9a-f]{3}$/i.test(text)) return [1, 2, 3].map(k => 17 * parseInt(text[k], 16));
  if (/^#[0-9a-f]{6}$/i.test(text)) return [1, 3, 5].map(k => parseInt(text.slice(k, k + 2), 16));
  const numbers = text.match(/^rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)/);
  if (!numbers) throw new TypeError(`A colour is #rrggbb or rgb(r g b), not ${colour}.`);
  return numbers.slice(1, 4).map(Number);
}

/** "rgb(r, g, b)" of three numbers. */
export function cssColour([r, g, b]) {
  return `rgb(${r}, ${g}, ${b})`;
}

const DEFAULTS = {paper: "#ffffff", ink: "#1b1f24", muted: "#57606a", line: "#d5dae0", accent: "#0b62b8",
  faint: "#c3c9d0", "curve-suggested": "#b84a00",
  "density-low": "#e9edf1", "density-high": "#55616e"};

/**
 * The colours of the page around an element, from the custom properties of theme.css.
 *
 * @param {Element} [element] an element of the page.
 * @returns {{dark: boolean, paper: string, ink: string, muted: string, line: string, accent: string, faint: string, strong: string,
 *   densityLow: string, densityHigh: string}} colours as CSS writes them, and whether the page is dark.
 */
export function themeOf(element = document.documentElement) {
  const style = getComputedStyle(element);
  const read = name => style.getPropertyValue(`--${name}`).trim() || DEFAULTS[name];
  const [r, g, b] = rgb(read("paper"));
  return {dark: 0.3 * r + 0.6 * g + 0.1 * b < 128, paper: read("paper"), ink: read("ink"), muted: read("muted"),
    line: read("line"), accent: read("accent"), faint: read("faint"), strong: read("curve-suggested"), densityLow: read("density-low"),
    densityHigh: read("density-high")};
}
