/** Learning: what the worker does, how right the model is, and what was found so far. */

import {el} from "../../map/dom.js";
import {get} from "../api.js";
import {setLearning} from "../learning_now.js";
import {accuracySection, batchesSection, labelsSection, slipsSection, stageSection, stopSection} from "../learning_parts.js";
import {beginSection} from "../learning_begin.js";
import {complain} from "../notices.js";
import {app, on} from "../state.js";

const SOON = 1500;  // milliseconds

export const learning = {
  name: "learning",
  title: "Learning",
  when: () => !!app.about.learning || app.about.may_learn,
  create(root) {
    const top = el("div"), rest = el("div", {class: "progress-rest"}, el("p", {class: "muted"}, "Loading …"));
    root.append(el("h2", {class: "only-heard"}, "Learning"), el("div", {class: "progress-page learning-page"}, top, rest));
    let shown = false, timer = 0, stage = null;

    async function refresh() {
      clearTimeout(timer);
      timer = 0;
      try {
        draw(await get("learning"));
      } catch (error) {
        complain(error);
      }
    }

    function draw(found) {
      setLearning(found.learning?.line ?? null);
      const before = root.querySelector("[data-key=add]"), typed = before?.value ?? "", focused = before === document.activeElement && !!before;
      const open = [...root.querySelectorAll("details[open]")].map(each => each.dataset.name);
      if (!found.learning) {
        top.replaceChildren(beginSection(found, refresh));
        rest.replaceChildren();
        stage = null;
        return;
      }
      drawStage(found);
      const {learning: of} = found;
      rest.replaceChildren(el("div", {class: "column"}, accuracySection(of)),
        el("div", {class: "column"}, labelsSection(of, refresh), stopSection(of), slipsSection(of)), batchesSection(of));
      for (const each of root.querySelectorAll("details")) each.open = open.includes(each.dataset.name);
      const field = root.querySelector("[data-key=add]");
      field.value = typed;
      if (focused) field.focus();
    }

    /** Draws what the worker does, only if it does something else: a focus in it stays. */
    function drawStage(found) {
      const {line} = found.learning, key = JSON.stringify([{...line, seconds: 0, at: 0}, found.starts, found.starting]);
      if (key === stage) return;
      stage = key;
      top.replaceChildren(stageSection(found, refresh));
    }

    const later = () => { if (shown) timer ||= setTimeout(() => { timer = 0; if (shown) refresh(); }, SOON); };
    for (const each of ["learning", "about", "changes", "decided"]) on(each, later);
    return {
      show() {
        shown = true;
        return refresh();
      },
      hide() {
        shown = false;
      },
    };
  },
};
