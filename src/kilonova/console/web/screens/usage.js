/** Usage and cost: requests, tokens and money over a time, by what one likes; lines add up to the total. The address says all of it. */
import { html } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { dateAgo } from "../base/format.js";
import { useAnswer } from "../base/load.js";
import { go, search } from "../base/router.js";
import { member } from "../base/session.js";
import { Bones, Choices, Failure, Field, PageHead } from "../parts/basics.js";
import { csvOf, saveFile } from "../parts/csv.js";
import { Filter, addressOf, choicesIn, nextDay } from "../parts/filters.js";
import { Icon } from "../parts/icons.js";
import { Lines, OverTime, Totals } from "./usage_parts.js";

const PRESETS = { today: 1, week: 7, month: 30, quarter: 90 };
const RANGES = [...Object.keys(PRESETS), "this_month", "last_month", "custom"];
const GROUPS = ["model", "project", "key", "member", "dialect", "day"];
const FILTERS = ["project", "model", "key", "member", "dialect"];

/** @typedef {{ range: string, from: string, to: string, by: string, measure: string, filters: Record<string, string> }} Asked */

/** @param {string} address @returns {Asked} */
function asked(address) {
  const said = new URLSearchParams(address);
  const one = (/** @type {string} */ name, /** @type {string[]} */ known, /** @type {string} */ otherwise) => (known.includes(said.get(name) ?? "") ? String(said.get(name)) : otherwise);
  const days = { from: said.get("from") ?? dateAgo(29), to: said.get("to") ?? dateAgo(0) };
  const range = one("range", RANGES, said.has("from") ? "custom" : "month");
  return {
    range, ...(range === "custom" ? days : daysOf(range)), by: one("by", GROUPS, "model"), measure: one("measure", ["requests", "tokens", "price", "cost"], "tokens"),
    filters: Object.fromEntries(FILTERS.map((name) => [name, said.get(name) ?? ""])),
  };
}

export default function Usage() {
  const now = asked(search.value);
  const { range, from, to, by, measure, filters } = now;
  const set = (/** @type {Record<string, string>} */ change) => {
    /** @type {Record<string, string>} */
    const next = { range, by, measure, ...filters, from, to, ...change };
    // A closer look is a step that the browser's button goes back from.
    go(`usage?${addressOf(next.range === "custom" ? next : { ...next, from: "", to: "" })}`, { replace: !(change.from && change.to) });
  };
  const question = addressOf({ from, to, by, ...filters });
  const { answer, error, reload } = useAnswer((signal) => reportOf(now, signal).then((report) => ({ ...report, question })), [question]);
  const choices = useAnswer(() => choicesIn({ from, to }, FILTERS), [from, to]).answer.value;
  const found = answer.value;
  return html`<${PageHead} title=${t("nav.usage")} about=${t("usage.about")}>
      ${found?.question === question && html`<button class="button" type="button" onClick=${() => download(found)}><${Icon} name="download" />CSV</button>`}<//>
    <div class="stack"><div class="row">
      <${Choices} legend=${t("usage.range")} name="range" value=${range} onChange=${(/** @type {string} */ chosen) => set(chosen === "custom" ? { range: chosen, from, to } : { range: chosen })}
        options=${RANGES.map((name) => [name, t(`usage.range_${name}`)])} />
      <${Choices} legend=${t("usage.group")} name="group" value=${by} onChange=${(/** @type {string} */ chosen) => set({ by: chosen })} options=${GROUPS.map((name) => [name, t(`usage.by_${name}`)])} />
      <span class="muted small">${t("usage.utc")}</span></div>
      ${range === "custom" && html`<div class="row"><${Field} label=${t("usage.from")} type="date" value=${from} max=${to} onChange=${(/** @type {any} */ event) => event.target.value && set({ from: event.target.value })} />
        <${Field} label=${t("usage.to")} type="date" value=${to} min=${from} onChange=${(/** @type {any} */ event) => event.target.value && set({ to: event.target.value })} />
        <button class="button is-small" type="button" onClick=${() => set({ range: "month" })}>${t("usage.whole")}</button></div>`}
      <div class="filters" role="search" aria-label=${t("requests.filters")}>${FILTERS.map((name) => html`<${Filter} key=${name} name=${name} value=${filters[name]} choices=${choices} onChange=${(/** @type {string} */ chosen) => set({ [name]: chosen })} />`)}</div>
      ${error.value && html`<${Failure} error=${error.value} retry=${reload} />`}
      ${!found ? !error.value && html`<${Bones} lines=${6} />` : html`<${Totals} totals=${found.grouped.totals} />
        <${OverTime} found=${found} names=${choices?.names} measure=${measure} onMeasure=${(/** @type {string} */ chosen) => set({ measure: chosen })} onSpan=${(/** @type {string} */ first, /** @type {string} */ last) => set({ range: "custom", from: first, to: last })} />
        <${Lines} found=${found} names=${choices?.names} filters=${filters} />`}</div>`;
}

/** Lines without their times are the books' own sums; those over time are for the eye. @param {Asked} asked @param {AbortSignal} signal */
async function reportOf({ from, to, by, filters }, signal) {
  const days = Math.round((Date.parse(to) - Date.parse(from)) / 86_400_000) + 1;
  const interval = /** @type {"hour"|"day"|"month"} */ (days <= 2 ? "hour" : days <= 200 ? "day" : "month");
  const query = { from, to: nextDay(to), ...Object.fromEntries(FILTERS.map((name) => [name, filters[name] || null])) };
  const level = filters.key || filters.project || member.peek()?.organisation_id;
  const [grouped, timed, standing] = await Promise.all([
    ask("GET", "/usage", { signal, query: { group_by: by, ...query } }), ask("GET", "/usage", { signal, query: { group_by: by === "day" ? "dialect" : by, interval, ...query } }), ask("GET", `/limits/${level}`, { signal }),
  ]);
  // A budget is a level's: what is sought across levels has none.
  const hasBudget = interval === "day" && !filters.model && !filters.member && !filters.dialect;
  return { grouped, timed, interval, budget: hasBudget ? budgetOfDay(standing.limits, from) : null, by, from, to };
}

/** Both ends are included. @param {string} range */
function daysOf(range) {
  if (range.endsWith("_month")) return calendarMonth(range === "last_month" ? 1 : 0);
  return { from: dateAgo(PRESETS[/** @type {keyof typeof PRESETS} */ (range)] - 1), to: dateAgo(0) };
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

/** The lines as they are in the books: amounts unrounded, so that they sum to the total. @param {any} found */
function download(found) {
  const columns = ["group", "requests", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens", "price", "currency", "list_price", "cost", "cost_currency", "energy_wh", "co2_g"];
  const rows = found.grouped.data.map((/** @type {any} */ row) => columns.map((name) => row[name]));
  const header = columns.map((name) => (name === "group" ? found.by : name));
  saveFile(`kilonova-usage-${found.from}-${found.to}-${found.by}.csv`, csvOf([header, ...rows]));
}
