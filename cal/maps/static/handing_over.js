/**
 * Ways out of a page: the clipboard and files.
 */

import {el} from "./dom.js";

/**
 * Copies a text to the clipboard.
 *
 * @param {string} text what to copy.
 * @returns {Promise<boolean>} whether the browser did it.
 */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {  // an old browser, or one that wants a server
    const area = el("textarea", {value: text});
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/**
 * Lets the reader save something as a file.
 *
 * @param {Blob} blob contents of the file, for example `new Blob([text], {type: "text/csv"})`.
 * @param {string} name name of the file.
 */
export function saveFile(blob, name) {
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
