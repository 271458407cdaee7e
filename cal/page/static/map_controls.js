/** What people choose about the map: the run, the colour, the number of epochs. */

import {el} from "../map/dom.js";

const GROUPS = {map: "Map", labels: "Labels", reviews: "Reviews", suspects: "Suspicion", columns: "Columns of the corpus",
  measures: "Other measures"};

/** The controls above a map. Events: `run` {run}, `colour` {colour}, `epochs` {epochs, playing}. */
export class MapControls extends EventTarget {
  #timer = 0;

  constructor() {
    super();
    this.run = el("select", {id: "map-run", onchange: () => this.#stepRun(0)});
    this.colour = el("select", {id: "map-colour", onchange: () => this.#tell("colour", {colour: this.colour.value})});
    this.slider = el("input", {type: "range", id: "map-epochs", min: 1, step: 1, oninput: () => this.#slide()});
    this.said = el("output", {class: "epochs-said", htmlFor: "map-epochs"});
    this.play = el("button", {type: "button", class: "plain play", onclick: () => this.#toggle()});
    const step = (by, text, title) => el("button", {type: "button", class: "plain run-step", title, "aria-label": title,
      onclick: () => this.#stepRun(by)}, text);
    this.steps = [step(-1, "‹", "Earlier map"), step(1, "›", "Later map")];
    this.runField = el("div", {class: "map-field runs"}, el("label", {htmlFor: "map-run"}, "Map "), this.steps[0], this.run, this.steps[1]);
    this.colourField = el("label", {class: "map-field"}, "Colour ", this.colour);
    this.epochsField = el("div", {class: "map-field epochs"}, el("label", {htmlFor: "map-epochs"}, "Epochs "), this.play,
      this.slider, this.said);
    this.note = el("p", {class: "map-note", hidden: true});
    this.element = el("div", {class: "map-controls"}, this.runField, this.colourField, this.epochsField, this.note);
    this.playing = false;
    this.#showPlay();
  }

  /** Shows the runs that have a map, and which of them is chosen. */
  showRuns(runs, chosen) {
    this.run.replaceChildren(...runs.map(each => el("option", {value: each.number, title: each.told}, each.name)));
    this.run.value = String(chosen);
    this.runField.hidden = runs.length < 2;
    this.#showSteps();
  }

  #showSteps() {
    const at = this.run.selectedIndex;
    this.steps[0].disabled = at <= 0;
    this.steps[1].disabled = at >= this.run.options.length - 1;
  }

  #stepRun(by) {
    this.run.selectedIndex += by;
    this.#showSteps();
    this.#tell("run", {run: Number(this.run.value)});
  }

  /** Shows what the points can be coloured by: [{colour, title, group}]. */
  showColours(choices, chosen) {
    const groups = Object.entries(GROUPS).map(([group, title]) => [title, choices.filter(each => each.group === group)]);
    this.colour.replaceChildren(...groups.filter(([, each]) => each.length).map(([title, each]) =>
      el("optgroup", {label: title}, each.map(({colour, title: name}) => el("option", {value: colour}, name)))));
    this.colour.value = chosen;
    if (!this.colour.value) this.colour.value = "region";
  }

  /** Shows the number of epochs: `shown` of `all`; without curves there is a note instead of the slider. */
  showEpochs(shown, all) {
    const has = all > 1;
    this.epochsField.hidden = !has;
    this.note.hidden = all !== 0;
    this.note.textContent = all === 0 ? "This map shows all epochs at once: it was made without curves over the epochs." : "";
    if (!has) return;
    this.slider.max = String(all);
    this.slider.value = String(shown ?? all);
    this.#say();
  }

  /** Stops playing. */
  stop() {
    this.playing = false;
    clearTimeout(this.#timer);
    this.#showPlay();
  }

  #tell(name, detail) {
    if (name !== "epochs") this.stop();
    this.dispatchEvent(new CustomEvent(name, {detail}));
  }

  #say() {
    const [shown, all] = [Number(this.slider.value), Number(this.slider.max)];
    this.said.textContent = shown === all ? `all ${all}` : `first ${shown} of ${all}`;
    this.slider.setAttribute("aria-valuetext", this.said.textContent);
  }

  #slide() {
    this.stop();
    this.#say();
    this.#timer = setTimeout(() => this.#tell("epochs", {epochs: Number(this.slider.value), playing: false}), 60);
  }

  #toggle() {
    if (this.playing) return this.stop();
    this.playing = true;
    this.#showPlay();
    if (this.slider.value === this.slider.max) this.slider.value = "1";
    else this.slider.value = String(Number(this.slider.value) + 1);
    this.#step();
  }

  #step() {
    this.#say();
    const all = Number(this.slider.max), milliseconds = Math.max(250, Math.min(800, 12000 / all)), start = performance.now();
    const done = () => {
      if (!this.playing) return;
      if (Number(this.slider.value) >= all) return this.stop();
      this.#timer = setTimeout(() => {
        this.slider.value = String(Number(this.slider.value) + 1);
        this.#step();
      }, Math.max(0, milliseconds - (performance.now() - start)));
    };
    this.#tell("epochs", {epochs: Number(this.slider.value), playing: true, milliseconds, done});
  }

  #showPlay() {
    const told = this.playing ? "Pause" : "Play the epochs";
    this.play.textContent = this.playing ? "❚❚" : "▶";
    this.play.title = told;
    this.play.setAttribute("aria-label", told);
  }
}
