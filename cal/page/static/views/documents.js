/** Documents: the list on the left, the document that was opened on the right. */

import {el} from "../../map/dom.js";
import {go} from "../address.js";
import {send} from "../api.js";
import {cardIn, hasCard} from "../card_place.js";
import {createRows} from "../document_rows.js";
import {createFilterBar} from "../filter_bar.js";
import {action} from "../keys.js";
import {complain} from "../notices.js";
import {openQueue} from "../queue_dialog.js";
import {createSelectionBar} from "../selection_bar.js";
import {on, setting} from "../state.js";

const PART = 200, MOST_AGAIN = 1000;

export const documents = {
  name: "documents",
  title: "Documents",
  create(root) {
    let address = {}, shown = false, key = "", next = null, asking = null, stale = false;
    const picked = new Set();
    let all = false, lastPicked = null, given = null;

    const told = el("span", {class: "documents-told", role: "status"});
    const bar = createFilterBar({change: changes => go(changes)});
    const selected = createSelectionBar({from: "list", clear: () => clear()});
    const rows = createRows({
      more, pick, isPicked: number => all || picked.has(number),
      open: row => go({document: row.number}),
      all: checked => {
        picked.clear();
        all = checked;
        tellSelection();
      },
    });
    const chosen = el("span", {class: "from-map", hidden: true});
    const tools = el("div", {class: "documents-tools"}, el("span", {}, told, " ", chosen),
      el("button", {type: "button", class: "make-queue", onclick: () => openQueue(filtered())}, "Make a queue of these…"));
    const list = el("div", {class: "documents-side"}, bar.root, el("div", {class: "documents-head"}, tools, selected.element), rows.root);
    const right = el("div", {class: "document-place"});
    root.append(el("h2", {class: "only-heard"}, "Documents"), list, right);

    /** What is in the list, as the server takes it. */
    function filtered() {
      const filter = address.filter ?? null;
      if (!given) return {filter, queue: address.queue ? Number(address.queue) : null};
      const both = given.filter && filter && given.filter !== filter ? `${given.filter} and ${filter}` : filter ?? given.filter;
      return {...given, filter: both};
    }

    const fetchPart = (after, signal) => send("list", {selection: filtered(), sort: address.sort ?? null, after, limit: PART,
      hidden: setting("hidden", false)}, {signal});

    /** Shows that the list holds what was selected on the map. */
    function drawGiven() {
      chosen.hidden = !given;
      chosen.replaceChildren("Selected on the map ", el("button", {type: "button", class: "plain", "aria-label": "Show all documents again",
        onclick: () => {
          given = null;
          drawGiven();
          load();
        }}, "×"));
    }

    /** Fetches the list from its beginning. */
    async function load() {
      asking?.abort();
      const mine = asking = new AbortController();
      next = null;
      told.textContent = "Looking …";
      root.classList.add("loading");
      try {
        const part = await fetchPart(null, mine.signal);
        if (asking !== mine) return;
        rows.reset({by: ["corpus", "queue"].includes(part.sort) ? null : part.sort});
        take(part);
        told.textContent = rows.told() || "";
        if (!part.rows.length) told.textContent = address.filter || address.queue || given ? "No document fits this filter." : "There are no documents yet.";
        rows.setOpened(address.document ? Number(address.document) : null);
      } catch (error) {
        if (error.name === "AbortError") return;
        rows.reset({by: null});
        rows.draw();
        told.textContent = "";
        if (error.status === 400 || error.status === 422) bar.complain(error.message);
        else complain(error);
      } finally {
        if (asking === mine) {
          asking = null;
          root.classList.remove("loading");
        }
      }
    }

    function take(part) {
      next = part.next;
      rows.add(part);
    }

    async function more() {
      if (asking || next === null) return;
      const mine = asking = new AbortController();
      let part = null;
      try {
        part = await fetchPart(next, mine.signal);
      } catch (error) {
        complain(error);
        next = null;
      }
      if (asking !== mine) return;
      asking = null;
      if (part) take(part);
    }

    /** Fetches again what is in the list, and leaves it where it is. */
    async function renew() {
      if (!shown) {
        stale = true;
        return;
      }
      stale = false;
      const top = rows.root.scrollTop, wanted = Math.min(MOST_AGAIN, rows.rows().length);
      await load();
      while (next !== null && rows.rows().length < wanted) {
        const before = rows.rows().length;
        await more();
        if (rows.rows().length === before) break;
      }
      rows.root.scrollTop = top;
    }

    function pick(row, on, range) {
      if (all) {  // everything but this one, as far as it was fetched
        all = false;
        rows.rows().forEach(each => picked.add(each.number));
      }
      const known = rows.rows(), from = range && lastPicked !== null ? known.findIndex(each => each.number === lastPicked) : -1;
      const to = known.indexOf(row), [a, b] = from < 0 ? [to, to] : [Math.min(from, to), Math.max(from, to)];
      for (let k = a; k <= b; k++) {
        if (on) picked.add(known[k].number);
        else picked.delete(known[k].number);
      }
      lastPicked = row.number;
      tellSelection();
    }

    function tellSelection() {
      rows.setAll(all);
      if (all) selected.show(filtered(), rows.total());
      else if (picked.size) selected.show({numbers: [...picked]}, picked.size);
      else selected.clear();
    }

    function clear() {
      picked.clear();
      all = false;
      lastPicked = null;
      tellSelection();
    }

    on("search", () => { if (shown) setTimeout(() => bar.focus()); });
    on("decided", ({numbers, state, label, undone, many, bulk}) => {
      if (many || bulk || undone) renew().catch(complain);
      else rows.change(numbers, row => ({state, label: label ?? row.label, came_back: null}));
    });
    on("changes", ({documents: changed, many}) => {
      if (many) renew().catch(complain);
      const now = new Map(changed.map(each => [each.number, each]));
      rows.change([...now.keys()], row => ({state: now.get(row.number).state, label: now.get(row.number).label}));
    });
    on("about", () => {
      bar.forget();
      if (shown) bar.draw(address);
    });
    on("hidden", () => { if (shown) load().catch(complain); });
    on("bulk", () => clear());
    on("list selection", ({selection}) => {
      given = selection;
      drawGiven();
      load().catch(complain);
    });
    on("step", step => {
      if (!shown || step.taken) return;
      const row = rows.beside(step.by);
      if (!row) return;
      step.taken = true;
      go({document: row.number}, {replace: true});
    });

    const alone = () => shown && !address.document;
    const moving = {view: "documents", group: "Moving around", when: alone};
    action("list down", {...moving, same: "next", keys: ["ArrowDown"], told: "next document in the list", run: () => rows.step(1)});
    action("list up", {...moving, same: "previous", keys: ["ArrowUp"], told: "previous document in the list", run: () => rows.step(-1)});
    action("open", {...moving, keys: ["Enter"], told: "open the document in the list", run: () => rows.open()});

    return {
      async show(keys) {
        shown = true;
        const before = key, closed = address.document && !keys.document;
        address = keys;
        key = JSON.stringify([keys.filter, keys.queue, keys.sort]);
        root.classList.toggle("with-document", !!keys.document);
        if (keys.document) await cardIn(right).show(keys);
        else if (hasCard(right)) cardIn(right).hide?.();
        rows.setOpened(keys.document ? Number(keys.document) : null);
        if (closed && key === before) rows.focus();
        if (key === before && !stale) return;
        bar.draw(keys);
        if (key !== before) clear();
        if (key === before) await renew();
        else await load();
      },
      hide() {
        shown = root.hidden ? shown : false;
        if (hasCard(right)) cardIn(right).hide?.();
      },
    };
  },
};
