/** One request: what the books know of it, and where its time went. Never what was said. */
import { html } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { decimal, duration, instant, money, number } from "../base/format.js";
import { useAnswer } from "../base/load.js";
import { Badge, Bones, CopyButton, Failure, Note } from "../parts/basics.js";
import { Dialog } from "../parts/dialog.js";
import { Waterfall } from "../parts/waterfall.js";

export const inputOf = (/** @type {any} */ each) => each.input_tokens + each.cache_read_tokens + each.cache_write_tokens + (each.cache_write_long_tokens ?? 0);
export const tookMs = (/** @type {any} */ each) => Date.parse(each.finished_at) - Date.parse(each.started_at);

/** Tokens a second while it wrote; null where that cannot be said. @param {any} each */
export function speedOf(each) {
  const writingMs = tookMs(each) - (each.first_token_ms ?? 0);
  return each.first_token_ms === null || each.output_tokens < 2 || writingMs < 20 ? null : ((each.output_tokens - 1) * 1000) / writingMs;
}

/** @param {{ outcome: string }} props */
export function Outcome({ outcome }) {
  return html`<${Badge} kind=${outcome === "completed" ? "good" : outcome === "cancelled" ? "" : "bad"}>${t(`outcome.${outcome}`)}<//>`;
}

/** The page that begins just before an id begins with it. @param {string} id */
async function recordOf(id) {
  const before = id.slice(0, -1) + String.fromCharCode(id.charCodeAt(id.length - 1) - 1);
  const page = await ask("GET", "/requests", { query: { after: before, limit: 1 } });
  return page.data[0]?.id === id ? page.data[0] : null;
}

/** @param {{ id: string, known: any, names: Map<string, string>, onClose: () => void }} props */
export function Request({ id, known, names, onClose }) {
  const { answer, error, reload } = useAnswer(async () => ({ record: known ?? await recordOf(id) }), [id]);
  const record = answer.value?.record;
  return html`<${Dialog} title=${t("requests.one")} onClose=${onClose}>
    ${error.value && html`<${Failure} error=${error.value} retry=${reload} />`}
    ${!answer.value ? !error.value && html`<${Bones} lines=${8} />` : record ? html`<${Facts} record=${record} names=${names} />` : html`<${Note} kind="warn">${t("requests.unknown")}<//>`}<//>`;
}

/** @param {{ record: any, names: Map<string, string> }} props */
function Facts({ record, names }) {
  const speed = speedOf(record);
  const { cost } = record;
  /** @type {[string, any][]} */
  const facts = [
    ["requests.model", record.model_id], ["nav.project", names.get(record.project_id) ?? record.project_id], ["usage.col_key", names.get(record.key_id) ?? record.key_id],
    ["usage.col_dialect", record.dialect], ["requests.engine", record.engine || "–"], ["requests.tier", record.service_tier],
    ["requests.started", instant(record.started_at)], ["requests.finished", instant(record.finished_at)],
    ["requests.took", duration(tookMs(record))], ["requests.speed", speed === null ? "–" : t("chat.speed", { speed: decimal(speed) })],
    ["usage.input", number(inputOf(record))], ["usage.cached", number(record.cache_read_tokens)],
    ["usage.output", number(record.output_tokens)], ["requests.reasoning", number(record.reasoning_tokens)],
    ["usage.price", money(record.price, record.currency)], ["requests.price_version", record.price_version],
  ];
  if (cost) {
    facts.push(["usage.cost", money(cost.direct, cost.currency)], ["requests.machine", cost.resource], ["requests.busy", duration(Number(cost.busy_s) * 1000)],
      ["requests.energy", `${decimal3(cost.energy_wh)} Wh · ${t(`basis.${cost.basis}`)}`], ["requests.co2", `${decimal3(cost.co2_g)} g`]);
  }
  return html`<div class="stack"><div class="row is-apart"><div class="secret"><code>${record.id}</code><${CopyButton} text=${record.id} label=${t("requests.copy_id")} /></div><${Outcome} outcome=${record.outcome} /></div>
    <${Waterfall} record=${record} />
    <dl class="facts">${facts.map(([key, value]) => html`<dt key=${key}>${t(key)}</dt><dd>${value}</dd>`)}</dl>
    <p class="muted small">${t("requests.no_content")}</p></div>`;
}

/** @param {string} value */
const decimal3 = (value) => Number(Number(value).toPrecision(3)).toString();
