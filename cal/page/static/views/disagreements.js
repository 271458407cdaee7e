/** Disagreements: documents about which reviewers differ. One key settles the one in front, and brings the next. */

import {counted, el, short} from "../../map/dom.js";
import {current as address, go} from "../address.js";
import {get} from "../api.js";
import {details} from "../card_details.js";
import {labelChip, text} from "../card_document.js";
import {openCommentField} from "../comment_field.js";
import {createPanel} from "../decide_panel.js";
import {openLabelField} from "../label_field.js";
import {complain} from "../notices.js";
import {post} from "../outbox.js";
import {registerSettlingKeys} from "../settling_keys.js";
import {answerOf, opinions} from "../settling_parts.js";
import {app, emit, on, uuid} from "../state.js";
import {createStopwatch} from "../stopwatch.js";
import {done, keyOf, STATE_AFTER} from "../words.js";

const NAME = "disagreements", SOON = 1200;  // milliseconds

export const disagreements = {
  name: NAME,
  title: "Disagreements",
  create(root) {
    const list = el("ol", {class: "settle-list"}), told = el("p", {class: "muted"}), read = el("div", {class: "card-read", tabIndex: 0,
      role: "region", "aria-label": "Document in disagreement"});
    const title = el("h2"), watch = createStopwatch(), views = new Map(), drafts = new Map(), settled = new Set(), steps = [];
    let items = [], front = null, shown = false, timer = 0, waiting = 0, fetched = false;

    const does = {
      label: label => decide("relabel", label),
      "choose label": () => labelField(false),
      "new label": () => labelField(true),
      keep: () => decide("keep"),
      ambiguous: () => decide("ambiguous"),
      exclude: () => decide("exclude"),
      skip: () => step(1),
      comment: commentField,
      undo,
    };
    const panel = createPanel(does);
    const card = el("article", {class: "card", "aria-label": "Document to settle"}, read, panel.root);
    root.append(el("aside", {class: "settle-side"}, title, told, list), card);

    const view = () => views.get(front) ?? null;
    const item = () => items.find(each => each.number === front) ?? null;

    async function refresh() {
      clearTimeout(timer);
      timer = 0;
      const found = await get("disagreements");
      const numbers = new Set(found.documents.map(each => each.number));
      for (const number of settled) if (!numbers.has(number)) settled.delete(number);  // the server knows
      items = found.documents.filter(each => !settled.has(each.number));
      waiting = found.n_waiting;
      fetched = true;
      if (!item()) front = items[0]?.number ?? null;
      await draw();
    }

    function later() {
      timer ||= setTimeout(() => refresh().catch(complain), SOON);
    }

    async function fetchView(number) {
      if (number === null || number === undefined || views.has(number)) return;
      views.set(number, await get("document", {number}));
    }

    /** Puts a document in front. */
    async function open(number) {
      front = number;
      go({settle: number}, {replace: true, silent: true});
      await draw();
    }

    async function draw() {
      drawList();
      const number = front;
      try {
        await fetchView(number);
      } catch (error) {
        complain(error);
      }
      if (number !== front) return;
      drawCard();
      fetchView(next()?.number).catch(() => {});  // the next one is there when its time comes
    }

    function drawList() {
      emit("count", {view: NAME, n: items.length});
      title.textContent = items.length ? `${counted(items.length, "document")} in disagreement` : "No disagreements";
      told.textContent = waiting ? `${waiting} more ${waiting === 1 ? "waits" : "wait"} for a second reviewer.` : "";
      list.replaceChildren(...items.map(each => el("li", {}, el("button", {type: "button",
        "aria-current": each.number === front ? "true" : null, onclick: () => open(each.number)},
      el("span", {class: "settle-text", dir: "auto"}, short(each.text, 120)),
      el("span", {class: "muted"}, each.opinions.map(answerOf).join(" or "))))));
      list.querySelector("[aria-current]")?.scrollIntoView({block: "nearest"});
    }

    function drawCard() {
      const document = view(), of = item();
      watch.show(shown && document ? front : null);
      if (!document || !of) {
        read.replaceChildren(...(fetched && !items.length ? empty() : []));
        panel.draw(null);
        return;
      }
      const draft = drafts.get(front);
      read.replaceChildren(...[text(document),
        el("dl", {class: "labels-said"}, el("div", {class: "said"}, el("dt", {}, "Given label"),
          el("dd", {}, document.given === null ? el("em", {}, "none") : labelChip(document.given)))),
        opinions(of.opinions), draft && el("p", {class: "note"}, el("strong", {}, "With your decision: "), el("q", {dir: "auto"}, draft)),
        el("div", {class: "details"}, details({...document, verdicts: []}))].filter(Boolean));
      read.scrollTop = 0;
      panel.field.replaceChildren();
      panel.draw(document);
    }

    function empty() {
      return [el("div", {class: "empty"}, el("h2", {}, "Nothing to settle"), el("p", {}, "When two reviewers decide differently about a document, "
        + "it comes here. Make a queue in which two reviewers decide the same documents, to see where they differ."))];
    }

    function next(by = 1) {
      if (items.length < 2) return null;
      const at = items.findIndex(each => each.number === front);
      return items[(at + by + items.length) % items.length];
    }

    function step(by) {
      const to = next(by);
      if (to) open(to.number);
    }

    /** Settles the document in front, and goes on to the next. */
    function decide(action, label = null, key = "") {
      const of = item(), document = view();
      if (!of || !document || (action === "keep" && document.given === null)) return;
      const id = uuid(), comment = drafts.get(front) ?? null, kept = action === "relabel" && label === document.given;
      const words = done(kept ? "keep" : action, kept || action === "keep" ? document.given : label);
      send(document, {id, action, label: action === "relabel" ? label : null, comment, seconds: watch.seconds(front)}, words);
      steps.push({id, item: of, at: items.indexOf(of), words, comment});
      settled.add(front);
      drafts.delete(front);
      watch.forget(front);
      const to = next();
      items = items.filter(each => each !== of);
      views.delete(front);
      emit("decided", {numbers: [of.number], state: kept ? "kept" : STATE_AFTER[action], label: label ?? document.given});
      front = to?.number ?? null;
      go({settle: front}, {replace: true, silent: true});
      panel.tell(key, `settled: ${words}`, {quote: short(of.text, 40), heard: to ? `Next: ${short(to.text, 600)}` : "Nothing is left to settle."});
      return draw();
    }

    function send(document, own, words) {
      const {document: id, number, digest, version, run, seen} = document;
      post("decisions", {decisions: [{document: id, ...own, time: new Date().toISOString(), digest, version, run, seen,
        adjudicates: own.action !== "comment"}]}, {number, text: short(document.text, 120), told: words});
    }

    function undo() {
      const last = steps.pop();
      if (!last) return panel.tell(keyOf("undo"), "there is nothing to undo here");
      post("undo", {id: uuid(), event: last.id}, {number: last.item.number, told: `took back: ${last.words}`}).then(later, later);
      settled.delete(last.item.number);
      if (last.comment) drafts.set(last.item.number, last.comment);
      items.splice(last.at, 0, last.item);
      emit("decided", {numbers: [last.item.number], state: "disagreement", label: last.item.given, undone: true});
      panel.tell(keyOf("undo"), `took back: ${last.words}`, {quote: short(last.item.text, 40), heard: short(last.item.text, 600)});
      return open(last.item.number);
    }

    function labelField(fresh) {
      const document = view();
      if (!document) return;
      openLabelField(panel.field, {fresh, ranking: document.ranking, closed: () => read.focus(), choose: (name, isNew) => {
        if (isNew) {
          post("labels", {name}, {told: `new label ${name}`});
          app.about.labels.push({name, colour: "#6b7785"});
        }
        if (view()?.number === document.number) decide("relabel", name, keyOf(fresh ? "new label" : "choose label"));
      }});
    }

    function commentField() {
      const document = view();
      if (!document) return;
      openCommentField(panel.field, {draft: drafts.get(front) ?? "", closed: () => read.focus(),
        keepDraft: comment => {
          if (comment) drafts.set(document.number, comment);
          else drafts.delete(document.number);
          drawCard();
          panel.tell(keyOf("comment"), comment ? "your comment goes with your decision" : "no comment");
        },
        send: comment => {
          send(document, {id: uuid(), action: "comment", label: null, comment, seconds: null}, "commented on it");
          drafts.delete(document.number);
          panel.tell(keyOf("comment"), "sent your comment without a decision");
        }});
    }

    registerSettlingKeys(NAME, {does, decide, step, view});
    on("progress", () => { if (shown) emit("count", {view: NAME, n: items.length}); });  // what waits in the outbox is settled
    on("changes", ({documents, many}) => {
      const numbers = new Set(items.map(each => each.number));
      if (!shown || !(many || documents.some(each => each.state === "disagreement" || numbers.has(each.number)))) return;
      for (const each of documents) if (each.number !== front) views.delete(each.number);
      later();
    });
    on("about", () => { views.clear(); if (shown) later(); });
    on("keys", drawCard);
    on("theme", () => { if (shown) drawCard(); });
    return {
      show() {
        shown = true;
        const wanted = Number(address().settle);
        if (wanted) front = wanted;
        return refresh();
      },
      hide() {
        shown = false;
        watch.show(null);
      },
    };
  },
};
