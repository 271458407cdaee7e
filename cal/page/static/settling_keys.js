/** Keys that settle a disagreement: those of the review, in their own view. */

import {action, shownKey} from "./keys.js";

/**
 * Registers the keys.
 *
 * @param {string} name name of the view.
 * @param {{does: Object, decide: function, step: function, view: function}} how what they do; `view` gives the document.
 */
export function registerSettlingKeys(name, {does, decide, step, view}) {
  const once = run => (event, key) => { if (!event.repeat) run(event, key); };
  const own = (same, key, told, run, when = () => !!view()) => action(`${name}: ${same}`, {same, keys: [key], view: name,
    group: "Settling disagreements", told, when, run: once(run)});

  own("keep", "k", "keep the given label", (_, key) => decide("keep", null, shownKey(key)), () => !!view() && view().given !== null);
  own("ambiguous", "a", "mark it ambiguous", (_, key) => decide("ambiguous", null, shownKey(key)));
  own("exclude", "x", "exclude it from the corpus", (_, key) => decide("exclude", null, shownKey(key)));
  own("skip", "s", "leave it for later", () => step(1));
  own("comment", "c", "write a comment", does.comment);
  own("undo", "u", "take back what you did last", does.undo, () => true);
  own("choose label", "l", "type any label", does["choose label"]);
  own("new label", "n", "give it a new label", does["new label"]);
  own("next", "ArrowDown", "next document", () => step(1));
  own("previous", "ArrowUp", "previous document", () => step(-1));
  for (let k = 1; k <= 9; k++) {
    own(`label ${k}`, String(k), `give it label ${k}`, (_, key) => decide("relabel", view().ranking[k - 1].label, shownKey(key)),
      () => !!view() && view().ranking.length >= k);
  }
}
