/** The bar above the list of documents: search, choices, and the filter as text. */

import {el} from "../map/dom.js";
import {get} from "./api.js";
import {parseFilter, valuesOf, withCondition} from "./filter_text.js";
import {app} from "./state.js";
import {stateName} from "./state_names.js";

const OPERATORS = [[">=", "at least"], ["<=", "at most"], ["=", "is"], ["!=", "is not"]];
const WAIT = 350;  // milliseconds after the last letter

/**
 * Makes the bar.
 *
 * @param {{change: function(Object): void}} how `change` gets the keys of the address that change.
 * @returns {{root: HTMLElement, draw: function(Object): void, complain: function(string): void, focus: function(): void}}
 */
export function createFilterBar({change}) {
  let address = {}, timer = 0, scores = null;
  const filter = () => address.filter ?? "";
  const set = (name, operator, values, also) => change({filter: withCondition(filter(), name, operator, values, also)});

  const search = el("input", {type: "search", id: "search", placeholder: "Search the texts", autocomplete: "off",
    "aria-label": "Search the texts", oninput: () => {
      clearTimeout(timer);
      timer = setTimeout(find, WAIT);
    }, onkeydown: event => { if (event.key === "Enter") find(); }});
  const find = () => {
    clearTimeout(timer);
    if (search.value !== (valuesOf(filter(), "text", "~")[0] ?? "")) set("text", "~", search.value ? [search.value] : null);
  };
  const choices = el("div", {class: "choices"});
  const typed = el("input", {id: "filter-text", class: "code", spellcheck: false, autocomplete: "off", placeholder: "all documents",
    "aria-label": "Filter as text", "aria-describedby": "filter-wrong", onkeydown: event => {
      if (event.key === "Enter") change({filter: typed.value.trim() || null});
    }});
  const wrong = el("p", {id: "filter-wrong", class: "wrong", role: "alert"});
  const sort = el("select", {id: "sort", "aria-label": "Sort by", onchange: () => change({sort: sort.value || null})});
  const filters = el("button", {type: "button", class: "filters", "aria-expanded": "false", onclick: () => {
    const open = root.classList.toggle("open");
    filters.setAttribute("aria-expanded", String(open));
  }}, "Filters");
  const more = el("details", {class: "more-filters"}, el("summary", {}, "More"));
  more.addEventListener("toggle", () => { if (more.open) drawMore(); });
  more.addEventListener("keydown", event => {
    if (event.key !== "Escape" || !more.open) return;
    event.stopPropagation();
    more.open = false;
    more.firstChild.focus();
  });
  const root = el("form", {class: "filter-bar", role: "search", "aria-label": "Documents to show", onsubmit: event => event.preventDefault()},
  el("div", {class: "filter-row"}, search, filters, choices, more),
  el("div", {class: "filter-row as-text"}, el("label", {htmlFor: "filter-text"}, "Filter"), typed,
    el("button", {type: "button", class: "plain clear", onclick: () => change({filter: null, queue: null})}, "Clear"),
    el("span", {"aria-hidden": "true", class: "sort-told"}, "Sort by"), sort), wrong);

  function choice(title, name, options, field = name[0].toUpperCase() + name.slice(1)) {
    const values = valuesOf(filter(), name), several = values.length > 1;
    const shown = options.some(([value]) => value === values[0]) || !values.length || several ? options : [...options, [values[0], values[0]]];
    return el("select", {"aria-label": title, class: values.length ? "set" : "", onchange: event => {
      if (event.target.value !== "several") set(name, "=", event.target.value === "any" ? null : [JSON.parse(event.target.value)]);
    }}, el("option", {value: "any"}, title), several && el("option", {value: "several", selected: true}, `${title}: several`),
    shown.map(([value, told]) => el("option", {value: JSON.stringify(value), selected: !several && values[0] === value},
      !several && values[0] === value ? `${field}: ${told}` : told)));
  }

  function queueChoice() {
    return el("select", {"aria-label": "Queue", class: address.queue ? "set" : "", onchange: event => change({queue: event.target.value || null,
      sort: null})}, el("option", {value: ""}, "All documents"), app.about.queues.map(each =>
      el("option", {value: each.number, selected: String(each.number) === address.queue}, `Queue: ${each.name}`)));
  }

  function drawChoices() {
    const {about} = app, labels = [...about.labels.map(each => [each.name, each.name]), ["", "none"]];
    const states = [["undecided", "Undecided"], ["decided", "Decided"], ...about.states.filter(each => each !== "undecided")
      .map(each => [each, stateName(each)]), ["returned", "Came back"]];
    choices.replaceChildren(...[about.queues.length && queueChoice(), choice("Any state", "state", states),
      choice("Any given label", "given", labels, "Given label"), about.runs.length && choice("Any suggestion", "suggested", labels, "Suggestion"),
      about.runs.some(each => each.has_points) && choice("Any region", "region", about.regions.map(each => [each, each])),
      about.splits.length > 1 && choice("Any split", "split", about.splits.map(each => [each, each])),
      about.reviewers.length && choice("Any reviewer", "reviewer", about.reviewers.map(each => [each, each]))].filter(Boolean));
  }

  /** A condition on a score or a column. */
  async function drawMore() {
    const known = await scoresOnce();
    const columns = Object.keys(app.about.columns).filter(each => !known.some(score => score.name === each || score.name === `column.${each}`));
    const name = el("select", {"aria-label": "Score or column"},
      known.filter(each => !each.empty).map(each => el("option", {value: each.name}, inWords(each))),
      columns.map(each => el("option", {value: each}, `Column ${each}`)));
    const operator = el("select", {"aria-label": "How it compares"}, OPERATORS.map(([sign, told]) => el("option", {value: sign}, told)));
    const value = el("input", {"aria-label": "Value", class: "value", required: true});
    const add = el("button", {type: "button", onclick: () => {
      if (!value.value.trim()) return value.focus();
      more.open = false;
      set(name.value, operator.value, [value.value.trim()], operator.value === "!=");
    }}, "Add");
    value.addEventListener("keydown", event => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      add.click();
    });
    more.replaceChildren(more.querySelector("summary"), el("div", {class: "popover"}, el("p", {}, "Only documents with"), name, operator, value, add));
  }

  async function scoresOnce() {
    scores ??= (await get("scores")).scores;
    return scores;
  }

  async function drawSort() {
    const usual = address.queue ? "Order of the queue" : "Order of the corpus";
    const options = [["", usual]];
    if (!scores) sort.replaceChildren(el("option", {value: ""}, address.sort ?? usual));
    const known = await scoresOnce();
    for (const each of known.filter(one => !one.empty)) options.push([each.name, inWords(each)]);
    const now = address.sort ?? "", sign = /^[+-]/.test(now);
    if (sign || !options.some(([value]) => value === now)) options.push([now, now]);
    sort.replaceChildren(...options.map(([value, told]) => el("option", {value, selected: value === now}, told)));
  }

  return {
    root,
    focus() {
      search.focus();
      search.select();
    },
    /** Shows the keys of the address. */
    draw(keys) {
      address = keys;
      wrong.textContent = "";
      if (document.activeElement !== search) search.value = valuesOf(filter(), "text", "~")[0] ?? "";
      if (document.activeElement !== typed || parseFilter(typed.value) !== null) typed.value = filter();
      typed.removeAttribute("aria-invalid");
      drawChoices();
      drawSort().catch(error => { wrong.textContent = error.message; });
    },
    complain(message) {
      wrong.textContent = message;
      typed.setAttribute("aria-invalid", "true");
    },
    /** Forgets the scores, because something was imported. */
    forget() {
      scores = null;
    },
  };
}

/** A score in words, and its name in filters. */
function inWords({name, told}) {
  return `${told[0].toUpperCase()}${told.slice(1)} (${name})`;
}
