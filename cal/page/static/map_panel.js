/**
 * The map beside the document: where each document is, what is decided, and what can be selected.
 *
 * Keys of the address: `run`, `colour`, `epochs`, `filter` and `queue`. Few points are all here; of many the server gives
 * a sample with the density, for each view anew, until all points in view are drawn.
 */

import {counted, el, thousands} from "../map/dom.js";
import {loadPlotly} from "../map/load_plotly.js";
import {DataMap} from "../map/map.js";
import {pointsInside} from "../map/points.js";
import {Tip} from "../map/tip.js";
import {current, go} from "./address.js";
import {get} from "./api.js";
import {MapControls} from "./map_controls.js";
import {MapPoints, WHOLE} from "./map_points.js";
import {RegionNames} from "./map_regions.js";
import {createSelectionBar} from "./selection_bar.js";
import {complain} from "./notices.js";
import {app, emit, on, setting} from "./state.js";

const HOVER = 70, ZOOM = 180, AGAIN = 900;  // milliseconds of patience
const MOST_TIPS = 300;
const TELLS_LABELS = ["given", "suggested", "label", "correctness"];  // colours that blind mode leaves out

/** The map in an element of its own, which views put where they want it. */
export class MapPanel {
  #shown = {};  // what was asked for last
  #asking = null;
  #timers = {};
  #tips = new Map();

  constructor() {
    this.map = null;
    this.points = null;
    this.selection = null;
    this.controls = new MapControls();
    this.place = el("div", {class: "map-place"}, el("p", {class: "map-waits"}, "Drawing the map …"));
    this.told = el("p", {class: "map-told", role: "status"});
    this.bar = createSelectionBar({from: "map", clear: () => this.deselect()});
    this.legend = el("div", {class: "map-legend-place"});
    this.parts = [this.controls.element, this.place, this.bar.element, this.told, this.legend];
    this.element = el("div", {class: "map-panel"}, this.parts);
    this.controls.addEventListener("run", ({detail}) => this.#choose({run: detail.run, epochs: null}));
    this.controls.addEventListener("colour", ({detail}) => this.#choose({colour: detail.colour}));
    this.controls.addEventListener("epochs", ({detail}) => this.#chooseEpochs(detail));
    on("decided", ({numbers, state, label}) => this.#decided(numbers.map(number => ({number, state, label}))));
    on("changes", ({documents, many}) => many ? this.#again() : this.#decided(documents));
    on("shown", () => this.#ring());
    on("theme", () => this.map?.theme());
    on("selection", ({selection, from}) => { if (from !== "map" && !selection) this.deselect(); });
    on("hidden", () => {
      this.#tips.clear();
      this.#shown = {};
      if (this.element.isConnected) this.show(current()).catch(complain);
    });
    on("about", () => { if (this.element.isConnected) this.show(current()).catch(complain); });
  }

  /** The runs that have a map. */
  get runs() {
    return app.about.runs.filter(each => each.has_points);
  }

  /** Shows what the address says. */
  async show(address) {
    const {runs} = this;
    if (!runs.length) return this.#explain();
    if (!this.place.isConnected) this.element.replaceChildren(...this.parts);
    const run = runs.find(each => String(each.number) === address.run) ?? runs.at(-1);
    const epochs = Number(address.epochs) > 0 && run.has_curves ? Number(address.epochs) : null;
    const blind = setting("hidden", false), wanted = address.colour || "region";
    const colour = blind && TELLS_LABELS.includes(wanted) ? "region" : wanted;
    const asked = {run: run.number, epochs, colour, filter: address.filter || null,
      queue: Number(address.queue) || null};
    if (JSON.stringify(asked) === JSON.stringify(this.#shown)) return;
    const other = asked.run !== this.#shown.run;
    if (other) {
      this.controls.showRuns(runs, asked.run);
      get("map/colours", {run: asked.run}).then(({colours}) => this.controls.showColours(
        colours.filter(each => !blind || !TELLS_LABELS.includes(each.colour)), this.#shown.colour)).catch(complain);
    }
    if (this.selection && (other || asked.filter !== this.#shown.filter || asked.epochs !== this.#shown.epochs)) {
      this.deselect();
    }
    const moves = this.points !== null && (other || asked.epochs !== this.#shown.epochs);
    this.#shown = asked;
    await this.load({moves});
  }

  /** Fetches and draws the points; `moves` shows the way of each from where it was. */
  async load({moves = false, milliseconds = 700} = {}) {
    this.#asking?.abort();
    const asking = this.#asking = new AbortController(), before = moves ? this.points?.header : null;
    const view = this.#view(), whole = Object.keys(WHOLE).every(name => view[name] === WHOLE[name]);
    const {queue, ...asked} = this.#shown;
    try {
      const making = this.#make();  // at the same time
      const answer = await get("map", {...asked, queue, ...(whole ? {} : view), document: app.shown?.number,
        from_run: before?.run, from_epochs: before?.epochs === before?.n_epochs ? null : before?.epochs},
      {raw: true, signal: asking.signal});
      const points = new MapPoints(await answer.arrayBuffer());
      await making;
      if (asking.signal.aborted) return;
      points.by = asked.colour;
      points.view = view;
      await this.#draw(points, milliseconds);
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  }

  /** Takes the selection back. */
  deselect() {
    this.selection = null;
    this.map?.select(null);
    this.bar.clear();
  }

  async #make() {
    if (this.map) return;
    const plotly = await loadPlotly(new URL("../plotly.min.js", import.meta.url).pathname);
    if (this.map) return;
    const place = el("div", {class: "map-canvas"});
    this.place.replaceChildren(place);
    this.map = new DataMap(place, {plotly, label: "Map of the documents", tool: "lasso"});
    this.names = new RegionNames(this.map);
    this.tip = new Tip();
    this.legend.replaceChildren(this.map.legend());
    this.map.addEventListener("click", ({detail}) => emit("open", {number: detail.number}));
    this.map.addEventListener("hover", ({detail}) => this.#hover(detail));
    this.map.addEventListener("leave", () => this.#leave());
    this.map.addEventListener("select", ({detail}) => this.#select(detail));
    this.map.addEventListener("deselect", () => this.deselect());
    this.map.addEventListener("view", () => this.#zoomed());
    await this.map.ready;
  }

  async #draw(points, milliseconds) {
    const {map} = this, {header, before} = points;
    this.points = points;
    map.setPoints({numbers: points.numbers, ...(before ?? {x: points.x, y: points.y})});
    map.setColour(points.colour);
    map.setMarks(points.marks);
    map.setMatching(points.matches ?? null);
    map.setDensity(header.density ? {...header.density, counts: points.counts} : null);
    this.names.show(header.regions);
    this.controls.showEpochs(header.epochs, header.n_epochs || (app.about.learning ? 1 : 0));  // those that learn have no curves, and need no note
    this.#tell();
    this.#ring();
    if (before) await map.moveTo({x: points.x, y: points.y}, {milliseconds});
    if (this.selection) map.select(this.#within(this.selection.polygon), this.selection.polygon);
  }

  #within(polygon) {
    return pointsInside(this.map.x, this.map.y, polygon, index => this.map.isShown(index));
  }

  #tell() {
    const {total, in_view, sampled, matching, moved} = this.points.header, parts = [];
    if (moved) {
      const [from, to, n] = moved.ways[0] ?? [];
      parts.push(`${thousands(moved.moved)} of ${counted(moved.both, "document")} moved to another region` +
        (n ? `, most from ${from} to ${to} (${thousands(n)}).` : "."));
    }
    if (matching !== null) parts.push(`${thousands(matching)} of ${counted(total, "document")} match the filter.`);
    else if (!moved && !sampled) parts.push(`${counted(total, "document")}.`);
    if (sampled) {
      parts.push(`${counted(in_view, "document")} in view; the dots are a sample over their density. Zoom in to see all.`);
    }
    if (this.points.states.some(code => code)) parts.push("Rings are reviewed, crosses left out or skipped.");
    this.told.textContent = parts.join(" ");
  }

  #choose(changes) {
    go(changes, {replace: true, silent: true});
    this.show(current()).catch(complain);
  }

  async #chooseEpochs({epochs, milliseconds = 400, done = null}) {
    const all = this.points?.header.n_epochs;
    this.#shown = {...this.#shown, epochs: epochs === all ? null : epochs};
    if (this.selection) this.deselect();
    go({epochs: this.#shown.epochs}, {replace: true, silent: true});
    try {
      await this.load({moves: true, milliseconds});
      done?.();
    } catch (error) {
      this.controls.stop();
      complain(error);
    }
  }

  #view() {
    return this.map?.started ? this.map.axes.view() : WHOLE;
  }

  #zoomed() {
    if (!this.points || this.points.header.whole) return;
    const now = this.#view(), {view, header} = this.points;
    const inside = now.x0 >= view.x0 && now.x1 <= view.x1 && now.y0 >= view.y0 && now.y1 <= view.y1;
    const same = Object.keys(now).every(name => now[name] === view[name]);
    if (same || (inside && !header.sampled)) return;
    this.#later("zoom", ZOOM, () => this.load());
  }

  #decided(changes) {
    if (!this.points) return;
    for (const {number} of changes) this.#tips.delete(number);
    const known = changes.filter(({state}) => app.about.states.includes(state));
    const n = known.filter(each => this.points.change(each)).length;
    if (known.length < changes.length || this.points.by === "reviewer") this.#again();
    if (!n) return;
    this.map.setMarks(this.points.marks);
    if (["state", "label"].includes(this.points.by)) this.map.setColour(this.points.colour);
  }

  #again() {
    this.#tips.clear();
    if (this.points) this.#later("again", AGAIN, () => this.load());
  }

  #later(name, milliseconds, run) {
    clearTimeout(this.#timers[name]);
    this.#timers[name] = setTimeout(() => Promise.resolve(run()).catch(complain), milliseconds);
  }

  #ring() {
    if (!this.points) return;
    const view = app.shown, index = view && !view.hidden ? this.points.indexOf(view.number) : -1;
    this.map.highlight(index < 0 ? null : index);
    const fetchable = view && !view.hidden && view.point && index < 0 && !this.points.header.whole;
    if (fetchable && this.points.sought !== view.number) {
      this.points.sought = view.number;  // it may have no point, or be out of view
      this.#later("ring", ZOOM, () => this.load());
    }
  }

  #hover({number, clientX, clientY}) {
    if (this.#tips.has(number)) return this.#showTip(this.#tips.get(number), clientX, clientY);
    this.hovered = number;
    this.#later("hover", HOVER, async () => {
      const about = await get("map/document", {number, hidden: setting("hidden", false) || null});
      if (this.#tips.size >= MOST_TIPS) this.#tips.delete(this.#tips.keys().next().value);
      this.#tips.set(number, about);
      if (this.hovered === number) this.#showTip(about, clientX, clientY);
    });
  }

  #showTip({text, given, label, state}, clientX, clientY) {
    const said = label !== given && label ? `given ${given ?? "no label"}, now ${label}` : given ?? "";
    this.tip.show([text, [said, state].filter(Boolean).join(" · ")], clientX, clientY);
  }

  #leave() {
    this.hovered = null;
    clearTimeout(this.#timers.hover);
    this.tip.hide();
  }

  #select({polygon, indices}) {
    const {header, numbers} = this.points, {run, epochs, filter} = this.#shown;
    const hides = this.map.scale?.hidden.size > 0, exact = header.whole && !header.sampled;
    this.selection = {polygon};
    const lasso = {run, epochs, polygon};
    const selection = exact && hides ? {filter, numbers: Array.from(indices, index => numbers[index]), lasso: null} :
      {filter, numbers: null, lasso};
    this.bar.show(selection, exact ? indices.length : null);
  }

  #explain() {
    const {name, learning, may_learn: mayLearn} = app.about;
    if (learning || mayLearn) {
      this.element.replaceChildren(el("div", {class: "no-map"}, el("h2", {}, "There is no map yet"),
        el("p", {}, "It shows which labelled documents the model learns easily and which it doubts. It appears here after the first training.")));
      return;
    }
    this.element.replaceChildren(el("div", {class: "no-map"}, el("h2", {}, "There is no map yet"),
      el("p", {}, "A map shows which documents a model learns easily and which it doubts. Make one and import it:"),
      el("pre", {}, `cal map dataset=annotation dataset.project=PROJECT output=map\ncal annotate import PROJECT map=map`),
      el("p", {}, `PROJECT is the file of ${name}. The map appears here when this page is loaded again.`)));
  }
}

/** The one map of the page. */
export function mapPanel() {
  return mapPanel.made ??= new MapPanel();
}
