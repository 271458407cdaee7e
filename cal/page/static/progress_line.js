/**
 * A line in the top that says how far the project is, and the counts beside the tabs.
 *
 * It is asked for some seconds after something has happened, and not after each decision.
 */

import {counted, el, thousands} from "../map/dom.js";
import {get} from "./api.js";
import {link} from "./address.js";
import {app, emit, on} from "./state.js";

const SOON = 1500, SELDOM = 2500, LATER = 20000;  // milliseconds
let line = null, timer = 0, last = 0, estimate = false;

/** The progress as it was told last; null if nothing was told yet. */
export function progressNow() {
  return line;
}

/**
 * Makes the line, which keeps itself up to date and emits `progress` {line}.
 *
 * @param {function(Event): void} opened is called for a click on it.
 * @returns {HTMLElement} the line.
 */
export function progressLine(opened) {
  const box = el("a", {id: "progress-line", href: link({view: "progress"}), onclick: opened});
  on("progress", () => { [box.textContent, box.title] = told(line); });
  on("changes", () => ask(SOON));
  on("decided", () => ask(SELDOM));
  on("about", () => ask(SOON));
  refresh();
  return box;
}

/** Asks after a while, unless that is planned already. */
function ask(wait) {
  if (timer) return;
  timer = setTimeout(refresh, Math.max(wait, last + SELDOM - Date.now()));
}

async function refresh() {
  clearTimeout(timer);
  timer = 0;
  last = Date.now();
  try {
    line = await get("progress/line", {estimate: estimate || null});
    emit("count", {view: "disagreements", n: line.disagreements});
    emit("progress", {line});
    if (!estimate) {  // the counts come first
      estimate = true;
      refresh();
    } else if (!line.fresh) ask(LATER);
  } catch {
    ask(LATER);  // the outbox says if the server cannot be reached
  }
}

/** The line, and a longer one to show beside the mouse. */
function told({documents, decided, found, left, may_stop: mayStop}) {
  const parts = [`${thousands(decided)} of ${thousands(documents)} decided`];
  if (found !== null && (found || !app.about.learning)) parts.push(`${counted(found, "error")} found`);
  if (!left) return [parts.join(" · "), `${parts.join(", ")}. Open the progress.`];
  parts.push(left.low === left.high ? `${left.low ? thousands(left.low) : "none"} left` : `about ${thousands(Math.round(left.estimate))} left`);
  const interval = left.low === left.high ? "" : ` Between ${thousands(left.low)} and ${thousands(left.high)} are left, with 95 % certainty.`;
  return [parts.join(" · "), `${parts.join(", ")}.${interval}${mayStop ? " You may stop here." : ""} Open the progress.`];
}
