/**
 * Plotly, loaded when the first map needs it.
 */

import {el} from "./dom.js";

let loading = null;

/**
 * Loads Plotly as the global `Plotly`, under a content security policy without unsafe-inline: Plotly adds styles for maps
 * of streets, which no page of ours has, unless there is an element with an id that only Plotly's text tells.
 *
 * @param {string} address where the library is.
 * @returns {Promise<Object>} the library.
 */
export function loadPlotly(address) {
  loading ??= load(address).catch(error => {
    loading = null;  // so that a later try can succeed
    throw error;
  });
  return loading;
}

async function load(address) {
  if (globalThis.Plotly) return globalThis.Plotly;
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`The map cannot be drawn: ${address} answered ${answer.status}.`);
  const text = await answer.text();
  for (const [, id] of text.matchAll(/getElementById\("([0-9a-f]{64})"\)\)\{var \w=document\.createElement\("style"\)/g)) {
    if (!document.getElementById(id)) document.head.append(el("template", {id}));
  }
  await new Promise((loaded, failed) => {
    document.head.append(el("script", {src: address, onload: loaded,
      onerror: () => failed(new Error(`The map cannot be drawn: ${address} could not be loaded.`))}));
  });
  return globalThis.Plotly;
}
