/** The tools that are offered to the model: written or pasted as JSON, chosen among, and what they answer by themselves. */
import { html, useRef } from "../base/ui.js";
import { t } from "../base/i18n.js";
import { Field } from "../parts/basics.js";
import { Icon } from "../parts/icons.js";
import { choices, choose } from "./room.js";
import { EXAMPLE, pretty, toolsOf } from "./tools.js";

/** @param {{ model: any }} props */
export function ToolPanel({ model }) {
  const { tools, toolChoice, canned } = choices.value;
  const { tools: offered, problem } = toolsOf(tools);
  // Later it is the reader's to open and close.
  const isOpen = useRef(Boolean(tools)).current;
  const isAble = !model || model.abilities.includes("tools");
  const names = offered.map((each) => each.function.name);
  const wanted = ["auto", "none", "required"].includes(toolChoice) || names.includes(toolChoice.slice(5)) ? toolChoice : "auto";
  const option = (/** @type {string} */ value, /** @type {string} */ label) => html`<option key=${value} value=${value} selected=${value === wanted}>${label}</option>`;
  const forget = (/** @type {string} */ name) => () => {
    const { [name]: _, ...rest } = choices.peek().canned;
    choose({ canned: rest });
  };
  return html`<details class="group" open=${isOpen}><summary>${t("tools.title")}${offered.length ? ` (${offered.length})` : ""}</summary><div class="stack is-close">
    <${Field} as="textarea" class="input mono" rows="8" spellcheck="false" disabled=${!isAble} label=${t("tools.json")} hint=${isAble ? t("tools.hint") : t("tools.cannot", { model: model.name })} value=${tools}
      onInput=${(/** @type {any} */ event) => choose({ tools: event.target.value })} error=${isAble && problem ? t(problem.key, problem.values) : ""} />
    ${isAble && html`<div class="row">${tools.trim() ? html`<button class="button is-small" type="button" disabled=${Boolean(problem)} onClick=${() => choose({ tools: pretty(tools) })}>${t("tools.tidy")}</button>`
      : html`<button class="button is-small" type="button" onClick=${() => choose({ tools: EXAMPLE })}><${Icon} name="plus" />${t("tools.example")}</button>`}</div>`}
    <${Field} as="select" label=${t("tools.choice")} disabled=${!isAble || !offered.length} value=${wanted} onChange=${(/** @type {any} */ event) => choose({ toolChoice: event.target.value })} hint=${offered.length ? t("tools.choice_hint") : ""}>
      ${["auto", "none", "required"].map((each) => option(each, t(`tools.choice_${each}`)))}
      ${names.map((each) => option(`name:${each}`, each))}<//>
    ${Object.keys(canned).length > 0 && html`<div class="field"><span class="label">${t("tools.canned")}</span><ul class="canned">${Object.entries(canned).map(([name, text]) => html`<li key=${name}><span><strong>${name}</strong> <code>${text.slice(0, 80)}</code></span>
      <button class="button is-quiet is-small" type="button" aria-label=${t("tools.forget", { name })} onClick=${forget(name)}><${Icon} name="close" /></button></li>`)}</ul></div>`}
  </div></details>`;
}
