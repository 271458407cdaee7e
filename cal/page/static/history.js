/** The history of a document, on demand. */

import {el, short} from "../map/dom.js";
import {get} from "./api.js";
import {labelChip} from "./card_document.js";
import {complain} from "./notices.js";
import {setting} from "./state.js";
import {done, moment} from "./words.js";

/** Shows what has happened to a document. */
export async function showHistory(number) {
  let found;
  try {
    found = await get("history", {number, hidden: setting("hidden", false)});
  } catch (error) {
    complain(error);
    return;
  }
  const dialog = el("dialog", {class: "history", "aria-label": "History of the document"},
    el("header", {}, el("h2", {}, "History of ", el("bdi", {}, short(found.document, 60))),
      el("button", {type: "button", class: "plain", "aria-label": "Close", onclick: () => dialog.close()}, "×")),
    found.only_mine && el("p", {class: "quiet"}, "What others did is hidden while you decide without seeing it."),
    found.given.length > 0 && el("p", {}, found.given.length > 1 ? "Given labels, by import: " : "Given label: ",
      found.given.map((each, k) => [k > 0 && " → ", each === null ? el("em", {}, "none") : labelChip(each)])),
    found.events.length ? el("ol", {class: "events"}, found.events.map(event)) : el("p", {}, "Nobody has decided anything about it yet."),
    found.earlier.length > 0 && el("section", {}, el("h3", {}, "Earlier texts"),
      found.earlier.map(each => el("div", {}, el("p", {class: "quiet"}, `Until ${moment(each.changed)}`),
        el("p", {class: "earlier", dir: "auto"}, short(each.text, 2000))))));
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function event(each) {
  const what = each.action === "undo" ? "took a decision back" : each.action === "return" ? "brought it back" : done(each.action, each.label);
  const more = [each.bulk && "with others", each.seconds !== null && `${Math.round(10 * each.seconds) / 10} s`,
    each.source && `from ${short(each.source, 60)}`, each.undone && "taken back"].filter(Boolean);
  return el("li", {class: each.undone ? "undone" : null}, el("time", {dateTime: each.time}, moment(each.time)), " ",
    el("strong", {}, el("bdi", {}, each.reviewer)), ` ${what}`, more.length > 0 && el("span", {class: "quiet"}, ` (${more.join(", ")})`),
    each.comment && el("q", {class: "comment-said", dir: "auto"}, each.comment));
}
