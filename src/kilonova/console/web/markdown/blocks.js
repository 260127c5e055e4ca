/**
 * Markdown to blocks, for what a model writes: a subset of CommonMark with tables, in one pass.
 * Only text comes out of here. Nothing in it can become an element that the renderer does not draw.
 *
 * @typedef {{ kind: "code", language: string, text: string }
 *   | { kind: "heading", level: number, text: string } | { kind: "rule" } | { kind: "text", text: string }
 *   | { kind: "maths", text: string, source: string } | { kind: "quote", blocks: Block[] } | { kind: "list", isOrdered: boolean, start: number, items: Block[][] }
 *   | { kind: "table", head: string[], align: string[], rows: string[][] }} Block
 */

const DEPTH_MAX = 8;
const FORMULA_LINES = 60;
const FENCE = /^ {0,3}(```+|~~~+)\s*([\w+#.-]*)/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])( +|$)/;
const DELIMITER = /^ {0,3}\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

/** @param {string} text @param {number} [depth] @returns {Block[]} */
export function blocksOf(text, depth = 0) {
  const lines = text.split("\n");
  /** @type {Block[]} */
  const blocks = [];
  /** @type {string[]} */
  let paragraph = [];
  const flush = () => {
    if (paragraph.length) blocks.push({ kind: "text", text: paragraph.join("\n") });
    paragraph = [];
  };
  for (let at = 0; at < lines.length;) {
    const found = readBlock(lines, at, depth, paragraph.length > 0);
    if (found) {
      flush();
      if (found.block) blocks.push(found.block);
      at = found.next;
    } else {
      paragraph.push(lines[at]);
      at += 1;
    }
  }
  flush();
  return blocks;
}

/**
 * The block that begins at a line, if one does; an empty line is a block of nothing.
 * @param {string[]} lines @param {number} at @param {number} depth @param {boolean} isInText
 * @returns {{ block: Block|null, next: number }|null}
 */
function readBlock(lines, at, depth, isInText) {
  const line = lines[at];
  if (!line.trim()) return { block: null, next: at + 1 };
  const fence = FENCE.exec(line);
  if (fence) return readCode(lines, at, fence);
  const maths = readMaths(lines, at);
  if (maths) return maths;
  const heading = /^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$/.exec(line);
  if (heading) return { block: { kind: "heading", level: heading[1].length, text: heading[2] }, next: at + 1 };
  if (/^ {0,3}([-*_])\s*(\1\s*){2,}$/.test(line)) return { block: { kind: "rule" }, next: at + 1 };
  if (depth < DEPTH_MAX && /^ {0,3}>/.test(line)) return readQuote(lines, at, depth);
  const item = ITEM.exec(line);
  // A number other than one inside a paragraph is more likely a year than a list.
  if (depth < DEPTH_MAX && item && !(isInText && /^\d/.test(item[2]) && !/^1[.)]/.test(item[2]))) return readList(lines, at, depth);
  if (line.includes("|") && DELIMITER.test(lines[at + 1] ?? "") && (lines[at + 1] ?? "").includes("-")) return readTable(lines, at);
  return null;
}

/** @param {string[]} lines @param {number} at @param {RegExpExecArray} fence */
function readCode(lines, at, fence) {
  const body = [];
  let next = at + 1;
  const isEnd = (/** @type {string} */ line) => {
    const trimmed = line.trim();
    return trimmed.length >= fence[1].length && trimmed === fence[1][0].repeat(trimmed.length);
  };
  while (next < lines.length && !isEnd(lines[next])) {
    body.push(lines[next]);
    next += 1;
  }
  return { block: /** @type {Block} */ ({ kind: "code", language: fence[2], text: body.join("\n") }), next: next + 1 };
}

/** A formula on lines of its own; one whose end has not come yet is text. @param {string[]} lines @param {number} at */
function readMaths(lines, at) {
  const begin = /^ {0,3}(\$\$|\\\[)/.exec(lines[at]);
  if (!begin) return null;
  const end = begin[1] === "$$" ? "$$" : "\\]";
  for (let next = at, from = begin[0].length; next < Math.min(lines.length, at + FORMULA_LINES); next += 1, from = 0) {
    const place = lines[next].indexOf(end, from);
    if (place < 0) continue;
    if (lines[next].slice(place + 2).trim().replace(/^[.,;:]$/, "")) return null;
    const source = lines.slice(at, next + 1).join("\n");
    return { block: /** @type {Block} */ ({ kind: "maths", text: source.slice(begin[0].length, source.lastIndexOf(end)), source }), next: next + 1 };
  }
  return null;
}

/** @param {string[]} lines @param {number} at @param {number} depth */
function readQuote(lines, at, depth) {
  const body = [];
  let next = at;
  while (next < lines.length && /^ {0,3}>/.test(lines[next])) {
    body.push(lines[next].replace(/^ {0,3}> ?/, ""));
    next += 1;
  }
  return { block: /** @type {Block} */ ({ kind: "quote", blocks: blocksOf(body.join("\n"), depth + 1) }), next };
}

/** @param {string[]} lines @param {number} at @param {number} depth */
function readList(lines, at, depth) {
  const first = /** @type {RegExpExecArray} */ (ITEM.exec(lines[at]));
  const isOrdered = /\d/.test(first[2]);
  /** @type {string[][]} */
  const items = [];
  let next = at;
  while (next < lines.length) {
    const item = ITEM.exec(lines[next]);
    if (!item || /\d/.test(item[2]) !== isOrdered) break;
    const indent = item[0].length;
    const body = [lines[next].slice(indent)];
    next += 1;
    while (next < lines.length && belongs(lines, next, indent)) {
      body.push(lines[next].slice(Math.min(indent, lines[next].search(/\S|$/))));
      next += 1;
    }
    items.push(body);
  }
  const blocks = items.map((body) => blocksOf(body.join("\n"), depth + 1));
  return { block: /** @type {Block} */ ({ kind: "list", isOrdered, start: parseInt(first[2], 10) || 1, items: blocks }), next };
}

/** Whether a line goes on with a list's item: it is indented, or text that follows at once. @param {string[]} lines @param {number} at @param {number} indent */
function belongs(lines, at, indent) {
  const line = lines[at];
  if (!line.trim()) return /^\s/.test(lines[at + 1] ?? "") || ITEM.test(lines[at + 1] ?? "");
  if (line.search(/\S/) >= Math.min(indent, 2)) return true;
  return Boolean(lines[at - 1].trim()) && !ITEM.test(line) && !FENCE.test(line) && !/^ {0,3}(#{1,6}\s|>)/.test(line);
}

/** @param {string[]} lines @param {number} at */
function readTable(lines, at) {
  const head = cells(lines[at]);
  const align = cells(lines[at + 1]).map((each) => (each.endsWith(":") ? (each.startsWith(":") ? "center" : "end") : "start"));
  const rows = [];
  let next = at + 2;
  while (next < lines.length && lines[next].trim() && lines[next].includes("|")) {
    const row = cells(lines[next]);
    rows.push(head.map((_, index) => row[index] ?? ""));
    next += 1;
  }
  return { block: /** @type {Block} */ ({ kind: "table", head, align, rows }), next };
}

/** @param {string} line */
const cells = (line) => line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((each) => each.trim().replace(/\\\|/g, "|"));
