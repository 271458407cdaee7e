/**
 * Small charts of probabilities over the epochs of a training. NaN is an epoch that is missing.
 */

import {decimal, short, svg} from "./dom.js";

/**
 * The chart of one probability: a line with a dot for each epoch.
 *
 * @param {ArrayLike<number>} values a probability for each epoch, NaN if it is missing.
 * @param {{caption?: string, label?: string}} [options] text below the chart, and its name for screen readers.
 * @returns {SVGElement} the chart.
 */
export function singleCurve(values, {caption = "Probability of the gold label after each epoch",
  label = caption} = {}) {
  const frame = curveFrame(values.length, {right: 12, caption, label});
  drawCurve(frame, values, "curve-line curve-given", true);
  return frame.picture;
}

/**
 * The chart of the probability of each class. The given label and the suggestion are thick and named beside their ends;
 * the other classes are thin and grey.
 *
 * @param {Object} curves
 * @param {ArrayLike<ArrayLike<number>>} curves.values probabilities: for each class, a number for each epoch.
 * @param {string[]} curves.names name of each class.
 * @param {number|null} [curves.given] number of the given label.
 * @param {number|null} [curves.suggested] number of the suggested label.
 * @param {string} [curves.caption] text below the chart.
 * @returns {SVGElement} the chart.
 */
export function classCurves({values, names, given = null, suggested = null,
  caption = "Probability of each label after each epoch"}) {
  const n_epochs = values.length ? values[0].length : 0;
  const same = given !== null && given === suggested;
  const strong = [
    {k: given, role: same ? "given and suggested" : "given", kind: "curve-given"},
    ...(same ? [] : [{k: suggested, role: "suggested", kind: "curve-suggested"}]),
  ].filter(one => one.k !== null && one.k !== undefined && one.k >= 0 && one.k < values.length);
  const last = one => lastOf(values[one.k]);
  const told = strong.map(one => `${names[one.k]} (${one.role}) ends at ${decimal(last(one))}`).join(", ");
  const frame = curveFrame(n_epochs, {right: 112, caption, label: told ? `${caption}: ${told}` : caption});
  for (let k = 0; k < values.length; k++) {
    if (!strong.some(one => one.k === k)) {
      const line = drawCurve(frame, values[k], "curve-line curve-other", false);
      line?.append(svg("title", {}, names[k]));
    }
  }
  for (const one of strong) drawCurve(frame, values[one.k], `curve-line ${one.kind}`, true);
  const ends = strong.map(one => ({...one, top: frame.top(last(one))})).filter(one => !Number.isNaN(one.top));
  ends.sort((a, b) => a.top - b.top);
  spread(ends, 25, frame.high + 4, frame.low - 12);
  for (const one of ends) {
    const name = svg("text", {x: frame.end + 8, y: one.top + 1, class: `curve-name ${one.kind}`}, short(names[one.k], 15));
    name.append(svg("title", {}, names[one.k]));
    frame.picture.append(name, svg("text", {x: frame.end + 8, y: one.top + 13, class: "curve-text"}, one.role));
  }
  return frame.picture;
}

function curveFrame(n_epochs, {right, caption, label}) {
  const width = 340, low = 108, high = 8, start = 28, end = width - right;
  const picture = svg("svg", {viewBox: `0 0 ${width} 142`, class: "curve", role: "img", "aria-label": label});
  const left = epoch => n_epochs > 1 ? start + (end - start) * epoch / (n_epochs - 1) : (start + end) / 2;
  const top = value => low - (low - high) * value;
  for (const level of [0, 0.5, 1]) {
    picture.append(svg("line", {x1: start, x2: end, y1: top(level), y2: top(level), class: "curve-grid"}));
    picture.append(svg("text", {x: start - 6, y: top(level) + 4, "text-anchor": "end", class: "curve-text"}, level));
  }
  for (const epoch of n_epochs > 1 ? [0, n_epochs - 1] : n_epochs ? [0] : []) {
    picture.append(svg("text", {x: left(epoch), y: low + 15, "text-anchor": "middle", class: "curve-text"}, epoch + 1));
  }
  picture.append(svg("text", {x: (start + end) / 2, y: 138, "text-anchor": "middle", class: "curve-text"}, caption));
  return {picture, left, top, low, high, end, n_epochs};
}

/** Adds a line through the epochs that are not missing, with dots if there are few of them. */
function drawCurve(frame, values, name, dots) {
  const seen = Array.from({length: frame.n_epochs}, (_, epoch) => epoch).filter(epoch => !Number.isNaN(values[epoch]));
  if (!seen.length) return null;
  const points = seen.map(epoch => [frame.left(epoch), frame.top(values[epoch])]);
  const line = svg("polyline", {points: points.map(point => point.map(at => at.toFixed(1)).join(",")).join(" "), class: name});
  frame.picture.append(line);
  if (dots || points.length === 1) {
    const r = frame.n_epochs > 40 ? 1 : 2.4;
    for (const [cx, cy] of points) frame.picture.append(svg("circle", {cx, cy, r, class: name}));
  }
  return line;
}

function lastOf(values) {
  for (let epoch = values.length - 1; epoch >= 0; epoch--) if (!Number.isNaN(values[epoch])) return values[epoch];
  return NaN;
}

/** Moves labels, sorted by their height, so far apart that none covers another. */
function spread(ends, distance, first, last) {
  for (let k = 0; k < ends.length; k++) {
    ends[k].top = Math.max(first, k ? Math.max(ends[k].top, ends[k - 1].top + distance) : ends[k].top);
  }
  for (let k = ends.length - 1; k >= 0; k--) {
    ends[k].top = Math.min(k + 1 < ends.length ? ends[k + 1].top - distance : last, ends[k].top);
  }
}
