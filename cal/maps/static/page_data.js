/**
 * The data of the page of `cal map`, as page.py writes them.
 */

import {decimal} from "./dom.js";

/** Ids, texts, columns and curves of the points of a page. */
export class PageData {
  /** @param {Object} data what the element #data of the page holds. */
  constructor(data) {
    Object.assign(this, {ids: data.ids, texts: data.texts ?? null, n: data.ids.length, total: data.n});
    this.columns = new Map(Object.entries(data.columns).map(([name, {names, values}]) => {
      const {buffer} = bytesOf(values);
      return [name, names ? {names, codes: new Uint16Array(buffer)} : {values: new Float32Array(buffer)}];
    }));
    this.curves = data.curves ? {n_epochs: data.curves.n_epochs, levels: bytesOf(data.curves.values)} : null;
    this.searched = null;
  }

  /** A value for people. */
  value(name, row) {
    const {names, codes, values} = this.columns.get(name);
    return names ? names[codes[row]] : decimal(values[row]);
  }

  /** A value for a file. */
  exact(name, row) {
    const {names, codes, values} = this.columns.get(name);
    if (names) return names[codes[row]];
    return Number.isNaN(values[row]) ? "" : String(Number(values[row].toPrecision(7)));
  }

  /** The probabilities of a point after each epoch, NaN where one is missing. */
  curve(row) {
    const {n_epochs, levels} = this.curves;
    return Float32Array.from(levels.subarray(row * n_epochs, (row + 1) * n_epochs), v => v === 255 ? NaN : v / 254);
  }

  /** One line that tells a point from others. */
  line(row) {
    return this.texts ? `${this.ids[row]}: ${this.texts[row]}` : this.ids[row];
  }

  /** For each point 1 if its id or its text holds the query, or null if the query is empty. */
  matching(query) {
    const wanted = query.trim().toLowerCase();
    if (!wanted) return null;
    this.searched ??= this.ids.map((id, row) => `${id}\n${this.texts ? this.texts[row] : ""}`.toLowerCase());
    return Uint8Array.from(this.searched, text => text.includes(wanted) ? 1 : 0);
  }

  /** Rows as a table of comma-separated values, with a heading. */
  csv(rows) {
    const quoted = field => /[",\r\n]/.test(field) ? `"${field.replace(/"/g, '""')}"` : field;
    const names = [...this.columns.keys()];
    const heading = ["id", ...(this.texts ? ["text"] : []), ...names];
    const lines = Array.from(rows, row =>
      [this.ids[row], ...(this.texts ? [this.texts[row]] : []), ...names.map(name => this.exact(name, row))]);
    return [heading, ...lines].map(fields => fields.map(quoted).join(",")).join("\n") + "\n";
  }
}

function bytesOf(base64) {
  const binary = atob(base64), array = new Uint8Array(binary.length);
  for (let i = 0; i < array.length; i++) array[i] = binary.charCodeAt(i);
  return array;
}
