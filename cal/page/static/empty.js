/** What stands in the place of a document when there is none. */

import {el} from "../map/dom.js";
import {get, send} from "./api.js";
import {go} from "./address.js";
import {invitation} from "./learning_begin.js";
import {liveStage, stageMeans} from "./learning_now.js";
import {complain} from "./notices.js";
import {refresh} from "./session.js";
import {app, emit} from "./state.js";

const AGAIN = 5000;  // milliseconds

/**
 * Says why there is no document, and what to do.
 *
 * @param {Object} state of the deck.
 * @param {function(): void} renew fetches again.
 */
export function empty(state, renew) {
  if (state.loading) return [el("p", {class: "quiet"}, "Loading documents …")];
  if (state.error) return box("The queue cannot be shown", state.error, button("Try again", renew), documents());
  if (state.away) return box("The server cannot be reached", "Your decisions are kept in this browser. They are sent when the server is back.",
    button("Try again", renew));
  if (!app.about.n_documents) {
    return box("This project has no documents yet", ["Import a corpus in a terminal: ", el("code", {}, "cal annotate import PROJECT dataset=files dataset.path=FILE")],
      button("Look again", async () => { await refresh(); renew(); }));
  }
  if (state.queue === null && app.about.may_learn) return begin(renew);
  if (state.queue === null) {
    return box("There is no queue yet", "A queue brings you the documents one by one, suspicious labels first.", button("Make a queue", makeQueue(renew)),
      documents());
  }
  if (app.about.learning?.queue === state.queue) return learns(app.about.learning, state.left, renew);
  return nothingLeft(state.left, renew);
}

/** A project without labels: learning from decisions is what it needs. */
function begin(renew) {
  const place = el("div", {class: "begin"}, el("p", {class: "quiet"}, "Loading …"));
  const again = async () => { await refresh(); emit("about"); renew(); };
  get("learning").then(found => {
    place.replaceChildren(...invitation({...found, n: found.n_unlabelled, again}));
    if (!found.starting) others.prepend(button("Label at random instead", makeQueue(renew)));
  }).catch(complain);
  const others = el("p", {class: "buttons"}, documents());
  return [el("div", {class: "empty"}, el("h2", {}, "Nothing is labelled yet"), place, others)];
}

/** Nothing is left of a queue that a model fills: what it does, and that the page goes on by itself. */
function learns(line, left, renew) {
  if (line.stage === "stopped" || line.stage === "failed") {
    return box("Everything that the model asked for is decided", [el("p", {}, liveStage(), ". ", stageMeans(line))],
      tab("learning", "How to go on"), tab("export", "Export"), documents());
  }
  const others = Object.values(left ?? {}).some(n => n > 0);
  if (line.stage !== "training" && (line.n_waiting ? others : line.message)) return nothingLeft(left, renew);
  setTimeout(renew, AGAIN);  // whatever the stream of changes says
  return [el("div", {class: "empty learns", role: "status"}, el("h2", {}, line.stage === "training" ? "The model is learning" : "The next documents are being chosen"),
    el("p", {}, line.stage === "training" ? [liveStage(), "."] : ""), el("p", {}, line.batch === null ? "They appear here by themselves."
      : "You have decided everything that it asked for. New documents appear here by themselves."))];
}

function nothingLeft(left, renew) {
  const {n_skipped = 0, n_second = 0, n_with_others = 0} = left ?? {};
  const waits = [
    n_with_others && `Other reviewers have ${documentsOf(n_with_others)} open. If they do not decide within a few minutes, you get ${n_with_others === 1 ? "it" : "them"}.`,
    n_skipped && `You have skipped ${documentsOf(n_skipped)}.`,
    n_second && `${documentsOf(n_second)} that you have decided ${n_second === 1 ? "waits" : "wait"} for a second reviewer.`,
  ].filter(Boolean);
  if (!waits.length) {
    return box("Everything in this queue is decided", "Thank you. You can look at the documents, or export the decisions.",
      tab("export", "Export"), tab("progress", "Progress"), documents());
  }
  return box("Nothing is left for you now", waits.map(each => el("p", {}, each)), button("Look again", renew),
    n_skipped ? documents("Show what was skipped", "state=skipped") : null, documents());
}

function makeQueue(renew) {
  return async () => {
    try {
      await send("queues", {});
      await refresh();
      emit("about");
      renew();
    } catch (error) {
      complain(error);
    }
  };
}

const documentsOf = n => n === 1 ? "1 document" : `${n.toLocaleString("en")} documents`;
const button = (text, run) => el("button", {type: "button", onclick: run}, text);
const documents = (text = "All documents", filter = null) => tab("documents", text, {filter});

function tab(view, text, more = {}) {
  return document.querySelector(`#tabs [data-view="${view}"]`) && button(text, () => go({view, document: null, ...more}));
}

function box(title, words, ...buttons) {
  return [el("div", {class: "empty"}, el("h2", {}, title), Array.isArray(words) && words[0] instanceof Element
    ? words : el("p", {}, words), el("p", {class: "buttons"}, buttons))];
}
