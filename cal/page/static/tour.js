/**
 * The tour: a few short steps beside what they are about. It goes on when the reader does what it says, blocks nothing,
 * and ends with Escape.
 */

import {el} from "../map/dom.js";
import {steps} from "./tour_steps.js";
import {app, emit, keep, on, setting} from "./state.js";

const GAP = 8, AIR = 5, EDGE = 10, LOOK = 150;  // pixels; milliseconds between two looks at where things are
const SEEN = "tour seen";
let leaveNow = null;  // ends the tour that runs

/** Starts the tour if the server offers it and this browser has not seen it. */
export function offerTour() {
  on("tour", startTour);
  if (app.about.tour && !setting(SEEN, false)) startTour();
}

/** Starts the tour, from its first step. */
function startTour() {
  leaveNow?.();
  keep(SEEN, true);
  const ring = el("div", {class: "tour-ring", "aria-hidden": "true"});
  const count = el("p", {class: "tour-count"}), title = el("h2", {id: "tour-title"});
  const words = el("div", {class: "tour-words", "aria-live": "polite"});
  const back = el("button", {type: "button", class: "plain", onclick: () => show(at - 1)}, "Back");
  const next = el("button", {type: "button", onclick: () => (at + 1 < all.length ? show(at + 1) : leave())});
  const box = el("section", {class: "tour", "aria-labelledby": "tour-title"},
    el("header", {}, count, el("button", {type: "button", class: "plain", "aria-label": "Leave the tour",
      title: "Leave the tour (Esc)", onclick: () => leave()}, "×")),
    title, words, el("p", {class: "buttons"}, back, next));
  const all = steps(tell => words.replaceChildren(...tell.map(each => el("p", {}, each))));
  let at = 0, stop = () => {};

  function show(number) {
    stop();
    at = number;
    const step = all[at], offs = [];
    count.textContent = `Tour, step ${at + 1} of ${all.length}`;
    title.textContent = step.title;
    words.replaceChildren(...step.words().map(each => el("p", {}, each)));
    back.hidden = at === 0;
    next.textContent = at + 1 === all.length ? "Done" : "Next";
    next.className = step.until ? "" : "primary";
    const done = () => { if (all[at] === step) show(Math.min(at + 1, all.length - 1)); };
    for (const [name, fits] of Object.entries(step.until ?? {})) offs.push(on(name, detail => { if (fits(detail)) done(); }));
    for (const [name, does] of Object.entries(step.again ?? {})) offs.push(on(name, does));
    stop = () => offs.forEach(off => off());
    document.querySelector(step.about[0])?.scrollIntoView({block: "nearest", inline: "nearest"});
    step.begin?.();
    place();
  }

  /** Puts the ring around what the step is about, and the box beside it, where it hides nothing of it. */
  function place() {
    const seen = all[at].about.map(around).find(Boolean);
    ring.hidden = !seen;
    const {width, height} = box.getBoundingClientRect(), {innerWidth: w, innerHeight: h} = window;
    let spot = {x: w - width - EDGE, y: h - height - EDGE};
    if (seen) {
      const left = Math.max(seen.left - AIR, 2), top = Math.max(seen.top - AIR, 2);
      const right = Math.min(seen.right + AIR, w - 2), bottom = Math.min(seen.bottom + AIR, h - 2);
      move(ring, left - 2, top - 2);
      ring.style.width = `${right - left + 4}px`;
      ring.style.height = `${bottom - top + 4}px`;
      const x = clamp(left, EDGE, w - width - EDGE), y = clamp(top, EDGE, h - height - EDGE);
      spot = [
        {x: right + GAP, y, fits: right + GAP + width + EDGE <= w},
        {x: left - GAP - width, y, fits: left - GAP - width >= EDGE},
        {x, y: bottom + GAP, fits: bottom + GAP + height + EDGE <= h},
        {x, y: top - GAP - height, fits: top - GAP - height >= EDGE},
        {x: clamp(right - width - GAP, EDGE, w - width - EDGE), y: clamp(bottom - height - GAP, EDGE, h - height - EDGE), fits: true},
      ].find(each => each.fits);
    }
    move(box, clamp(spot.x, 0, w - width), clamp(spot.y, 0, h - height));
  }

  function leave() {
    clearInterval(timer);
    stop();
    removeEventListener("keydown", escape, true);
    removeEventListener("resize", place);
    box.remove();
    ring.remove();
    leaveNow = null;
    emit("tour left");
  }

  function escape(event) {
    if (event.key !== "Escape" || document.querySelector("dialog[open]") || event.target.closest?.("input, textarea, select")) return;
    event.preventDefault();
    event.stopPropagation();
    leave();
  }

  leaveNow = leave;
  addEventListener("keydown", escape, true);
  addEventListener("resize", place);
  document.body.append(ring, box);
  const timer = setInterval(place, LOOK);
  show(0);
}

/** The rectangle around the elements of a selector that are in sight; null if there are none. */
function around(selector) {
  const boxes = [...document.querySelectorAll(selector)].map(each => each.getBoundingClientRect())
    .filter(each => each.width > 0 && each.height > 0 && each.bottom > 0 && each.top < innerHeight
      && each.right > 0 && each.left < innerWidth);
  const outer = (name, of) => of(...boxes.map(each => each[name]));
  return boxes.length ? {left: outer("left", Math.min), top: outer("top", Math.min), right: outer("right", Math.max),
    bottom: outer("bottom", Math.max)} : null;
}

function move(node, x, y) {
  node.style.left = `${Math.round(x)}px`;
  node.style.top = `${Math.round(y)}px`;
}

function clamp(value, low, high) {
  return Math.max(low, Math.min(value, high));
}
