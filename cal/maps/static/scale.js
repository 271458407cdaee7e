/**
 * The colours of the points of a map: codes of points, the colour of each code, and the legend.
 */

import {cssColour, nameColours, numberColour, PALETTE, restColour, rgb} from "./colours.js";
import {decimal} from "./dom.js";
import {nameLegend, numberLegend} from "./legend.js";

const NO_VALUE = 255;  // code of a missing number

/**
 * The scale of what `setColour` of a map takes.
 *
 * @param {Object} colour {kind: "names", names, codes, colours?, title?, counted?} or
 *   {kind: "numbers", values, title?, range?}.
 * @returns {NameScale|NumberScale} its scale.
 */
export function scaleOf(colour) {
  if (colour.kind === "names") return new NameScale(colour);
  if (colour.kind === "numbers") return new NumberScale(colour);
  throw new TypeError(`Points are coloured by "names" or "numbers", not by ${colour.kind}.`);
}

/** Colours of names. Without `colours`, names beyond the palette are "others". */
class NameScale {
  constructor({names, codes, colours = null, title = "", counted = true}) {
    const most = PALETTE.length;
    if (!colours && names.length > most) {
      codes = codes.map(code => Math.min(code, most));
      names = [...names.slice(0, most), "others"];
    }
    Object.assign(this, {names, codes, colours, title, counted, length: codes.length, hidden: new Set()});
    this.counts = new Int32Array(names.length);
    for (const code of codes) this.counts[code]++;
  }

  #shades(dark) {
    const {colours, names} = this;
    return (typeof colours === "function" ? colours(dark) : colours) ?? nameColours(names, dark);
  }

  /** Red, green and blue of each code. */
  table({dark}) {
    return Uint8Array.from([...this.#shades(dark), restColour(dark)].flatMap(shade => [...rgb(shade)]));
  }

  /** The names that are shown, with their colours. */
  key({dark}) {
    const shades = this.#shades(dark);
    return this.names.map((name, code) => ({name, colour: shades[code], code}))
      .filter(({code}) => this.counts[code] && !this.hidden.has(code));
  }

  /** The names with their colours and counts, for people; `toggle` hides and shows a name. */
  legend({dark}, toggle) {
    const shades = this.#shades(dark);
    const entries = this.names.map((name, code) =>
      ({name, code, colour: shades[code], count: this.counts[code], hidden: this.hidden.has(code)}));
    return nameLegend({title: this.title, entries: entries.filter(entry => entry.count), counted: this.counted, toggle});
  }
}

/** Colours of numbers, from the least to the greatest. */
class NumberScale {
  constructor({values, title = "", range = null}) {
    let [low, high] = range ?? [Infinity, -Infinity], missing = 0;
    for (const value of values) {
      if (!Number.isFinite(value)) missing++;
      else if (!range) [low, high] = [Math.min(low, value), Math.max(high, value)];
    }
    const steps = NO_VALUE - 1, scale = high > low ? steps / (high - low) : 0;
    this.codes = Uint8Array.from(values, value =>
      Number.isFinite(value) ? Math.max(0, Math.min(steps, Math.round((value - low) * scale))) : NO_VALUE);
    Object.assign(this, {title, low, high, missing, length: values.length, hidden: new Set()});
  }

  /** Red, green and blue of each code. */
  table({dark}) {
    const colours = Array.from({length: NO_VALUE}, (_, k) => numberColour(k / (NO_VALUE - 1), dark));
    return Uint8Array.from([...colours, rgb(restColour(dark))].flat());
  }

  /** Some numbers with their colours. */
  key({dark}) {
    if (!Number.isFinite(this.low)) return [];
    return [0, 0.25, 0.5, 0.75, 1].map(part => ({name: decimal(this.low + part * (this.high - this.low)),
      colour: cssColour(numberColour(part, dark))}));
  }

  /** The bar of colours, for people. */
  legend({dark}) {
    return numberLegend({...this, dark, rest: restColour(dark)});
  }
}
