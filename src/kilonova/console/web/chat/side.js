/** What a request says besides its messages: the system prompt, the sampling, the form of the answer, the tools. */
import { html, useRef } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { decimal, number } from "../base/format.js";
import { useAnswer } from "../base/load.js";
import { Field } from "../parts/basics.js";
import { ShowCode } from "../parts/show_code.js";
import { parametersOf } from "./request.js";
import { choices, choose, draft, line } from "./room.js";
import { ToolPanel } from "./tool_panel.js";
import { schemaProblem } from "./tools.js";

// What may be asked for on the wire; the price list decides which of them are sold.
const TIERS = ["flex", "priority", "fast", "scale"];
const EFFORTS = ["minimal", "low", "medium", "high", "max"];

/** @param {{ model: any }} props */
export function Side({ model }) {
  const { system, temperature, topP, maxTokens } = choices.value;
  return html`<h2>${t("chat.settings")}</h2>
    <${Field} as="textarea" rows="5" label=${t("chat.system")} hint=${t("chat.system_hint")} value=${system} onInput=${(/** @type {any} */ event) => choose({ system: event.target.value })} />
    <${Slider} id="temperature" label=${t("chat.temperature")} value=${temperature} start=${1} min=${0} max=${2} step=${0.1} onChange=${(/** @type {number|null} */ value) => choose({ temperature: value })} />
    <${Slider} id="top-p" label=${t("chat.top_p")} value=${topP} start=${1} min=${0.05} max=${1} step=${0.05} onChange=${(/** @type {number|null} */ value) => choose({ topP: value })} />
    <${Field} label=${t("chat.max_tokens")} type="number" min="1" max=${model?.output_tokens_max} value=${maxTokens ?? ""} placeholder=${t("chat.automatic")}
      hint=${model ? t("chat.max_tokens_hint", { tokens: number(model.output_tokens_max) }) : ""}
      onInput=${(/** @type {any} */ event) => choose({ maxTokens: Number(event.target.value) || null })} />
    <${More} model=${model} /><${ToolPanel} model=${model} />
    ${model && html`<div><${ShowCode} asked=${() => ({ model: model.id, system: system.trim(), text: asked(), temperature, topP, maxTokens, more: moreOf(model) })} /></div>`}`;
}

/** The question whose code is shown: what is being written, else the last one. */
const asked = () => draft.peek().trim() || (line.peek().findLast((turn) => turn.role === "user")?.text ?? t("chat.example_1"));

/** What else is sent, in the words of OpenAI's wire. @param {any} model */
function moreOf(model) {
  try {
    return parametersOf({ ...choices.peek(), temperature: null, topP: null, maxTokens: null }, model);
  } catch {
    // A schema that is not finished yet.
    return {};
  }
}

/** What is rarely needed; what the model cannot do is grey, with the reason. @param {{ model: any }} props */
function More({ model }) {
  const { seed, stop, effort, serviceTier, format, schema } = choices.value;
  const { answer } = useAnswer(async () => (model ? await ask("GET", "/prices", { query: { model: model.id } }) : null), [model?.id]);
  const sold = new Set((answer.value?.data ?? []).filter((/** @type {any} */ line) => line.holds_now).map((/** @type {any} */ line) => line.tier));
  const tiers = TIERS.filter((each) => sold.has(each) || each === serviceTier);
  const efforts = effortsOf(model);
  const name = model?.name ?? "";
  const hasJson = !model || model.abilities.includes("json");
  const problem = hasJson && format === "json_schema" ? schemaProblem(schema) : null;
  const set = (/** @type {string} */ key) => (/** @type {any} */ event) => choose({ [key]: event.target.value });
  const option = (/** @type {string} */ value, /** @type {string} */ label, /** @type {string} */ chosen) => html`<option key=${value} value=${value} selected=${value === chosen}>${label}</option>`;
  // Later it is the reader's to open and close.
  const isOpen = useRef(Boolean(seed !== null || stop.some(Boolean) || effort || serviceTier || format !== "text")).current;
  return html`<details class="group" open=${isOpen}><summary>${t("chat.more_settings")}</summary><div class="stack is-close">
    <${Field} as="select" label=${t("schema.format")} disabled=${!hasJson} value=${format} onChange=${set("format")} hint=${hasJson ? "" : t("chat.cannot_json", { model: name })}>
      ${["text", "json_object", "json_schema"].map((each) => option(each, t(`schema.format_${each}`), format))}<//>
    ${format === "json_schema" && html`<${Field} as="textarea" class="input mono" rows="6" spellcheck="false" disabled=${!hasJson} label=${t("schema.title")} placeholder=${SCHEMA} value=${schema} onInput=${set("schema")} error=${problem ? t(problem.key, problem.values) : ""} />`}
    <${Field} as="select" label=${t("chat.effort")} disabled=${!efforts.length} value=${effort} onChange=${set("effort")} hint=${efforts.length ? "" : t(model?.abilities.includes("reasoning") ? "chat.cannot_effort" : "chat.cannot_think", { model: name })}>
      ${["", ...efforts].map((each) => option(each, each ? t(`chat.effort_${each}`) : t("chat.automatic"), effort))}<//>
    <${Field} as="select" label=${t("chat.tier")} disabled=${!tiers.length} value=${serviceTier} onChange=${set("serviceTier")} hint=${tiers.length || !answer.value ? "" : t("chat.no_tiers", { model: name })}>
      ${["", ...tiers].map((each) => option(each, each || t("chat.tier_default"), serviceTier))}<//>
    <${Field} label=${t("chat.seed")} type="number" step="1" value=${seed ?? ""} placeholder=${t("chat.automatic")} hint=${t("chat.seed_hint")}
      onInput=${(/** @type {any} */ event) => choose({ seed: event.target.value === "" ? null : Math.trunc(Number(event.target.value)) })} />
    <${Field} as="textarea" class="input mono" rows="2" label=${t("chat.stop_at")} hint=${t("chat.stop_hint")} value=${stop.join("\n")} onInput=${(/** @type {any} */ event) => choose({ stop: event.target.value.split("\n").slice(0, 4).map((/** @type {string} */ each) => each.slice(0, 200)) })} />
  </div></details>`;
}

const SCHEMA = `{
  "type": "object",
  "properties": { "city": { "type": "string" } },
  "required": ["city"]
}`;

/** What may be said about the thoughts of a model. @param {any} model @returns {string[]} */
function effortsOf(model) {
  const controls = model?.thinking_controls ?? [];
  const isSwitched = controls.includes("switch");
  if (controls.includes("effort")) return [...(isSwitched ? ["none"] : []), ...EFFORTS];
  return isSwitched ? ["none", "on"] : [];
}

/** A slider that may be left alone: then the model's own value holds. @param {{ id: string, label: string, value: number|null, start: number, min: number, max: number, step: number, onChange: (value: number|null) => void }} props */
function Slider({ id, label, value, start, min, max, step, onChange }) {
  return html`<div class="field"><div class=${value === null ? "slider is-automatic" : "slider"}><label for=${id}>${label}</label><output for=${id}>${value === null ? t("chat.automatic") : decimal2(value)}</output>
      <input id=${id} type="range" min=${min} max=${max} step=${step} value=${value ?? start} onInput=${(/** @type {any} */ event) => onChange(Number(event.target.value))} /></div>
    ${value !== null && html`<div><button class="button is-quiet is-small" type="button" onClick=${() => onChange(null)}>${t("chat.reset")}</button></div>`}</div>`;
}

const decimal2 = (/** @type {number} */ value) => (Number.isInteger(value * 10) ? decimal(value) : value.toFixed(2));
