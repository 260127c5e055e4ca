/** The inside of a line of markdown as elements: code, strong, emphasis, links. Links go to the web or to mail, nowhere else. */
import { html } from "../base/ui.js";
import { Maths } from "./maths.js";

const LINE_MAX = 50_000;
const DEPTH_MAX = 6;
const SAFE = /^(https?:\/\/|mailto:)/i;
const PIECE = new RegExp([
  /(`+)([^`](?:.*?[^`])?)\1(?!`)/.source, // 1, 2: code
  /!?\[([^[\]\n]{0,1000})\]\(\s*<?([^\s()<>]{1,2000}(?:\([^\s()<>]{0,500}\)[^\s()<>]{0,500})?)>?(?:\s+"[^"\n]{0,300}")?\s*\)/.source, // 3, 4: link
  /(https?:\/\/[^\s<>"'`]{1,2000}[^\s<>"'`.,;:!?)\]])/.source, // 5: bare address
  /\*\*(?=\S)([^\n]{1,5000}?\S)\*\*/.source, // 6: strong
  /(?<![\w_])__(?=\S)([^\n]{1,5000}?\S)__(?![\w_])/.source, // 7: strong
  /(?<![*\w])\*(?=[^\s*])([^*\n]{1,5000}?[^\s*])?\*(?!\*)/.source, // 8: emphasis
  /(?<![\w_])_(?=[^\s_])([^_\n]{1,5000}?)_(?![\w_])/.source, // 9: emphasis
  /~~(?=\S)([^~\n]{1,5000})~~/.source, // 10: struck
  /\\\(((?:[^\\\n]|\\[^)\n]){1,2000})\\\)/.source, // 11: formula
  /\$\$([^$\n]{1,2000})\$\$/.source, // 12: formula
  // An amount is none: no digit follows the end, and no space stands inside it.
  /(?<![\\$\w])\$(?=[^\s$])((?:[^$\\\n]|\\[^\n]){1,1000}?)(?<=[^\s\\]|\\\$)\$(?![\d\w$])/.source, // 13: formula
  /\\([\\`*_{}[\]()#+\-.!|~<>$])/.source, // 14: escaped
].join("|"), "gs");

/** @param {string} text @param {number} [depth] @returns {any[]} */
export function inlineOf(text, depth = 0) {
  if (text.length > LINE_MAX || depth > DEPTH_MAX) return [text];
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(PIECE)) {
    if (found.index > end) parts.push(text.slice(end, found.index));
    parts.push(elementOf(found, depth + 1));
    end = found.index + found[0].length;
  }
  if (end < text.length) parts.push(text.slice(end));
  return parts;
}

/** @param {RegExpMatchArray} found @param {number} depth */
function elementOf(found, depth) {
  const [whole, , code, label, address, bare, strong, strong2, emphasis, emphasis2, struck, maths, maths2, maths3, escaped] = found;
  if (code !== undefined) return html`<code>${code.trim() || code}</code>`;
  if (address !== undefined) return SAFE.test(address) ? link(address, inlineOf(label || address, depth)) : whole;
  if (bare !== undefined) return link(bare, [bare]);
  if (strong !== undefined || strong2 !== undefined) return html`<strong>${inlineOf(strong ?? strong2, depth)}</strong>`;
  if (emphasis !== undefined || emphasis2 !== undefined) return html`<em>${inlineOf(emphasis ?? emphasis2, depth)}</em>`;
  if (struck !== undefined) return html`<s>${inlineOf(struck, depth)}</s>`;
  const formula = maths ?? maths2 ?? maths3;
  if (formula !== undefined) return html`<${Maths} text=${formula} source=${whole} />`;
  return escaped ?? whole;
}

/** @param {string} address @param {any[]} children */
const link = (address, children) => html`<a href=${address} target="_blank" rel="noopener noreferrer nofollow">${children}</a>`;
