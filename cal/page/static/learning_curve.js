/** The chart of accuracy over labels, with the interval of each training. */

import {svg, thousands} from "../map/dom.js";

const HEIGHT = 270, LEFT = 52, RIGHT = 18, TOP = 14, BOTTOM = 46;
const small = matchMedia("(max-width: 50rem)");

/**
 * The chart.
 *
 * @param {Array<{n_labelled: number, n_test: number, accuracy: number, low: number, high: number}>} curve the trainings
 *   whose accuracy is known, the first one first.
 * @returns {SVGElement} the chart.
 */
export function learningChart(curve) {
  const width = small.matches ? 350 : 560;  // so that its letters can be read on a phone
  const until = curve.at(-1).n_labelled, from = Math.min(curve[0].n_labelled, until - 1);
  const floor = Math.max(0, Math.min(0.5, Math.floor(10 * Math.min(...curve.map(each => each.low))) / 10));
  const x = n => LEFT + (width - LEFT - RIGHT) * (curve.length > 1 ? (n - from) / (until - from) : 0.5);
  const y = share => TOP + (HEIGHT - TOP - BOTTOM) * (1 - share) / (1 - floor);
  const picture = svg("svg", {viewBox: `0 0 ${width} ${HEIGHT}`, class: "learning-chart", role: "img", "aria-label": inWords(curve)});
  for (const share of levels(floor)) {
    picture.append(svg("line", {x1: LEFT, x2: width - RIGHT, y1: y(share), y2: y(share), class: "learning-grid"}),
      svg("text", {x: LEFT - 8, y: y(share) + 4, "text-anchor": "end"}, `${Math.round(100 * share)} %`));
  }
  for (const n of curve.length > 1 ? ticks(from, until, width / 95) : [until]) {
    picture.append(svg("text", {x: x(n), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle"}, thousands(n)));
  }
  const along = (rows, of) => rows.map(each => `${x(each.n_labelled).toFixed(1)},${y(of(each)).toFixed(1)}`).join(" ");
  if (curve.length > 1) {
    picture.append(
      svg("polygon", {points: `${along(curve, each => each.high)} ${along([...curve].reverse(), each => each.low)}`, class: "learning-band"}),
      svg("polyline", {points: along(curve, each => each.accuracy), class: "learning-line"}));
  } else {
    const [only] = curve;
    picture.append(svg("line", {x1: x(until), x2: x(until), y1: y(only.low), y2: y(only.high), class: "learning-bar"}));
  }
  for (const each of curve) {
    const dot = svg("circle", {cx: x(each.n_labelled).toFixed(1), cy: y(each.accuracy).toFixed(1), r: curve.length > 40 ? 2 : 4, class: "learning-dot"});
    dot.append(svg("title", {}, `${thousands(each.n_labelled)} labels: ${percent(each.accuracy)}, between ${percent(each.low, Math.floor)} and ${percent(each.high, Math.ceil)}`));
    picture.append(dot);
  }
  picture.append(svg("text", {x: (LEFT + width - RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle"}, "Labels that the model learnt from"));
  return picture;
}

/** A share in per cent; ends of intervals are rounded outwards. */
export function percent(share, round = Math.round) {
  return `${round(Number((100 * share).toFixed(6)))}\u00a0%`;
}

function levels(floor) {
  const step = 1 - floor > 0.55 ? 0.2 : 0.1, n = Math.round((1 - floor) / step + 1e-9);
  return Array.from({length: n + 1}, (_, k) => 1 - k * step).filter(share => share >= floor - 1e-9);
}

/** About `n` round numbers between two. */
function ticks(from, until, n) {
  const rough = (until - from) / n, power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 2.5, 5, 10].map(each => each * power).find(each => each >= rough));
  const first = Math.ceil(from / step) * step;
  return Array.from({length: Math.floor((until - first) / step) + 1}, (_, k) => first + k * step);
}

/** The chart in words. */
function inWords(curve) {
  const told = each => `with ${thousands(each.n_labelled)} labels ${percent(each.accuracy)}, between ${percent(each.low, Math.floor)} and ${percent(each.high, Math.ceil)}`;
  const [first, last] = [curve[0], curve.at(-1)];
  return `Accuracy of the model, with 95 % certainty: ${curve.length > 1 ? `${told(first)}; ${told(last)}` : told(last)}. A table follows.`;
}
