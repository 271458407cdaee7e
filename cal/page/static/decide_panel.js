/** The panel with which a document is decided: labels and actions, each with its key, and what the last key did. */

import {el} from "../map/dom.js";
import {link} from "./address.js";
import {shownColour} from "./label_colours.js";
import {app} from "./state.js";
import {accepts, chance, keeps, keyOf} from "./words.js";

const WITH_KEYS = 9, MOST = 12;  // labels with keys; labels of which all are shown
const ACTIONS = [
  ["keep", "Keep"], ["ambiguous", "Ambiguous"], ["exclude", "Exclude"], ["skip", "Skip"], ["new label", "New label"],
  ["comment", "Comment"], ["undo", "Undo"],
];
const TOLD = 2500;  // milliseconds for which the page says what a key did

/**
 * Makes the panel.
 *
 * @param {Object} does what buttons do: `label(name)`, and a function for each of the actions.
 * @returns {{root: HTMLElement, field: HTMLElement, draw: function, tell: function, idle: function}}
 */
export function createPanel(does) {
  const told = el("p", {class: "told", "aria-hidden": "true"}), spoken = el("p", {class: "only-heard", role: "status"});
  const labels = el("div", {class: "label-buttons", role: "group", "aria-label": "Labels, the likeliest first"});
  const field = el("div", {class: "panel-field"});
  const buttons = new Map(ACTIONS.map(([name, title]) => [name, el("button", {type: "button", class: `act act-${name.replace(" ", "-")}`,
    onclick: () => does[name]()}, el("kbd", {"aria-hidden": "true"}), el("span", {class: "act-name"}, title))]));
  const actions = el("div", {class: "act-buttons", role: "group", "aria-label": "Decisions"}, [...buttons.values()]);
  const root = el("div", {class: "panel"}, told, spoken, field, labels, actions);
  let timer = 0, rest = {words: "", wrong: false};

  function labelButton({label, p}, k, view) {
    const key = k < WITH_KEYS ? keyOf(`label ${k + 1}`) : "";
    const roles = [!view.hidden && label === view.given && "given", !view.hidden && label === view.suggestion?.label && "suggested"]
      .filter(Boolean);
    return el("button", {type: "button", class: ["give", ...roles].join(" "), style: {"--label": shownColour(label)},
      title: [label, ...roles].join(", "), "aria-label": [label, ...roles, chance(p)].filter(Boolean).join(", "),
      "aria-keyshortcuts": key || null, onclick: () => does.label(label)},
    key && el("kbd", {"aria-hidden": "true"}, key), el("span", {class: "give-name"}, el("bdi", {}, label)),
    p !== null && el("span", {class: "give-more"}, chance(p)));
  }

  /** In a project without labels, the button that makes the first one. */
  function firstLabel() {
    return el("button", {type: "button", class: "primary first-label", onclick: () => does["new label"]()},
      el("kbd", {"aria-hidden": "true"}, keyOf("new label")), " Give it the first label");
  }

  /** Where all labels that are known can be named at once. */
  function allLabels() {
    return el("p", {class: "quiet first-label-more"}, "There are no labels yet. You can also ",
      el("a", {href: link({view: app.about.learning ? "learning" : "settings"})}, "name those you know"), " before you begin.");
  }

  return {
    root,
    field,

    /** Shows the labels of a document; null disables everything but undo. */
    draw(view) {
      const at = [...labels.children].indexOf(document.activeElement);
      const shown = !view ? [] : view.ranking.length > MOST ? view.ranking.slice(0, WITH_KEYS) : view.ranking;
      const more = shown.length < (view?.ranking.length ?? 0) && el("button", {type: "button", class: "give more",
        onclick: () => does["choose label"]()}, el("kbd", {"aria-hidden": "true"}, keyOf("choose label")),
      el("span", {class: "give-name"}, `All ${view.ranking.length} labels`));
      root.classList.toggle("without-document", !view);
      labels.replaceChildren(...shown.map((each, k) => labelButton(each, k, view)), ...(more ? [more] : []),
        ...(view && !view.ranking.length ? [firstLabel(), allLabels()] : []));
      if (at >= 0) labels.children[Math.min(at, labels.children.length - 1)]?.focus();
      for (const [name, button] of buttons) {
        const key = keyOf(name);
        button.querySelector("kbd").textContent = key;
        if (key) button.setAttribute("aria-keyshortcuts", key);
        button.disabled = name !== "undo" && (!view || (name === "keep" && keeps(view) === null));
      }
      const kept = view && keeps(view), name = kept ? ` ${kept}` : "", verb = view && accepts(view) !== null ? "Accept" : "Keep";
      const fromNothing = !!view && view.role !== null && !view.hidden && !kept;
      buttons.get("keep").hidden = fromNothing;
      actions.classList.toggle("without-keep", fromNothing);
      buttons.get("keep").querySelector(".act-name").replaceChildren(verb, name && el("bdi", {class: "kept-name"}, name));
      buttons.get("keep").title = !view ? "" : view.hidden ? "In blind mode, choose a label" : kept === null
        ? "There is no label to keep" : `${verb}${name}`;
    },

    /** Says for a moment what a key or button did; a screen reader hears what comes next, too. */
    tell(key, words, {heard = "", quote = "", more = ""} = {}) {
      clearTimeout(timer);
      told.className = "told fresh";
      told.replaceChildren(...[key && el("kbd", {}, key), el("span", {}, words),
        quote && el("q", {dir: "auto"}, quote), more && el("span", {class: "told-more"}, more)].filter(Boolean));
      spoken.textContent = `${words}. ${heard}`;
      timer = setTimeout(() => {
        timer = 0;
        this.idle(rest.words, rest.wrong);
      }, TOLD);
    },

    /** What the line says while nothing was done just now. */
    idle(words, wrong = false) {
      rest = {words, wrong};
      if (timer) return;
      told.className = wrong ? "told wrong" : "told";
      told.replaceChildren(words);
    },
  };
}
