/**
 * Points on their way from one place to another.
 */

/** A journey of points on straight lines. It slows down at both ends. */
export class Travel {
  /**
   * @param {{x: Float32Array, y: Float32Array}} from places at first.
   * @param {{x: Float32Array, y: Float32Array}} to places at last.
   * @param {number} milliseconds how long it takes.
   * @param {(places: {x: Float32Array, y: Float32Array}) => void} show draws the places of a moment.
   */
  constructor(from, to, milliseconds, show) {
    Object.assign(this, {from, to, milliseconds, show, start: performance.now()});
    this.way = {x: new Float32Array(to.x.length), y: new Float32Array(to.y.length)};
    this.arrived = new Promise(resolve => { this.arrive = resolve; });
    this.frame = requestAnimationFrame(now => this.#step(now));
  }

  #step(now) {
    const part = Math.max(0, now - this.start) / this.milliseconds;
    if (!(part < 1)) return this.stop();
    const eased = part < 0.5 ? 4 * part ** 3 : 1 - (2 - 2 * part) ** 3 / 2;
    for (const axis of ["x", "y"]) {
      const from = this.from[axis], to = this.to[axis], way = this.way[axis];
      for (let i = 0; i < way.length; i++) way[i] = from[i] + eased * (to[i] - from[i]);
    }
    this.frame = requestAnimationFrame(later => this.#step(later));
    this.show(this.way);
  }

  /** Ends the journey at its last places. */
  stop() {
    cancelAnimationFrame(this.frame);
    this.show(this.to);
    this.arrive();
  }
}

/** Whether the reader asked the system for less movement. */
export function wantsLessMotion() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
