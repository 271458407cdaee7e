/**
 * Markdown as nodes of the page: headings, lists, quotes, code, bold, italic and links.
 *
 * Everything becomes text nodes inside elements that are made here, so that no text can become markup. HTML in the text is
 * shown as it is written, and only links to http, https and mailto are links.
 */

import {el} from "../map/dom.js";

const INLINE = /(`+)([^`]|[^`].*?[^`])\1(?!`)|\[([^\]\n]+)\]\(\s*<?([^\s<>)]+)>?(?:\s+"[^"]*")?\s*\)|(\*\*|__)(?=\S)(.+?\S|\S)\5|(\*|_)(?=\S)(.+?[^\s*_]|[^\s*_])\7(?![\w*])|\\([\\`*_{}[\]()#+\-.!>])|(https?:\/\/[^\s<>()]+[^\s<>().,;:!?'"])/;
const MOST = 200_000;  // characters that are read

/**
 * Renders Markdown.
 *
 * @param {string} text Markdown.
 * @returns {DocumentFragment} its nodes.
 */
export function markdown(text) {
  const fragment = document.createDocumentFragment();
  fragment.append(...blocks(String(text).slice(0, MOST).replace(/\r\n?/g, "\n").split("\n"), 0));
  return fragment;
}

function blocks(lines, depth) {
  const nodes = [];
  let k = 0;
  while (k < lines.length) {
    const line = lines[k];
    let match;
    if (!line.trim()) k++;
    else if ((match = line.match(/^ {0,3}(```+|~~~+)/))) {
      const end = lines.findIndex((each, j) => j > k && each.trim().startsWith(match[1]));
      const last = end < 0 ? lines.length : end;
      nodes.push(el("pre", {}, el("code", {}, lines.slice(k + 1, last).join("\n"))));
      k = last + 1;
    } else if ((match = line.match(/^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$/))) {
      nodes.push(el(`h${Math.min(6, match[1].length + 2)}`, {}, inline(match[2])));  // below the headings of the page
      k++;
    } else if (/^ {0,3}([-*_])(\s*\1){2,}\s*$/.test(line)) {
      nodes.push(el("hr"));
      k++;
    } else if (/^ {0,3}>/.test(line) && depth < 4) {
      const own = take(lines, k, each => /^ {0,3}>/.test(each));
      nodes.push(el("blockquote", {}, blocks(own.map(each => each.replace(/^ {0,3}> ?/, "")), depth + 1)));
      k += own.length;
    } else if (item(line) && depth < 4) {
      const first = item(line), own = take(lines, k, (each, j) => j === k || !each.trim() || /^\s{2,}/.test(each)
        || item(each)?.ordered === first.ordered);
      nodes.push(list(own, first, depth));
      k += own.length;
    } else {
      const own = take(lines, k, (each, j) => j === k || (each.trim() && !/^ {0,3}(#{1,6}\s|>|```|~~~)/.test(each) && !item(each)));
      nodes.push(el("p", {}, own.flatMap((each, j) => [j ? (/ {2}$/.test(own[j - 1]) ? el("br") : " ") : null, inline(each.trim())])));
      k += own.length;
    }
  }
  return nodes;
}

function take(lines, start, goes) {
  let end = start;
  while (end < lines.length && goes(lines[end], end)) end++;
  return lines.slice(start, end);
}

function item(line) {
  const match = line.match(/^ {0,3}([-*+]|\d{1,9}[.)])\s+(.*)$/);
  return match && {ordered: /\d/.test(match[1]), start: parseInt(match[1], 10), text: match[2]};
}

function list(lines, first, depth) {
  const items = [];
  for (const line of lines) {
    const found = item(line);
    if (found) items.push([found.text]);
    else items.at(-1).push(line.replace(/^\s{2,4}/, ""));
  }
  const simple = own => own.every(each => each.trim() && !item(each));
  return el(first.ordered ? "ol" : "ul", first.ordered && first.start !== 1 ? {start: first.start} : {},
    items.map(own => el("li", {}, simple(own) ? inline(own.join(" ")) : blocks(own, depth + 1))));
}

function inline(text, depth = 0) {
  const nodes = [];
  let rest = text;
  while (rest) {
    const match = depth < 6 ? rest.match(INLINE) : null;
    if (!match) {
      nodes.push(rest);
      break;
    }
    if (match.index) nodes.push(rest.slice(0, match.index));
    if (match[2] !== undefined) nodes.push(el("code", {}, match[2].trim() || match[2]));
    else if (match[3] !== undefined) nodes.push(anchor(match[4], inline(match[3], depth + 1), match[0]));
    else if (match[6] !== undefined) nodes.push(el("strong", {}, inline(match[6], depth + 1)));
    else if (match[8] !== undefined) nodes.push(el("em", {}, inline(match[8], depth + 1)));
    else if (match[9] !== undefined) nodes.push(match[9]);
    else nodes.push(anchor(match[10], [match[10]], match[10]));
    rest = rest.slice(match.index + match[0].length);
  }
  return nodes;
}

function anchor(address, children, source) {
  let url = null;
  try {
    url = new URL(address);
  } catch {
    // no address of its own
  }
  if (!url || !["http:", "https:", "mailto:"].includes(url.protocol)) return source;
  return el("a", {href: url.href, target: "_blank", rel: "noreferrer noopener"}, children);
}
