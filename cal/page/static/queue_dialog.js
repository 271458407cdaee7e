/** Making a queue: which documents, in which order. */

import {counted, el, thousands} from "../map/dom.js";
import {go} from "./address.js";
import {get, send} from "./api.js";
import {complain, notice} from "./notices.js";
import {refresh} from "./session.js";
import {emit} from "./state.js";

const ORDERS = [
  ["sampled", "Mostly suspicious ones, some others", "Finds errors early. It also tells how many errors are left, so that you know when you may stop. Chance chooses, and suspicious documents are likelier."],
  ["ranked", "The most suspicious first", "Finds the most errors with the first documents. It tells nothing about the documents that you do not read."],
  ["mixed", "The most suspicious first, with some others between", "Chance chooses every tenth document. That tells roughly how many errors are left."],
  ["random", "In random order", "Every document is as likely as any other. Good for a fair estimate of how many labels are wrong."],
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
    .map(each => el("option", {value: each.name, selected: each.name === scores.usual}, `${each.told[0].toUpperCase()}${each.told.slice(1)}`)));
  const byRow = el("p", {class: "row"}, el("label", {htmlFor: "queue-by"}, "Suspicious by"), by);
  const only = el("input", {type: "checkbox", id: "queue-waiting", checked: true, onchange: check});
  const twice = el("select", {id: "queue-double"}, [[0, "No document"], [0.05, "1 in 20"], [0.1, "1 in 10"], [0.25, "1 in 4"],
    [1, "Every document"]].map(([value, text]) => el("option", {value}, text)));
  const name = el("input", {id: "queue-name", maxLength: 200, autocomplete: "off", placeholder: "optional"});
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
  }}, el("h2", {}, "Make a queue"), el("p", {}, `From ${counted(about.count, "document")}.`),
  el("label", {class: "choice"}, only, ` Only undecided ones (${thousands(waiting)})`),
  el("fieldset", {}, el("legend", {}, "In which order"), choices), told, byRow,
  el("p", {class: "row"}, el("label", {htmlFor: "queue-double"}, "Decided by two reviewers, independently"), twice),
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
      notice(`Queue ${queue.name} is ready: ${counted(queue.n_documents, "document")}.`, {milliseconds: 12_000,
        button: {text: "Start reading", run: () => go({view: "review", queue: queue.number, document: null, filter: null, sort: null})}});
    } catch (error) {
      wrong.textContent = error.message;
      busy = false;
      check();
    }
  }
}
