/**
 * The deck: the documents that come next, fetched while the reviewer reads, and one that was opened beside the queue.
 *
 * What was decided here but has not reached the server yet would be served again: it is left out until the server has it.
 */

import {get, send} from "./api.js";
import {flush, waiting} from "./outbox.js";
import {app, setting} from "./state.js";

const AHEAD = 10;  // documents in hand
const FEW = 6;  // with fewer, more are fetched
const AGAIN = 2000;  // milliseconds before another try while the server is away

/** What a reviewer who works blindly may see of a document. */
function withoutHints(view) {
  const ranking = app.about.labels.map(each => ({label: each.name, p: null}));
  return {...view, state: "undecided", came_back: null, given: null, label: null, suggestion: null, point: null, curves: null, neighbours: [], verdicts: [], suggestions: [],
    ranking, seen: {hidden: true}, hidden: true};
}

/**
 * Makes a deck.
 *
 * @param {function({same: boolean}): void} changed called when another document is in front, or (`same`) when what is
 *   known about it or about the queue has changed.
 */
export function createDeck(changed) {
  let tasks = [], at = 0, opened = null, opening = null, queue = null, started = false;
  let filling = null, again = false, timer = 0, batch;
  const gone = new Map();  // id of a document -> when it was decided here
  const state = {loading: true, away: false, error: null, left: null, queue: null};

  const current = () => opening ? null : opened ?? tasks[at] ?? null;

  function tell(before) {
    const now = current();
    changed({same: !!now && now.number === before?.number});
  }

  /** Ids of documents whose decisions wait for the server. */
  function pending() {
    const found = new Map();
    for (const {path, body} of waiting()) {
      if (path === "decisions") {
        for (const each of body.decisions) if (each.action !== "comment") found.set(each.id, each.document);
      } else if (path === "undo") found.delete(body.event);
    }
    return new Set(found.values());
  }

  /** Fetches what is missing. */
  function fill() {
    if (filling) {
      again = true;
      return filling;
    }
    clearTimeout(timer);
    filling = fetchTasks().finally(() => {
      filling = null;
      if (again) {
        again = false;
        fill();
      }
    });
    return filling;
  }

  async function fetchTasks() {
    const asked = queue, hidden = setting("hidden", false), sent = pending(), start = performance.now();
    const chosen = app.about.learning?.batch ?? null, shown = current()?.number ?? null;
    try {
      const answer = await send("tasks", {queue: asked, n: Math.min(50, AHEAD + sent.size), hidden, fresh: chosen !== batch && chosen !== null, shown});
      batch = chosen;
      if (asked !== queue || hidden !== setting("hidden", false)) {
        again = true;
        return;
      }
      const later = pending();
      const isNew = each => !sent.has(each.document) && !later.has(each.document) && !(gone.get(each.document) >= start);
      Object.assign(state, {loading: false, away: false, error: null, left: answer.left, queue: answer.queue});
      take(answer.tasks.filter(isNew));
    } catch (error) {
      const before = current();
      Object.assign(state, {loading: false, away: error.status === 0, error: error.status === 0 ? null : error.message});
      if (error.passing) timer = setTimeout(fill, AGAIN);
      tell(before);
    }
  }

  /** Takes what the server has sent; the document in front stays where it is. */
  function take(fresh) {
    const before = current(), front = tasks[at];
    tasks = fresh;
    if (front) {
      const found = fresh.findIndex(each => each.number === front.number);
      if (found >= 0) at = found;
      else tasks.splice(at = Math.min(at, fresh.length), 0, front);
    } else at = 0;
    tell(before);
  }

  /** Removes documents from what comes next. */
  function drop(numbers) {
    const before = current(), gone = new Set(numbers), front = tasks[at];
    const earlier = tasks.slice(0, at).filter(each => gone.has(each.number)).length;
    tasks = tasks.filter(each => !gone.has(each.number));
    at -= earlier;
    if (at >= tasks.length) at = 0;
    if (opened && gone.has(opened.number)) opened = null;
    if (tasks.length < FEW) fill();
    if (before !== current() || front !== tasks[at]) tell(before);
  }

  return {
    state,
    current,
    fill,
    drop,
    tasks: () => tasks,
    place: () => at,
    isOpened: () => !!opened || !!opening,
    isOpening: () => !!opening,

    /** Shows a queue; null takes the latest. Nothing happens if it is shown already. */
    start(number) {
      if (started && number === queue) return;
      started = true;
      Object.assign(state, {loading: true, left: null});
      [queue, tasks, at] = [number, [], 0];
      fill();
    },

    /** Lets the documents in hand have a label that is new. */
    addLabel(name) {
      for (const each of opened ? [opened, ...tasks] : tasks) {
        if (!each.ranking.some(({label}) => label === name)) each.ranking.push({label: name, p: null});
      }
    },

    /** Takes the document in front out of the deck, because it was decided. */
    decided(view) {
      gone.set(view.document, performance.now());
      drop([view.number]);
    },

    /** The document that comes, or came, this many places further; whether there is one. */
    step(by) {
      if (opened || !tasks[at + by]) return false;
      at += by;
      changed({same: false});
      return true;
    },

    /** Opens a document beside the queue. */
    async open(number) {
      if (opened?.number === number && !opening) return;
      const before = current(), ask = opening = {number};
      try {
        const view = await get("document", {number, hidden: setting("hidden", false)});
        if (opening !== ask) return;
        [opened, opening] = [view, null];
        tell(before);
      } catch (error) {
        if (opening === ask) opening = null;
        tell(before);
        throw error;
      }
    },

    /** Goes back to the queue. */
    close() {
      if (!opened && !opening) return;
      opened = opening = null;
      changed({same: false});
    },

    /** Puts a document in front whose decision was undone. */
    async bring(number) {
      await flush();
      gone.clear();
      const before = current();
      const [answer, view] = await Promise.all([
        send("tasks", {queue, n: AHEAD, hidden: setting("hidden", false)}),
        get("document", {number, hidden: setting("hidden", false)})]);
      const served = answer.tasks.find(each => each.number === number);
      const late = pending();
      tasks = answer.tasks.filter(each => !late.has(each.document));
      Object.assign(state, {left: answer.left, away: false});
      if (served) [opened, at] = [null, Math.max(0, tasks.indexOf(served))];
      else opened = view;
      if (at >= tasks.length) at = 0;
      tell(before);
      return !!served;
    },

    /** Puts a document in front that is still in memory, while the server is away. */
    putBack(known) {
      const view = setting("hidden", false) && !known.hidden ? withoutHints(known) : known;
      gone.delete(view.document);
      opening = null;
      if (view.queue === null) {
        opened = view;
        changed({same: false});
        return;
      }
      opened = null;
      if (!tasks.some(each => each.number === view.number)) tasks.splice(at, 0, view);
      at = tasks.findIndex(each => each.number === view.number);
      changed({same: false});
    },

    /** Fetches everything again, also the document in front. */
    async renew() {
      const number = opened?.number;
      fill();
      if (number === undefined) return;
      const view = await get("document", {number, hidden: setting("hidden", false)});
      if (opened?.number !== number) return;
      const before = opened;
      opened = view;
      tell(before);
    },

    /** Hides at once what a reviewer who works blindly must not see. */
    hideHints() {
      tasks = tasks.map(withoutHints);
      if (opened) opened = withoutHints(opened);
      changed({same: true});
    },
  };
}
