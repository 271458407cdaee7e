/** The panel of guidelines: what labels mean in this project. Whoever leads the project can change them. */

import {el} from "../map/dom.js";
import {send} from "./api.js";
import {keyOf} from "./words.js";
import {markdown} from "./markdown.js";
import {complain, notice} from "./notices.js";
import {app, keep, on, setting} from "./state.js";

/** Makes the panel; `toggle` opens and closes it. */
export function createGuidelines() {
  const body = el("div", {class: "side-body", tabIndex: 0, role: "region", "aria-label": "Text of the guidelines"});
  const buttons = el("div", {class: "side-tools"});
  const panel = el("aside", {class: "side-panel", "aria-label": "Guidelines", hidden: true},
    el("header", {}, el("h2", {}, "Guidelines"), buttons), body);
  document.body.append(panel);
  let editing = false, before = null;

  function read() {
    editing = false;
    const text = app.about.guidelines;
    body.replaceChildren(text.trim() ? markdown(text) : el("p", {class: "quiet"}, app.about.leads
      ? "No guidelines yet. Write what each label means, with examples of hard cases."
      : "No guidelines yet. Whoever leads the project can write them."));
    buttons.replaceChildren(...(app.about.leads ? [el("button", {type: "button", onclick: edit}, "Edit")] : []),
      el("button", {type: "button", class: "plain", "aria-label": "Close the guidelines",
        title: `Close (${keyOf("guidelines")})`, onclick: () => toggle(false)}, "×"));
  }

  function edit() {
    editing = true;
    before = app.about.guidelines;
    const field = el("textarea", {class: "guidelines-text", "aria-label": "Guidelines in Markdown", value: before, maxLength: 200_000,
      spellcheck: true});
    const save = async () => {
      try {
        app.about.guidelines = (await send("guidelines", {guidelines: field.value, before}, {method: "PUT"})).guidelines;
        read();
        notice("The guidelines are saved.");
      } catch (error) {
        complain(error);
      }
    };
    body.replaceChildren(field, el("p", {class: "quiet"}, "Markdown: # heading, - list, **bold**, *italic*, `code`, [link](https://…)"));
    buttons.replaceChildren(el("button", {type: "button", onclick: read}, "Cancel"),
      el("button", {type: "button", class: "primary", onclick: save}, "Save"));
    field.focus();
  }

  function toggle(open = panel.hidden) {
    if (!open && editing && body.querySelector("textarea").value !== before) {
      notice("Save or cancel your changes of the guidelines first.");
      return;
    }
    panel.hidden = !open;
    document.body.classList.toggle("with-side-panel", open);
    keep("guidelines open", open || null);
    if (open) read();
  }

  on("about", () => { if (!panel.hidden && !editing) read(); });
  if (setting("guidelines open", false) && matchMedia("(min-width: 70rem)").matches) toggle(true);
  return {toggle, isOpen: () => !panel.hidden};
}
