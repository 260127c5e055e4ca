/** Models: what is on offer, whether it is ready, what it can, what it costs. */
import { html, useSignal } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { money, number } from "../base/format.js";
import { useAnswer, useEvery } from "../base/load.js";
import { may } from "../base/session.js";
import { href } from "../base/router.js";
import { Badge, Bones, CopyButton, Empty, Failure, Field, PageHead } from "../parts/basics.js";
import { Icon } from "../parts/icons.js";
import { ShowCode } from "../parts/show_code.js";

export default function Models() {
  const { answer, error, reload } = useAnswer(() => ask("GET", "/models"));
  useEvery(reload, 10_000);
  const sought = useSignal("");
  const words = sought.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = (answer.value?.data ?? []).filter((/** @type {any} */ model) => {
    const text = [model.id, model.name, model.provider, ...model.aliases, ...model.abilities].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  });
  return html`<${PageHead} title=${t("nav.models")} about=${t("models.about")} />
    ${error.value && html`<${Failure} error=${error.value} retry=${reload} />`}
    ${!answer.value ? !error.value && html`<${Bones} lines=${5} />` : html`<div class="stack">
      ${answer.value.data.length > 3 && html`<${Field} label=${t("models.search")} type="search" value=${sought.value} onInput=${(/** @type {any} */ event) => { sought.value = event.target.value; }} />`}
      ${found.length ? html`<div class="grid">${found.map((/** @type {any} */ model) => html`<${Model} key=${model.id} model=${model} />`)}</div>`
        : html`<${Empty} icon="cube" title=${t("models.none")} />`}</div>`}`;
}

/** @param {{ model: any }} props */
function Model({ model }) {
  const price = model.price;
  const rate = (/** @type {string|null} */ amount) => (amount === null ? "–" : Number(amount) === 0 ? t("models.free") : money(amount, price.currency));
  return html`<article class="card model-card">
    <div><h2>${model.name} <${Badge} kind=${model.is_ready ? "good" : "warn"} hasDot>${t(model.is_ready ? "models.ready" : "models.not_ready")}<//></h2>
      <p class="muted small">${model.provider}${model.licence && ` · ${model.licence}`}</p></div>
    <p>${model.description}</p>
    <div class="secret"><code>${model.id}</code><${CopyButton} text=${model.id} label=${t("models.copy_id")} /></div>
    <div class="row">${model.abilities.map((/** @type {string} */ ability) => html`<${Badge} key=${ability}>${ability}<//>`)}</div>
    <dl class="facts">
      <dt>${t("models.context")}</dt><dd>${t("models.tokens", { count: model.context_tokens, tokens: number(model.context_tokens) })}</dd>
      <dt>${t("models.output_max")}</dt><dd>${t("models.tokens", { count: model.output_tokens_max, tokens: number(model.output_tokens_max) })}</dd>
      ${price ? html`<dt>${t("models.price_input")}</dt><dd>${rate(price.input)}</dd>
        <dt>${t("models.price_cached")}</dt><dd>${rate(price.cache_read)}</dd>
        <dt>${t("models.price_output")}</dt><dd>${rate(price.output)}</dd>` : html`<dt>${t("usage.price")}</dt><dd>${t("models.not_on_sale")}</dd>`}
      </dl>
    ${model.aliases.length > 0 && html`<p class="small muted">${t("models.aliases")}: ${model.aliases.map((/** @type {string} */ each, /** @type {number} */ index) => html`${index > 0 && ", "}<span class="mono nowrap">${each}</span>`)}</p>`}
    ${may("developer") && model.abilities.includes("chat") && html`<div class="row"><a class="button is-small" href=${href(`chat/${encodeURIComponent(model.id)}`)}><${Icon} name="chat" />${t("models.talk")}</a>
      <${ShowCode} isSmall label=${t("code.show_of", { model: model.name })} asked=${() => ({ model: model.id, text: t("chat.example_1") })} /></div>`}
  </article>`;
}
