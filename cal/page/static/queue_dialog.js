/** Making a queue: which documents, in which order. */

import {counted, el, thousands} from "../map/dom.js";
import {go} from "./address.js";
import {get, send} from "./api.js";
import {complain, notice} from "./notices.js";
import {refresh} from "./session.js";
import {emit} from "./state.js";

const ORDERS = [
  ["sampled", "Suspicious ones often, others seldom", "Drawn by chance. It finds errors early, and it tells how many are left in all of them, so that you know when you may stop."],
  ["ranked", "The most suspicious first", "It finds most errors with the first documents, and tells nothing about those that you do not read."],
  ["mixed", "The most suspicious first, now and then any other", "A tenth is drawn by chance. That tells roughly how many errors are left."],
  ["random", "By chance alone", "All documents alike, as for a fair estimate of how many labels are wrong."],
];
const MOST_SCORES = 12;

/**
 * Opens the dialog.
 *
 * @param {Object} selection as the server takes it: {filter, numbers, lasso, queue}; {} takes all documents.
 */
export async function openQueue(selection = {}) {
  const dialog = el("dialog", {class: "queue-dialog", "aria-label": "Make a queue"}, el("p", {}, "Counting …"));
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
  let about, scores;
  try {
    [about, scores] = await Promise.all([send("count", {selection}), get("scores")]);
  } catch (error) {
    dialog.close();
    complain(error);
    return;
  }
  const known = scores.scores.filter(each => !each.empty), waiting = about.states.undecided ?? 0;
  let order = known.length ? "sampled" : "random", busy = false;
  const told = el("p", {class: "what"}), wrong = el("p", {class: "wrong", role: "alert"});
  const by = el("select", {id: "queue-by"}, known.slice(0, Math.max(MOST_SCORES, known.findIndex(each => each.name === scores.usual) + 1))
    .map(each => el("option", {value: each.name, selected: each.name === scores.usual}, each.told)));
  const byRow = el("p", {class: "row"}, el("label", {htmlFor: "queue-by"}, "What makes one suspicious"), by);
  const only = el("input", {type: "checkbox", id: "queue-waiting", checked: true, onchange: check});
  const twice = el("select", {id: "queue-double"}, [[0, "No"], [0.05, "Every twentieth"], [0.1, "Every tenth"], [0.25, "Every fourth"],
    [1, "All of them"]].map(([value, text]) => el("option", {value}, text)));
  const name = el("input", {id: "queue-name", maxLength: 200, autocomplete: "off", placeholder: "a name, if you like"});
  const yes = el("button", {type: "submit", class: "primary"});
  const choices = ORDERS.map(([value, title]) => el("label", {class: "choice"}, el("input", {type: "radio", name: "queue-order", value,
    checked: value === order, disabled: value !== "random" && !known.length, onchange: () => { order = value; check(); }}), ` ${title}`));

  function check() {
    const n = only.checked ? waiting : about.count;
    told.textContent = ORDERS.find(([value]) => value === order)[2];
    byRow.hidden = order === "random";
    yes.textContent = only.checked && n < about.count ? "Make the queue" : `Queue ${counted(n, "document")}`;
    yes.disabled = busy || !about.count;
  }

  dialog.replaceChildren(el("form", {method: "dialog", onsubmit: event => {
    event.preventDefault();
    if (!yes.disabled) make();
  }}, el("h2", {}, "Make a queue"), el("p", {}, `Of ${counted(about.count, "document")}.`),
  el("label", {class: "choice"}, only, ` Only those that wait for a decision (${thousands(waiting)} undecided)`),
  el("fieldset", {}, el("legend", {}, "In which order"), choices), told, byRow,
  el("p", {class: "row"}, el("label", {htmlFor: "queue-double"}, "Two reviewers, who do not see each other's decision"), twice),
  el("p", {class: "row"}, el("label", {htmlFor: "queue-name"}, "Name"), name), wrong,
  el("p", {class: "buttons"}, el("button", {type: "button", onclick: () => dialog.close()}, "Cancel"), yes)));
  check();
  yes.focus();

  async function make() {
    busy = true;
    check();
    wrong.textContent = "";
    try {
      const {queue} = await send("queues", {selection, order, by: order === "random" ? null : by.value, name: name.value.trim() || null,
        double_share: Number(twice.value), waiting: only.checked});
      dialog.close();
      await refresh();
      emit("about");
      notice(`Queue ${queue.name}: ${counted(queue.n_documents, "document")}.`, {milliseconds: 12_000,
        button: {text: "Begin", run: () => go({view: "review", queue: queue.number, document: null, filter: null, sort: null})}});
    } catch (error) {
      wrong.textContent = error.message;
      busy = false;
      check();
    }
  }
}
