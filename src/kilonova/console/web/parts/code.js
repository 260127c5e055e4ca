/** Code with its colours. The colours come as elements with text in them, never as markup. */
import { html, useMemo } from "../base/ui.js";
import { t } from "../base/i18n.js";
import { CopyButton } from "./basics.js";

const WORDS = new Set(("and as assert async await break case catch class const continue def default del do elif else enum except export extends " +
  "false finally fn for from func function global if impl import in interface is lambda let match mod mut new nil none not null of or package pass " +
  "private pub public raise return select self static struct super switch this throw true try type undefined use var void where while with yield " +
  "False None True SELECT FROM WHERE INSERT UPDATE DELETE JOIN GROUP ORDER BY LIMIT AND OR NOT NULL fi then done echo").split(" "));
// Notes, texts, numbers, words; each branch is bounded, so no text makes it slow.
const PIECE = /(\/\/[^\n]*|\/\*[\s\S]*?\*\/|#[^\n]*|--[ \t][^\n]*)|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|(\b\d[\w.]*)|([A-Za-z_]\w*)/g;
const LONG = 20_000;

/** @param {string} text @returns {any[]} */
function coloured(text) {
  if (text.length > LONG) return [text];
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(PIECE)) {
    const kind = found[1] ? "c" : found[2] ? "s" : found[3] ? "n" : WORDS.has(found[4]) ? "k" : "";
    if (!kind) continue;
    if (found.index > end) parts.push(text.slice(end, found.index));
    parts.push(html`<span class=${kind}>${found[0]}</span>`);
    end = found.index + found[0].length;
  }
  parts.push(text.slice(end));
  return parts;
}

/** @param {{ language?: string, text: string }} props */
export function CodeBlock({ language, text }) {
  const parts = useMemo(() => coloured(text), [text]);
  return html`<div class="code"><header><span>${language || t("code.text")}</span><${CopyButton} text=${text} label=${t("code.copy")} /></header>
    <pre tabindex="0"><code>${parts}</code></pre></div>`;
}
