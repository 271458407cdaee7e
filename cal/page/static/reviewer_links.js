/** Reviewers and their links. A link is shown once, when it is made. */

import {el} from "../map/dom.js";
import {get, send} from "./api.js";
import {confirmed} from "./confirm.js";
import {complain, notice} from "./notices.js";
import {app} from "./state.js";
import {table} from "./tables.js";
import {moment} from "./words.js";

/**
 * Fills a root with the reviewers.
 *
 * @param {HTMLElement} root where they go.
 * @returns {{refresh: function(): Promise<void>}}
 */
export function createReviewers(root) {
  const list = el("div"), made = el("div", {class: "made", role: "status"}), add = el("div");
  const wanted = el("input", {maxLength: 200, required: true, placeholder: "Name", "aria-label": "Name of a new reviewer"});
  const adding = el("form", {class: "adding", onsubmit: event => {
    event.preventDefault();
    if (wanted.value.trim()) make("links", wanted.value.trim());
  }}, wanted, el("button", {}, "Add a reviewer"));
  root.append(list, made, add);

  async function refresh() {
    draw(await get("reviewers"));
  }

  function draw({reviewers, links}) {
    const leads = app.about.leads && links;
    const columns = [{title: "Reviewer"}, {title: "Last seen"}, ...(links ? [{title: "Link"}] : []), ...(leads ? [{title: ""}] : [])];
    list.replaceChildren(reviewers.length ? table("Reviewers", columns, reviewers.map(each => [
      each.leads ? [each.name, el("span", {class: "muted"}, " (leads)")] : each.name,
      each.last ? moment(each.last) : "not yet",
      ...(links ? [each.has_link ? "has one" : "none"] : []), ...(leads ? [tools(each)] : [])]))
      : el("p", {class: "muted"}, "Nobody has decided anything yet."));
    if (adding.isConnected && leads) return;  // what somebody types stays
    add.replaceChildren(...(!links ? [el("p", {class: "muted"}, "Only this computer can open this page. To let others review, start it "
      + "with this command, and give each a link:"), el("code", {}, "cal annotate serve PROJECT --host 0.0.0.0")]
      : leads ? [adding] : [el("p", {class: "muted"}, "Whoever leads the project hands out links.")]));
  }

  function tools({name, has_link: hasLink}) {
    const button = (text, title, run) => el("button", {type: "button", class: "plain", "aria-label": `${title} ${name}`, onclick: run}, text);
    if (!hasLink) return button("Make a link", "Make a link for", () => make("links", name));
    return [
      button("New link", "Make a new link for", async () => {
        if (await confirmed(`Make a new link for ${name}?`, {yes: "Make it", more: "The old one no longer works."})) make("links/new", name);
      }),
      name === app.reviewer ? null : button("Remove", "Remove the link of", async () => {
        if (!await confirmed(`Remove the link of ${name}?`, {yes: "Remove it", more: "They can no longer review. What they decided stays."})) return;
        try {
          draw(await send("links/remove", {name}));
          made.replaceChildren();
          notice(`${name} has no link any more.`);
        } catch (error) {
          complain(error);
        }
      })];
  }

  async function make(path, name) {
    try {
      const found = await send(path, {name});
      if (wanted.value.trim() === name) wanted.value = "";
      show(found.reviewer, `${location.origin}${found.path}`);
      await refresh();
    } catch (error) {
      complain(error);
    }
  }

  function show(name, address) {
    const field = el("input", {readOnly: true, value: address, "aria-label": `Link for ${name}`, onfocus: () => field.select()});
    const copy = el("button", {type: "button", class: "primary", onclick: async () => {
      field.select();
      try {
        await navigator.clipboard.writeText(address);
        notice("The link is copied.");
      } catch {  // browsers allow it only over HTTPS or on one's own machine
        notice(document.execCommand("copy") ? "The link is copied." : "Copy the marked link with Ctrl-C.");
      }
    }}, "Copy");
    const local = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname)
      ? el("p", {}, `Others reach this machine by its name: put it in the place of ${location.hostname}.`) : null;
    made.replaceChildren(el("p", {}, el("strong", {}, `A link for ${name}.`), " Give it to nobody else: whoever opens it is ", name,
      ". It is shown only now."), el("div", {class: "link-made"}, field, copy), ...(local ? [local] : []));
    copy.focus();
  }

  return {refresh};
}
