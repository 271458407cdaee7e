/** Parts of the progress: counts, errors left, whether to stop, changed labels and queues, in words for whoever leads. */

import {counted, decimal, el, thousands} from "../map/dom.js";
import {link} from "./address.js";
import {shrinkingChart} from "./shrinking.js";
import {openQueue} from "./queue_dialog.js";
import {app} from "./state.js";
import {folded, section, share, table, withCommand} from "./tables.js";

const STATES = [["kept", "kept"], ["relabelled", "relabelled"], ["ambiguous", "ambiguous"], ["excluded", "excluded"],
  ["disagreement", "in disagreement"], ["skipped", "skipped"], ["undecided", "undecided"]];
const LEAST_SHARE = 0.01;  // below, it would say nothing

/** How many documents are decided, and how. */
export function countsSection({documents, decided, states, returned, found}) {
  if (!documents) return section("counts", "This project has no documents yet", el("p", {}, "Import some, and look again."));
  const title = `${thousands(decided)} of ${counted(documents, "document")} decided`;
  const bar = el("div", {class: "bar", role: "img", "aria-label": `${share(decided / documents)} decided`},
    el("span", {style: {width: `${100 * decided / documents}%`}}));
  const fromNothing = !!app.about.learning && !found, word = told => fromNothing && told === "relabelled" ? "labelled" : told;
  const items = STATES.filter(([state]) => states[state]).map(([state, told]) => el("li", {},
    el("a", {href: link({view: "documents", filter: `state=${state}`})}, `${thousands(states[state])} ${word(told)}`)));
  if (returned) {
    items.push(el("li", {}, el("a", {href: link({view: "documents", filter: "state=returned"})},
      `${thousands(returned)} came back after an import`)));
  }
  return section("counts", title, bar, el("ul", {class: "state-counts"}, items),
    found === null || fromNothing ? null : el("p", {}, el("strong", {}, `${counted(found, "error")} found`),
      " so far: labels that were wrong and were replaced."));
}

/** Why something is not known; where a new queue would tell it, a button makes one. */
function told(reason) {
  const [text, command] = reason.split(/:? (?=cal annotate )/);
  if (!command?.startsWith("cal annotate queue")) return [el("p", {}, withCommand(reason))];
  return [el("p", {}, `${text}.`), el("p", {}, el("button", {type: "button", onclick: () => openQueue()}, "Make a queue…"))];
}

/** How many errors are left, and how surely. */
export function leftSection(progress) {
  const {left, estimating, history} = progress;
  if (!left) {
    return section("left", "How many errors are left is not known yet", ...told(progress.left_reason));
  }
  const charts = chartsOf(history, estimating?.queue);
  if (!estimating) {
    return section("left", "No errors are left that your reviewers would find", el("p", {}, "Every document is decided."), charts);
  }
  const among = `the ${counted(estimating.n_documents, "document")} of queue “${estimating.queue}”`;
  const outside = progress.not_counted
    ? el("p", {}, `${counted(progress.not_counted, "undecided document")} outside this queue ${isAre(progress.not_counted)} not counted.`)
    : null;
  if (left.low === left.high) {
    const title = left.low ? `${counted(left.low, "error")} left` : "No errors are left in this queue";
    return section("left", title, el("p", {}, `All of ${among} have been read.`), outside, charts);
  }
  const found = estimating.found / (estimating.found + left.high);
  return section("left", `About ${counted(Math.round(left.estimate), "error")} left`,
    el("p", {class: "lead"}, "Between ", el("strong", {}, thousands(left.low)), " and ", el("strong", {}, thousands(left.high)),
      `, with 95 % certainty, in ${among}.`,
      found >= LEAST_SHARE ? ` At least ${share(found)} of its errors have been found.` : ""),
    charts,
    el("p", {class: "muted"}, `The estimate rests on ${counted(estimating.n_by_chance, "document")} that chance chose and your reviewers `
      + "decided. Look as often as you like: at most 5 in 100 projects ever miss the true number.",
      estimating.unknown ? ` ${counted(estimating.unknown, "document")} chosen by chance still ${estimating.unknown === 1 ? "waits" : "wait"} `
        + "for a decision; the interval allows for either outcome." : ""),
    outside);
}

function chartsOf(history, first) {
  const ordered = [...history].sort((a, b) => (b.queue === first) - (a.queue === first));
  return ordered.map((each, k) => {
    const figure = el("figure", {}, shrinkingChart(each), el("figcaption", {class: "muted"},
      swatch("band"), "the number of errors, with 95 % certainty ", swatch("estimate"), "the estimate ",
      swatch("found"), "errors found. The more is read, the narrower it gets."));
    return k === 0 && each.queue === first ? figure : folded(`chart ${each.queue}`, `The same for queue “${each.queue}”`, figure);
  });
}

function swatch(kind) {
  return el("span", {class: `swatch swatch-${kind}`, "aria-hidden": "true"});
}

/** Whether reading on is worth it, and what a proof would cost. */
export function stopSection({stop, certified, certificates, decided}) {
  const proof = [
    ...certified.map(each => el("p", {}, `Proof: queue “${each.control}” drew ${counted(each.n_errors, "error")} at random, and the `
      + `review had found ${thousands(each.n_found)} of them. So the review finds at least ${share(each.recall)} of all errors, with `
      + "95 % certainty, if you fixed in advance how many documents of that queue to read.")),
    folded("proof", "What a proof would cost",
      el("p", {}, "An estimate is not a proof. To prove how much the review finds, make a second queue in random order, "
        + `before the review begins${decided ? " (so this is for the next project)" : ""}. If the review has found every error that `
        + "this queue draws, then with 95 % certainty:"),
      table("What a proof would cost", [{title: "The review finds at least"}, {title: "Errors to draw", number: true},
        {title: "Random documents, about", number: true}],
      certificates.map(each => [`${share(each.recall)} of all errors`, thousands(each.n_errors),
        each.n_reads === null ? "there are too few errors" : each.n_reads ? thousands(each.n_reads) : "–"]))),
  ];
  if (!stop) return section("stop", "Nothing has been read yet", el("p", {}, "Decide some documents, and look again."), proof);
  const queue = `queue “${stop.queue}”`;
  if (!stop.n_next) {
    return section("stop may", "You may stop here", el("p", {class: "lead"}, `Every document of ${queue} has been read.`), proof);
  }
  if (stop.expected === null) return section("stop", "Too early to say whether you may stop", el("p", {}, `In ${queue}: ${stop.told}`), proof);
  const expected = stop.expected < 10 ? decimal(Number(stop.expected.toFixed(1))) : thousands(Math.round(stop.expected));
  const next = `Among the next ${counted(stop.n_next, "document")} of ${queue}, expect about ${expected} `
    + `${Number(expected) === 1 ? "error" : "errors"}`;
  if (!stop.may_stop) return section("stop", "Read on", el("p", {class: "lead"}, `${next}.`), proof);
  return section("stop may", "You may stop here",
    el("p", {class: "lead"}, `${next}, fewer than ${decimal(stop.limit)}. Reading on is hardly worth it.`),
    el("p", {class: "muted"}, "This rests on what was read so far. It does not promise that nothing is left: in simulations, one or two "
      + "errors were left in the next 100 documents when this advice first came."), proof);
}

/** Which labels were changed into which. */
export function changesSection({changes, n_changes: nChanges, changed}) {
  if (!changes.length) return section("changes", "Changed labels", el("p", {class: "muted"}, "No label was changed yet."));
  const rows = changes.map(each => [each.given ?? "(none)", each.label,
    el("a", {href: link({view: "documents", filter: each.filter}), "aria-label":
      `${counted(each.n, "document")} from ${each.given ?? "no label"} to ${each.label}`}, thousands(each.n))]);
  const more = nChanges - changes.length;
  return section("changes", `Changed labels: ${counted(changed, "document")}`,
    table("Which labels were changed into which", [{title: "From"}, {title: "To"}, {title: "Documents", number: true}], rows),
    more > 0 ? el("p", {class: "muted"}, `${counted(more, "rarer pair")} ${isAre(more)} not shown.`) : null);
}

const ORDERS = {sampled: "suspicious and some others", ranked: "most suspicious first", mixed: "most suspicious first, some others",
  random: "random"};

/** How often people agree with other models. */
export function sourcesSection({sources}) {
  if (!sources.length) return null;
  const rows = sources.map(each => [
    el("a", {href: link({view: "documents", filter: `${quoted(`${each.source}.differs`)}=label`}), "aria-label":
      `Documents that have another label now than ${each.source} suggests`}, each.source),
    thousands(each.suggested), thousands(each.decided), each.decided ? `${thousands(each.agreed)} (${share(each.agreed / each.decided)})` : "–",
    each.agreement === null ? el("span", {title: "Too few documents drawn at random are decided."}, "not known")
      : `${share(each.agreement)} (${Math.floor(100 * each.low)} to ${Math.ceil(100 * each.high)} %)`]);
  return section("sources", "Labels that models suggest", table("Labels that models suggest", [{title: "Model"}, {title: "Suggested", number: true},
    {title: "Decided", number: true}, {title: "People agreed", number: true}, {title: "Of all, people agree", number: true, hint: "95 % interval"}], rows),
  sources.map(each => folded(`source ${each.source}`, `What this says about ${each.source}`, each.told.map(words => el("p", {}, words)))));
}

/** A name as filters have it. */
function quoted(name) {
  return /^[^\s"\\,<>=~!]+$/.test(name) ? name : `"${name.replace(/[\\"]/g, "\\$&")}"`;
}

/** How far each queue is. */
export function queuesSection({queues}) {
  if (!queues.length) return section("queues", "Queues", el("p", {class: "muted"}, "There is no queue yet."));
  const rows = queues.map(each => [
    el("a", {href: link({view: "review", queue: each.number})}, each.name), ORDERS[each.order] ?? each.order,
    `${thousands(each.n_decided)} of ${thousands(each.n_documents)}`, thousands(each.found),
    each.left ? (each.left.low === each.left.high ? thousands(each.left.low) : `${thousands(each.left.low)} to ${thousands(each.left.high)}`)
      : el("span", {title: each.reason}, "not known")]);
  return section("queues", "Queues", table("Queues", [{title: "Queue"}, {title: "Order"}, {title: "Decided", number: true},
    {title: "Errors found", number: true}, {title: "Errors left", number: true, hint: "95 % interval"}], rows));
}

function isAre(n) {
  return n === 1 ? "is" : "are";
}
