/** The points that a map shows: what the server has sent, and what was decided since. */

import {nameColours, restColour} from "../map/colours.js";
import {visible} from "./label_colours.js";
import {app} from "./state.js";

const TYPES = {int32: Int32Array, uint32: Uint32Array, float32: Float32Array, uint16: Uint16Array, uint8: Uint8Array};
const RINGS = ["kept", "relabelled", "ambiguous"], CROSSES = ["excluded", "skipped"];

/** What the axes show at first. */
export const WHOLE = {x0: -0.02, x1: 0.52, y0: -0.04, y1: 1.04};

/** Points with their colours and states, in the order of their documents. */
export class MapPoints {
  /** @param {ArrayBuffer} buffer an answer of /api/map: the length of a header, the header, and arrays. */
  constructor(buffer) {
    const length = new DataView(buffer).getUint32(0, true);
    this.header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
    for (const {name, type, offset, length: n} of this.header.arrays) {
      this[name] = new TYPES[type](buffer, 4 + length + offset, n);
    }
    this.marks = Uint8Array.from(this.states, code => markOf(app.about.states[code]));
  }

  /** Position of a document, or -1 if it is not drawn. */
  indexOf(number) {
    let low = 0, high = this.numbers.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1, found = this.numbers[middle];
      if (found === number) return middle;
      if (found < number) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** Where the points were before, as far as that is known; null if nothing is. */
  get before() {
    if (!this.from_x) return null;
    const known = (from, to) => from.map((value, i) => Number.isNaN(value) ? to[i] : value);
    return {x: known(this.from_x, this.x), y: known(this.from_y, this.y)};
  }

  /** What `setColour` of the map takes. */
  get colour() {
    const {kind, range, names, colours, rest} = this.header.colour;
    if (kind === "numbers") return {kind, range, values: this.values};
    const shades = dark => {
      const own = rest ? names.slice(0, -1) : names;
      return [...(colours?.map(colour => visible(colour, dark)) ?? nameColours(own, dark)), ...(rest ? [restColour(dark)] : [])];
    };
    return {kind, names, codes: this.codes, colours: shades, counted: !this.header.sampled};
  }

  /**
   * Takes over what was decided about a document.
   *
   * @param {{number: number, state: string, label?: string|null}} change its state, and its label if that is known.
   * @returns {boolean} whether it is drawn.
   */
  change({number, state, label}) {
    const index = this.indexOf(number), code = app.about.states.indexOf(state);
    if (index < 0 || code < 0) return false;
    this.states[index] = code;
    this.marks[index] = markOf(state);
    if (this.by === "state") this.codes[index] = code;
    if (this.by === "label" && label) {
      const at = this.header.colour.names.indexOf(label);
      if (at >= 0) this.codes[index] = at;
    }
    return true;
  }
}

function markOf(state) {
  return RINGS.includes(state) ? 1 : CROSSES.includes(state) ? 2 : 0;
}
