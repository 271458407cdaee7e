/** Undo: any number of steps, also of what has not reached the server yet, and of what was decided before a reload. */

import {get} from "./api.js";
import {confirmed} from "./confirm.js";
import {flush, post, waiting} from "./outbox.js";
import {emit, uuid} from "./state.js";
import {done, keyOf} from "./words.js";

const PATIENCE = 3000;  // milliseconds that an answer may take before the page goes on

/**
 * Makes the function that takes back a step; presses while it works are done one after the other.
 *
 * @param {{deck: Object, memory: Map, taken: function(Object|null, string): void, tell: function(string): void}} given
 *   `memory`: what was decided by its uuid, {view, comment}; `taken` is called with that, or null, and what was undone.
 */
export function createUndo({deck, memory, taken, tell}) {
  let chain = Promise.resolve(), steps = 0;

  async function step() {
    const target = lastWaiting() ?? await latest();
    if (!target) return;
    const n = target.n_documents;
    if (n > 1 && !await confirmed(`Undo your decision about ${n.toLocaleString("en")} documents?`, {
      yes: `Take back ${n.toLocaleString("en")}`, more: `You ${done(target.action, target.label, n)}.`})) return;
    const answer = post("undo", {id: uuid(), event: target.event}, {number: target.numbers[0], undo: target.event});
    emit("undone", {event: target.event});
    const known = memory.get(target.event), words = done(target.action, target.label, n);
    if (known) {
      memory.delete(target.event);
      deck.putBack(known.view);
      emit("decided", {numbers: [known.view.number], state: known.view.state, label: known.view.label, undone: true});
      taken(known, words);
      answer.then(() => deck.fill(), () => {});
      return;
    }
    await within(answer, PATIENCE);
    if (n > 1) await deck.renew();
    else await deck.bring(target.numbers[0]);
    taken(null, words);
  }

  /** The last decision that still waits for the server. */
  function lastWaiting() {
    const found = new Map();
    for (const {path, body} of waiting()) {
      if (path === "decisions") for (const each of body.decisions) found.set(each.id, each);
      else if (path === "bulk") found.set(body.id, body);  // the server knows what it was about
      else if (path === "undo") found.delete(body.event);
    }
    const last = [...found.values()].at(-1);
    const known = last && memory.get(last.id);
    return known ? {event: last.id, n_documents: 1, numbers: [known.view.number], action: last.action, label: known.label} : null;
  }

  /** What the server would take back, once it has everything. */
  async function latest() {
    await flush();
    for (let k = 0; k < 60 && waiting().length; k++) await new Promise(resolve => setTimeout(resolve, 50));
    if (waiting().length) {
      tell("The server cannot be reached. Undo works again when it is back");
      return null;
    }
    const {next} = await get("undo/next");
    if (!next) tell("there is nothing to undo");
    return next;
  }

  return () => {
    if (steps > 50) return;
    steps++;
    chain = chain.then(step).catch(error => tell(`${keyOf("undo")} did not work: ${error.message}`)).finally(() => steps--);
  };
}

function within(promise, milliseconds) {
  return Promise.race([promise, new Promise((_, reject) => setTimeout(() =>
    reject(new Error("The server does not answer. The decision is undone when it does.")), milliseconds))]);
}
