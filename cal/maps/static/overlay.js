/**
 * What lies above the points of a map: the ring around one point, the outline of a selection, and arrows
 * from where points were.
 */

/**
 * Draws all that lies above the points of a map.
 *
 * @param {DataMap} map the map.
 */
export function drawOverlay(map) {
  const {overlay, canvas, ratio, arrows, outline, highlighted, hovered, colours} = map;
  const [width, height] = [canvas.width / ratio, canvas.height / ratio], {x0, x1, y0, y1} = map.axes.view();
  Object.assign(overlay, {width: canvas.width, height: canvas.height});  // which also empties it
  const context = overlay.getContext("2d");
  context.scale(ratio, ratio);
  const at = (x, y) => [(x - x0) / (x1 - x0) * width, (y1 - y) / (y1 - y0) * height];
  const arrow = (i, how) => drawArrow(context, at(arrows.x[i], arrows.y[i]), at(map.x[i], map.y[i]), how);
  const ring = (i, strong) => drawRing(context, ...at(map.x[i], map.y[i]), map.radius, colours, strong);
  const is = i => i !== null && i < map.n;
  for (const i of arrows?.indices ?? []) if (map.isShown(i)) arrow(i, {colour: colours.ink, width: 1, opacity: 0.55});
  if (outline) drawOutline(context, outline.map(corner => at(...corner)), colours);
  if (is(hovered)) ring(hovered, false);
  if (arrows && is(highlighted)) arrow(highlighted, {colour: colours.strong, width: 2.5, opacity: 1});
  if (is(highlighted)) ring(highlighted, true);
}

/**
 * Draws a ring around a point, which can be seen on every colour.
 *
 * @param {CanvasRenderingContext2D} context where to draw.
 * @param {number} left pixels from the left edge.
 * @param {number} top pixels from the upper edge.
 * @param {number} radius radius of the point.
 * @param {{paper: string, ink: string}} colours colours of the page.
 * @param {boolean} [strong] whether the ring is thick.
 */
function drawRing(context, left, top, radius, {paper, ink}, strong = true) {
  for (const [width, colour] of strong ? [[5, paper], [2, ink]] : [[3, paper], [1.2, ink]]) {
    context.beginPath();
    context.arc(left, top, radius + 4, 0, 2 * Math.PI);
    context.lineWidth = width;
    context.strokeStyle = colour;
    context.stroke();
  }
}

/**
 * Draws an arrow.
 *
 * @param {CanvasRenderingContext2D} context where to draw.
 * @param {[number, number]} from where it starts.
 * @param {[number, number]} to where its point is.
 * @param {{colour: string, width: number, opacity: number}} how colour and width of its line, and its opacity.
 */
function drawArrow(context, from, to, {colour, width, opacity}) {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]), head = Math.min(length, 4 + 3 * width);
  if (!(length > 0.5)) return;
  const [ux, uy] = [(to[0] - from[0]) / length, (to[1] - from[1]) / length];
  const [baseX, baseY] = [to[0] - ux * head, to[1] - uy * head];
  context.save();
  context.globalAlpha = opacity;
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = width;
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(baseX, baseY);
  context.stroke();
  context.beginPath();
  context.moveTo(...to);
  context.lineTo(baseX - uy * head * 0.45, baseY + ux * head * 0.45);
  context.lineTo(baseX + uy * head * 0.45, baseY - ux * head * 0.45);
  context.closePath();
  context.fill();
  context.restore();
}

/**
 * Draws the outline of a lasso or a box.
 *
 * @param {CanvasRenderingContext2D} context where to draw.
 * @param {Array<[number, number]>} corners its corners.
 * @param {{accent: string}} colours colours of the page.
 */
function drawOutline(context, corners, {accent}) {
  context.save();
  context.beginPath();
  for (const corner of corners) context.lineTo(...corner);
  context.closePath();
  context.globalAlpha = 0.05;
  context.fillStyle = accent;
  context.fill();
  context.globalAlpha = 0.9;
  context.lineWidth = 1.5;
  context.strokeStyle = accent;
  context.setLineDash([5, 4]);
  context.stroke();
  context.restore();
}
