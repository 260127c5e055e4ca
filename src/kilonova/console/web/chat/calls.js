/** Calls of tools: what the model asks for, and the answers that a person gives in the place of the tools. */
import { html, useSignal } from "../base/ui.js";
import { t } from "../base/i18n.js";
import { Field } from "../parts/basics.js";
import { CodeBlock } from "../parts/code.js";
import { Icon } from "../parts/icons.js";
import { answerCalls, cannedOf, choices, choose, line } from "./room.js";
import { pretty } from "./tools.js";

/** @typedef {import("./tree.js").Turn} Turn */
/** @typedef {import("./tree.js").Call} Call */
/** @typedef {import("./tree.js").Result} Result */

/** The calls of an answer; the last ones of the conversation wait for their answers. @param {{ turn: Turn }} props */
export function Calls({ turn }) {
  if (!turn.calls?.length) return null;
  const isWaiting = turn.state === "done" && line.value.at(-1)?.id === turn.id;
  return html`<ul class="calls">${turn.calls.map((call, index) => html`<li key=${index}><${Shown} call=${call} /></li>`)}</ul>
    ${isWaiting && html`<${AnswerForm} turn=${turn} results=${turn.calls.map((call) => ({ id: call.id, name: call.name, text: cannedOf(call.name) ?? "" }))} />`}`;
}

/** @param {{ call: Call }} props */
const Shown = ({ call }) => html`<h3><${Icon} name="code" />${t("tools.calls", { name: call.name })}</h3><${CodeBlock} language="json" text=${pretty(call.arguments)} />`;

/** What each call is answered with. @param {{ turn: Turn, results: Result[], onDone?: () => void }} props `turn` is the answer that calls */
export function AnswerForm({ turn, results, onDone }) {
  const texts = useSignal(results.map((each) => each.text));
  const isKept = useSignal(results.every((each) => cannedOf(each.name) !== undefined));
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const found = results.map((each, index) => ({ ...each, text: texts.value[index] }));
    const canned = { ...choices.peek().canned };
    for (const each of found) {
      if (isKept.value) canned[each.name] = each.text;
      else delete canned[each.name];
    }
    choose({ canned });
    onDone?.();
    answerCalls(turn, found);
  };
  const onKey = (/** @type {KeyboardEvent} */ event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit(event); };
  return html`<form class="stack is-close call-form" onSubmit=${submit} onKeyDown=${onKey}>
    ${results.map((each, index) => html`<${Field} key=${each.id} as="textarea" class="input mono" rows="3" label=${t("tools.answer_of", { name: each.name })} value=${texts.value[index]}
      onInput=${(/** @type {any} */ event) => { texts.value = texts.value.map((text, at) => (at === index ? event.target.value : text)); }} />`)}
    <label class="check"><input type="checkbox" checked=${isKept.value} onChange=${(/** @type {any} */ event) => { isKept.value = event.target.checked; }} />${t("tools.keep_answer")}</label>
    <div class="row"><button class="button is-small is-primary"><${Icon} name="send" />${t("tools.go_on")}</button>
      ${onDone ? html`<button class="button is-small" type="button" onClick=${onDone}>${t("action.cancel")}</button>` : html`<span class="muted small">${t("tools.or_write_on")}</span>`}</div></form>`;
}
