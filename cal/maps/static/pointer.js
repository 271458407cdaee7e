/**
 * Mouse, finger and keyboard on a map: which point they are at.
 */

const KEYS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1]};

/** Turns events of the browser into `hover`, `leave` and `click` of a map. */
export class Pointer {
  /**
   * @param {DataMap} map the map.
   * @param {HTMLElement} plot the element of its axes.
   */
  constructor(map, plot) {
    this.map = map;
    this.over = null;
    this.down = null;
    map.element.tabIndex = 0;
    map.element.setAttribute("role", "group");
    map.element.setAttribute("aria-label", `${map.label}. Arrow keys move from point to point, Enter opens one.`);
    plot.addEventListener("pointermove", event => { if (!event.buttons) this.#hover(event); });
    plot.addEventListener("pointerleave", () => this.#leave());
    plot.addEventListener("pointerdown", event => this.#press(event), true);
    addEventListener("pointerup", event => this.#release(event), true);  // Plotly covers the page while a button is down
    map.element.addEventListener("keydown", event => this.#key(event));
  }

  #tell(name, detail) {
    this.map.dispatchEvent(new CustomEvent(name, {detail}));
  }

  #isInside(event) {
    return !!event.target.closest?.(".draglayer");
  }

  #radius(event) {
    return event.pointerType === "touch" ? 22 : 10;
  }

  #point(index, place) {
    return {index, number: this.map.numbers ? this.map.numbers[index] : index, ...place};
  }

  #hover(event) {
    if (event.pointerType === "touch") return;
    const index = this.#isInside(event) ? this.map.indexAt(event.clientX, event.clientY, this.#radius(event)) : null;
    if (index === null) return this.#leave();
    if (index !== this.over) this.map.hover(index);
    this.over = index;
    this.#tell("hover", this.#point(index, {clientX: event.clientX, clientY: event.clientY}));
  }

  #leave() {
    if (this.over === null) return;
    this.over = null;
    this.map.hover(null);
    this.#tell("leave", {});
  }

  #press(event) {
    this.#leave();
    this.down = event.isPrimary && event.button === 0 && this.#isInside(event)
      ? {left: event.clientX, top: event.clientY} : null;
  }

  #release(event) {
    const down = this.down;
    this.down = null;
    if (!down || Math.hypot(event.clientX - down.left, event.clientY - down.top) > 4) return;
    const index = this.map.indexAt(event.clientX, event.clientY, this.#radius(event));
    if (index !== null) this.#tell("click", this.#point(index));
  }

  /** The nearest shown point in the direction of an arrow key, from the highlighted one. */
  #key(event) {
    const {map} = this, from = map.highlighted;
    if (event.target !== map.element || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "Enter" && from !== null) {
      event.preventDefault();
      this.#tell("click", this.#point(from));
    }
    if (!(event.key in KEYS) || !map.n) return;
    event.preventDefault();
    event.stopPropagation();
    const index = from === null ? this.#first() : this.#next(from, KEYS[event.key]);
    const place = index === null ? null : map.placeOf(index);
    if (!place) return;
    map.highlight(index);
    this.#tell("hover", this.#point(index, place));
  }

  #first() {
    for (let i = 0; i < this.map.n; i++) if (this.map.isShown(i) && this.map.placeOf(i)) return i;
    return null;
  }

  #next(from, [across, up]) {
    const {map} = this, {x0, x1, y0, y1} = map.axes.view(), {width, height} = map.axes.box();
    let best = null, least = Infinity;
    for (let i = 0; i < map.n; i++) {
      const [dx, dy] = [(map.x[i] - map.x[from]) / (x1 - x0) * width, (map.y[i] - map.y[from]) / (y1 - y0) * height];
      const along = dx * across + dy * up, aside = Math.abs(dx * up) + Math.abs(dy * across);
      if (!(along > 0.5) || !map.isShown(i)) continue;
      const cost = along + 2 * aside;
      if (cost < least && map.x[i] >= x0 && map.x[i] <= x1 && map.y[i] >= y0 && map.y[i] <= y1) [best, least] = [i, cost];
    }
    return best;
  }
}
