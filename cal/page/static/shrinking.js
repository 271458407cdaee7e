/** The chart of how the interval for the errors in a queue shrank with the documents that were read. */

import {svg, thousands} from "../map/dom.js";

const WIDTH = 480, HEIGHT = 250, LEFT = 64, RIGHT = 16, TOP = 14, BOTTOM = 46;

/**
 * The chart of a queue.
 *
 * @param {{queue: string, looks: {read: number, found: number, estimate: number, low: number, high: number}[]}} history
 *   the errors in a queue, found and left, as they were estimated after some documents.
 * @returns {SVGElement} the chart.
 */
export function shrinkingChart({queue, looks}) {
  const last = looks[looks.length - 1], most = top(looks), until = Math.max(last.read, 1);
  const x = read => LEFT + (WIDTH - LEFT - RIGHT) * read / until;
  const y = n => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * Math.min(n, most) / most;
  const picture = svg("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "shrinking", role: "img",
    "aria-label": textOf(queue, looks)});
  for (const n of ticks(most, 4)) {
    picture.append(svg("line", {x1: LEFT, x2: WIDTH - RIGHT, y1: y(n), y2: y(n), class: "shrinking-grid"}),
      svg("text", {x: LEFT - 8, y: y(n) + 4, "text-anchor": "end"}, thousands(n)));
  }
  for (const read of ticks(until, 5)) {
    picture.append(svg("text", {x: x(read), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle"}, thousands(read)));
  }
  const along = (rows, of) => rows.map(look => `${x(look.read).toFixed(1)},${y(of(look)).toFixed(1)}`).join(" ");
  const band = `${along(looks, look => look.high)} ${along([...looks].reverse(), look => look.low)}`;
  picture.append(svg("polygon", {points: band, class: "shrinking-band"}),
    svg("polyline", {points: along(looks, look => look.estimate), class: "shrinking-estimate"}),
    svg("polyline", {points: along(looks, look => look.found), class: "shrinking-found"}));
  if (looks.length === 1) {
    picture.append(svg("line", {x1: x(last.read), x2: x(last.read), y1: y(last.low), y2: y(last.high), class: "shrinking-bar"}),
      svg("circle", {cx: x(last.read), cy: y(last.estimate), r: 3, class: "shrinking-dot"}));
  }
  picture.append(svg("text", {x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle"}, "Documents read"),
    svg("text", {x: 0, y: 0, "text-anchor": "middle", transform: `translate(14 ${(HEIGHT - BOTTOM + TOP) / 2}) rotate(-90)`},
      "Errors in the queue"));
  return picture;
}

/** The highest number to draw: the first intervals are so wide that one would see nothing else. */
function top(looks) {
  const last = looks[looks.length - 1];
  return Math.max(1.05 * Math.min(Math.max(...looks.map(look => look.high)), 3 * last.high), 1);
}

/** About `n` round numbers from 0 to `most`. */
function ticks(most, n) {
  const rough = most / n, power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map(each => each * power).find(each => each >= rough));
  return Array.from({length: Math.floor(most / step) + 1}, (_, k) => k * step);
}

/** The chart in words. */
function textOf(queue, looks) {
  const [first, last] = [looks[0], looks[looks.length - 1]];
  const told = look => `after ${thousands(look.read)} documents between ${thousands(look.low)} and ${thousands(look.high)} `
    + `(estimate ${thousands(Math.round(look.estimate))}, ${thousands(look.found)} found)`;
  const both = looks.length > 1 ? `${told(first)}; ${told(last)}` : told(last);
  return `Errors in queue ${queue}, found and left, with 95 % certainty: ${both}.`;
}
