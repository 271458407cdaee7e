/** The keys of the card. */

import {go} from "./address.js";
import {action, shownKey} from "./keys.js";
import {showRefused} from "./refused.js";
import {emit, on} from "./state.js";
import {keeps} from "./words.js";

const VIEWS = ["review", "documents"];  // where the card can be

/** Registers the keys of the card; a key that is held down decides only once. */
export function registerKeys({does, decide, ready, inFront, deck, labelField, hideHints, guidelines, stepBy, back, history}) {
  const once = run => (event, key) => { if (!event.repeat) run(event, key); };
  const deciding = (name, key, told, what) => action(name, {keys: [key], view: VIEWS, told, when: ready,
    run: once((_, pressed) => decide(what, null, shownKey(pressed)))});

  action("keep", {keys: ["k"], view: VIEWS, told: "keep the given label, or accept what models suggest", when: () => ready() && keeps(deck.current()) !== null,
    run: once((_, pressed) => does.keep(shownKey(pressed)))});
  deciding("ambiguous", "a", "mark it ambiguous: more than one label fits", "ambiguous");
  deciding("exclude", "x", "exclude it from the corpus", "exclude");
  deciding("skip", "s", "skip it and leave it to somebody else", "skip");
  action("comment", {keys: ["c"], view: VIEWS, told: "write a comment", when: ready, run: once(does.comment)});
  action("undo", {keys: ["u"], view: VIEWS, told: "undo your last decision", when: inFront, run: once(does.undo)});

  for (let k = 1; k <= 9; k++) {
    action(`label ${k}`, {keys: [String(k)], view: VIEWS, group: "Labels", told: k === 1 ? "give it the likeliest label" : `give it the ${k}${
      ["st", "nd", "rd"][k - 1] ?? "th"} likeliest label`,
    when: () => ready() && deck.current().ranking.length >= k,
    run: once((_, pressed) => decide("relabel", deck.current().ranking[k - 1].label, shownKey(pressed)))});
  }
  action("choose label", {keys: ["l"], view: VIEWS, group: "Labels", told: "choose from all labels", when: ready, run: once(() => labelField(false))});
  action("new label", {keys: ["n"], view: VIEWS, group: "Labels", told: "give it a new label", when: ready, run: once(() => labelField(true))});

  const closer = {view: VIEWS, group: "Looking closer"}, moving = {view: VIEWS, group: "Moving around"};
  action("blind", {...closer, keys: ["b"], told: "blind mode: hide given labels and suggestions", when: inFront, run: once(hideHints)});
  action("guidelines", {group: "Looking closer", keys: ["g"], told: "open or close the guidelines", run: once(() => guidelines.toggle())});
  action("history", {...closer, keys: ["h"], told: "show the history of the document", when: ready, run: once(history)});
  action("next", {...moving, keys: ["ArrowDown"], told: "next document, without deciding", when: inFront, run: () => stepBy(1)});
  action("previous", {...moving, keys: ["ArrowUp"], told: "previous document", when: inFront, run: () => stepBy(-1)});
  action("back", {...moving, keys: ["Escape"], told: "back to the queue",
    when: () => inFront() && deck.isOpened() && !document.querySelector("dialog[open]"), run: back});
  action("search", {group: "Moving around", keys: ["/"], told: "search the documents",
    when: () => !!document.querySelector('#tabs [data-view="documents"]'),
    run: () => {
      go({view: "documents"});
      emit("search");
    }});
  on("show refused", showRefused);
}
