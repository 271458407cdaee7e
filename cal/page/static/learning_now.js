/** What the worker of active learning does now, and how the page says it. */

import {counted, el, thousands} from "../map/dom.js";
import {send} from "./api.js";
import {complain} from "./notices.js";
import {app, emit} from "./state.js";

const TICK = 1000;  // milliseconds

/** Takes what the server says about the worker; null if the project does not learn. */
export function setLearning(line) {
  app.about.learning = line;
  if (line) line.at = performance.now();
}

/** Seconds since the stage began. */
function seconds(line) {
  return Math.floor(line.seconds + (line.at ? (performance.now() - line.at) / 1000 : 0));
}

/**
 * What the worker does, in a few words.
 *
 * @param {Object} line as the server tells it.
 * @returns {string} such as "Training on 75 labels, 4 s so far".
 */
export function stageWords(line) {
  switch (line.stage) {
    case "training": return `Training on ${counted(line.n_labelled, "label")}, ${duration(seconds(line))} so far`;
    case "stopped": return "No model is learning now";
    case "failed": return "The last training failed";
    default:
      if (line.batch === null) return "Choosing the first documents";
      if (!line.n_waiting && line.message) return line.message.replace(/\.$/, "");
      return line.n_waiting ? `Waiting for ${counted(line.n_waiting, "more decision")}` : "Choosing the next documents";
  }
}

/** The same beside the number of a document. */
export function stageInShort(line) {
  switch (line.stage) {
    case "training": return `training, ${duration(seconds(line))} so far`;
    case "stopped": return "no model is learning";
    case "failed": return "the last training failed";
    default: return line.n_waiting ? `training after ${thousands(line.n_waiting)} more` : "choosing the next ones";
  }
}

/** What that means for whoever labels: a sentence or two. */
export function stageMeans(line) {
  switch (line.stage) {
    case "training": return "Go on labelling meanwhile. What you decide now counts for the next training.";
    case "stopped": return "Go on labelling what is left. New documents come when a model learns again.";
    case "failed": return `${line.message ?? ""}${line.alive ? " It is tried again after the next decision." : ""}`;
    default:
      if (line.batch === null) return "They appear by themselves in a moment.";
      if (!line.n_waiting) return line.message ? "Look at how right the model is, and export the labels." : "They appear by themselves in a moment.";
      return line.trained ? "Then the model learns from all labels and chooses what to ask next."
        : "Then a model learns from them, if every label has an example.";
  }
}

/** A span that says what the worker does, and keeps itself up to date while it is on the page. */
export function liveStage(words = stageWords) {
  const span = el("span", {class: "live-stage"});
  const draw = () => { span.textContent = app.about.learning ? words(app.about.learning) : ""; };
  const timer = setInterval(() => { if (span.isConnected) draw(); else if (span.dataset.seen) clearInterval(timer); }, TICK);
  requestAnimationFrame(() => { span.dataset.seen = "yes"; });
  draw();
  return span;
}

/** A time for people: "4 s", "2 min 5 s", "1 h 3 min". */
export function duration(n) {
  if (n < 60) return `${Math.round(n)} s`;
  if (n < 3600) return `${Math.floor(n / 60)} min ${Math.floor(n % 60)} s`;
  return `${Math.floor(n / 3600)} h ${Math.floor(n % 3600 / 60)} min`;
}

/** A place for a command that is to be run in a terminal. */
export function commandLine(command) {
  return el("code", {class: "command"}, command);
}

/** Begins to learn, or resumes; whether that was done. */
export async function learn(labels = []) {
  try {
    const {learning} = await send("learning", {labels});
    if (learning) setLearning(learning.line);
    emit("learning");
    return true;
  } catch (error) {
    complain(error);
    return false;
  }
}
