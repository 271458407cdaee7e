/**
 * What all views share: facts about the project, who reviews, and events between the views.
 *
 * Events of the bus:
 * - `about` {}: facts were fetched again (labels, queues, runs, guidelines ...).
 * - `open` {number}: show this document in the card.
 * - `shown` {view}: the card shows this document; null if none.
 * - `step` {by, taken}: the reviewer wants the next document (by 1) or the previous one (by -1); a list that is in use
 *   opens it and sets `taken`, otherwise the card steps through the queue.
 * - `search` {}: focus the field that searches the documents.
 * - `help` {}: show all keys.
 * - `keys` {}: keys were rebound.
 * - `show refused` {}: show what the server has refused.
 * - `decided` {numbers, state, label, undone}: decided here, or taken back (`undone`), perhaps not yet at the server.
 * - `undone` {event}: the key for undoing takes back what this uuid did.
 * - `changes` {documents: [{number, state, label}], many, reviewers, labels}: from the server, ours included.
 * - `learning` {}: the worker of active learning does something else, as `app.about.learning` says.
 * - `selection` {selection, count, from}: a selection was made on the map or in the list; null if it was cleared.
 * - `address` {address}: the address of the view has changed.
 * - `outbox` {waiting, refused, online}: decisions that wait for the server.
 * - `progress` {line}: how far the project is, some seconds after it has changed.
 * - `count` {view, n}: a number beside the tab of a view; 0 for none.
 * - `tour` {}: start the tour.
 * - `hidden` {hidden}: given labels and suggestions are hidden, or shown again.
 * - `theme` {dark}: light or dark.
 */

/** @type {{about: Object, reviewer: string|null, shown: Object|null}} */
export const app = {about: null, reviewer: null, shown: null};

const target = new EventTarget();

/** Tells all listeners. */
export function emit(name, detail = {}) {
  target.dispatchEvent(new CustomEvent(name, {detail}));
}

/** Listens; returns a function that stops listening. */
export function on(name, listener) {
  const call = event => listener(event.detail);
  target.addEventListener(name, call);
  return () => target.removeEventListener(name, call);
}

/** The colour of a label in this project. */
export function labelColour(name) {
  return app.about?.labels.find(each => each.name === name)?.colour ?? "#8a939c";
}

/** A random UUID; `crypto.randomUUID` exists only where the page comes over HTTPS or from this machine. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map(each => each.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** A setting that this browser keeps, in JSON. */
export function setting(name, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(`cal:${name}`)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** Keeps a setting in this browser; null forgets it. */
export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(`cal:${name}`);
    else localStorage.setItem(`cal:${name}`, JSON.stringify(value));
  } catch {
    // a browser that keeps nothing still works, until it is closed
  }
}
