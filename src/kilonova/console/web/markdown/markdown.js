/** Draws what a model wrote. A block that has not changed is not drawn again while the answer streams. */
import { html, useMemo } from "../base/ui.js";
import { CodeBlock } from "../parts/code.js";
import { blocksOf } from "./blocks.js";
import { inlineOf } from "./inline.js";
import { Maths } from "./maths.js";

/** @typedef {import("./blocks.js").Block} Block */

/** @param {{ text: string }} props */
export function Markdown({ text }) {
  const blocks = useMemo(() => levelled(blocksOf(text)), [text]);
  return html`<div class="prose">${blocks.map((block, index) => html`<${Drawn} key=${index} block=${block} />`)}</div>`;
}

/** Headings below that of the answer, without gaps, whatever level the model began with. @param {Block[]} blocks */
function levelled(blocks) {
  const first = Math.min(...blocks.map((each) => (each.kind === "heading" ? each.level : 6)));
  let last = 2;
  return blocks.map((each) => {
    if (each.kind !== "heading") return each;
    last = Math.min(last + 1, each.level - first + 3, 6);
    return { ...each, level: last };
  });
}

/** @param {{ block: Block }} props */
function Drawn({ block }) {
  const seen = JSON.stringify(block);
  return useMemo(() => draw(block), [seen]);
}

/** @param {Block} block @returns {any} */
function draw(block) {
  switch (block.kind) {
    case "code": return html`<${CodeBlock} language=${block.language} text=${block.text} />`;
    case "heading": return html`<${`h${Math.min(6, Math.max(3, block.level))}`}>${inlineOf(block.text)}<//>`;
    case "maths": return html`<${Maths} text=${block.text} source=${block.source} isBlock />`;
    case "rule": return html`<hr />`;
    case "quote": return html`<blockquote>${block.blocks.map(draw)}</blockquote>`;
    case "list": return list(block);
    case "table": return table(block);
    default: return html`<p>${lines(block.text)}</p>`;
  }
}

/** Lines of a paragraph stay lines: that is how models mean them. @param {string} text */
const lines = (text) => text.split("\n").flatMap((line, index) => (index ? [html`<br />`, ...inlineOf(line.trim())] : inlineOf(line.trim())));

/** @param {Extract<Block, { kind: "list" }>} block */
function list(block) {
  const items = block.items.map((item) => html`<li>${item.map((each, index) => (each.kind === "text" && index === 0 ? lines(each.text) : draw(each)))}</li>`);
  return block.isOrdered ? html`<ol start=${block.start}>${items}</ol>` : html`<ul>${items}</ul>`;
}

/** @param {Extract<Block, { kind: "table" }>} block */
function table(block) {
  const kind = (/** @type {number} */ index) => (block.align[index] === "end" ? "is-number" : undefined);
  return html`<div class="table-wrap" tabindex="0" role="region" aria-label=${block.head.join(", ")}><table class="table">
    <thead><tr>${block.head.map((each, index) => html`<th scope="col" class=${kind(index)}>${inlineOf(each)}</th>`)}</tr></thead>
    <tbody>${block.rows.map((row) => html`<tr>${row.map((each, index) => html`<td class=${kind(index)}>${inlineOf(each)}</td>`)}</tr>`)}</tbody></table></div>`;
}
