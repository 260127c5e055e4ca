/** One request: what the books know of it, where its time went, and how its price came to be. Never what was said. */
import { html } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { decimal, duration, instant, money, moneyAlike, number, percent } from "../base/format.js";
import { useAnswer } from "../base/load.js";
import { Badge, Bones, CopyButton, Failure, Note } from "../parts/basics.js";
import { Dialog } from "../parts/dialog.js";
import { Table } from "../parts/table.js";
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

/** Null where there is none, or it is somebody else's. @param {string} id @param {AbortSignal} signal */
async function detailOf(id, signal) {
  try {
    return await ask("GET", `/requests/${encodeURIComponent(id)}`, { signal });
  } catch (error) {
    if (/** @type {any} */ (error).status === 404) return null;
    throw error;
  }
}

/** @param {{ id: string, names: Map<string, string>, onClose: () => void }} props */
export function Request({ id, names, onClose }) {
  const { answer, error, reload } = useAnswer(async (signal) => ({ detail: await detailOf(id, signal) }), [id]);
  const detail = answer.value?.detail;
  return html`<${Dialog} title=${t("requests.one")} isWide onClose=${onClose}>
    ${error.value && html`<${Failure} error=${error.value} retry=${reload} />`}
    ${!answer.value ? !error.value && html`<${Bones} lines=${8} />` : detail ? html`<${Detail} detail=${detail} names=${names} />` : html`<${Note} kind="warn">${t("requests.unknown")}<//>`}<//>`;
}

/** @param {{ detail: any, names: Map<string, string> }} props */
function Detail({ detail, names }) {
  const record = detail.request;
  return html`<div class="stack"><div class="row is-apart"><div class="secret"><code>${record.id}</code><${CopyButton} text=${record.id} label=${t("requests.copy_id")} /></div><${Outcome} outcome=${record.outcome} /></div>
    <${Waterfall} record=${record} />
    <div class="columns is-facts"><${Facts} facts=${factsOf(record, names)} /><${Facts} facts=${costsOf(record)} /></div>
    <${Prices} detail=${detail} /><${Entries} detail=${detail} />
    <p class="muted small">${t("requests.no_content")}</p></div>`;
}

/** @param {{ facts: [string, any][] }} props */
function Facts({ facts }) {
  return html`<dl class="facts">${facts.map(([key, value]) => html`<dt key=${key}>${t(key)}</dt><dd>${value}</dd>`)}</dl>`;
}

/** @param {any} record @param {Map<string, string>} names @returns {[string, any][]} */
const factsOf = (record, names) => [
  ["requests.model", record.model_id], ["nav.project", names.get(record.project_id) ?? record.project_id], ["usage.col_key", names.get(record.key_id) ?? record.key_id],
  ["usage.col_dialect", record.dialect], ["requests.engine", record.engine || "–"], ["requests.tier", record.service_tier],
  ["requests.started", instant(record.started_at)], ["requests.finished", instant(record.finished_at)],
  ["usage.input", number(inputOf(record))], ["usage.output", number(record.output_tokens)], ["requests.reasoning", number(record.reasoning_tokens)],
];

/** @param {any} record @returns {[string, any][]} */
function costsOf(record) {
  const speed = speedOf(record);
  const { cost } = record;
  /** @type {[string, any][]} */
  const facts = [
    ["requests.took", duration(tookMs(record))], ["requests.speed", speed === null ? "–" : t("chat.speed", { speed: decimal(speed) })],
    ["usage.price", money(record.price, record.currency)], ["requests.price_version", record.price_version],
  ];
  if (!cost) return facts;
  const rate = Number(cost.direct) - Number(cost.marginal);
  return [...facts, ["usage.cost", money(cost.direct, cost.currency)], ["requests.cost_marginal", money(cost.marginal, cost.currency)], ["requests.cost_rate", money(rate, cost.currency)],
    ["requests.machine", cost.resource], ["requests.busy", duration(Number(cost.busy_s) * 1000)], ["requests.energy", `${decimal3(cost.energy_wh)} Wh · ${t(`basis.${cost.basis}`)}`], ["requests.co2", `${decimal3(cost.co2_g)} g`]];
}

/** Tokens by kind with their rates; the amounts sum to the price. @param {{ detail: any }} props */
function Prices({ detail }) {
  const { request, lines } = detail;
  if (!lines.length) return null;
  const amount = moneyAlike(lines.map((/** @type {any} */ each) => each.amount), request.currency, 4);
  const rate = moneyAlike(lines.map((/** @type {any} */ each) => each.rate), request.currency);
  return html`<section class="stack is-close"><h3>${t("requests.lines")}</h3><${Table} label=${t("requests.lines")} rows=${lines} keyOf=${(/** @type {any} */ each) => each.kind} foot=${[{ isTotal: true, amount: request.price }]} footOf=${() => "total"} columns=${[
    { head: t("requests.kind"), isName: true, cell: (/** @type {any} */ each) => (each.isTotal ? t("usage.price") : t(`requests.kind_${each.kind}`)) },
    { head: t("usage.tokens"), isNumber: true, cell: (/** @type {any} */ each) => (each.isTotal ? "" : number(each.tokens)) },
    { head: t("requests.rate"), isNumber: true, cell: (/** @type {any} */ each) => (each.isTotal ? "" : rate(each.rate)) },
    { head: t("requests.amount"), isNumber: true, cell: (/** @type {any} */ each) => amount(each.amount) },
  ]} />
    ${Number(detail.discount_percent) > 0 && html`<p class="muted small">${t("requests.discount", { percent: percent(detail.discount_percent) })}</p>`}
    ${Number(detail.shortfall) > 0 && html`<p class="muted small">${t("requests.shortfall", { amount: money(detail.shortfall, request.currency) })}</p>`}</section>`;
}

/** @param {{ detail: any }} props */
function Entries({ detail }) {
  if (!detail.entries.length) return null;
  const amount = moneyAlike(detail.entries.map((/** @type {any} */ each) => each.amount), detail.request.currency, 4);
  return html`<details><summary>${t("requests.entries")}</summary><${Table} label=${t("requests.entries")} rows=${detail.entries} keyOf=${(/** @type {any} */ each) => each.account} columns=${[
    { head: t("requests.account"), isName: true, cell: (/** @type {any} */ each) => html`<span class="mono small">${each.account}</span>` },
    { head: t("requests.amount"), isNumber: true, cell: (/** @type {any} */ each) => amount(each.amount) },
  ]} /></details>`;
}

/** @param {string} value */
const decimal3 = (value) => Number(Number(value).toPrecision(3)).toString();
