/** Plotly, which is large: it is loaded when a map is first shown. */

import {el} from "../map/dom.js";

const ADDRESS = "/static/plotly.min.js";
let loading = null;

/** Loads Plotly once, without the styles that it would add for maps of streets and our policy refuses. */
export function loadPlotly() {
  loading ??= load().catch(error => {
    loading = null;  // so that a later try can succeed
    throw error;
  });
  return loading;
}

async function load() {
  const answer = await fetch(ADDRESS);
  if (!answer.ok) throw new Error(`The map cannot be drawn: the server answered ${answer.status} for Plotly.`);
  const text = await answer.text();
  for (const [, id] of text.matchAll(/getElementById\("([0-9a-f]{64})"\)\)\{var \w=document\.createElement\("style"\)/g)) {
    document.head.append(el("template", {id}));
  }
  await new Promise((loaded, failed) => document.head.append(el("script", {src: ADDRESS, onload: loaded,
    onerror: () => failed(new Error("The map cannot be drawn: the server did not send Plotly."))})));
  return globalThis.Plotly;
}
