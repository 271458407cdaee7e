/** What was decided, in words. */

import {short} from "../map/dom.js";
import {keysOf, shownKey} from "./keys.js";

/** States that decisions lead to. */
export const STATE_AFTER = {keep: "kept", relabel: "relabelled", ambiguous: "ambiguous", exclude: "excluded", skip: "skipped"};

/**
 * What was done: "kept ENTY", "gave it HUM".
 *
 * @param {string} action keep, relabel, ambiguous, exclude, skip or comment.
 * @param {string|null} label the label that was kept or given.
 * @param {number} [n] number of documents.
 */
export function done(action, label, n = 1) {
  const name = label ? ` ${short(label, 40)}` : "", it = n === 1 ? "it" : `${n.toLocaleString("en")} documents`;
  switch (action) {
    case "keep": return n === 1 ? `kept${name}` : `kept the labels of ${it}`;
    case "relabel": return `gave ${it}${name}`;
    case "ambiguous": return `marked ${it} ambiguous`;
    case "exclude": return `excluded ${it}`;
    case "skip": return `skipped ${it}`;
    case "comment": return `commented on ${it}`;
    default: return action;
  }
}

/**
 * The label that can be kept: the given one, one that was decided and is looked at again, or what other models agree on; null if
 * there is none.
 */
export function keeps(view) {
  if (view.hidden) return null;
  return view.given ?? (view.role === "check" ? view.label : null) ?? accepts(view);
}

/** The label that can be accepted because nothing is given and all models that say something say it; null if there is none. */
export function accepts(view) {
  if (view.hidden || view.given !== null || (view.role === "check" && view.label !== null)) return null;
  const said = new Set(view.suggestions.map(each => each.label));
  return said.size === 1 ? [...said][0] : null;
}

/** A probability for people: never "100%" or "0%", which no model knows. */
export function chance(p) {
  if (p === null || p === undefined || Number.isNaN(p)) return "";
  if (p > 0.994) return ">99%";
  if (p < 0.006) return "<1%";
  return `${Math.round(100 * p)}%`;
}

/** The key of an action as it is printed on buttons; empty if it has none. */
export function keyOf(name) {
  const [key] = keysOf(name);
  return key ? shownKey(key) : "";
}

/** When something happened, for people: the time today, otherwise the date, too. */
export function moment(time) {
  const date = new Date(time), today = new Date().toDateString() === date.toDateString();
  const clock = date.toLocaleTimeString("en-GB", {hour: "2-digit", minute: "2-digit"});
  return today ? clock : `${date.toLocaleDateString("en-GB", {day: "numeric", month: "short", year: "numeric"})}, ${clock}`;
}
