/** Where a text stops being JSON. Browsers say it in words of their own, and not always. Pure. */

const TOKEN = /\s*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|true\b|false\b|null\b))/y;

/**
 * The value of a JSON text, or the place of its first error.
 * @param {string} text
 * @returns {{ value: any, line: 0, starts: number[] } | { value: undefined, line: number, starts: number[] }}
 *   `line` counts from one, and is zero for sound JSON; `starts` are the lines on which the items of the outermost list begin
 */
export function readJson(text) {
  /** @type {number[]} */
  const starts = [];
  try {
    const value = JSON.parse(text);
    walk(text, (at) => starts.push(lineOf(text, at)));
    return { value, line: 0, starts };
  } catch {
    return { value: undefined, line: lineOf(text, walk(text, () => {})), starts };
  }
}

/** @param {string} text @param {number} at */
function lineOf(text, at) {
  let line = 1;
  for (let index = text.indexOf("\n"); index >= 0 && index < at; index = text.indexOf("\n", index + 1)) line += 1;
  return line;
}

/** Goes over the pieces of a text as far as they are JSON, and says where that ends. @param {string} text @param {(at: number) => void} onItem */
function walk(text, onItem) {
  /** What is open, and what may come next: a value, a key, the end of one, or what separates two. @type {string[]} */
  const open = [];
  let wanted = "value", at = 0;
  while (at < text.length) {
    TOKEN.lastIndex = at;
    const found = TOKEN.exec(text);
    if (!found) return at + (/^\s*/.exec(text.slice(at)) ?? [""])[0].length;
    const [whole, mark, string] = found;
    const here = at + whole.length - (mark ?? string ?? whole.trim()).length;
    const next = follow(mark ?? (string ? "string" : "plain"), wanted, open);
    if (!next) return here;
    if (open.length === (mark === "{" || mark === "[" ? 2 : 1) && open[0] === "[" && wanted.startsWith("value") && mark !== "]") onItem(here);
    wanted = next;
    at = TOKEN.lastIndex;
  }
  return at;
}

/** @param {string} piece @param {string} wanted @param {string[]} open @returns {string} what may come next; empty where the piece may not come */
function follow(piece, wanted, open) {
  const after = () => (open.length ? "more" : "nothing");
  if (wanted.startsWith("value")) {
    if (piece === "{" || piece === "[") return open.push(piece), piece === "{" ? "key or end" : "value or end";
    if (piece === "string" || piece === "plain") return after();
    return piece === "]" && wanted === "value or end" ? (open.pop(), after()) : "";
  }
  if (wanted.startsWith("key")) return piece === "string" ? "colon" : piece === "}" && wanted === "key or end" ? (open.pop(), after()) : "";
  if (wanted === "colon") return piece === ":" ? "value" : "";
  if (wanted !== "more") return "";
  if (piece === ",") return open.at(-1) === "{" ? "key" : "value";
  return piece === (open.at(-1) === "{" ? "}" : "]") ? (open.pop(), after()) : "";
}
