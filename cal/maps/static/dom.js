/**
 * Elements of a page, made so that no text of the data can become markup.
 *
 * Nothing here parses HTML: strings become text nodes, attributes are checked by name, and what would run or load
 * something (`onclick="..."`, `style="..."`, `srcdoc`, `javascript:` addresses) is refused.
 */

const SVG = "http://www.w3.org/2000/svg";
const REFUSED = new Set(["style", "srcdoc", "innerhtml", "outerhtml"]);
const ADDRESSES = new Set(["href", "src", "action", "formaction", "xlink:href"]);

/**
 * Makes an HTML element.
 *
 * @param {string} tag name of the element, for example "button".
 * @param {Object} [properties] `class`, `data-*`, `aria-*` and other attributes are set as attributes, `on...` functions
 *   become listeners, `style: {name: value}` sets single style properties, and anything else the element has as a
 *   property (`value`, `disabled`, `hidden`, `textContent` ...) is set as a property. `null` and `undefined` are skipped.
 * @param {...(Node|string|number|null|false|Array)} children nodes; strings and numbers become text; null and false are
 *   skipped; arrays are flattened.
 * @returns {HTMLElement} the element.
 */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value !== null && value !== undefined) setProperty(node, name, value);
  }
  node.append(...childNodes(children));
  return node;
}

/**
 * Makes an SVG element.
 *
 * @param {string} tag name of the element, for example "circle".
 * @param {Object} [attributes] attributes; `on...` functions become listeners.
 * @param {string|number} [text] text inside the element.
 * @returns {SVGElement} the element.
 */
export function svg(tag, attributes = {}, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    if (typeof value === "function" && name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else setAttribute(node, name, value);
  }
  if (text !== undefined) node.textContent = text;
  return node;
}

function setProperty(node, name, value) {
  if (REFUSED.has(name.toLowerCase()) && typeof value !== "object") {
    throw new TypeError(`${name} is no property that a page may set.`);
  } else if (typeof value === "function" && name.startsWith("on")) {
    node.addEventListener(name.slice(2).toLowerCase(), value);
  } else if (name === "style" && typeof value === "object") {
    for (const [key, given] of Object.entries(value)) node.style.setProperty(key, String(given));
  } else if (!ADDRESSES.has(name) && !name.includes("-") && !name.startsWith("on") && isWritable(node, name)) {
    node[name] = value;
  } else if (value === true || value === false) {  // aria-pressed="false" differs from no aria-pressed
    if (name.includes("-")) setAttribute(node, name, value);
    else node.toggleAttribute(name, value);
  } else {
    setAttribute(node, name, value);
  }
}

function isWritable(node, name) {
  for (let object = node; object; object = Object.getPrototypeOf(object)) {
    const property = Object.getOwnPropertyDescriptor(object, name);
    if (property) return !!(property.set || property.writable);
  }
  return false;
}

function setAttribute(node, name, value) {
  const lower = name.toLowerCase();
  if (lower.startsWith("on") || REFUSED.has(lower)) throw new TypeError(`${name} is no attribute that a page may set.`);
  if (ADDRESSES.has(lower) && !/^(https?:|mailto:|blob:|#|\/|\.|\?|[\w-]+(\/|$|\?|#|\.))/i.test(String(value))) {
    throw new TypeError(`${name} takes an address, not ${String(value)}.`);
  }
  node.setAttribute(name, String(value));
}

function childNodes(children) {
  return children.flat(Infinity)
    .filter(child => child !== null && child !== undefined && child !== false && child !== true)
    .map(child => child instanceof Node ? child : document.createTextNode(String(child)));
}

/**
 * Shortens a text to at most `n` characters, the last of which is then "…".
 *
 * @param {string} text any text.
 * @param {number} n most characters.
 * @returns {string} the text or its beginning.
 */
export function short(text, n) {
  const all = String(text);
  if (all.length <= n) return all;
  const cut = all.slice(0, n - 1);
  return cut.replace(/[\ud800-\udbff]$/, "") + "…";  // half of an emoji is no character
}

/**
 * A whole number with separators of thousands: 12345 becomes "12,345".
 *
 * @param {number} n any number.
 * @returns {string} the text.
 */
export function thousands(n) {
  return Number(n).toLocaleString("en");
}

/**
 * A count with its noun: `counted(1, "document")` is "1 document", `counted(2000, "document")` "2,000 documents".
 *
 * @param {number} n the count.
 * @param {string} noun the noun for one.
 * @param {string} [nouns] the noun for several.
 * @returns {string} the text.
 */
export function counted(n, noun, nouns = `${noun}s`) {
  return `${thousands(n)} ${n === 1 ? noun : nouns}`;
}

/**
 * A number for people: whole numbers as they are, others with three significant digits; "–" if it is missing.
 *
 * @param {number|null|undefined} value any number.
 * @returns {string} the text.
 */
export function decimal(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) < 1e-4 || Math.abs(value) >= 1e6 ? value.toExponential(2) : String(Number(value.toPrecision(3)));
}
