/**
 * Formulas in TeX, drawn as MathML. KaTeX reads them, and is fetched when the first one is seen; its tree is copied
 * into elements of ours, of the kinds and with the attributes that are named here, and nothing else of it is used.
 */
import { h } from "../base/ui.js";
import katex from "../vendor/katex.js";

const LENGTH_MAX = 5_000;
const DEPTH_MAX = 200;
const ELEMENTS = new Set(("math semantics mtext mn mo mi mspace mover munder munderover msup msub msubsup mfrac mroot msqrt mtable mtr mtd mlabeledtr " +
  "mrow menclose mstyle mpadded mphantom").split(" "));
const ATTRIBUTES = new Set(("display mathvariant displaystyle scriptlevel mathsize mathcolor mathbackground width height depth lspace rspace voffset minsize maxsize " +
  "stretchy fence separator symmetric largeop movablelimits accent accentunder linethickness bevelled columnalign columnspacing columnlines columnwidth rowspacing " +
  "rowlines rowalign side notation form linebreak").split(" "));

/**
 * The elements of a formula. Throws where it is none.
 * @param {string} text @param {boolean} isBlock
 */
export function draw(text, isBlock) {
  if (text.length > LENGTH_MAX) throw new RangeError("too long");
  return elementsOf(katex.__renderToDomTree(text, {
    output: "mathml", displayMode: isBlock, throwOnError: true, trust: false, strict: "ignore", maxExpand: 500, maxSize: 20,
  }), 0);
}

/** @param {any} node @param {number} depth @returns {any} */
function elementsOf(node, depth) {
  if (depth > DEPTH_MAX) throw new RangeError("too deep");
  if (typeof node.text === "string") return node.text;
  if (node.character !== undefined && !node.children) return node.character ? h("mtext", null, node.character) : h("mspace", { width: `${node.width}em` });
  const children = (node.children ?? []).flatMap((/** @type {any} */ each) => elementsOf(each, depth + 1));
  // The source is there twice otherwise, for those who listen.
  if (node.type === "annotation") return [];
  if (!ELEMENTS.has(node.type)) return children;
  return h(node.type, Object.fromEntries(Object.entries(node.attributes ?? {}).filter(([name]) => ATTRIBUTES.has(name))), ...children);
}
