/** What the screen of usage is made of: the sums, the chart over time, and the lines. */
import { html } from "../base/ui.js";
import { t } from "../base/i18n.js";
import { compact, money, moneyAlike, moneyTicks, number, shortDay } from "../base/format.js";
import { href } from "../base/router.js";
import { inBudget } from "../base/session.js";
import { Choices, Empty } from "../parts/basics.js";
import { addressOf } from "../parts/filters.js";
import { timesBetween } from "../parts/scale.js";
import { Series } from "../parts/series.js";
import { Table } from "../parts/table.js";

const MEASURES = ["requests", "tokens", "price", "cost"];
const APART = 6;

const inputOf = (/** @type {any} */ row) => row.input_tokens + row.cache_read_tokens + row.cache_write_tokens + row.cache_write_long_tokens;
const tokensOf = (/** @type {any} */ row) => inputOf(row) + row.output_tokens;
/** @param {any} row @param {string} measure */
const amountOf = (row, measure) => (measure === "requests" ? row.requests : measure === "tokens" ? tokensOf(row) : Number(row[measure] ?? 0));

/** @typedef {Map<string, string>|undefined} Names */

/** @param {string} group @param {string} by @param {Names} names */
function nameOf(group, by, names) {
  if (by === "day") return shortDay(group);
  if (by === "member" && !group) return t("usage.operator");
  return names?.get(group) ?? group;
}

/** @param {{ totals: any[] }} props */
export function Totals({ totals }) {
  const sum = (/** @type {(row: any) => number} */ amount) => totals.reduce((total, row) => total + amount(row), 0);
  const amounts = (/** @type {string} */ name, /** @type {string} */ currency) => totals.filter((row) => row[name] !== null && row[currency]).map((row) => money(row[name], row[currency])).join(" + ") || "–";
  return html`<dl class="card tiles">
    <div class="tile"><dt>${t("usage.requests")}</dt><dd>${compact(sum((row) => row.requests))}</dd></div>
    <div class="tile"><dt>${t("usage.tokens")}</dt><dd>${compact(sum(tokensOf))}</dd><dd class="tile-note">${t("usage.in_out", { input: compact(sum(inputOf)), output: compact(sum((row) => row.output_tokens)) })}</dd></div>
    <div class="tile"><dt>${t("usage.price")}</dt><dd>${amounts("price", "currency")}</dd></div>
    <div class="tile"><dt>${t("usage.cost")}</dt><dd>${amounts("cost", "cost_currency")}</dd></div></dl>`;
}

/** @param {{ found: any, names: Names, measure: string, onMeasure: (measure: string) => void, onSpan: (from: string, to: string) => void }} props */
export function OverTime({ found, names, measure, onMeasure, onSpan }) {
  const isMoney = measure === "price" || measure === "cost";
  const { totals } = found.grouped;
  const currency = (measure === "cost" ? totals.find((/** @type {any} */ each) => each.cost_currency)?.cost_currency : totals[0]?.currency) ?? "USD";
  const line = measure === "price" && found.budget ? { value: found.budget.amount, label: t(`usage.budget_${found.budget.kind}`, { amount: inBudget(found.budget.amount) }) } : null;
  const times = timesBetween(found.from, found.to, found.interval);
  return html`<section class="card"><header><h2>${t(`usage.over_${measure}`)}</h2>
      <${Choices} legend=${t("usage.measure")} name="measure" value=${measure} onChange=${onMeasure} options=${MEASURES.map((name) => [name, t(`usage.${name}`)])} /></header>
    <${Series} label=${t(`usage.over_${measure}`)} times=${times} series=${seriesOf(found, names, measure, times)} line=${line} onSpan=${found.interval === "day" ? onSpan : undefined}
      measure=${isMoney ? { show: (/** @type {number} */ value) => money(value, currency), tick: (/** @type {number} */ step) => moneyTicks(step, currency) } : { show: number, tick: () => compact, isWhole: true }} /></section>`;
}

/** The largest groups apart, the others together. @param {any} found @param {Names} names @param {string} measure @param {string[]} times */
function seriesOf(found, names, measure, times) {
  const places = new Map(times.map((time, at) => [time, at]));
  /** @type {Map<string, number[]>} */
  const groups = new Map();
  for (const row of found.timed.data) {
    const at = places.get(row.time);
    if (at === undefined) continue;
    const group = found.by === "day" ? "" : row.group;
    const values = groups.get(group) ?? times.map(() => 0);
    values[at] += amountOf(row, measure);
    groups.set(group, values);
  }
  const sum = (/** @type {number[]} */ values) => values.reduce((total, value) => total + value, 0);
  const sorted = [...groups].sort((one, other) => sum(other[1]) - sum(one[1]));
  const shown = sorted.slice(0, APART).map(([group, values]) => ({ name: found.by === "day" ? t(`usage.${measure}`) : nameOf(group, found.by, names), values }));
  const rest = sorted.slice(APART);
  if (rest.length) shown.push({ name: t("usage.others", { count: rest.length }), values: times.map((_, at) => rest.reduce((total, [, values]) => total + values[at], 0)) });
  return shown;
}

/** @param {{ found: any, names: Names, filters: Record<string, string> }} props */
export function Lines({ found, names, filters }) {
  const { by } = found;
  const byWeight = (/** @type {any} */ a, /** @type {any} */ b) => Number(b.price) - Number(a.price) || tokensOf(b) - tokensOf(a);
  const rows = found.grouped.data.slice().sort(by === "day" ? (/** @type {any} */ a, /** @type {any} */ b) => (a.group < b.group ? 1 : -1) : byWeight);
  const most = Math.max(1e-12, ...rows.map(tokensOf));
  const alike = new Map();
  for (const name of ["price", "cost"]) {
    for (const currency of new Set(rows.map((/** @type {any} */ row) => row.currency).concat(rows.map((/** @type {any} */ row) => row.cost_currency)))) {
      alike.set(`${name} ${currency}`, moneyAlike(rows.map((/** @type {any} */ row) => row[name] ?? 0), currency ?? "USD"));
    }
  }
  const shown = (/** @type {any} */ row, /** @type {string} */ name, /** @type {string|null} */ currency) => (row[name] === null || !currency ? "–" : (alike.get(`${name} ${currency}`) ?? ((/** @type {any} */ amount) => money(amount, currency)))(row[name]));
  return html`<section class="card"><header><h2>${t(`usage.by_${by}`)}</h2></header>
    ${!rows.length ? html`<${Empty} icon="chart" title=${t("usage.none")}><p>${t("usage.none_about")}</p><//>` : html`<${Table} label=${t(`usage.by_${by}`)} rows=${rows} keyOf=${placeOf} foot=${found.grouped.totals.map((/** @type {any} */ each) => ({ ...each, isTotal: true }))} footOf=${placeOf} columns=${[
      { head: t(`usage.col_${by}`), isName: true, cell: (/** @type {any} */ row) => (row.isTotal ? t("usage.total") : html`${by === "member" && !row.group ? nameOf(row.group, by, names) : html`<a href=${leads(found, filters, row.group)} title=${t(by === "member" ? "usage.seek_member" : "usage.seek")}>${nameOf(row.group, by, names)}</a>`}
        <span class="share"><svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect width=${(100 * tokensOf(row)) / most} height="4" /></svg></span>`) },
      { head: t("usage.requests"), isNumber: true, cell: (/** @type {any} */ row) => number(row.requests) },
      { head: t("usage.input"), isNumber: true, cell: (/** @type {any} */ row) => number(inputOf(row)) },
      { head: t("usage.cached"), isNumber: true, cell: (/** @type {any} */ row) => number(row.cache_read_tokens) },
      { head: t("usage.output"), isNumber: true, cell: (/** @type {any} */ row) => number(row.output_tokens) },
      { head: t("usage.price"), isNumber: true, cell: (/** @type {any} */ row) => shown(row, "price", row.currency) },
      { head: t("usage.cost"), isNumber: true, cell: (/** @type {any} */ row) => shown(row, "cost", row.cost_currency) },
    ]} />`}</section>`;
}

const placeOf = (/** @type {any} */ row) => `${row.group} ${row.currency} ${row.cost_currency}`;

/** A line leads to its requests: the same days and filters, and what the line is of; a member's to the member's keys. @param {any} found @param {Record<string, string>} filters @param {string} group */
function leads(found, filters, group) {
  const { member, ...sought } = filters;
  if (found.by === "member" || member) return href(`usage?${addressOf({ ...filters, range: "custom", from: found.from, to: found.to, [found.by]: group, by: found.by === "key" ? "model" : "key" })}`);
  if (found.by === "day") return href(`requests?${addressOf({ ...sought, from: group, to: group })}`);
  return href(`requests?${addressOf({ ...sought, from: found.from, to: found.to, [found.by]: group })}`);
}
