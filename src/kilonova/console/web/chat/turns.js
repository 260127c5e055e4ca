/** One question or one answer, with what can be done with it and what it took. */
import { html, useSignal } from "../base/ui.js";
import { t } from "../base/i18n.js";
import { decimal, duration, energy, money, number } from "../base/format.js";
import { Markdown } from "../markdown/markdown.js";
import { CopyButton, Failure } from "../parts/basics.js";
import { CodeBlock } from "../parts/code.js";
import { Icon } from "../parts/icons.js";
import { AttachedList } from "./attached.js";
import { AnswerForm, Calls } from "./calls.js";
import { askAgain, askOtherwise, families, keep, tree } from "./room.js";
import { pretty } from "./tools.js";
import { switched } from "./tree.js";

/** @typedef {import("./tree.js").Turn} Turn */

/** @type {WeakMap<Turn, any>} */
const drawn = new WeakMap();

/** A turn on the screen. One that has not changed is the same node, which costs nothing while another is written. @param {Turn} turn */
export function viewOf(turn) {
  let node = drawn.get(turn);
  if (!node) {
    const View = { user: Question, tool: ToolAnswers, assistant: Answer }[turn.role];
    node = html`<${View} key=${turn.id} turn=${turn} />`;
    drawn.set(turn, node);
  }
  return node;
}

/** @param {{ turn: Turn }} props */
function Question({ turn }) {
  const isEdited = useSignal(false);
  const text = useSignal(turn.text);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    isEdited.value = false;
    if (text.value.trim() || turn.pictures || turn.files) askOtherwise(turn, text.value.trim());
  };
  if (isEdited.value) {
    return html`<li class="turn is-user"><form class="edit" onSubmit=${submit}>
      <textarea class="input" rows="4" aria-label=${t("chat.edit")} value=${text.value} onInput=${(/** @type {any} */ event) => { text.value = event.target.value; }}></textarea>
      <div class="dialog-foot"><button class="button is-small" type="button" onClick=${() => { isEdited.value = false; }}>${t("action.cancel")}</button>
        <button class="button is-small is-primary">${t("chat.send")}</button></div></form></li>`;
  }
  return html`<li class="turn is-user"><h2 class="unseen">${t("chat.you")}</h2><${AttachedList} pictures=${turn.pictures} files=${turn.files} />${turn.text && html`<div class="bubble">${turn.text}</div>`}
    <div class="turn-foot"><${Branches} turn=${turn} /><${CopyButton} text=${turn.text} />
      <button class="button is-quiet is-small" type="button" onClick=${() => { text.value = turn.text; isEdited.value = true; }}><${Icon} name="edit" />${t("chat.edit")}</button></div></li>`;
}

/** What was answered in the place of tools; answering otherwise makes a branch. @param {{ turn: Turn }} props */
function ToolAnswers({ turn }) {
  const isEdited = useSignal(false);
  const results = turn.results ?? [];
  const caller = tree.peek().turns[turn.parent];
  return html`<li class="turn is-tool"><h2 class="unseen">${t("tools.title")}</h2>
    ${isEdited.value ? html`<${AnswerForm} turn=${caller} results=${results} onDone=${() => { isEdited.value = false; }} />`
      : html`<ul class="calls">${results.map((each) => html`<li key=${each.id}><h3>${t("tools.answers", { name: each.name })}</h3><${CodeBlock} text=${pretty(each.text)} /></li>`)}</ul>
        <div class="turn-foot"><${Branches} turn=${turn} /><button class="button is-quiet is-small" type="button" onClick=${() => { isEdited.value = true; }}><${Icon} name="edit" />${t("chat.edit")}</button></div>`}</li>`;
}

/** @param {{ turn: Turn }} props */
function Answer({ turn }) {
  const isWritten = turn.state === "streaming";
  return html`<li class="turn is-answer" aria-busy=${isWritten}><h2 class="unseen">${turn.model}</h2>
    ${turn.thoughts && html`<details class="thoughts" open=${isWritten && !turn.text}><summary>${t("chat.thoughts")}</summary><${Markdown} text=${turn.thoughts} /></details>`}
    ${turn.text && html`<${Markdown} text=${turn.text} />`}
    <${Calls} turn=${turn} />
    ${isWritten && html`<span class="caret" aria-hidden="true"></span>`}
    ${turn.error && html`<${Failure} error=${turn.error} />`}
    ${!isWritten && html`<div class="turn-foot"><${Branches} turn=${turn} />${turn.text && html`<${CopyButton} text=${turn.text} />`}
      <button class="button is-quiet is-small" type="button" onClick=${() => askAgain(turn)}><${Icon} name="again" />${t("chat.again")}</button>
      <${Figures} turn=${turn} /></div>`}</li>`;
}

/** @param {{ turn: Turn }} props */
function Branches({ turn }) {
  const all = families.value.get(turn.parent) ?? [];
  if (all.length < 2) return null;
  const place = all.indexOf(turn.id);
  const step = (/** @type {number} */ by) => () => { tree.value = switched(tree.peek(), turn, by); keep(); };
  return html`<span class="branch">
    <button class="button is-quiet is-small" type="button" disabled=${place === 0} aria-label=${t("chat.branch_before")} onClick=${step(-1)}><${Icon} name="left" /></button>
    ${place + 1}/${all.length}
    <button class="button is-quiet is-small" type="button" disabled=${place === all.length - 1} aria-label=${t("chat.branch_after")} onClick=${step(1)}><${Icon} name="right" /></button></span>`;
}

/** @param {{ turn: Turn }} props */
function Figures({ turn }) {
  const found = turn.figures;
  if (!found) return null;
  const writing = ((found.took_ms ?? 0) - (found.first_ms ?? 0)) / 1000;
  const lines = [
    turn.state === "stopped" && t("chat.stopped"),
    turn.model,
    found.output !== undefined && t("chat.tokens", { input: number(found.input ?? 0), output: number(found.output) }),
    Boolean(found.cached) && t("chat.cached", { tokens: number(found.cached ?? 0) }),
    Boolean(found.reasoning) && t("chat.reasoning", { tokens: number(found.reasoning ?? 0) }),
    found.price !== undefined && t("chat.price", { price: money(found.price, found.currency ?? "USD") }),
    Boolean(found.cost) && t("chat.cost", { cost: money(found.cost ?? 0, found.cost_currency || (found.currency ?? "USD")) }),
    Number(found.energy_wh ?? 0) > 0 && t("chat.energy", { energy: energy(found.energy_wh ?? "0") }),
    Boolean(found.first_ms) && t("chat.first", { time: duration(found.first_ms ?? 0) }),
    Boolean(found.output) && writing > 0.02 && (found.output ?? 0) > 1 && t("chat.speed", { speed: decimal(((found.output ?? 1) - 1) / writing) }),
  ].filter(Boolean);
  return html`<ul class="figures" aria-label=${t("chat.figures")}>${lines.map((each) => html`<li key=${each}>${each}</li>`)}</ul>`;
}
