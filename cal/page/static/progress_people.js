/** Parts of the progress about people: what each reviewer did, and how far they agree. */

import {counted, decimal, el, thousands} from "../map/dom.js";
import {link} from "./address.js";
import {section, share, table} from "./tables.js";

const COLUMNS = [
  {title: "Reviewer"},
  {title: "Decisions", number: true},
  {title: "Kept", number: true},
  {title: "Relabelled", number: true},
  {title: "Ambiguous", number: true},
  {title: "Excluded", number: true},
  {title: "Skipped", number: true},
  {title: "Seconds each", number: true, hint: "Half of the decisions took less than this"},
  {title: "Per hour", number: true, hint: "Decisions and skips per hour of work, without pauses of more than five minutes"},
  {title: "Agrees", number: true, hint: "How often the others said the same about the same documents"},
];

/** What each reviewer did, and how fast. */
export function reviewersSection({reviewers, fast, fast_seconds: fastSeconds}) {
  if (!reviewers.length) return section("reviewers", "Reviewers", el("p", {class: "muted"}, "Nobody has decided anything yet."));
  const rows = reviewers.map(each => [
    el("a", {href: link({view: "documents", filter: `reviewer=${quoted(each.reviewer)}`})}, each.reviewer),
    ...[each.decisions, each.kept, each.relabelled, each.ambiguous, each.excluded, each.skipped].map(thousands),
    each.median_seconds === null ? "–" : each.median_seconds.toFixed(1),
    each.per_hour === null ? "–" : thousands(Math.round(each.per_hour)),
    each.agreed === null ? (each.n_shared ? `too few (${thousands(each.n_shared)})` : "–")
      : `${share(each.agreed)} of ${thousands(each.n_shared)}`]);
  const apart = reviewers.filter(each => each.bulk || each.imported).map(each => {
    const parts = [each.bulk ? `${thousands(each.bulk)} in bulk` : "", each.imported ? `${thousands(each.imported)} imported` : ""];
    return `${each.reviewer}: ${parts.filter(Boolean).join(", ")}`;
  });
  return section("reviewers", "Reviewers",
    table("What each reviewer did", COLUMNS, rows),
    apart.length ? el("p", {class: "muted"}, `Seconds and pace leave out what was not decided one by one (${apart.join("; ")}).`) : null,
    fast.length ? el("div", {class: "warning"}, el("p", {}, "Perhaps too fast to have been read:"), el("ul", {}, fast.map(each =>
      el("li", {}, `${each.reviewer} decided ${counted(each.n, "document")} in a row in less than ${secondsOf(fastSeconds)} each, `
        + `${moment(each.start)} to ${new Date(each.end).toLocaleTimeString()}. Have a second look at them.`)))) : null);
}

/** How far reviewers agree. */
export function agreementSection({agreement}) {
  const {n_documents: n, agreed, alpha, why_not: whyNot, blind, pairs} = agreement;
  if (!n) {
    return section("agreement", "Agreement", el("p", {class: "muted"}, "No document was decided by two reviewers yet. "
      + "Make a queue in which two reviewers decide the same documents without seeing each other's decisions."));
  }
  const which = blind ? "that two reviewers decided without seeing what the other said" : "that several reviewers decided";
  const told = agreed === null ? `Only ${counted(n, "document")} ${which}: too few to tell how far they agree.`
    : `On ${counted(n, "document")} ${which}, ${share(agreed)} of the answers are the same.`;
  const measure = alpha === null ? (agreed === null ? null : el("p", {}, `How much of that is more than chance is not known: ${whyNot}.`))
    : el("p", {}, "Some answers are the same by chance. Without that, the agreement is ", el("strong", {}, alpha.toFixed(2)),
      ` (Krippendorff's alpha: 1 is perfect, 0 is chance). ${verdict(alpha)}`);
  const rows = pairs.map(each => [`${each.reviewer} and ${each.other}`, thousands(each.n), share(each.agreed),
    each.kappa === null ? el("span", {title: each.why_not}, "–") : each.kappa.toFixed(2)]);
  return section("agreement", "Agreement", el("p", {class: "lead"}, told), measure,
    rows.length ? table("Agreement of each pair of reviewers", [{title: "Reviewers"}, {title: "Documents", number: true},
      {title: "Same answer", number: true}, {title: "Kappa", number: true,
        hint: "Cohen's kappa: agreement without what chance gives; 1 is perfect, 0 is chance"}], rows) : null);
}

function verdict(alpha) {
  if (alpha >= 0.8) return "That is good: 0.8 or more is usual.";
  if (alpha >= 0.667) return "That is fair: 0.8 is usual, and 0.667 the least.";
  return "That is low: 0.8 is usual, and 0.667 the least. Talk about the disagreements, and make the guidelines clearer.";
}

function quoted(text) {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

function secondsOf(n) {
  return n === 1 ? "a second" : `${decimal(n)} seconds`;
}

function moment(time) {
  return new Date(time).toLocaleString([], {dateStyle: "medium", timeStyle: "medium"});
}
