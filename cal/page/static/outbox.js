/**
 * The outbox: what is decided here is kept in the browser until the server has it on its disk.
 *
 * Every entry carries ids that this page has made, so that sending it again after a crash of either side doubles
 * nothing. Entries leave in their order, one at a time. One that the server refuses for good is kept aside and shown.
 */

import {send} from "./api.js";
import {app, emit, uuid} from "./state.js";

const WAITS = [500, 1000, 2000, 4000, 8000];  // milliseconds before trying again
const answers = new Map();  // key -> what this page has posted itself: {entry, resolve, reject}
const memory = new Map();  // where a browser keeps nothing
let busy = false, failures = 0, timer = 0, count = 0, online = true;

const prefix = kind => `cal:${kind}:${app.about.project}:${app.reviewer}:`;

/**
 * Puts something into the outbox.
 *
 * @param {string} path below /api/.
 * @param {Object} body with ids that this page has made.
 * @param {Object} [about] what the page wants to remember about it, such as {number, told}; it is not sent.
 * @returns {Promise<Object>} the answer, once it is safe; rejected if the server refuses it for good.
 */
export function post(path, body, about = {}) {
  const key = `${prefix("outbox")}${String(Date.now()).padStart(15, "0")}-${String(count++).padStart(6, "0")}-${uuid().slice(0, 8)}`;
  const entry = {path, body, about};
  put(key, entry);
  const answer = new Promise((resolve, reject) => answers.set(key, {entry, resolve, reject}));
  answer.catch(() => {});  // whoever does not listen is told by the notice
  tell();
  flush();
  return answer;
}

/** What waits, the first first. */
export function waiting() {
  return entries("outbox");
}

/** What the server has refused for good: [{key, path, body, about, message}]. */
export function refused() {
  return entries("refused");
}

/** Forgets what the server has refused. */
export function forget(key) {
  drop(key);
  tell();
}

/** Sends again what the server has refused. */
export function retry(key) {
  const entry = refused().find(each => each.key === key);
  if (!entry) return Promise.resolve(null);
  forget(key);
  return post(entry.path, entry.body, entry.about);
}

/** Tells how much waits, and how much was refused, as an earlier page may have left it. */
export function tellWaiting() {
  tell();
}

/** Sends what waits, also what an earlier page has left. */
export async function flush() {
  if (busy || !app.reviewer) return;
  busy = true;
  clearTimeout(timer);
  try {
    for (let next = first(); next; next = first()) {
      const promise = answers.get(next.key);
      try {
        const answer = await send(next.path, next.body);
        drop(next.key);
        promise?.resolve(answer);
      } catch (error) {
        if (error.passing || error.status === 401) throw error;
        put(next.key.replace("cal:outbox:", "cal:refused:"), {...next, key: undefined, message: error.message});
        drop(next.key);
        promise?.reject(error);
        emit("refused", {entry: next, error});
      }
      answers.delete(next.key);
      failures = 0;
      online = true;
      tell();
    }
  } catch (error) {
    online = error.status !== 0;
    timer = setTimeout(flush, WAITS[Math.min(failures++, WAITS.length - 1)]);
    tell(error.message);
  } finally {
    busy = false;
  }
}

/** What is sent next. What another window of this browser has sent is sent again, for its answer: nothing is doubled. */
function first() {
  const found = waiting(), keys = new Set(found.map(each => each.key));
  for (const [key, {entry}] of answers) if (!keys.has(key)) found.push({...entry, key});
  return found.sort((one, other) => one.key < other.key ? -1 : 1)[0];
}

function entries(kind) {
  const start = prefix(kind), keys = [...memory.keys()];
  try {
    for (let k = 0; k < localStorage.length; k++) keys.push(localStorage.key(k));
  } catch {
    // only what is in memory
  }
  return [...new Set(keys)].filter(key => key.startsWith(start)).sort()
    .map(key => ({...JSON.parse(memory.get(key) ?? localStorage.getItem(key)), key}));
}

function put(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {  // full, or forbidden
    memory.set(key, JSON.stringify(value));
  }
}

function drop(key) {
  memory.delete(key);
  try {
    localStorage.removeItem(key);
  } catch {
    // it was in memory
  }
}

function tell(message = "") {
  emit("outbox", {waiting: waiting().length, refused: refused().length, online, message});
}

addEventListener("online", flush);
addEventListener("focus", flush);
