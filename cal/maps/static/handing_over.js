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
 * Lets the reader save a text as a file.
 *
 * @param {string} text contents of the file.
 * @param {string} name name of the file.
 * @param {string} [type] media type.
 */
export function saveText(text, name, type = "text/csv") {
  const address = URL.createObjectURL(new Blob([text], {type}));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
