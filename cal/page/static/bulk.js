/** One decision for many documents, whose number must be confirmed. */

import {counted, el, short, thousands} from "../map/dom.js";
import {send} from "./api.js";
import {labelChip} from "./card_document.js";
import {complain, notice} from "./notices.js";
import {post} from "./outbox.js";
import {openQueue} from "./queue_dialog.js";
import {app, emit, on, uuid} from "./state.js";
import {stateName} from "./state_names.js";
import {done, STATE_AFTER} from "./words.js";

const TYPED = 1000;  // from so many documents on, their number must be typed
const ACTIONS = [["keep", "Keep their labels"], ["relabel", "Give all of them the same label"], ["accept", "Give each the label that a model suggests"],
  ["ambiguous", "Mark them ambiguous"],
  ["exclude", "Exclude them from the corpus"], ["skip", "Skip them and leave them to somebody else"]];
const FEW = 6;

/**
 * Opens the dialog.
 *
 * @param {Object} selection as the server takes it: {filter, numbers, lasso, queue}.
 * @param {{action?: string, label?: string, source?: string}} [begin] what is chosen at first.
 */
export async function openBulk(selection, {action = "keep", label = null, source = null} = {}) {
  let about, sent = false;
  const dialog = el("dialog", {class: "bulk-dialog", "aria-label": "Decide about many documents"}, el("p", {}, "Counting …"));
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();

  async function count() {
    about = await send("count", {selection});
    draw();
  }

  function draw(problem = "") {
    const all = about.count, without = about.given.find(each => each.label === null)?.n ?? 0;
    const decided = all - (about.states.undecided ?? 0) - (about.states.skipped ?? 0);
    let n = all;
    const typed = el("input", {id: "bulk-count", inputMode: "numeric", autocomplete: "off", class: "value", oninput: check});
    const labels = el("select", {id: "bulk-label", "aria-label": "Label", onchange: () => { label = labels.value; check(); }},
      el("option", {value: "", selected: label === null}, "Choose a label"),
      app.about.labels.map(each => el("option", {value: each.name, selected: each.name === label}, each.name)));
    source = about.sources.some(each => each.source === source) ? source : about.sources[0]?.source ?? null;
    const models = el("select", {id: "bulk-source", "aria-label": "Model", onchange: () => { source = models.value; check(); }},
      about.sources.map(each => el("option", {value: each.source, selected: each.source === source}, each.source)));
    const comment = el("input", {id: "bulk-comment", maxLength: 2000, autocomplete: "off"});
    const yes = el("button", {type: "submit", class: "primary"});
    const what = el("p", {class: "what"});
    const choices = ACTIONS.filter(([name]) => name !== "accept" || about.sources.length).map(([name, told]) => el("label", {class: "choice"}, el("input", {type: "radio", name: "bulk-action", value: name,
      checked: name === action, onchange: () => { action = name; check(); }}), ` ${told}`));
    const toType = el("label", {htmlFor: "bulk-count"}), confirm = el("p", {class: "confirm"}, toType, " ", typed);

    function check() {
      labels.hidden = action !== "relabel";
      models.hidden = action !== "accept";
      n = action === "accept" ? about.sources.find(each => each.source === source)?.n ?? 0 : all;
      confirm.hidden = n < TYPED;
      toType.textContent = `Type ${n} to confirm`;
      const missing = action === "keep" && without;
      yes.textContent = button(action, action === "accept" ? source : label, n);
      what.textContent = missing ? `${counted(without, "document")} of them ${without === 1 ? "has" : "have"} no label to keep. `
        + "Give them one, or choose others." : consequence(action, action === "accept" ? source : label, n, decided)
        + (n < all ? ` ${counted(all - n, "document")} ${all - n === 1 ? "is" : "are"} left out: ${source} gives them no label, or they measure accuracy.` : "");
      what.classList.toggle("wrong", !!missing);
      yes.disabled = !n || n > about.most || !!missing || (action === "relabel" && !label)
        || (n >= TYPED && typed.value.replace(/\D/g, "") !== String(n));
    }

    const form = el("form", {method: "dialog", onsubmit: event => {
      event.preventDefault();
      if (!yes.disabled && !sent) decide(comment.value.trim() || null);
    }}, el("h2", {}, `${counted(n, "document")} selected`),
    problem && el("p", {class: "wrong", role: "alert"}, problem),
    n > about.most && el("p", {class: "wrong"}, `One decision takes at most ${thousands(about.most)} documents. Select fewer.`),
    el("dl", {class: "bulk-facts"}, fact("They are", Object.entries(about.states).sort((a, b) => b[1] - a[1])
      .map(([state, count]) => `${thousands(count)} ${stateName(state).toLowerCase()}`).join(", ") || "–"),
    fact("Given labels", chips(about.given))),
    el("fieldset", {}, el("legend", {}, "What to do with all of them"), choices[0], choices[1], labels, choices.slice(2, -3), models, choices.slice(-3)), what,
    el("p", {class: "comment-row"}, el("label", {htmlFor: "bulk-comment"}, "Comment (optional)"), comment), confirm,
    el("p", {class: "buttons"}, el("button", {type: "button", onclick: () => dialog.close()}, "Cancel"), yes));
    dialog.replaceChildren(form);
    check();
    (n >= TYPED ? typed : action === "relabel" && !label ? labels : yes).focus();
  }

  async function decide(comment) {
    sent = true;
    const id = uuid(), of = action === "accept" ? source : null, chosen = of ? "relabel" : action;
    const n = of ? about.sources.find(each => each.source === of).n : about.count;
    const given = action === "relabel" ? label : null, words = of ? `accepted ${counted(n, "label")} of ${of}` : done(chosen, given, n);
    dialog.close();
    const body = {id, selection, action: chosen, label: given, source: of, comment, count: n, time: new Date().toISOString()};
    const answer = post("bulk", body, {told: words, n});
    try {
      const late = setTimeout(() => notice(`You ${words}. It is being recorded …`, {milliseconds: 6000}), 1500);
      const taken = await answer.finally(() => clearTimeout(late));
      emit("decided", {numbers: taken.numbers, state: STATE_AFTER[chosen], label: given, bulk: id, many: taken.n_documents > taken.numbers.length});
      emit("bulk", {id, n: taken.n_documents});
      const close = notice(`You ${words}.`, {milliseconds: 12_000, button: {text: "Undo", run: () => takeBack(id, words)}});
      const off = on("undone", ({event}) => { if (event === id) close(); });
      setTimeout(off, 12_000);
    } catch (error) {
      if (error.status === 409) openBulk(selection, {action: of ? "accept" : chosen, label: given, source: of});
    }
  }

  try {
    await count();
  } catch (error) {
    dialog.close();
    complain(error);
  }
}

async function takeBack(event, words) {
  try {
    const undone = await post("undo", {id: uuid(), event}, {told: `take back: ${words}`});
    emit("decided", {numbers: undone.numbers, state: "undecided", label: null, undone: true, many: undone.n_documents > undone.numbers.length});
    emit("bulk", {id: event, n: 0});
    notice(`Taken back: you ${words}.`);
  } catch (error) {
    complain(error);
  }
}

/** What the button says: exactly what it does. */
function button(action, label, n) {
  const all = counted(n, "document");
  switch (action) {
    case "keep": return n === 1 ? "Keep the label of 1 document" : `Keep the labels of ${all}`;
    case "relabel": return label ? `Give ${all} the label ${short(label, 30)}` : `Relabel ${all}`;
    case "accept": return `Accept ${counted(n, "label")} of ${short(label ?? "", 30)}`;
    case "ambiguous": return `Mark ${all} ambiguous`;
    case "exclude": return `Exclude ${all}`;
    default: return `Skip ${all}`;
  }
}

function consequence(action, label, n, decided) {
  const again = decided ? ` ${thousands(decided)} of them ${decided === 1 ? "is" : "are"} decided already. Your own earlier decisions are replaced; with those of `
    + "others, there may be disagreements." : "";
  const what = {
    keep: "From now on, their given labels count as right.",
    relabel: label ? `From now on, all of them are ${label}. Those whose given label is ${label} count as kept.` : "Choose the label that all of them should have.",
    accept: `From now on, each has the label that ${label} suggests. Nobody reads them, so Progress does not count them when it compares ${label} `
      + "with what people decide.",
    ambiguous: "They count as ambiguous: more than one label fits.",
    exclude: "They are left out when the corpus is exported for training.",
    skip: "They stay undecided, and the queue does not bring them to you again.",
  }[action];
  return `${what}${action === "skip" ? "" : again} You can undo this in one step.`;
}

const fact = (name, ...what) => el("div", {}, el("dt", {}, name), el("dd", {}, what));

function chips(counts) {
  const known = counts.slice(0, FEW).map(({label, n}) => [label === null ? el("em", {}, "none") : labelChip(label), ` ${thousands(n)} `]);
  const rest = counts.slice(FEW).reduce((sum, each) => sum + each.n, 0);
  return [...known, rest ? `and ${thousands(rest)} of other labels` : ""];
}

export {openQueue};
