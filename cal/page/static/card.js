/** The card: one document to decide about. */

import {el} from "../map/dom.js";
import {send} from "./api.js";
import {post} from "./outbox.js";
import {action} from "./keys.js";
import {app, emit, uuid} from "./state.js";

/**
 * Fills a root with the card.
 *
 * @param {HTMLElement} root where it goes.
 */
export function createCard(root) {
  const box = el("article", {class: "card"});
  root.append(box);
  let tasks = [];

  async function fetchTasks() {
    tasks = (await send("tasks", {n: 5})).tasks;
    draw();
  }

  function draw() {
    const task = tasks[0] ?? null;
    app.shown = task;
    emit("shown", {view: task});
    box.replaceChildren(...(task ? [el("p", {class: "text"}, task.text), el("p", {}, `Given: ${task.given}`),
      el("ol", {}, task.ranking.map(each => el("li", {}, el("button", {type: "button",
        onclick: () => decide("relabel", each.label)}, each.label))))] : [el("p", {}, "Nothing is left to decide.")]));
  }

  function decide(what, label = null) {
    const task = tasks.shift();
    if (!task) return;
    const {document, queue, position, digest, version, run, seen, adjudicates} = task;
    post("decisions", {decisions: [{id: uuid(), document, action: what, label, time: new Date().toISOString(), queue, position,
      digest, version, run, seen, adjudicates}]});
    emit("decided", {numbers: [task.number], state: what === "keep" ? "kept" : what, label});
    draw();
    fetchTasks();
  }

  action("keep", {keys: ["k"], view: "review", told: "keep the given label", when: () => !!tasks[0], run: () => decide("keep")});
  return {show: fetchTasks};
}
