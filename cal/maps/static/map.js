/**
 * A data map: points on two axes, which people hover over, click, zoom and select.
 *
 * Plotly (a global `Plotly`, or the option `plotly`) draws axes, zoom, lasso, box and mode bar; a canvas below its
 * transparent layers draws points and density. The page needs theme.css, plotly.css and map.css. Under a strict content
 * security policy it loads plotly.css by `<link id="plotly.js-style-global" class="no-inline-styles" ...>`, and Plotly with
 * load_plotly.js.
 *
 *     const map = new DataMap(element, {x: "variability", y: "confidence"});
 *     await map.ready;
 *     map.setPoints({x, y, numbers});              // Float32Array, Float32Array, Int32Array or null
 *     map.setColour({kind: "names", names, codes, title: "label"});
 *     map.addEventListener("select", event => show(event.detail.indices));
 *
 * An index is a position in the arrays of `setPoints`. Events carry `detail`:
 *
 * - `hover` {index, number, clientX, clientY}; `leave` {} when the mouse is over no point any more.
 * - `click` {index, number}: a point was clicked, tapped, or chosen with Enter.
 * - `select` {kind: "lasso" | "box", polygon: [[x, y], ...], indices: Int32Array}: corners in data coordinates, and the
 *   points inside that are drawn and match. The map dims all others itself.
 * - `deselect` {}: the reader took the selection back with a double click.
 * - `view` {x0, x1, y0, y1}: a zoom, a pan, new ranges or a new size, once they are drawn.
 * - `toggle` {code, hidden}: the reader hid or showed the points of a name in the legend.
 * - `picture` {}: the reader wants a picture; `pictureOf` of picture.js makes it.
 */

import {Axes} from "./axes.js";
import {rgb, themeOf} from "./colours.js";
import {el, thousands} from "./dom.js";
import {drawOverlay} from "./overlay.js";
import {Pointer} from "./pointer.js";
import {fill, gridIndex, nearest, paint, paintDensity, pointsInside, project} from "./points.js";
import {scaleOf} from "./scale.js";
import {Travel, wantsLessMotion} from "./travel.js";

const GONE = 0, FAINT = 1, PLAIN = 2;  // status of a point: its name is hidden, it is grey, it has its colour

/** A data map in an element, which it fills. */
export class DataMap extends EventTarget {
  #frame = 0;
  #drawn = "";
  #viewed = "";
  #version = 0;
  #grid = null;
  #travel = null;
  #legend = el("div", {class: "map-legend"});

  /**
   * @param {HTMLElement} element an empty element with a size.
   * @param {Object} [options]
   * @param {string} [options.x] title of the horizontal axis.
   * @param {string} [options.y] title of the vertical axis.
   * @param {{x: number[], y: number[]}} [options.ranges] ranges of the axes.
   * @param {string} [options.label] what the map shows, for screen readers.
   * @param {string} [options.tool] tool of the mouse at first: "zoom", "pan", "lasso" or "select" (the box).
   * @param {boolean} [options.picture] whether the map has a button to save a picture, which tells `picture`.
   * @param {Object} [options.plotly] the Plotly library.
   */
  constructor(element, {x = "variability", y = "confidence", ranges = {x: [-0.02, 0.52], y: [-0.04, 1.04]},
    label = "Data map", tool = "zoom", picture = false, plotly = globalThis.Plotly} = {}) {
    super();
    element.dataMap = this;
    Object.assign(this, {element, label, titles: {x, y}, n: 0, numbers: null, x: new Float32Array(0),
      y: new Float32Array(0), marks: null, matching: null, selected: null, highlighted: null, hovered: null, arrows: null,
      outline: null, density: null, scale: null, status: new Uint8Array(0), places: null});
    this.canvas = el("canvas", {class: "map-points", role: "img", "aria-label": label});
    this.overlay = el("canvas", {class: "map-overlay", "aria-hidden": "true"});
    const plot = el("div", {class: "map-axes"});
    element.classList.add("data-map");
    element.replaceChildren(this.canvas, this.overlay, plot);
    this.colours = themeOf(element);
    this.axes = new Axes(plot, {plotly, titles: this.titles, ranges, tool, picture});
    this.axes.addEventListener("view", () => this.redraw());
    this.axes.addEventListener("selected", event => this.#selectShape(event.detail));
    this.axes.addEventListener("deselected", () => { this.select(null); this.#tell("deselect"); });
    this.axes.addEventListener("picture", () => this.#tell("picture"));
    this.pointer = new Pointer(this, plot);
    this.ready = this.axes.start(this.colours).then(() => {
      this.started = true;
      new ResizeObserver(() => this.resize()).observe(element);
      this.redraw();
    });
  }

  /** Shows other points. Colours, marks, matches and the selection of earlier ones go if their number differs. */
  setPoints({numbers = null, x, y}) {
    this.#travel?.stop();
    if (x.length !== y.length || (numbers && numbers.length !== x.length)) {
      throw new RangeError(`x has ${x.length} values, y ${y.length}${numbers ? `, numbers ${numbers.length}` : ""}.`);
    }
    if (x.length !== this.n) {
      Object.assign(this, {scale: null, marks: null, matching: null, selected: null, outline: null, highlighted: null,
        hovered: null, arrows: null});
    }
    Object.assign(this, {numbers, x, y, n: x.length, places: null});
    this.#restate();
    this.#showLegend();
  }

  /** Shows the number of points per cell below the points: {counts, bins_x, bins_y, range}, see points.js; or nothing. */
  setDensity(density) {
    this.density = density;
    this.redraw(true);
  }

  /**
   * Colours the points.
   *
   * Names that the reader has hidden stay so while the names are the same.
   *
   * @param {Object} colour {kind: "names", names, codes, colours?, title?, counted?} or
   *   {kind: "numbers", values, title?, range?}.
   *   `codes` are positions in `names`; `colours` are "#rrggbb" for each name, or a function from dark (true or false)
   *   to them; without it, `nameColours` chooses. `counted` false leaves the numbers of points out of the legend, as where
   *   the points are a sample.
   */
  setColour(colour) {
    const scale = scaleOf(colour);
    if (scale.length !== this.n) {
      throw new RangeError(`There are ${this.n} points, and ${scale.length} values to colour them by.`);
    }
    if (this.scale && JSON.stringify(this.scale.names) === JSON.stringify(scale.names)) scale.hidden = this.scale?.hidden ?? scale.hidden;
    if (JSON.stringify(scale.names) === JSON.stringify(this.scale?.names)) scale.hidden = this.scale?.hidden ?? scale.hidden;
    this.scale = scale;
    this.#restate();
    this.#showLegend();
  }

  /** Marks points: 0 a disc, 1 a ring (reviewed), 2 a cross (left out or skipped); null makes all discs. */
  setMarks(marks) {
    this.marks = marks;
    this.redraw(true);
  }

  /** Draws points with 0 in grey, where they cannot be hovered over or selected; null restores all. */
  setMatching(matching) {
    this.matching = matching;
    this.#restate();
  }

  /** Dims all points but these, or none with null; `outline` is a polygon in data coordinates to draw around them. */
  select(indices, outline = null) {
    this.outline = outline;
    this.selected = null;
    if (indices) {
      this.selected = new Uint8Array(this.n);
      for (const index of indices) this.selected[index] = 1;
    }
    this.#restate();
  }

  /** Draws a ring around a point, or around none with null. */
  highlight(index) {
    this.highlighted = index;
    this.#drawOverlay();
  }

  /** Draws a thin ring around a point that the mouse is over, or around none with null. The map does so by itself. */
  hover(index) {
    this.hovered = index;
    this.#drawOverlay();
  }

  /** Arrows from {x, y} (where all points were) to the points `indices`, and to the highlighted one; null for none. */
  setArrows(arrows) {
    this.arrows = arrows;
    this.#drawOverlay();
  }

  /** Sets the ranges {x: [from, to], y: [from, to]} of the axes, and their titles {x, y} if they change. */
  async setRange(ranges, titles = this.titles) {
    this.titles = titles;
    await this.ready;
    await this.axes.update({ranges, titles});
  }

  /** Moves the points to new places. @returns {Promise<void>} resolved when they have arrived. */
  moveTo({x, y}, {animate = true, milliseconds = 600} = {}) {
    this.#travel?.stop();
    if (x.length !== this.n || y.length !== this.n) throw new RangeError(`There are ${this.n} points to move.`);
    if (!animate || !this.started || document.hidden || wantsLessMotion()) {
      Object.assign(this, {x, y});
      this.redraw(true);
      return Promise.resolve();
    }
    this.#travel = new Travel({x: this.x, y: this.y}, {x, y}, milliseconds, places => {
      if (places.x === x) this.#travel = null;
      Object.assign(this, places);
      this.#version++;
      this.#draw();
    });
    return this.#travel.arrived;
  }

  /** Reads the colours of the page again, after it became dark or light. */
  async theme() {
    this.colours = themeOf(this.element);
    await this.ready;
    await this.axes.update({colours: this.colours});
    this.#showLegend();
    this.redraw(true);
  }

  /** Fits the map to the size of its element. The map does it by itself when the size changes. */
  async resize() {
    await this.ready;
    await this.axes.resize();
    this.redraw();
  }

  /** An element that says what the colours mean. It stays the same element; the map keeps it up to date. */
  legend() {
    return this.#legend;
  }

  /** Draws again in the next frame; `changed` says that more than the view may have changed. */
  redraw(changed = false) {
    if (changed) this.#version++;
    if (this.started && !this.#frame) this.#frame = requestAnimationFrame(() => { this.#frame = 0; this.#draw(); });
  }

  /** The point at a place of the window, or null. */
  indexAt(clientX, clientY, radius = 10) {
    if (!this.places || this.#travel) return null;
    const {left, top} = this.canvas.getBoundingClientRect(), ratio = this.ratio;
    this.#grid ??= gridIndex(this.places, this.canvas.width, this.canvas.height, i => this.isShown(i));
    return nearest(this.#grid, (clientX - left) * ratio, (clientY - top) * ratio, radius * ratio);
  }

  /** Place of a point in the window as {clientX, clientY}, or null if the axes do not show it. */
  placeOf(index) {
    const {left, top, width, height} = this.canvas.getBoundingClientRect(), {x0, x1, y0, y1} = this.axes.view();
    const [across, up] = [(this.x[index] - x0) / (x1 - x0), (this.y[index] - y0) / (y1 - y0)];
    if (!(across >= 0 && across <= 1 && up >= 0 && up <= 1)) return null;
    return {clientX: left + across * width, clientY: top + (1 - up) * height};
  }

  /** Whether a point is drawn and matches. */
  isShown(index) {
    return this.status[index] !== GONE && (!this.matching || this.matching[index] === 1);
  }

  #tell(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, {detail}));
  }

  #selectShape({kind, polygon}) {
    const indices = pointsInside(this.x, this.y, polygon, index => this.isShown(index));
    this.select(indices, polygon);
    this.#tell("select", {kind, polygon, indices});
  }

  #restate() {
    if (this.status.length !== this.n) this.status = new Uint8Array(this.n);
    const {hidden, codes} = this.scale ?? {hidden: new Set()};
    for (let i = 0; i < this.n; i++) {
      if (hidden.size && hidden.has(codes[i])) this.status[i] = GONE;
      else this.status[i] = (this.matching && !this.matching[i]) || (this.selected && !this.selected[i]) ? FAINT : PLAIN;
    }
    this.#grid = null;
    this.redraw(true);
    const n_selected = this.selected ? this.selected.reduce((sum, one) => sum + one, 0) : 0;
    this.canvas.setAttribute("aria-label", `${this.label}: ${thousands(this.n)} points, ${this.titles.x} to the right, ` +
      `${this.titles.y} upwards${this.selected ? `; ${thousands(n_selected)} selected` : ""}`);
  }

  #showLegend() {
    const shown = this.scale ? [this.scale.legend(this.colours, code => this.#toggle(code))] : [];
    this.#legend.replaceChildren(...shown);
  }

  #toggle(code) {
    const {hidden} = this.scale, at = [...this.#legend.querySelectorAll("button")].indexOf(document.activeElement);
    if (!hidden.delete(code)) hidden.add(code);
    this.#restate();
    this.#showLegend();
    this.#legend.querySelectorAll("button")[at]?.focus();
    this.#tell("toggle", {code, hidden: hidden.has(code)});
  }

  #draw() {
    const view = this.axes.view(), box = this.axes.box(), ratio = globalThis.devicePixelRatio || 1;
    const width = Math.round(box.width * ratio), height = Math.round(box.height * ratio);
    const key = JSON.stringify([view, box, ratio, this.#version]);
    if (key === this.#drawn || width < 1 || height < 1) return;
    const viewed = JSON.stringify([view, box]), moved = viewed !== this.#viewed;
    this.#drawn = key;
    this.#viewed = viewed;
    this.ratio = ratio;
    for (const canvas of [this.canvas, this.overlay]) {
      for (const [name, value] of Object.entries(box)) canvas.style[name] = `${value}px`;
    }
    if (this.canvas.width !== width || this.canvas.height !== height || !this.image) {
      Object.assign(this.canvas, {width, height});
      this.image = new ImageData(width, height);
    }
    const image = this.image, {colours} = this;
    this.places = project(this.x, this.y, view, width, height, 8 * ratio, this.places);
    this.#grid = null;
    fill(image, rgb(colours.paper));
    if (this.density) paintDensity(image, this.density, view, rgb(colours.densityLow), rgb(colours.densityHigh));
    const {inside} = this.places;
    this.radius = Math.max(1.5, Math.min(4, 150 / Math.sqrt(inside || 1)));
    const common = {status: this.status, radius: this.radius * ratio, marks: this.marks};
    paint(image, this.places, {...common, only: FAINT, codes: null, table: Uint8Array.from(rgb(colours.faint)),
      alpha: 0.4});
    paint(image, this.places, {...common, only: PLAIN, codes: this.scale?.codes ?? null,
      table: this.scale?.table(colours) ?? Uint8Array.from(rgb(colours.accent)),
      alpha: Math.max(0.5, Math.min(0.9, 0.95 - 0.12 * Math.log10(inside / 100 || 1)))});
    this.canvas.getContext("2d").putImageData(image, 0, 0);
    this.#drawOverlay();
    if (moved) this.#tell("view", view);
  }

  #drawOverlay() {
    if (this.places) drawOverlay(this);
  }
}
