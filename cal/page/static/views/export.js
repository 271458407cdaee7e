/** Export: the documents as a file, in every format. */

import {counted, el, thousands} from "../../map/dom.js";
import {current} from "../address.js";
import {get} from "../api.js";
import {complain, notice} from "../notices.js";
import {app, on} from "../state.js";

const FORMATS = {
  csv: ["CSV", "a spreadsheet for Excel or LibreOffice; you can type decisions into it and import them"],
  tsv: ["TSV", "the same with tabs between the columns; Excel opens it in every country"],
  jsonl: ["JSON lines", "one line per document, for programs; holds everything"],
  parquet: ["Parquet", "a table with typed columns, for programs; small and fast"],
  datasets: ["Hugging Face", "a folder for the library datasets, as a zip"],
  label_studio: ["Label Studio", "tasks, with the configuration of a project, as a zip"],
  argilla: ["Argilla", "records, with the settings of a dataset, as a zip"],
  doccano: ["doccano", "its JSON lines"],
  prodigy: ["Prodigy", "tasks that let people choose among all labels"],
  prodigy_binary: ["Prodigy, yes or no", "tasks that show one label, to accept or reject"],
  cleanlab: ["cleanlab", "its table of label issues"],
};
const CHANGED = ["relabelled", "ambiguous", "excluded"];

export const exporting = {
  name: "export",
  title: "Export",
  create(root) {
    let format = "csv", which = "all", asking = null, shown = false;
    const filter = () => current().filter ?? "";
    const about = el("div", {class: "export-about", role: "status"});
    const formats = el("fieldset", {class: "formats"}), kinds = el("fieldset", {class: "kinds"});
    root.append(el("div", {class: "export-page"}, el("h2", {}, "Export"),
      el("p", {class: "muted"}, "Save the documents, their labels and all decisions as a file: for a spreadsheet, a program or another "
        + "labelling tool."), kinds, formats, about));

    /** The parameters of the server. */
    function asked() {
      const parameters = new URLSearchParams({format});
      if (which === "decided") parameters.append("states", "decided");
      if (which === "changed") for (const each of CHANGED) parameters.append("states", each);
      if (which === "filter" && filter()) parameters.set("filter", filter());
      return parameters;
    }

    function draw() {
      const choice = (name, value, checked, run, ...what) => el("label", {class: "choice"}, el("input", {type: "radio", name, value, checked,
        onchange: () => { run(); look(); }}), el("span", {}, what));
      if (which === "filter" && !filter()) which = "all";
      kinds.replaceChildren(el("legend", {}, "Which documents"),
        choice("which", "all", which === "all", () => { which = "all"; }, "All documents"),
        choice("which", "decided", which === "decided", () => { which = "decided"; }, "Decided documents"),
        choice("which", "changed", which === "changed", () => { which = "changed"; }, "Changed documents: relabelled, ambiguous or excluded"),
        ...(filter() ? [choice("which", "filter", which === "filter", () => { which = "filter"; }, "Documents that fit the filter of the list: ", el("code", {}, filter()))] : []));
      formats.replaceChildren(el("legend", {}, "Format"), ...app.about.formats.map(each => choice("format", each.name, each.name === format,
        () => { format = each.name; }, el("strong", {}, FORMATS[each.name]?.[0] ?? each.name),
        el("span", {class: "muted"}, ` ${FORMATS[each.name]?.[1] ?? each.summary}`))));
    }

    /** Asks what the file would hold. */
    async function look() {
      asking?.abort();
      const mine = asking = new AbortController();
      about.replaceChildren(el("p", {class: "muted"}, "Looking …"));
      try {
        const found = await get(`export/preview?${asked()}`, {}, {signal: mine.signal});
        if (asking === mine) tell(found);
      } catch (error) {
        if (error.name === "AbortError") return;
        about.replaceChildren(el("p", {class: "wrong"}, error.message));
      }
    }

    function tell(found) {
      const n = found.n_documents, none = n === 0;
      const told = none ? "There is no such document." : `${counted(n, "document")}.`;
      const held = found.losses ? `${n > found.n_checked ? `Of the first ${thousands(found.n_checked)} documents: ` : ""}${found.losses}`
        : "This format holds everything.";
      const command = el("code", {tabIndex: 0}, found.command);
      about.replaceChildren(...[el("p", {}, el("a", {class: "button primary", href: none ? null : `/api/export?${asked()}`, download: found.name,
        "aria-disabled": none ? "true" : null, onclick: () => { if (n > found.n_checked) notice("The file is being made. The download begins when it is ready."); }},
      `Download ${found.name}`), " ", told), !none && el("p", {class: found.losses ? "losses" : "muted"}, held),
      ...found.notes.map(each => el("p", {class: "muted"}, each)),
      el("p", {class: "muted"}, "The same on the command line:"), el("div", {class: "command"}, command,
        el("button", {type: "button", onclick: () => copy(found.command, command)}, "Copy"))].filter(Boolean));
    }

    async function copy(text, node) {
      try {
        await navigator.clipboard.writeText(text);
        notice("Copied.");
      } catch {  // without HTTPS there is no clipboard
        getSelection().selectAllChildren(node);
        notice("Selected: press Ctrl+C to copy.");
      }
    }

    on("changes", () => { if (shown) look().catch(complain); });
    return {
      show() {
        shown = true;
        draw();
        return look();
      },
      hide() {
        shown = false;
      },
    };
  },
};
