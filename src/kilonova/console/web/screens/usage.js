/** Usage and cost: requests, tokens and money over a time, by what one likes; lines add up to the total. */
import { html, useSignal } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { compact, dateAgo, money, number, shortDay } from "../base/format.js";
import { useAnswer } from "../base/load.js";
import { href } from "../base/router.js";
import { inBudget, member, projects } from "../base/session.js";
import { Bars } from "../parts/bars.js";
import { Bones, Choices, Empty, Failure, Field, PageHead } from "../parts/basics.js";
import { Icon } from "../parts/icons.js";
import { csvOf, saveFile } from "../parts/csv.js";

const PRESETS = { today: 1, week: 7, month: 30, quarter: 90 };
const MEASURES = ["requests", "tokens", "price", "cost"];
const GROUPS = ["model", "project", "key", "dialect", "day"];

export default function Usage() {
  const preset = useSignal("month");
  const custom = useSignal({ from: dateAgo(29), to: dateAgo(0) });
  const group = useSignal("model");
  const measure = useSignal("tokens");
  const { from, to } = range(preset.value, custom.value);
  const { answer, error, reload } = useAnswer(async () => {
    const span = { from, to: nextDay(to) };
    const [grouped, days, level, keys] = await Promise.all([
      ask("GET", "/usage", { query: { group_by: group.value, ...span } }),
      ask("GET", "/usage", { query: { group_by: "day", ...span } }),
      ask("GET", `/limits/${member.peek()?.organisation_id}`),
      group.value === "key" ? ask("GET", "/keys", { query: { limit: 1000 } }) : { data: [] },
    ]);
    return { grouped, days, budget: budgetOfDay(level.limits, from), names: namesOf(keys.data), group: group.value, from, to };
  }, [from, to, group.value]);
  const found = answer.value;
  const take = (/** @type {{value: any}} */ target) => (/** @type {any} */ chosen) => { target.value = chosen; };
  return html`<${PageHead} title=${t("nav.usage")} about=${t("usage.about")}>
      ${found && html`<button class="button" type="button" onClick=${() => download(found)}><${Icon} name="download" />CSV</button>`}<//>
    <div class="stack"><div class="row">
      <${Choices} legend=${t("usage.range")} name="range" value=${preset.value} onChange=${take(preset)}
        options=${[...Object.keys(PRESETS), "this_month", "last_month", "custom"].map((name) => [name, t(`usage.range_${name}`)])} />
      <${Choices} legend=${t("usage.group")} name="group" value=${group.value} onChange=${take(group)}
        options=${GROUPS.map((name) => [name, t(`usage.by_${name}`)])} />
      <span class="muted small">${t("usage.utc")}</span></div>
      ${preset.value === "custom" && html`<div class="row"><${Field} label=${t("usage.from")} type="date" value=${custom.value.from} max=${custom.value.to}
          onChange=${(/** @type {any} */ event) => { custom.value = { ...custom.value, from: event.target.value || custom.value.from }; }} />
        <${Field} label=${t("usage.to")} type="date" value=${custom.value.to} min=${custom.value.from}
          onChange=${(/** @type {any} */ event) => { custom.value = { ...custom.value, to: event.target.value || custom.value.to }; }} /></div>`}
      ${error.value && html`<${Failure} error=${error.value} retry=${reload} />`}
      ${!found ? !error.value && html`<${Bones} lines=${6} />` : html`<${Chart} found=${found} measure=${measure} /><${Table} found=${found} />`}</div>`;
}

/** Both ends are included. @param {string} preset @param {{ from: string, to: string }} custom */
function range(preset, custom) {
  if (preset === "custom") return custom;
  if (preset.endsWith("_month")) return calendarMonth(preset === "last_month" ? 1 : 0);
  return { from: dateAgo(PRESETS[/** @type {keyof typeof PRESETS} */ (preset)] - 1), to: dateAgo(0) };
}

/** A month as invoices have it, in UTC; of the running one until today. @param {number} ago */
function calendarMonth(ago) {
  const today = dateAgo(0);
  const year = Number(today.slice(0, 4)), month = Number(today.slice(5, 7)) - 1 - ago;
  const [first, last] = [1, 0].map((date, at) => new Date(Date.UTC(year, month + at, date)).toISOString().slice(0, 10));
  return { from: first, to: last < today ? last : today };
}

/** What may be spent in a day: the day's budget, else the month's spread over its days. @param {any} limits @param {string} from */
function budgetOfDay(limits, from) {
  if (limits.budget_day !== null) return { amount: Number(limits.budget_day), kind: "day" };
  if (limits.budget_month === null) return null;
  const days = new Date(Date.UTC(Number(from.slice(0, 4)), Number(from.slice(5, 7)), 0)).getUTCDate();
  return { amount: Number(limits.budget_month) / days, kind: "month" };
}

const nextDay = (/** @type {string} */ date) => new Date(Date.parse(date) + 86_400_000).toISOString().slice(0, 10);
const inputOf = (/** @type {any} */ row) => row.input_tokens + row.cache_read_tokens + row.cache_write_tokens + (row.cache_write_long_tokens ?? 0);
const tokensOf = (/** @type {any} */ row) => inputOf(row) + row.output_tokens;

/** @param {any[]} keys @returns {Record<string, string>} */
const namesOf = (keys) => Object.fromEntries([
  ...(projects.value ?? []).map((each) => [each.id, each.name]), ...keys.map((each) => [each.id, each.name || each.id]),
]);

/** @param {{ found: any, measure: any }} props */
function Chart({ found, measure }) {
  const amount = (/** @type {any} */ row) => (measure.value === "requests" ? row.requests : measure.value === "tokens" ? tokensOf(row) : Number(row[measure.value]));
  const isMoney = measure.value === "price" || measure.value === "cost";
  const currency = (measure.value === "cost" ? found.days.totals.find((/** @type {any} */ each) => each.cost_currency)?.cost_currency : found.days.totals[0]?.currency) ?? "USD";
  const line = measure.value === "price" && found.budget ? { value: found.budget.amount, label: t(`usage.budget_${found.budget.kind}`, { amount: inBudget(found.budget.amount) }) } : null;
  const byDay = new Map();
  for (const row of found.days.data) byDay.set(row.group, (byDay.get(row.group) ?? 0) + amount(row));
  const days = Math.round((Date.parse(found.to) - Date.parse(found.from)) / 86_400_000) + 1;
  return html`<section class="card"><header><h2>${t(`usage.chart_${measure.value}`)}</h2>
      <${Choices} legend=${t("usage.measure")} name="measure" value=${measure.value} onChange=${(/** @type {string} */ chosen) => { measure.value = chosen; }}
        options=${MEASURES.map((name) => [name, t(`usage.${name}`)])} /></header>
    <${Bars} label=${t(`usage.chart_${measure.value}`)} unit=${t(`usage.${measure.value}`)} from=${found.from} days=${Math.min(days, 400)} values=${[...byDay]}
      line=${line} show=${isMoney ? (/** @type {number} */ value) => money(value, currency) : number} /></section>`;
}

/** @param {{ found: any }} props */
function Table({ found }) {
  const byWeight = (/** @type {any} */ a, /** @type {any} */ b) => Number(b.price) - Number(a.price) || tokensOf(b) - tokensOf(a);
  const rows = found.grouped.data.slice().sort(found.group === "day" ? (/** @type {any} */ a, /** @type {any} */ b) => (a.group < b.group ? 1 : -1) : byWeight);
  const most = Math.max(1e-12, ...rows.map(tokensOf));
  // A line with its requests: the same days, and what the line is of.
  const seek = (/** @type {string} */ group) => href(`requests?${new URLSearchParams(found.group === "day" ? { from: group, to: group } : { from: found.from, to: found.to, [found.group]: group })}`);
  const name = (/** @type {any} */ row) => (found.group === "day" ? shortDay(row.group) : found.names[row.group] ?? row.group);
  const cells = (/** @type {any} */ row) => html`<td class="is-number">${number(row.requests)}</td><td class="is-number">${number(inputOf(row))}</td>
    <td class="is-number">${number(row.cache_read_tokens)}</td><td class="is-number">${number(row.output_tokens)}</td><td class="is-number">${money(row.price, row.currency)}</td>
    <td class="is-number">${row.cost_currency ? money(row.cost, row.cost_currency) : "–"}</td>`;
  return html`<section class="card"><header><h2>${t(`usage.by_${found.group}`)}</h2></header>
    ${!rows.length ? html`<${Empty} icon="chart" title=${t("usage.none")}><p>${t("usage.none_about")}</p><//>` : html`<div class="table-wrap" tabindex="0" role="region" aria-label=${t(`usage.by_${found.group}`)}><table class="table">
      <thead><tr><th scope="col">${t(`usage.col_${found.group}`)}</th><th scope="col" class="is-number">${t("usage.requests")}</th><th scope="col" class="is-number">${t("usage.input")}</th>
        <th scope="col" class="is-number">${t("usage.cached")}</th><th scope="col" class="is-number">${t("usage.output")}</th><th scope="col" class="is-number">${t("usage.price")}</th><th scope="col" class="is-number">${t("usage.cost")}</th></tr></thead>
      <tbody>${rows.map((/** @type {any} */ row) => html`<tr key=${`${row.group} ${row.currency} ${row.cost_currency}`}><td class="name"><a href=${seek(row.group)} title=${t("usage.seek")}>${name(row)}</a>
        <span class="share"><svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect width=${(100 * tokensOf(row)) / most} height="4" /></svg></span></td>${cells(row)}</tr>`)}</tbody>
      <tfoot>${found.grouped.totals.map((/** @type {any} */ row) => html`<tr key=${`${row.currency} ${row.cost_currency}`}><td>${t("usage.total")}</td>${cells(row)}</tr>`)}</tfoot></table></div>`}
    <p class="muted small">${t("usage.tokens_note", { tokens: compact(rows.reduce((/** @type {number} */ sum, /** @type {any} */ row) => sum + tokensOf(row), 0)) })}</p></section>`;
}

/** The lines as they are in the books: amounts unrounded, so that they sum to the total. @param {any} found */
function download(found) {
  const columns = ["group", "requests", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "price", "currency", "list_price", "cost", "cost_currency", "energy_wh", "co2_g"];
  const rows = found.grouped.data.map((/** @type {any} */ row) => columns.map((name) => row[name]));
  const header = columns.map((name) => (name === "group" ? found.group : name));
  saveFile(`kilonova-usage-${found.from}-${found.to}-${found.group}.csv`, csvOf([header, ...rows]));
}
