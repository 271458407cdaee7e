/**
 * Axes, zoom, lasso, box and mode bar of a map, drawn by Plotly. It draws no points: its layers are transparent.
 */

const MARGIN = {l: 60, r: 14, t: 36, b: 50};
const NARROW = {l: 50, r: 8, t: 36, b: 44};

/**
 * Two axes in an element. Events: `view` after each change of the axes or the size, `selected` {kind, polygon}, `deselected`,
 * `picture` if the reader wants one.
 */
export class Axes extends EventTarget {
  /**
   * @param {HTMLElement} element an empty element, as large as the map.
   * @param {Object} options
   * @param {Object} options.plotly the Plotly library.
   * @param {{x: string, y: string}} options.titles titles of the axes.
   * @param {{x: number[], y: number[]}} options.ranges ranges of the axes.
   * @param {string} options.tool tool of the mouse: "zoom", "pan", "lasso" or "select".
   * @param {boolean} options.picture whether there is a button to save a picture.
   */
  constructor(element, {plotly, titles, ranges, tool, picture}) {
    super();
    this.element = element;
    this.plotly = plotly;
    this.titles = titles;
    this.ranges = ranges;
    this.tool = tool;
    this.picture = picture;
    this.colours = null;
  }

  /** Draws the axes for the first time, in the colours of `themeOf`. */
  async start(colours) {
    this.colours = colours;
    // Plotly offers lasso and box only where a trace has markers.
    const traces = [{type: "scatter", mode: "markers", x: [null], y: [null], hoverinfo: "skip", showlegend: false}];
    await this.plotly.newPlot(this.element, traces, this.#layout(), {
      scrollZoom: true, displaylogo: false, displayModeBar: true, doubleClick: false, doubleClickDelay: 500, showTips: false,
      plotlyServerURL: "",  // texts stay on this machine
      modeBarButtons: this.#buttons(),
    });
    const changed = () => this.dispatchEvent(new Event("view"));
    for (const name of ["plotly_relayouting", "plotly_relayout", "plotly_afterplot"]) this.element.on(name, changed);
    this.element.on("plotly_relayout", change => { if ("dragmode" in change) this.tool = change.dragmode; });
    this.element.on("plotly_selected", event => this.#selected(event));
    this.element.on("plotly_doubleclick", () => { if (["zoom", "pan"].includes(this.tool)) this.reset(); });
    this.element.on("plotly_deselect", () => this.dispatchEvent(new Event("deselected")));
  }

  #buttons() {
    const {home, camera} = this.plotly.Icons;
    const reset = {name: "reset", title: "Whole map", icon: home, click: () => this.reset()};
    const save = {name: "save", title: "Save a picture", icon: camera,
      click: () => this.dispatchEvent(new Event("picture"))};
    return [...this.picture ? [[save]] : [], ["zoom2d", "pan2d", "select2d", "lasso2d"], ["zoomIn2d", "zoomOut2d", reset]];
  }

  #isNarrow() {
    return this.element.clientWidth < 560;
  }

  #layout() {
    const {ink, muted, line, accent, dark} = this.colours;
    const axis = (title, range) => ({
      title: {text: escaped(title), standoff: 8, font: {color: ink, size: 13}}, range, zeroline: false, showline: true,
      linecolor: line, ticks: "outside", ticklen: 4, tickcolor: line, tickfont: {color: muted, size: 12},
      gridcolor: dark ? "rgba(255, 255, 255, 0.06)" : "rgba(20, 30, 45, 0.06)", nticks: this.#isNarrow() ? 5 : 0,
    });
    return {
      xaxis: axis(this.titles.x, [...this.ranges.x]), yaxis: axis(this.titles.y, [...this.ranges.y]),
      margin: this.#isNarrow() ? NARROW : MARGIN, dragmode: this.tool, hovermode: false, showlegend: false,
      paper_bgcolor: "rgba(0, 0, 0, 0)", plot_bgcolor: "rgba(0, 0, 0, 0)", uirevision: "same", selectionrevision: "same",
      font: {family: "system-ui, sans-serif", color: ink},
      modebar: {bgcolor: "rgba(0, 0, 0, 0)", color: muted, activecolor: accent},
      newselection: {line: {color: accent, width: 1.5, dash: "solid"}},
      activeselection: {fillcolor: "rgba(0, 0, 0, 0)", opacity: 1},
    };
  }

  /** Applies new titles, colours or ranges; a zoom of the reader stays unless the ranges are new. */
  async update({titles = this.titles, ranges = null, colours = this.colours} = {}) {
    this.titles = titles;
    this.colours = colours;
    const layout = this.#layout();
    if (ranges) this.ranges = ranges;
    const [x, y] = ranges ? [ranges.x, ranges.y] : [this.range("x"), this.range("y")];
    layout.xaxis.range = [...x];
    layout.yaxis.range = [...y];
    await this.plotly.relayout(this.element, layout);
  }

  /** Shows the whole ranges again. */
  async reset() {
    const {x, y} = this.ranges;
    await this.plotly.relayout(this.element, {"xaxis.range": [...x], "yaxis.range": [...y]});
  }

  /** Current range of "x" or "y". */
  range(name) {
    return this.element._fullLayout[`${name}axis`].range.map(Number);
  }

  /** Values at the edges of the axes. */
  view() {
    const [[x0, x1], [y0, y1]] = [this.range("x"), this.range("y")];
    return {x0, x1, y0, y1};
  }

  /** Place of the area between the axes in the element, in pixels. */
  box() {
    const {l, t, w, h} = this.element._fullLayout._size;
    return {left: l, top: t, width: w, height: h};
  }

  /** The axes as the address of a picture. */
  svg() {
    const {clientWidth, clientHeight} = this.element;
    return this.plotly.toImage(this.element, {format: "svg", width: clientWidth, height: clientHeight});
  }

  /** Fits the axes to the size of the element. */
  async resize() {
    const {clientWidth, clientHeight} = this.element, {width, height} = this.element._fullLayout;
    if (!clientWidth || !clientHeight || (clientWidth === width && clientHeight === height)) return;
    await this.plotly.Plots.resize(this.element);
    const margin = this.#isNarrow() ? NARROW : MARGIN;
    if (this.element.layout.margin.l !== margin.l) await this.update();
  }

  #selected(event) {
    if (!event) return;
    let polygon = null, kind = "lasso";
    if (event.range) {
      const [[x0, x1], [y0, y1]] = [event.range.x, event.range.y];
      kind = "box";
      polygon = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
    } else if (event.lassoPoints) {
      polygon = event.lassoPoints.x.map((left, k) => [left, event.lassoPoints.y[k]]);
    }
    if (!polygon) return;
    this.plotly.relayout(this.element, {selections: []});  // the map draws the outline, which has no handles to drag
    this.dispatchEvent(new CustomEvent("selected", {detail: {kind, polygon}}));
  }
}

/** Plotly reads some tags in titles; a name is never markup. */
function escaped(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
