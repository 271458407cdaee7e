/** Who reviews: the secret of a link opens a session; on one's own machine people say their name. */

import {el} from "../map/dom.js";
import {get, send} from "./api.js";
import {setLearning} from "./learning_now.js";
import {app, keep, setting} from "./state.js";

/** Fetches the facts about the project, after whoever reviews has said who they are. */
export async function begin() {
  const secret = new URLSearchParams(location.hash.slice(1)).get("token");
  if (secret) {
    history.replaceState(null, "", location.pathname + location.search);  // out of sight, and of the history
    await send("session", {token: secret});
  }
  app.reviewer = sessionStorage.getItem("cal:reviewer") ?? setting("reviewer", null);
  await refresh();
  if (!app.about.reviewer) {
    await askName();
    await refresh();
  }
}

/** Fetches the facts about the project again. */
export async function refresh() {
  app.about = await get("about");
  setLearning(app.about.learning);
  app.reviewer = app.about.reviewer;
}

/** Asks for a name; it is kept in this browser. */
export function askName() {
  return new Promise(resolve => {
    const name = el("input", {id: "name", name: "name", required: true, maxLength: 200, autocomplete: "name",
      value: app.reviewer ?? ""});
    const form = el("form", {method: "dialog"},
      el("h2", {}, "Who reviews?"),
      el("p", {}, "Your name is kept with each of your decisions."),
      el("label", {htmlFor: "name"}, "Name"), name,
      el("p", {class: "buttons"}, el("button", {class: "primary"}, "Start")));
    const dialog = el("dialog", {class: "small", "aria-label": "Who reviews?"}, form);
    dialog.addEventListener("cancel", event => { if (!app.reviewer) event.preventDefault(); });
    dialog.addEventListener("close", () => {
      if (name.value.trim()) {
        app.reviewer = name.value.trim();
        keep("reviewer", app.reviewer);
        sessionStorage.setItem("cal:reviewer", app.reviewer);
      }
      dialog.remove();
      resolve();
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
