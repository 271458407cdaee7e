/** The card: one document to decide about, drawn from the deck. */

import {counted, el, short} from "../map/dom.js";
import {current, go} from "./address.js";
import {details} from "./card_details.js";
import {labels, notes, text, why} from "./card_document.js";
import {registerKeys} from "./card_keys.js";
import {openCommentField} from "./comment_field.js";
import {createDeck} from "./deck.js";
import {createPanel} from "./decide_panel.js";
import {empty} from "./empty.js";
import {createGuidelines} from "./guidelines.js";
import {showHistory} from "./history.js";
import {openLabelField} from "./label_field.js";
import {liveStage, stageInShort} from "./learning_now.js";
import {complain} from "./notices.js";
import {post, waiting} from "./outbox.js";
import {app, emit, keep as keepSetting, on, setting, uuid} from "./state.js";
import {createStopwatch} from "./stopwatch.js";
import {createUndo} from "./undo.js";
import {done, keeps, keyOf, STATE_AFTER} from "./words.js";

const REMEMBERED = 300;  // decisions of which the documents stay in memory, so that undoing is immediate

/**
 * Fills a root with the card.
 *
 * @param {HTMLElement} root where it goes.
 * @returns {{show: function(Object): void}} `show` gets the keys of the address.
 */
export function createCard(root) {
  const place = el("p", {class: "card-place"}), tools = el("div", {class: "card-tools"});
  const read = el("div", {class: "card-read", tabIndex: 0, role: "region", "aria-label": "Document"});
  const watch = createStopwatch(), memory = new Map(), drafts = new Map();
  const here = new Set(waiting().flatMap(each => (each.body.decisions ?? []).map(one => one.document)));  // decided in this window
  let undone = null, meanwhile = null, mine = false, drawn = null;

  const deck = createDeck(({same}) => {
    if (!same) [undone, meanwhile] = [null, null];
    draw(same);
  });
  const guidelines = createGuidelines();
  const does = {
    label: label => decide("relabel", label),
    "choose label": () => labelField(false),
    "new label": () => labelField(true),
    keep,
    ambiguous: () => decide("ambiguous"),
    exclude: () => decide("exclude"),
    skip: () => decide("skip"),
    comment: commentField,
    undo: createUndo({deck, memory, taken: takenBack, tell: words => panel.tell(keyOf("undo"), words)}),
  };
  const panel = createPanel(does);
  const box = el("article", {class: "card", "aria-label": "Document to decide"},
    el("header", {class: "card-top"}, place, tools), read, panel.root);
  root.classList.add("card-side");
  root.append(box);

  const inFront = () => box.getClientRects().length > 0;
  const ready = () => inFront() && !!deck.current();

  function announce(body) {
    mine = true;
    emit("decided", body);
    mine = false;
  }

  /** Keeps the label: the given one, or the one that was decided and looks like a slip. */
  function keep(key = "") {
    const view = deck.current();
    if (view && keeps(view) !== null) decide(view.given === null ? "relabel" : "keep", keeps(view), key);
  }

  /** Takes a decision about the document in front, and goes on to the next. */
  function decide(action, label = null, key = "") {
    const view = deck.current();
    if (!view || (action === "keep" && (view.hidden || view.given === null))) return;
    const comment = drafts.get(view.number) ?? null, id = uuid(), kept = action === "relabel" && label === view.given;
    send(view, {id, action, label: action === "relabel" ? label : null, comment, seconds: watch.seconds(view.number)}, label);
    memory.set(id, {view, comment, label});
    here.add(view.document);
    if (memory.size > REMEMBERED) memory.delete(memory.keys().next().value);
    drafts.delete(view.number);
    watch.forget(view.number);
    panel.field.replaceChildren();
    const wasOpened = view.queue === null, step = {by: 1, taken: false};
    deck.decided(view);
    if (wasOpened) {
      emit("step", step);
      if (!step.taken) go({document: null}, {replace: true, silent: true});
    }
    const next = deck.current();
    const words = done(kept && !view.hidden ? "keep" : action, label);
    panel.tell(key, words, {quote: short(view.text, 40), more: `${keyOf("undo")} takes it back`, heard: next ? `Next: ${short(next.text, 600)}` : ""});
    announce({numbers: [view.number], state: kept ? "kept" : STATE_AFTER[action], label: action === "skip" ? view.label : label});
  }

  function send(view, own, label = null) {
    const {document, number, queue, position, digest, version, run, seen, adjudicates} = view;
    const settles = adjudicates && own.action !== "skip" && own.action !== "comment";
    const about = {number, text: short(view.text, 120), told: done(own.action, label)};
    post("decisions", {decisions: [{document, ...own, time: new Date().toISOString(), queue, position, digest, version, run, seen,
      adjudicates: settles}]}, about);
  }

  function takenBack(known, words) {
    undone = words;
    if (known?.comment) drafts.set(known.view.number, known.comment);
    const view = deck.current();
    go({document: deck.isOpened() ? view?.number : null}, {replace: true, silent: true});
    draw(true);
    panel.tell(keyOf("undo"), `took back: ${words}`, {quote: view ? short(view.text, 40) : "", heard: view ? short(view.text, 600) : ""});
  }

  /** A function that gives the focus back to what has it now. */
  function giveBack() {
    const had = document.activeElement;
    return () => had && had !== document.body && had.isConnected ? had.focus() : document.activeElement?.blur();
  }

  function labelField(fresh) {
    const view = deck.current();
    if (!view) return;
    openLabelField(panel.field, {
      fresh, ranking: view.ranking, closed: giveBack(),
      choose: (name, isNew) => {
        if (isNew) {
          post("labels", {name}, {told: `new label ${name}`});
          app.about.labels.push({name, colour: "#6b7785"});
          deck.addLabel(name);
        }
        if (deck.current()?.number === view.number) decide("relabel", name, keyOf(fresh ? "new label" : "choose label"));
      },
    });
  }

  function commentField() {
    const view = deck.current();
    if (!view) return;
    openCommentField(panel.field, {
      draft: drafts.get(view.number) ?? "", closed: giveBack(),
      keepDraft: comment => {
        if (comment) drafts.set(view.number, comment);
        else drafts.delete(view.number);
        draw(true);
        panel.tell(keyOf("comment"), comment ? "your comment goes with your decision" : "no comment");
      },
      send: comment => {
        const id = uuid();
        send(view, {id, action: "comment", label: null, comment, seconds: null});
        memory.set(id, {view, comment, label: null});
        drafts.delete(view.number);
        draw(true);
        panel.tell(keyOf("comment"), "sent your comment without a decision");
      },
    });
  }

  function hideHints() {
    const hidden = !setting("hidden", false);
    keepSetting("hidden", hidden || null);
    emit("hidden", {hidden});
    if (hidden) deck.hideHints();
    deck.renew().catch(complain);
    panel.tell(keyOf("blind"), hidden ? "blind mode: given labels and suggestions are hidden" : "given labels and suggestions are shown");
    drawTop(deck.current());
  }

  function stepBy(by) {
    const step = {by, taken: false};
    emit("step", step);
    if (step.taken || deck.isOpened()) return;
    if (!deck.step(by)) panel.tell("", by > 0 ? "decide or skip some of these documents, then more come" : "this is the first document");
  }

  function back() {
    go({document: null});
  }

  function drawTop(view) {
    const hidden = setting("hidden", false);
    const queue = app.about.queues.find(each => each.number === (view?.queue ?? deck.state.queue));
    place.replaceChildren(...(!view ? [queue ? queue.name : ""] : view.queue === null
      ? [el("button", {type: "button", class: "back", onclick: back}, el("kbd", {"aria-hidden": "true"}, keyOf("back")), current().view === "documents" ? " Back to the list" : " Back to the queue")]
      : [el("span", {class: "place-number"}, `Document ${(view.position + 1).toLocaleString("en")}`, queue?.order === "active" ? " · " : ""), ...(queue?.order === "active" ? [liveStage(stageInShort)]
        : [queue ? ` of ${queue.n_documents.toLocaleString("en")}` : "", queue && app.about.queues.length > 1 ? ` in ${queue.name}` : ""])]));
    const tool = (name, title, run, pressed = null) => el("button", {type: "button", class: "plain tool", onclick: run,
      "aria-pressed": pressed === null ? null : String(pressed)}, el("kbd", {"aria-hidden": "true"}, keyOf(name)), ` ${title}`);
    tools.replaceChildren(tool("blind", "Blind", hideHints, hidden), tool("guidelines", "Guidelines", () => guidelines.toggle()),
      ...(view ? [tool("history", "History", () => showHistory(view.number))] : []));
  }

  function draw(same = false) {
    const view = deck.current(), focused = read.contains(document.activeElement) && document.activeElement !== read;
    const key = view && JSON.stringify([{...view, until: null}, undone, meanwhile, drafts.get(view.number)]);
    if (same && view && key === drawn) return;
    drawn = key;
    drawTop(view);
    if (!view) read.replaceChildren(...(deck.isOpening() ? [el("p", {class: "quiet"}, "Opening the document …")] : empty(deck.state, () => deck.fill())));
    else {
      const draft = drafts.get(view.number);
      read.replaceChildren(...[el("h2", {class: "only-heard"}, `Document ${view.document}`), ...notes(view, undone, meanwhile), text(view), labels(view), why(view), draft && draftNote(view, draft),
        el("div", {class: "details"}, details(view))].filter(Boolean));
    }
    if (focused) read.focus();
    if (!same) {
      box.scrollTop = read.scrollTop = 0;
      panel.field.replaceChildren();
    }
    panel.draw(view);
    watch.show(view && inFront() ? view.number : null);
    if (app.shown?.number !== view?.number || !same) {
      app.shown = view;
      emit("shown", {view});
    }
    line();
  }

  function draftNote(view, draft) {
    return el("p", {class: "note draft"}, el("strong", {}, "With your decision: "), el("q", {dir: "auto"}, draft), " ",
      el("button", {type: "button", class: "plain", "aria-label": "Remove the comment",
        onclick: () => { drafts.delete(view.number); draw(true); }}, "×"));
  }

  /** The line above the buttons, while nothing was done just now. */
  function line() {
    const n = waiting().length, left = deck.tasks().length;
    if (deck.state.away) {
      panel.idle(`The server cannot be reached. You can still decide ${counted(left, "document")}${n ? `; ${counted(n, "decision")} ${n === 1 ? "waits" : "wait"} in this browser` : ""}.`, true);
    } else panel.idle(n > 1 ? `${counted(n, "decision")} not sent yet` : keyOf("help") ? `${keyOf("help")} shows all keys` : "");
  }

  function others(changes) {
    if (changes.many || changes.labels) {
      deck.renew().catch(complain);
      return;
    }
    const numbers = new Set(changes.documents.map(each => each.number)), view = deck.current();
    const gone = changes.documents.filter(each => !["undecided", "skipped", "disagreement"].includes(each.state));
    deck.drop(gone.map(each => each.number).filter(number => number !== view?.number || document.visibilityState === "hidden"));
    if (!view || !numbers.has(view.number) || deck.current()?.number !== view.number) return;
    const who = changes.reviewers.filter(each => each !== app.reviewer);
    if (!who.length && here.has(view.document)) {
      deck.renew().catch(complain);
      return;
    }
    if (gone.some(each => each.number === view.number) && !view.blind) {
      meanwhile = `${who.length === 1 ? who[0] : who.length ? "Somebody else" : "You, in another window,"} has decided this document in the meantime. `
        + `${keyOf("next")} goes on. If you decide it, too, both decisions count.`;
      draw(true);
    }
    deck.fill();
  }

  registerKeys({does, decide, ready, inFront, deck, labelField, hideHints, guidelines, stepBy, back,
    history: () => showHistory(deck.current().number)});
  on("open", ({number}) => go({view: current().view === "documents" ? "documents" : "review", document: number}));
  on("decided", ({numbers, undone: back}) => { if (!mine && !back) deck.drop(numbers); });
  on("changes", others);
  on("about", () => deck.renew().catch(complain));
  on("learning", () => {
    if (deck.current()) drawTop(deck.current());
    else draw();
    if (!deck.tasks().length) deck.fill();
  });
  on("theme", () => { drawn = null; draw(true); });
  on("keys", () => { drawn = null; draw(true); });
  on("outbox", ({waiting: n, online}) => {
    if (online && deck.state.away) deck.fill();
    line(n);
  });
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible" && deck.current()) deck.fill(); });
  setInterval(() => { if (document.visibilityState === "visible" && inFront() && deck.tasks().length) deck.fill(); }, 60_000);

  return {
    show(address) {
      deck.start(address.queue ? Number(address.queue) : null);
      const number = Number(address.document);
      if (address.document && Number.isInteger(number)) deck.open(number).catch(error => { complain(error); go({document: null}, {replace: true}); });
      else deck.close();
      draw(true);
    },
    hide() {
      watch.show(null);
    },
  };
}
