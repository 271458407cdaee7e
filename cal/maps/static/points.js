/**
 * Points and density painted into the pixels of a canvas: pure functions over typed arrays.
 *
 * Pixels are those of an ImageData (red, green, blue, alpha). The picture is opaque: it begins as the colour of the page,
 * and everything is blended onto it. Coordinates are in pixels of the canvas, from its upper left corner.
 */

/** Kinds of marks, by the number that `setMarks` of the map takes. */
const MARKS = ["disc", "ring", "cross"];
const STEPS = 4;  // positions between two pixels at which stamps are drawn

/**
 * Fills a picture with one colour.
 *
 * @param {ImageData} image the picture.
 * @param {[number, number, number]} colour red, green and blue.
 */
export function fill(image, [r, g, b]) {
  new Uint32Array(image.data.buffer).fill((255 << 24) | (b << 16) | (g << 8) | r);
}

/**
 * Places of points in a picture: `px`, `py`, NaN where a point lies outside, and how many lie inside.
 *
 * @param {Float32Array} x horizontal values of the points.
 * @param {Float32Array} y vertical values of the points.
 * @param {{x0: number, x1: number, y0: number, y1: number}} view values at the edges of the picture.
 * @param {number} width pixels of the picture.
 * @param {number} height pixels of the picture.
 * @param {number} margin pixels outside the picture where points still show.
 * @param {{px: Float32Array, py: Float32Array}} [into] arrays to fill.
 * @returns {{px: Float32Array, py: Float32Array, inside: number}} the places.
 */
export function project(x, y, view, width, height, margin, into = null) {
  const n = x.length, px = into?.px ?? new Float32Array(n), py = into?.py ?? new Float32Array(n);
  const scaleX = width / (view.x1 - view.x0), scaleY = height / (view.y1 - view.y0);
  let inside = 0;
  for (let i = 0; i < n; i++) {
    const left = (x[i] - view.x0) * scaleX, top = (view.y1 - y[i]) * scaleY;
    if (left > -margin && left < width + margin && top > -margin && top < height + margin) {
      px[i] = left;
      py[i] = top;
      inside++;
    } else {
      px[i] = py[i] = NaN;
    }
  }
  return {px, py, inside};
}

/** How much of a pixel at (dx, dy) from its centre a mark of this kind and radius covers, 0 to 1. */
function coverage(kind, dx, dy, radius) {
  const distance = Math.hypot(dx, dy), clamp = value => Math.max(0, Math.min(1, value));
  const disc = clamp(radius + 0.5 - distance);
  if (kind === "disc") return disc;
  const thick = Math.max(1, radius * 0.45);
  if (kind === "ring") return disc - clamp(radius - thick + 0.5 - distance);
  const along = Math.abs(Math.abs(dx) - Math.abs(dy)) / Math.SQRT2;  // distance from the diagonals
  return clamp(thick / 2 + 0.5 - along) * clamp(radius + 0.5 - Math.max(Math.abs(dx), Math.abs(dy)));
}

/** A mark as lists of pixels around its place, one list for each of STEPS × STEPS positions within a pixel. */
function stamps(kind, radius, alpha, width) {
  const reach = Math.ceil(radius + 1), all = [];
  for (let step = 0; step < STEPS * STEPS; step++) {
    const shiftX = (step % STEPS + 0.5) / STEPS, shiftY = (Math.floor(step / STEPS) + 0.5) / STEPS;
    const offsets = [], weights = [];
    for (let dy = -reach; dy <= reach; dy++) {
      for (let dx = -reach; dx <= reach; dx++) {
        const weight = Math.round(256 * alpha * coverage(kind, dx + 0.5 - shiftX, dy + 0.5 - shiftY, radius));
        if (weight > 0) {
          offsets.push(4 * (dy * width + dx));
          weights.push(weight);
        }
      }
    }
    all.push({offsets: Int32Array.from(offsets), weights: Int32Array.from(weights)});
  }
  return {all, reach};
}

/**
 * Paints points in their order.
 *
 * @param {ImageData} image the picture.
 * @param {{px: Float32Array, py: Float32Array}} places places of the points; NaN is not painted.
 * @param {Object} how
 * @param {Uint8Array} how.status a number per point; only points whose status is `how.only` are painted.
 * @param {number} how.only the status of points to paint.
 * @param {Uint16Array|Uint8Array|null} how.codes a row of `table` for each point; null paints all with row 0.
 * @param {Uint8Array} how.table red, green and blue of each code.
 * @param {Uint8Array|null} how.marks 0, 1 or 2 for each point: disc, ring, cross; null draws discs.
 * @param {number} how.radius radius of a disc in pixels.
 * @param {number} how.alpha opacity, 0 to 1.
 */
export function paint(image, {px, py}, {status, only, codes, table, marks, radius, alpha}) {
  const {data, width, height} = image;
  const kinds = MARKS.map((kind, k) => stamps(kind, k ? radius * 1.25 + 0.5 : radius, k ? Math.max(alpha, 0.85) : alpha,
    width));
  const last = (codes ? table.length / 3 : 1) - 1;
  for (let i = 0; i < px.length; i++) {
    const left = px[i], top = py[i];
    if (status[i] !== only || left !== left) continue;
    const {all, reach} = kinds[marks ? marks[i] : 0];
    const column = Math.floor(left), row = Math.floor(top);
    const {offsets, weights} = all[
      Math.floor((left - column) * STEPS) + STEPS * Math.floor((top - row) * STEPS)];
    const code = codes ? 3 * Math.min(codes[i], last) : 0;
    const r = table[code], g = table[code + 1], b = table[code + 2], start = 4 * (row * width + column);
    const whole = column >= reach && column < width - reach && row >= reach && row < height - reach;
    for (let k = 0; k < offsets.length; k++) {
      const at = start + offsets[k];
      if (!whole && !isNear(at, column, width, data.length, reach)) continue;
      const weight = weights[k];
      data[at] += ((r - data[at]) * weight) >> 8;
      data[at + 1] += ((g - data[at + 1]) * weight) >> 8;
      data[at + 2] += ((b - data[at + 2]) * weight) >> 8;
    }
  }
}

/** Whether a pixel of a stamp at an edge is in the picture, and not at the other end of a neighbouring row. */
function isNear(at, column, width, length, reach) {
  return at >= 0 && at < length && Math.abs((at >> 2) % width - column) <= reach;
}

/**
 * Paints the number of points in each cell of a grid on a logarithmic scale; empty cells stay as they are.
 *
 * @param {ImageData} image the picture.
 * @param {{counts: ArrayLike<number>, bins_x: number, bins_y: number, range: number[][]}} density counts row by row,
 *   the row of the smallest y first (`counts[row * bins_x + column]`), and the range [[x0, x1], [y0, y1]] of the grid.
 * @param {{x0: number, x1: number, y0: number, y1: number}} view values at the edges of the picture.
 * @param {[number, number, number]} low colour of one point.
 * @param {[number, number, number]} high colour of the fullest cell.
 */
export function paintDensity(image, {counts, bins_x, bins_y, range}, view, low, high) {
  const {data, width, height} = image;
  let most = 1;
  for (let k = 0; k < counts.length; k++) most = Math.max(most, counts[k]);
  const scale = most > 1 ? 1 / Math.log(most) : 0;
  const cell = (at, first, size, [from, to], bins) => {
    const bin = Math.floor((first + at * size - from) / (to - from) * bins);
    return bin >= 0 && bin < bins ? bin : -1;
  };
  const columns = Int32Array.from({length: width}, (_, k) =>
    cell(k + 0.5, view.x0, (view.x1 - view.x0) / width, range[0], bins_x));
  for (let row = 0; row < height; row++) {
    const bin = cell(row + 0.5, view.y1, (view.y0 - view.y1) / height, range[1], bins_y);
    if (bin < 0) continue;
    for (let column = 0; column < width; column++) {
      if (columns[column] < 0) continue;
      const count = counts[bin * bins_x + columns[column]];
      if (!(count > 0)) continue;
      const t = Math.log(count) * scale, at = 4 * (row * width + column);
      for (let c = 0; c < 3; c++) data[at + c] = low[c] + t * (high[c] - low[c]);
    }
  }
}

/**
 * Sorts the points that a picture shows into square cells, so that near ones are found quickly.
 *
 * @param {{px: Float32Array, py: Float32Array}} places places of the points.
 * @param {number} width pixels of the picture.
 * @param {number} height pixels of the picture.
 * @param {(i: number) => boolean} has whether a point can be found.
 * @param {number} [side] pixels of a cell.
 * @returns {Object} the index, for `nearest`.
 */
export function gridIndex({px, py}, width, height, has, side = 16) {
  const across = Math.ceil(width / side) + 2, down = Math.ceil(height / side) + 2;
  const starts = new Int32Array(across * down + 1), cells = new Int32Array(px.length).fill(-1);
  const bound = (value, most) => Math.max(0, Math.min(most - 1, value));
  for (let i = 0; i < px.length; i++) {
    if (px[i] !== px[i] || !has(i)) continue;
    cells[i] = bound(Math.floor(py[i] / side) + 1, down) * across + bound(Math.floor(px[i] / side) + 1, across);
    starts[cells[i] + 1]++;
  }
  for (let k = 0; k < across * down; k++) starts[k + 1] += starts[k];
  const order = new Int32Array(starts[across * down]), next = starts.slice();
  for (let i = 0; i < px.length; i++) if (cells[i] >= 0) order[next[cells[i]]++] = i;
  return {px, py, across, down, side, starts, order};
}

/**
 * The point nearest to a place, the last painted if several are equally near.
 *
 * @param {Object} index what `gridIndex` returned.
 * @param {number} left pixels from the left edge.
 * @param {number} top pixels from the upper edge.
 * @param {number} radius pixels within which a point counts.
 * @returns {number|null} number of the point, or null.
 */
export function nearest({px, py, across, down, side, starts, order}, left, top, radius) {
  const from = value => Math.floor((value - radius) / side) + 1, to = value => Math.floor((value + radius) / side) + 1;
  let best = null, least = radius * radius;
  for (let row = Math.max(0, from(top)); row <= Math.min(down - 1, to(top)); row++) {
    for (let column = Math.max(0, from(left)); column <= Math.min(across - 1, to(left)); column++) {
      const cell = row * across + column;
      for (let k = starts[cell]; k < starts[cell + 1]; k++) {
        const i = order[k], distance = (px[i] - left) ** 2 + (py[i] - top) ** 2;
        if (distance < least || (distance === least && (best === null || i > best))) {
          least = distance;
          best = i;
        }
      }
    }
  }
  return best;
}

/**
 * The points inside a polygon: those from which a ray crosses its edges an odd number of times.
 *
 * @param {Float32Array} x horizontal values of the points.
 * @param {Float32Array} y vertical values of the points.
 * @param {Array<[number, number]>} polygon corners in the same values; the last is joined to the first.
 * @param {(i: number) => boolean} [has] whether a point can be inside.
 * @returns {Int32Array} numbers of the points, ascending.
 */
export function pointsInside(x, y, polygon, has = () => true) {
  const bands = 512, lows = polygon.map(corner => corner[0]), heights = polygon.map(corner => corner[1]);
  const [x0, x1, y0, y1] = [Math.min(...lows), Math.max(...lows), Math.min(...heights), Math.max(...heights)];
  if (!(y1 > y0)) return new Int32Array(0);
  const band = value => Math.max(0, Math.min(bands - 1, Math.floor((value - y0) / (y1 - y0) * bands)));
  const edges = Array.from({length: bands}, () => []);  // the edges that cross each band of heights
  polygon.forEach(([ax, ay], k) => {
    const [bx, by] = polygon[(k + 1) % polygon.length];
    if (ay === by) return;
    for (let at = band(Math.min(ay, by)); at <= band(Math.max(ay, by)); at++) edges[at].push(ax, ay, bx, by);
  });
  const found = [];
  for (let i = 0; i < x.length; i++) {
    const left = x[i], top = y[i];
    if (!(left >= x0 && left <= x1 && top >= y0 && top <= y1) || !has(i)) continue;
    const crossing = edges[band(top)];
    let inside = false;
    for (let k = 0; k < crossing.length; k += 4) {
      const ay = crossing[k + 1], by = crossing[k + 3];
      if (ay > top !== by > top
        && left < (crossing[k + 2] - crossing[k]) * (top - ay) / (by - ay) + crossing[k]) inside = !inside;
    }
    if (inside) found.push(i);
  }
  return Int32Array.from(found);
}
