/** What a request says besides its messages: the system prompt and the sampling. */
import { html } from "../base/ui.js";
import { t } from "../base/i18n.js";
import { decimal, number } from "../base/format.js";
import { Field } from "../parts/basics.js";
import { ShowCode } from "../parts/show_code.js";
import { choices, draft, keep, line } from "./room.js";

/** @param {Partial<import("./room.js").Choices>} change */
export function choose(change) {
  choices.value = { ...choices.peek(), ...change };
  keep();
}

/** @param {{ model: any }} props */
export function Side({ model }) {
  const { system, temperature, topP, maxTokens } = choices.value;
  return html`<h2>${t("chat.settings")}</h2>
    <${Field} as="textarea" rows="6" label=${t("chat.system")} hint=${t("chat.system_hint")} value=${system} onInput=${(/** @type {any} */ event) => choose({ system: event.target.value })} />
    <${Slider} id="temperature" label=${t("chat.temperature")} value=${temperature} start=${1} min=${0} max=${2} step=${0.1} onChange=${(/** @type {number|null} */ value) => choose({ temperature: value })} />
    <${Slider} id="top-p" label=${t("chat.top_p")} value=${topP} start=${1} min=${0.05} max=${1} step=${0.05} onChange=${(/** @type {number|null} */ value) => choose({ topP: value })} />
    <${Field} label=${t("chat.max_tokens")} type="number" min="1" max=${model?.output_tokens_max} value=${maxTokens ?? ""} placeholder=${t("chat.automatic")}
      hint=${model ? t("chat.max_tokens_hint", { tokens: number(model.output_tokens_max) }) : ""}
      onInput=${(/** @type {any} */ event) => choose({ maxTokens: Number(event.target.value) || null })} />
    ${model && html`<div><${ShowCode} asked=${() => ({ model: model.id, system: system.trim(), text: asked(), temperature, topP, maxTokens })} /></div>`}`;
}

/** The question whose code is shown: what is being written, else the last one. */
const asked = () => draft.peek().trim() || (line.peek().findLast((turn) => turn.role === "user")?.text ?? t("chat.example_1"));

/** A slider that may be left alone: then the model's own value holds. @param {{ id: string, label: string, value: number|null, start: number, min: number, max: number, step: number, onChange: (value: number|null) => void }} props */
function Slider({ id, label, value, start, min, max, step, onChange }) {
  return html`<div class="field"><div class=${value === null ? "slider is-automatic" : "slider"}><label for=${id}>${label}</label><output for=${id}>${value === null ? t("chat.automatic") : decimal2(value)}</output>
      <input id=${id} type="range" min=${min} max=${max} step=${step} value=${value ?? start} onInput=${(/** @type {any} */ event) => onChange(Number(event.target.value))} /></div>
    ${value !== null && html`<div><button class="button is-quiet is-small" type="button" onClick=${() => onChange(null)}>${t("chat.reset")}</button></div>`}</div>`;
}

const decimal2 = (/** @type {number} */ value) => (Number.isInteger(value * 10) ? decimal(value) : value.toFixed(2));
