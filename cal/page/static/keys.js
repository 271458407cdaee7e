/**
 * Keys: actions by name, each with keys that a reviewer may change.
 *
 * A view registers an action with `action(name, {key, told, group, run, when})`; `keyFor` and `bindings` show the keys,
 * and `rebind` changes them. Nothing happens while somebody types into a field, except for Escape.
 *
 * Two actions may have the same key if they belong to different views. An action that does in one view what another
 * does elsewhere, such as keeping the given label, is registered with `same`, so that both have the same keys for ever.
 */

import {keep, setting} from "./state.js";

const actions = new Map();

/**
 * Registers an action.
 *
 * @param {string} name unique, for example "keep".
 * @param {{keys: string[], told: string, group?: string, view?: string, same?: string, when?: function(): boolean,
 *   run: function(KeyboardEvent, string): void}} about default keys (as KeyboardEvent.key, letters in lower case), what it
 *   does in words, the view or views in which it works (all, if it is left out), an action whose keys it shares, whether it can be
 *   used now, and what runs.
 */
export function action(name, about) {
  actions.set(name, {group: "Deciding", when: () => true, ...about, name});
}

/** The keys of an action. */
export function keysOf(name) {
  const about = actions.get(name);
  if (about?.same && actions.has(about.same)) return keysOf(about.same);
  return setting("keys", {})[name] ?? about?.keys ?? [];
}

/** All actions with keys of their own: [{name, told, group, view, keys, rebound}]. */
export function bindings() {
  return [...actions.values()].filter(each => !actions.has(each.same)).map(each => ({...each, keys: keysOf(each.name), rebound: each.name in setting("keys", {})}));
}

/**
 * Gives an action another key; null takes the usual ones again.
 *
 * @returns {string|null} why not: another action has that key; null if it was done.
 */
export function rebind(name, key) {
  const own = {...setting("keys", {})}, views = viewsOf(name), wanted = key === null ? actions.get(name)?.keys ?? [] : [key];
  for (const each of wanted) {
    const other = bindings().find(one => one.name !== name && one.keys.includes(each) && meet(views, viewsOf(one.name)));
    if (other) return `${shownKey(each)} is the key for: ${other.told}.`;
  }
  if (key === null) delete own[name];
  else own[name] = [key];
  keep("keys", Object.keys(own).length ? own : null);
  return null;
}

/** A key as people call it. */
export function shownKey(key) {
  const names = {ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", " ": "Space", Escape: "Esc"};
  return names[key] ?? (key.length === 1 ? key.toUpperCase() : key);
}

/** Runs the action of a key, if there is one that can be used now. */
export function press(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (typing(event.target) && key !== "Escape") return;
  if (document.querySelector("dialog[open]") && key !== "Escape") return;
  for (const each of actions.values()) {
    if (inFront(each) && keysOf(each.name).includes(key) && each.when()) {
      event.preventDefault();
      each.run(event, key);
      return;
    }
  }
}

function inFront({view}) {
  return !view || [view].flat().includes(document.body.dataset.view);
}

/** The views in which the keys of an action do something; null stands for all. */
function viewsOf(name) {
  return [...actions.values()].filter(each => each.name === name || each.same === name).flatMap(each => each.view ?? [null]);
}

function meet(some, others) {
  return some.includes(null) || others.includes(null) || some.some(view => others.includes(view));
}

function typing(node) {
  return node instanceof Element && node.closest("input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select, [contenteditable]");
}

addEventListener("keydown", press);
