/** The list of labels: their colours, names, order, and how many documents have them. Whoever leads can change them. */

import {counted, el, thousands} from "../map/dom.js";
import {get, send} from "./api.js";
import {link} from "./address.js";
import {complain, notice} from "./notices.js";
import {app} from "./state.js";

/**
 * Fills a root with the list.
 *
 * @param {HTMLElement} root where it goes.
 * @returns {{refresh: function(): Promise<void>}}
 */
export function createLabels(root) {
  const list = el("ol", {class: "labels-list"}), field = el("input", {maxLength: 200, required: true, placeholder: "New label",
    "aria-label": "Name of a new label"});
  const adding = el("form", {class: "adding", onsubmit: add}, field, el("button", {}, "Add"));
  root.append(list);
  let labels = [], renaming = false;

  async function refresh() {
    const found = (await get("labels")).labels;
    if (renaming) labels = found;  // what somebody types stays
    else draw(found);
  }

  /** Sends a change; the list is drawn again with what is so now. */
  async function change(path, body, told) {
    try {
      draw((await send(path, body)).labels);
      notice(told);
    } catch (error) {
      complain(error);
      refresh().catch(complain);
    }
  }

  function draw(found) {
    const focused = list.contains(document.activeElement) ? document.activeElement.dataset.key : null, scrolled = list.scrollTop;
    [labels, renaming] = [found, false];
    if (!app.about.leads) adding.remove();
    else if (!adding.isConnected) root.append(adding);
    list.replaceChildren(...labels.map(row));
    list.scrollTop = scrolled;
    if (focused) [...list.querySelectorAll("[data-key]")].find(each => each.dataset.key === focused)?.focus();
  }

  function row(label, k) {
    const {name, colour, n_now: now, n_given: given} = label;
    const count = el("a", {class: "label-count", href: link({view: "documents", filter: `label=${quoted(name)}`})}, counted(now, "document"));
    const before = now === given ? null : el("span", {class: "muted"}, `given to ${thousands(given)}`);
    if (!app.about.leads) {
      return el("li", {}, el("span", {class: "label-colour", style: {background: colour}}), el("bdi", {class: "label-name"}, name),
        before, count);
    }
    const button = (title, text, run, more = {}) => el("button", {type: "button", class: "plain", title: `${title} ${name}`,
      "aria-label": `${title} ${name}`, "data-key": `${title} ${name}`, onclick: run, ...more}, text);
    const pick = el("input", {type: "color", value: colour, title: `Colour of ${name}`, "aria-label": `Colour of ${name}`,
      onchange: () => change("labels/recolour", {name, colour: pick.value}, `${name} has a new colour.`)});
    const item = el("li", {draggable: true}, pick, el("bdi", {class: "label-name"}, name), before, count,
      el("span", {class: "label-tools"},
        button("Move up", "↑", () => move(k, k - 1), {disabled: k === 0}),
        button("Move down", "↓", () => move(k, k + 1), {disabled: k === labels.length - 1}),
        button("Rename", "Rename", () => rename(item, label)),
        button("Merge", "Merge…", () => merge(label), {disabled: labels.length < 2})));
    item.addEventListener("dragstart", event => {
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("application/x-label", String(k));
    });
    item.addEventListener("dragover", event => {
      if (event.dataTransfer.types.includes("application/x-label")) event.preventDefault();
    });
    item.addEventListener("drop", event => {
      event.preventDefault();
      move(Number(event.dataTransfer.getData("application/x-label")), k);
    });
    return item;
  }

  function move(from, to) {
    if (from === to || !labels[from]) return;
    const names = labels.map(each => each.name);
    names.splice(to, 0, ...names.splice(from, 1));
    change("labels/reorder", {names}, `${names[to]} is now number ${to + 1}.`);
  }

  function rename(item, {name}) {
    const input = el("input", {value: name, maxLength: 200, required: true, "aria-label": `New name of ${name}`});
    const form = el("form", {class: "rename", onsubmit: event => {
      event.preventDefault();
      const to = input.value.trim();
      if (to && to !== name) change("labels/rename", {old: name, new: to}, `${name} is now called ${to}, also in past decisions.`);
      else draw(labels);
    }}, input, el("button", {class: "primary"}, "Save"), el("button", {type: "button", onclick: () => draw(labels)}, "Cancel"));
    input.addEventListener("keydown", event => { if (event.key === "Escape") draw(labels); });
    if (renaming) draw(labels);
    renaming = true;
    item = list.children[labels.findIndex(each => each.name === name)] ?? item;
    item.draggable = false;
    item.replaceChildren(form);
    input.select();
  }

  function merge({name, n_either: count}) {
    const target = el("select", {id: "merge-into"}, labels.filter(each => each.name !== name)
      .map(each => el("option", {value: each.name}, each.name)));
    const form = el("form", {method: "dialog"}, el("h2", {}, `Merge ${name}`),
      el("label", {htmlFor: "merge-into"}, "Into"), target,
      el("p", {}, count ? `${counted(count, "document")} that ${count === 1 ? "has" : "have"} the label ${name}, in the corpus or by a `
        + "decision, will have the other label. " : `No document has the label ${name}. `,
      "Disagreements between these two labels end. You cannot undo this."),
      el("p", {class: "buttons"}, el("button", {value: "no"}, "Cancel"),
        el("button", {class: "primary", value: "yes"}, `Merge ${counted(count, "document")}`)));
    const dialog = el("dialog", {class: "small", "aria-label": `Merge ${name}`}, form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (dialog.returnValue !== "yes") return;
      change("labels/merge", {old: name, into: target.value, count}, `${name} was merged into ${target.value}.`);
    });
    document.body.append(dialog);
    dialog.showModal();
    target.focus();
  }

  async function add(event) {
    event.preventDefault();
    const name = field.value.trim();
    if (!name) return;
    if (labels.some(each => each.name === name)) {
      notice(`There is a label ${name} already.`, {wrong: true});
      return;
    }
    try {
      await send("labels", {name});
      field.value = "";
      await refresh();
      notice(`Label ${name} was added.`);
    } catch (error) {
      complain(error);
    }
  }

  return {refresh};
}

function quoted(text) {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
