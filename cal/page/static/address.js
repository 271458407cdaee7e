/**
 * The address of a view: what is shown can be shared as a link, and the browser's back button works.
 *
 * Keys: view (review, documents, progress, learning, disagreements, export, settings), queue, document (its number), filter (as
 * `cal annotate queue filter=` takes it), run, colour, epochs, sort, settle
 * (number of the document in disagreement that is in front).
 */

import {emit} from "./state.js";

/** The keys of the present address, all as text. */
export function current() {
  return Object.fromEntries(new URLSearchParams(location.search));
}

/**
 * Changes keys of the address; null removes one.
 *
 * @param {Object} changes keys and values.
 * @param {{replace?: boolean, silent?: boolean}} [how] `replace`: no new step for the back button; `silent`: no event.
 */
export function go(changes, {replace = false, silent = false} = {}) {
  const query = new URLSearchParams(location.search);
  for (const [key, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") query.delete(key);
    else query.set(key, String(value));
  }
  const address = query.size ? `/?${query}` : "/";
  if (address !== location.pathname + location.search) {
    history[replace ? "replaceState" : "pushState"](null, "", address);
  }
  if (!silent) emit("address", {address: current()});
}

/** The address of a view as a link. */
export function link(keys) {
  return `/?${new URLSearchParams(Object.entries(keys).map(([key, value]) => [key, String(value)]))}`;
}

addEventListener("popstate", () => emit("address", {address: current()}));

/** Follows links between views without loading the page again; a click for another tab stays the browser's. */
addEventListener("click", event => {
  const to = event.target instanceof Element ? event.target.closest('a[href^="/?"]') : null;
  if (!to || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  history.pushState(null, "", to.getAttribute("href"));
  emit("address", {address: current()});
});
