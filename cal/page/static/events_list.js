/** What has happened in the project: who did what, when; one's own decisions can be taken back. */

import {counted, el, short} from "../map/dom.js";
import {get} from "./api.js";
import {link} from "./address.js";
import {confirmed} from "./confirm.js";
import {complain, notice} from "./notices.js";
import {post} from "./outbox.js";
import {uuid} from "./state.js";
import {done, moment} from "./words.js";

/**
 * Fills a root with the latest events.
 *
 * @param {HTMLElement} root where they go.
 * @returns {{refresh: function(): Promise<void>}}
 */
export function createEvents(root) {
  const list = el("ol", {class: "events-list"}), more = el("button", {type: "button", hidden: true, onclick: () => fetchMore().catch(complain)}, "Earlier");
  root.append(list, more);
  let before = null, latest = null;

  async function refresh() {
    const found = await get("events");
    if (latest === JSON.stringify(found.events)) return;
    latest = JSON.stringify(found.events);
    list.replaceChildren(...found.events.map(item));
    if (!found.events.length) list.append(el("li", {class: "muted"}, "Nothing has happened yet."));
    went(found);
  }

  async function fetchMore() {
    const found = await get("events", {before});
    list.append(...found.events.map(item));
    went(found);
  }

  function went(found) {
    before = found.before;
    more.hidden = before === null;
  }

  function item(event) {
    return el("li", {class: event.undone ? "undone" : null},
      el("time", {dateTime: event.time, class: "muted"}, moment(event.time)), el("span", {class: "event-told"},
        el("strong", {}, el("bdi", {}, event.reviewer === "cal" ? "An import" : event.reviewer)), " ", told(event),
        event.comment ? [" ", el("q", {dir: "auto"}, event.comment)] : null, event.undone ? el("em", {}, " (taken back)") : null),
      event.mine ? el("button", {type: "button", class: "plain", onclick: () => takeBack(event)}, "Undo") : null);
  }

  async function takeBack(event) {
    if (event.bulk && !await confirmed(`Take back the decision about ${counted(event.n, "document")}?`, {yes: "Take it back"})) return;
    try {
      const found = await post("undo", {id: uuid(), event: event.id});
      notice(`Taken back for ${counted(found.n_documents, "document")}.`);
      await refresh();
    } catch (error) {
      complain(error);
    }
  }

  return {refresh};
}

/** What an event was, as the end of a sentence that begins with who it was. */
function told(event) {
  const {action, n, label, source} = event, before = event.old ?? "no label", after = event.new;
  const about = event.document === null ? null : [": ", el("a", {href: link({view: "review", document: event.number})}, short(event.document, 60))];
  switch (action) {
    case "decide": return event.blind ? ["decided, and a second reviewer has still to", about]
      : source ? `brought ${counted(n, "answer")} from ${short(source, 60)}` : `decided ${counted(n, "document")}`;
    case "undo": return ["took back a decision", about];
    case "return": return n > 1 ? `brought ${counted(n, "decided document")} back` : ["brought a decided document back", about];
    case "guidelines": return "changed the guidelines";
    case "add_label": return n > 1 ? `added ${counted(n, "label")}` : `added the label ${after}`;
    case "rename_label": return `renamed the label ${before} to ${after}`;
    case "recolour_label": return `gave the label ${label} another colour`;
    case "reorder_labels": return "put the labels into another order";
    case "merge_labels": return `merged the label ${before} into ${after}`;
    default: {
      const words = [done(action, event.n === 1 || action === "relabel" ? after : null, n), event.adjudicates ? ", which settles a disagreement" : ""];
      if (action === "relabel" && n === 1) words.push(` instead of ${before}`);
      return [words, source ? ` (from ${short(source, 60)})` : "", about];
    }
  }
}
