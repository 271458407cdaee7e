/**
 * Colours of names, numbers and themes.
 *
 * Each colour of a name is a pair: one for a light page, one for a dark page. Protanopes, deuteranopes and tritanopes can
 * tell the first seven of each apart (CIELAB differences of at least 14). Yet no page tells anything by colour alone.
 */

/** @type {Array<[string, string]>} colours of names: [on a light page, on a dark page]. */
export const PALETTE = [
  ["#0072B2", "#3F8FE0"], ["#D55E00", "#F2701E"], ["#009E73", "#16A97F"], ["#CC79A7", "#EE9CCB"],
  ["#E29B00", "#FFD166"], ["#4DAEE6", "#A9DDFB"], ["#882255", "#B83A78"], ["#20262E", "#F1F3F5"],
  ["#6F5BC4", "#9C86F0"], ["#8C6D3F", "#C79A63"], ["#8F9100", "#B8BA2E"], ["#1F3A93", "#6E86E8"],
];
const REST = ["#8A939C", "#77818C"];  // names beyond the palette, missing values

/** Places in the palette of names that mean the same everywhere; null is the grey of the rest. */
const FIXED = [
  {"easy-to-learn": 2, "ambiguous": 0, "hard-to-learn": 1, "other": null},
  {"undecided": null, "kept": 0, "relabelled": 1, "ambiguous": 4, "excluded": 6, "skipped": 5, "disagreement": 3},
];

/**
 * The colours of names, in their order; the same names in the same order have the same colours on every page.
 *
 * Names of regions, or of states of a document, have colours of their own if there is no other name among them. Names
 * beyond the palette share one grey.
 *
 * @param {string[]} names the names.
 * @param {boolean} [dark] whether the page is dark.
 * @returns {string[]} a colour "#rrggbb" for each name.
 */
export function nameColours(names, dark = false) {
  const tone = dark ? 1 : 0, shade = k => k === null || k >= PALETTE.length ? REST[tone] : PALETTE[k][tone];
  const fixed = FIXED.find(places => names.every(name => Object.hasOwn(places, name)));
  return names.map((name, k) => shade(fixed ? fixed[name] : k));
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
function viridis(t) {
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

/**
 * A colour that people chose, made lighter or darker until it shows on the page.
 *
 * @param {string} colour "#rrggbb".
 * @param {boolean} dark whether the page is dark.
 * @returns {string} the colour, or the nearest one with a contrast of 3 to the page.
 */
export function shown(colour, dark) {
  const target = dark ? 255 : 0, paper = luminance(rgb(DEFAULTS.paper[dark ? 1 : 0]));
  let mixed = rgb(colour);
  for (let step = 0; step < 20 && contrast(luminance(mixed), paper) < 3; step++) {
    mixed = mixed.map(value => Math.round(value + 0.1 * (target - value)));
  }
  return `#${mixed.map(value => value.toString(16).padStart(2, "0")).join("")}`;
}

function luminance(colour) {
  const [r, g, b] = colour.map(value => value / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}

/** "rgb(r, g, b)" of three numbers. */
export function cssColour([r, g, b]) {
  return `rgb(${r}, ${g}, ${b})`;
}

const DEFAULTS = {paper: ["#ffffff", "#14181d"], ink: ["#1b1f24"], muted: ["#57606a"], line: ["#d5dae0"],
  accent: ["#0b62b8"], faint: ["#c3c9d0"], "curve-suggested": ["#b84a00"], "density-low": ["#e9edf1"],
  "density-high": ["#8b97a3"]};

/**
 * The colours of the page around an element, from the custom properties of theme.css.
 *
 * @param {Element} [element] an element of the page.
 * @returns {{dark: boolean, paper: string, ink: string, muted: string, line: string, accent: string, faint: string, strong: string,
 *   densityLow: string, densityHigh: string}} colours as CSS writes them, and whether the page is dark.
 */
export function themeOf(element = document.documentElement) {
  const style = getComputedStyle(element);
  const read = name => style.getPropertyValue(`--${name}`).trim() || DEFAULTS[name][0];
  const [r, g, b] = rgb(read("paper"));
  return {dark: 0.3 * r + 0.6 * g + 0.1 * b < 128, paper: read("paper"), ink: read("ink"), muted: read("muted"),
    line: read("line"), accent: read("accent"), faint: read("faint"), strong: read("curve-suggested"), densityLow: read("density-low"),
    densityHigh: read("density-high")};
}
