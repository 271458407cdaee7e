/** Parts of the learning: stage of the worker, accuracy, labels, batches, when to stop, and slips. */

import {counted, el, short, thousands} from "../map/dom.js";
import {link} from "./address.js";
import {send} from "./api.js";
import {labelChip} from "./card_document.js";
import {shownColour} from "./label_colours.js";
import {learningChart, percent} from "./learning_curve.js";
import {commandLine, duration, learn, liveStage, stageMeans} from "./learning_now.js";
import {complain} from "./notices.js";
import {app, emit} from "./state.js";
import {folded, section, table} from "./tables.js";

const FEW = 5;

/** What the worker does now, and how to start one. */
export function stageSection({learning, starts, starting, command}, again) {
  const {line, batches} = learning, latest = batches.at(-1), stopped = !line.alive;
  const box = section(`stage stage-${line.stage}`, "", el("p", {}, starting ? "It starts again in a moment." : stageMeans(line)));
  box.querySelector("h3").append(liveStage());
  if (latest?.n_documents && !stopped) {
    box.append(el("div", {class: "bar", role: "img", "aria-label": `${latest.n_decided} of ${latest.n_documents} documents of this batch are decided`},
      el("span", {style: {width: `${100 * latest.n_decided / latest.n_documents}%`}})));
  }
  if (stopped && !starting) box.append(...howToStart(starts, command, again));
  const told = [`${counted(line.n_labelled, "label")} to learn from`, line.n_test ? `${thousands(line.n_test)} to measure` : "",
    learning.strategy ? `chosen by ${learning.strategy}` : "", learning.learner ? `learnt by ${learning.learner}` : ""].filter(Boolean);
  box.append(el("p", {class: "muted"}, `${told.join(" · ")}.`));
  return box;
}

/** How learning goes on: a button where the server may start a worker, else the command. */
function howToStart(starts, command, again) {
  if (!starts) return [el("p", {}, "Start it in a terminal; this page follows by itself:"), commandLine(command)];
  if (!app.about.leads) return [el("p", {}, "Whoever leads the project can start it.")];
  return [el("p", {}, el("button", {type: "button", class: "primary", onclick: async () => { if (await learn()) again(); }}, "Go on learning"))];
}

/** How right the model is, with its interval. */
export function accuracySection({curve, why_no_curve: why, notes, test_share: share}) {
  if (!curve.length) {
    return section("accuracy", "How often the model is right is not known yet", el("p", {}, why),
      share ? el("p", {class: "muted"}, `${percent(share)} of all documents that you label are drawn at random and measure it. Nothing is learnt from them.`) : null);
  }
  const last = curve.at(-1);
  const rows = [...curve].reverse().map(each => [thousands(each.n_labelled), percent(each.accuracy),
    `${percent(each.low, Math.floor)} to ${percent(each.high, Math.ceil)}`, thousands(each.n_test)]);
  return section("accuracy", `The model is right in about ${percent(last.accuracy)} of cases`,
    el("p", {class: "lead"}, "Between ", el("strong", {}, percent(last.low, Math.floor)), " and ", el("strong", {}, percent(last.high, Math.ceil)),
      `, with 95 % certainty, from ${counted(last.n_test, "document")} that chance chose.`),
    el("figure", {}, learningChart(curve), el("figcaption", {class: "muted"}, swatch("line"), "share of documents that the model labels as you do ",
      swatch("band"), "where the true share is, with 95 % certainty. All trainings are measured on the same documents.")),
    folded("accuracy-table", "As a table", table("Accuracy over labels", [{title: "Labels"}, {title: "Right", number: true},
      {title: "95 % certain", number: true}, {title: "Measured on", number: true}], rows)),
    notes.map(each => el("p", {class: "muted"}, each)));
}

function swatch(kind) {
  return el("span", {class: `swatch swatch-${kind}`, "aria-hidden": "true"});
}

/** The labels found so far, and a field for one that is known already. */
export function labelsSection({labels}, again) {
  const most = Math.max(1, ...labels.map(each => each.n));
  const title = labels.length ? `${counted(labels.length, "label")} so far` : "No labels yet";
  const list = el("ul", {class: "found-labels"}, labels.map(({name, n}) => el("li", {},
    el("a", {class: "found-name", href: link({view: "documents", filter: `label=${quoted(name)}`})}, el("bdi", {}, name)),
    el("span", {class: "found-bar", "aria-hidden": "true"}, el("span", {style: {width: `${100 * n / most}%`, background: shownColour(name)}})),
    el("span", {class: "found-count"}, n ? thousands(n) : "none yet"))));
  return section("found", title, labels.length ? list : null,
    addLabel(again), el("p", {class: "muted"}, "A new one may come up at any time: press N at a document. ",
      el("a", {href: link({view: "settings"})}, app.about.leads ? "Rename or merge labels" : "All labels"), "."));
}

/** A field that adds a label before any document has it. */
function addLabel(again) {
  const name = el("input", {maxLength: 200, required: true, autocomplete: "off", placeholder: "A label that you know already", "aria-label": "Name of a new label", "data-key": "add"});
  return el("form", {class: "adding", onsubmit: async event => {
    event.preventDefault();
    if (!name.value.trim()) return;
    try {
      await send("labels", {name: name.value.trim()});
      name.value = "";
      await again();
    } catch (error) {
      complain(error);
    }
  }}, name, el("button", {}, "Add"));
}

/** The batches, the latest first. */
export function batchesSection({batches, curve}) {
  if (!batches.length) return section("batches", "Batches", el("p", {class: "muted"}, "The first documents are being chosen."));
  const accuracy = new Map(curve.map(each => [each.batch, each]));
  const rows = [...batches].reverse().map(each => {
    const known = accuracy.get(each.batch), right = each.round === null ? "no model yet" : "–";
    return [thousands(each.batch + 1), thousands(each.n_labelled),
      known ? `${percent(known.accuracy)} (${percent(known.low, Math.floor)} to ${percent(known.high, Math.ceil)})` : right,
      duration(each.seconds), `${thousands(each.n_decided)} of ${thousands(each.n_documents)}`,
      each.run === null ? "–" : [each.moved ? `${each.moved} ` : "", el("a", {href: link({view: "review", run: each.run}), "aria-label": `Map of batch ${each.batch + 1}`}, "Map")]];
  });
  const notes = [...new Set(batches.at(-1).notes)];
  return section("batches", "Batches", table("Batches", [{title: "Batch"}, {title: "Labels", number: true, hint: "Labels that the model learnt from"}, {title: "Right", number: true},
    {title: "Took", number: true}, {title: "Decided", number: true}, {title: "On the map"}], rows),
  notes.length ? el("ul", {class: "muted"}, notes.map(each => el("li", {}, each))) : null);
}

/** Stopping criteria that were met. */
export function stopSection({stopping}) {
  if (!stopping.length) return null;
  return section("stop may", "You may stop here", el("p", {}, "These criteria say that more labels would change little:"), el("ul", {}, stopping.map(each => el("li", {}, each))));
}

/** Labels that look like slips. */
export function slipsSection({slips}) {
  if (!slips.length) return null;
  const row = each => el("li", {}, el("button", {type: "button", class: "neighbour", title: "Open this document", onclick: () => emit("open", {number: each.number})},
    each.label === null ? el("em", {}, "no label") : labelChip(each.label), el("span", {class: "neighbour-text", dir: "auto"}, short(each.text, 160))),
  el("p", {class: "quiet"}, each.why));
  const shown = slips.slice(0, FEW), more = slips.slice(FEW);
  return section("slips", `${counted(slips.length, "label")} may be ${slips.length === 1 ? "a slip" : "slips"}`,
    el("p", {class: "muted"}, slips.length === 1 ? "It comes back in the queue for a second look." : "They come back in the queue for a second look."),
    el("ul", {class: "slips"}, shown.map(row)),
    more.length ? folded("slips", `${counted(more.length, "more", "more")}`, el("ul", {class: "slips"}, more.map(row))) : null);
}

function quoted(text) {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
