/**
 * A map as a picture that people can save. The page must allow pictures from data: in its policy.
 */

import {short} from "./dom.js";

const LINE = 22;  // height of a line of the key, in pixels of the page

/**
 * Draws a map with its axes and the key of its colours.
 *
 * @param {DataMap} map the map.
 * @param {string} [title] what the colours mean.
 * @returns {Promise<Blob>} a PNG file, as sharp as the screen.
 */
export async function pictureOf(map, title = "") {
  const {element, canvas, overlay, axes, colours} = map, ratio = Math.max(2, map.ratio), box = axes.box();
  const {clientWidth: width, clientHeight: height} = element;
  const lines = keyLines(map, title, width - 10);
  const picture = Object.assign(document.createElement("canvas"),
    {width: width * ratio, height: (height + LINE * lines.length + 12) * ratio});
  const context = picture.getContext("2d");
  context.scale(ratio, ratio);
  context.fillStyle = colours.paper;
  context.fillRect(0, 0, width, height + LINE * lines.length + 12);
  for (const layer of [canvas, overlay]) context.drawImage(layer, box.left, box.top, box.width, box.height);
  const image = new Image();
  image.src = await axes.svg();
  await image.decode();
  context.drawImage(image, 0, 0, width, height);
  lines.forEach((entries, k) => drawKey(context, entries, height + LINE * k + LINE / 2, colours));
  return new Promise(made => picture.toBlob(made, "image/png"));
}

/** Names with their colours in lines that fit a width. */
function keyLines(map, title, room) {
  const context = document.createElement("canvas").getContext("2d"), lines = [];
  context.font = "13px system-ui, sans-serif";
  let left = Infinity;
  const heading = title ? [{name: `${title}:`, colour: null}] : [];
  for (const {name, colour} of [...heading, ...map.scale?.key(map.colours) ?? []]) {
    const text = short(name, 60), size = context.measureText(text).width + (colour ? 40 : 14);
    if (left + size > room) {
      lines.push([]);
      left = map.axes.box().left;
    }
    lines.at(-1).push({text, colour, left});
    left += size;
  }
  return lines;
}

function drawKey(context, entries, middle, {ink}) {
  context.font = "13px system-ui, sans-serif";
  context.textBaseline = "middle";
  for (const {text, colour, left} of entries) {
    if (colour) {
      context.fillStyle = colour;
      context.beginPath();
      context.arc(left + 6, middle, 5, 0, 2 * Math.PI);
      context.fill();
    }
    context.fillStyle = ink;
    context.fillText(text, left + (colour ? 18 : 0), middle);
  }
}
