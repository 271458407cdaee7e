/** The page: its views, and what is around them. */

import {el, thousands} from "../map/dom.js";
import {current, go, link} from "./address.js";
import {cardIn} from "./card_place.js";
import {showHelp} from "./help.js";
import {action} from "./keys.js";
import {listen} from "./live.js";
import {complain, notice} from "./notices.js";
import {flush, tellWaiting} from "./outbox.js";
import {progressLine} from "./progress_line.js";
import {askName, begin, refresh} from "./session.js";
import {app, emit, on} from "./state.js";
import {applyTheme, toggleTheme} from "./theme.js";
import {offerTour} from "./tour.js";
import {views} from "./views/index.js";

const FREE_KEYS = ["F2", "F4", "F8", "F9"];  // browsers need the others: to reload, to find, to reach the address bar
const made = new Map();  // views that were opened: {root, view}

function build() {
  document.title = `${app.about.name} – cal`;
  document.getElementById("project").textContent = app.about.name;
  document.getElementById("tabs").replaceChildren(...views.map(each => el("a", {
    href: link({view: each.name}), "data-view": each.name,
    onclick: event => open(event, each.name),
  }, each.title, el("span", {class: "count"}))));
  const tabs = () => {
    for (const {name, when} of views) document.querySelector(`#tabs a[data-view="${name}"]`).hidden = !!when && !when();
  };
  tabs();
  on("about", tabs);
  on("learning", tabs);
  on("count", ({view, n}) => {
    const tab = document.querySelector(`#tabs a[data-view="${view}"] .count`);
    if (tab) tab.textContent = n ? ` ${thousands(n)}` : "";
  });
  const sent = el("button", {type: "button", class: "plain", id: "sent", hidden: true, onclick: () => emit("show refused")});
  on("outbox", ({waiting, refused, online}) => {
    sent.textContent = refused ? `${refused} refused` : waiting ? `${waiting} not sent yet` : "";
    sent.className = refused || !online ? "plain wrong" : "plain";
    sent.hidden = !refused && !waiting;
    sent.disabled = !refused;
    sent.title = online ? "" : "The server cannot be reached. What you decide is kept here and sent later.";
  });
  const who = el("button", {type: "button", class: "plain", id: "who", disabled: app.about.links, title: "Change your name",
    onclick: async () => { await askName(); await refresh(); location.reload(); }}, app.reviewer);
  document.getElementById("tools").replaceChildren(progressLine(event => open(event, "progress")), sent, who,
    el("button", {type: "button", class: "plain", "aria-label": "Light or dark", title: "Light or dark",
      onclick: toggleTheme}, "◐"),
    el("button", {type: "button", class: "plain", "aria-label": "Help", title: "Help: all keys (?)",
      onclick: () => emit("help")}, "?"));
}

/** Opens a view for a click on a link, unless the click is for another tab of the browser. */
function open(event, view) {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  go({view});
}

function show() {
  const wanted = views.find(each => each.name === current().view) ?? views[0];
  for (const tab of document.querySelectorAll("#tabs a")) {
    if (tab.dataset.view === wanted.name) {
      tab.setAttribute("aria-current", "page");
      tab.scrollIntoView({block: "nearest", inline: "center"});
    } else tab.removeAttribute("aria-current");
  }
  make(views[0]);  // its keys have names that others show, and it opens what others ask it to
  make(wanted);
  for (const [name, {root, view}] of made) {
    const shown = name === wanted.name;
    if (!shown && !root.hidden) view.hide?.();
    root.hidden = !shown;
    if (shown) Promise.resolve(view.show?.(current())).catch(complain);
  }
  document.body.dataset.view = wanted.name;
}

function make({name, title, create}) {
  if (made.has(name)) return;
  const root = el("section", {class: `view ${name}`, "aria-label": title, hidden: true});
  document.getElementById("main").append(root);
  made.set(name, {root, view: create(root)});
}

applyTheme();
try {
  await begin();
  build();
  on("address", show);
  on("help", showHelp);
  on("refused", ({error}) => notice(`Not recorded: ${error.message}`, {wrong: true}));
  for (const [k, each] of views.entries()) {
    action(`view ${each.name}`, {keys: FREE_KEYS.slice(k, k + 1), told: `open ${each.title}`, group: "Moving around",
      run: () => go({view: each.name})});
  }
  action("help", {keys: ["?"], told: "show all keys", group: "Moving around", run: () => emit("help")});
  cardIn(el("div"));  // its keys work in all views
  show();
  listen();
  tellWaiting();
  flush();
  offerTour();
  document.body.dataset.ready = "yes";
} catch (error) {
  document.getElementById("main").replaceChildren(el("section", {class: "view problem"},
    el("h2", {}, error.status === 401 ? "You need a link" : "The page cannot be shown"), el("p", {}, error.message)));
  document.body.dataset.ready = "failed";
}
