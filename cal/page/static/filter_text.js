/**
 * Filters as text, as `cal annotate queue filter=` takes them: state=undecided and given=HUM and text~"how far".
 *
 * The server has the last word about what a filter means; this is what the controls of a filter need.
 */

const TOKEN = /\s*(?:"((?:[^"\\]|\\["\\])*)"|([^\s"\\,<>=~!]+)|(<=|>=|!=|!~|[<>=~,]))/y;

/**
 * The conditions of a filter.
 *
 * @param {string} text the filter.
 * @returns {{name: string, operator: string, values: string[]}[]|null} null if it cannot be read; the values of a pair are
 *   the given and the suggested label of each, in turn.
 */
export function parseFilter(text) {
  if (["", "all"].includes(text.trim().toLowerCase())) return [];
  const tokens = [], end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const found = TOKEN.exec(text);
    if (!found) return null;
    if (found[1] !== undefined) tokens.push(["value", found[1].replace(/\\(.)/g, "$1")]);
    else if (found[2] !== undefined) tokens.push([found[2].toLowerCase() === "and" ? "and" : "value", found[2]]);
    else tokens.push(["sign", found[3]]);
  }
  const conditions = [];
  let at = 0;
  const take = kind => tokens[at]?.[0] === kind ? tokens[at++][1] : null;
  while (at < tokens.length) {
    if (conditions.length && take("and") === null) return null;
    const name = take("value"), operator = take("sign"), values = [];
    if (name === null || operator === null) return null;
    do {
      const value = take("value");
      if (value === null) return null;
      values.push(value);
      if (name === "pair") {
        if (take("sign") !== ">") return null;
        const other = take("value");
        if (other === null) return null;
        values.push(other);
      }
    } while (tokens[at]?.[1] === "," && tokens[at]?.[0] === "sign" && ++at);
    conditions.push({name, operator, values});
  }
  return conditions;
}

/** A filter as text; empty for no conditions. */
function writeFilter(conditions) {
  return conditions.map(({name, operator, values}) => {
    const written = name === "pair"
      ? values.filter((_, k) => k % 2 === 0).map((given, k) => `${quoted(given)}>${quoted(values[2 * k + 1])}`)
      : values.map(quoted);
    return `${quoted(name)}${operator}${written.join(",")}`;
  }).join(" and ");
}

/**
 * A filter in which a condition is replaced.
 *
 * @param {string} text the filter; one that cannot be read is left out.
 * @param {string} name of the condition.
 * @param {string} operator of the condition.
 * @param {string[]|null} values null removes the condition.
 * @param {boolean} [also] keeps other conditions of this name and operator.
 */
export function withCondition(text, name, operator, values, also = false) {
  const others = (parseFilter(text) ?? []).filter(each => also || each.name !== name || each.operator !== operator);
  return writeFilter(values ? [...others, {name, operator, values}] : others);
}

/** The values of a condition in a filter; none if it does not have it. */
export function valuesOf(text, name, operator = "=") {
  return (parseFilter(text) ?? []).find(each => each.name === name && each.operator === operator)?.values ?? [];
}

function quoted(text) {
  if (/^[^\s"\\,<>=~!]+$/.test(text) && text.toLowerCase() !== "and") return text;
  return `"${text.replace(/\\/g, "\\\\").replace(/"/g, '\\"')}"`;
}
