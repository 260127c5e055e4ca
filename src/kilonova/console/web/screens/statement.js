/** Statement: profit and loss by segment, as companies report it; every column adds up to the total. */
import { html, useSignal } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { day, moneyAlike, number, percent } from "../base/format.js";
import { useAnswer } from "../base/load.js";
import { session } from "../base/session.js";
import { Badge, Bones, Choices, Empty, Failure, PageHead } from "../parts/basics.js";
import { Icon } from "../parts/icons.js";
import { Pairs } from "../parts/pairs.js";
import { Table } from "../parts/table.js";
import { csvOf, saveFile } from "../parts/csv.js";

const PERIODS = ["this_month", "last_month", "this_quarter", "this_year"];
const SEGMENTATIONS = ["model", "project", "engine"];
/** From the list price to the income; sums stand out, what is taken off is shown below zero. @type {[string, boolean, boolean][]} */
const LINES = [
  ["list_revenue", false, false], ["discounts", false, true], ["credits", false, true], ["revenue", true, false], ["energy", false, true], ["capital", false, true], ["upkeep", false, true],
  ["upstream", false, true], ["idle", false, true], ["platform", false, true], ["cost", true, true], ["operating_income", true, false],
];

/** The period's name in the API, in UTC as the books are. @param {string} preset */
function periodOf(preset) {
  const now = new Date();
  const year = now.getUTCFullYear(), month = now.getUTCMonth();
  if (preset === "this_year") return String(year);
  if (preset === "this_quarter") return `${year}-Q${Math.floor(month / 3) + 1}`;
  return new Date(Date.UTC(year, month - (preset === "last_month" ? 1 : 0), 1)).toISOString().slice(0, 7);
}

export default function Statement() {
  const preset = useSignal("this_month");
  const by = useSignal("model");
  const { answer, error, reload } = useAnswer(
    async () => ({ by: by.value, statements: (await ask("GET", "/statements/pnl", { query: { period: periodOf(preset.value), by: by.value } })).data }), [preset.value, by.value],
  );
  const found = answer.value;
  const isEmpty = found && !found.statements.some((/** @type {any} */ each) => each.total.requests || each.segments.length);
  return html`<${PageHead} title=${t("nav.statement")} about=${t("statement.about", { organisation: session.value?.organisation_name })}>
      ${found && !isEmpty && html`<button class="button" type="button" onClick=${() => download(found)}><${Icon} name="download" />CSV</button>`}<//>
    <div class="stack"><div class="row">
      <${Choices} legend=${t("usage.range")} name="period" value=${preset.value} onChange=${(/** @type {string} */ chosen) => { preset.value = chosen; }} options=${PERIODS.map((name) => [name, t(`period.${name}`)])} />
      <${Choices} legend=${t("usage.group")} name="by" value=${by.value} onChange=${(/** @type {string} */ chosen) => { by.value = chosen; }} options=${SEGMENTATIONS.map((name) => [name, t(`usage.by_${name}`)])} /></div>
      ${error.value && html`<${Failure} error=${error.value} retry=${reload} />`}
      ${!found ? !error.value && html`<${Bones} lines=${8} />` : isEmpty ? html`<section class="card"><${Empty} icon="sheet" title=${t("statement.none")}><p>${t("usage.none_about")}</p><//></section>`
        : found.statements.map((/** @type {any} */ each) => html`<${One} key=${each.currency} statement=${each} by=${found.by} />`)}</div>`;
}

const nameOf = (/** @type {any} */ segment) => segment.name || segment.id || t("statement.nobody");

/** @param {{ statement: any, by: string }} props */
function One({ statement, by }) {
  const told = [...statement.segments, statement.total].flatMap((each) => [each.revenue, each.cost, each.operating_income]);
  const amount = moneyAlike(told, statement.currency);
  return html`<${Tiles} statement=${statement} amount=${amount} />
    <section class="card"><header><h2>${t("statement.chart")}</h2></header>
      <${Pairs} label=${t("statement.chart")} head=${t(`usage.col_${by}`)} series=${[t("statement.revenue"), t("statement.operating_income")]}
        lines=${statement.segments.map((/** @type {any} */ each) => ({ name: nameOf(each), values: [Number(each.revenue), Number(each.operating_income)], texts: [amount(each.revenue), amount(each.operating_income)] }))} /></section>
    <${Segments} statement=${statement} by=${by} amount=${amount} /><${Sheet} statement=${statement} amount=${amount} /><${Notes} statement=${statement} />`;
}

/** @param {{ value: string|null }} props */
function Growth({ value }) {
  if (value === null) return html`<span class="muted">–</span>`;
  const rises = Number(value) >= 0;
  return html`<span class=${rises ? "good" : "bad"}>${rises ? "+" : ""}${percent(value)}</span>`;
}

/** @param {{ statement: any, amount: (value: string) => string }} props */
function Tiles({ statement, amount }) {
  const { total } = statement;
  return html`<dl class="card tiles">
    <div class="tile"><dt>${t("statement.revenue")}</dt><dd>${amount(total.revenue)}</dd>${total.revenue_growth_percent !== null && html`<dd class="tile-note"><${Growth} value=${total.revenue_growth_percent} /> ${t("statement.against")}</dd>`}</div>
    <div class="tile"><dt>${t("statement.cost")}</dt><dd>${amount(total.cost)}</dd><dd class="tile-note">${t("statement.of_it_idle", { idle: amount(total.idle) })}</dd></div>
    <div class="tile"><dt>${t("statement.operating_income")}</dt><dd>${amount(total.operating_income)}</dd><dd class="tile-note">${t("statement.run_rate", { amount: amount(total.income_run_rate) })}</dd></div>
    <div class="tile"><dt>${t("statement.margin")}</dt><dd>${total.margin_percent === null ? "–" : percent(total.margin_percent)}</dd></div></dl>`;
}

/** @param {{ statement: any, by: string, amount: (value: string) => string }} props */
function Segments({ statement, by, amount }) {
  const share = (/** @type {string|null} */ value) => (value === null ? "–" : percent(value));
  const columns = [
    { head: t(`usage.col_${by}`), isName: true, cell: (/** @type {any} */ each) => (each === statement.total ? t("usage.total") : nameOf(each)) },
    { head: t("statement.revenue"), isNumber: true, cell: (/** @type {any} */ each) => amount(each.revenue) },
    { head: t("statement.share"), isNumber: true, cell: (/** @type {any} */ each) => share(each.revenue_share_percent) },
    { head: t("statement.growth"), isNumber: true, cell: (/** @type {any} */ each) => html`<${Growth} value=${each.revenue_growth_percent} />` },
    { head: t("statement.cost"), isNumber: true, cell: (/** @type {any} */ each) => amount(each.cost) },
    { head: t("statement.operating_income"), isNumber: true, cell: (/** @type {any} */ each) => amount(each.operating_income) },
    { head: t("statement.margin"), isNumber: true, cell: (/** @type {any} */ each) => share(each.margin_percent) },
    { head: t("usage.requests"), isNumber: true, cell: (/** @type {any} */ each) => number(each.requests) },
  ];
  return html`<section class="card"><header><h2>${t(`usage.by_${by}`)}</h2><span class="muted small">${day(statement.from)} – ${day(statement.to)} ${statement.is_running && html`<${Badge} kind="accent">${t("statement.running")}<//>`}</span></header>
    <${Table} label=${t(`usage.by_${by}`)} rows=${statement.segments} keyOf=${(/** @type {any} */ each) => each.id} foot=${[statement.total]} footOf=${() => "total"} columns=${columns} /></section>`;
}

/** @param {{ statement: any, amount: (value: string) => string }} props */
function Sheet({ statement, amount }) {
  const columns = statement.segments;
  const shown = (/** @type {any} */ each, /** @type {string} */ line, /** @type {boolean} */ isTaken) => (isTaken && Number(each[line]) !== 0 ? amount(String(-Number(each[line]))) : amount(each[line]));
  // What is nothing everywhere is not a line; sums always are.
  const lines = LINES.filter(([line, isSum]) => isSum || [...columns, statement.total].some((each) => Number(each[line]) !== 0));
  return html`<section class="card"><header><h2>${t("statement.sheet")}</h2></header>
    <${Table} label=${t("statement.sheet")} rows=${lines} keyOf=${(/** @type {any} */ [line]) => line} isSum=${(/** @type {any} */ [, isSum]) => isSum} columns=${[
      { head: "", label: t("statement.line"), isName: true, cell: (/** @type {any} */ [line]) => t(`statement.${line}`) },
      ...columns.map((/** @type {any} */ each) => ({ head: nameOf(each), isNumber: true, cell: (/** @type {any} */ [line, , isTaken]) => shown(each, line, isTaken) })),
      { head: t("usage.total"), isNumber: true, cell: (/** @type {any} */ [line, , isTaken]) => shown(statement.total, line, isTaken) },
    ]} /></section>`;
}

/** @param {{ statement: any }} props */
function Notes({ statement }) {
  const { total } = statement;
  return html`<section class="card stack is-close"><h2>${t("statement.notes")}</h2><ul class="notes small muted">
    <li>${t("statement.note_cost")}</li><li>${t(`statement.idle_${statement.idle}`)}</li>
    ${total.requests_without_cost > 0 && html`<li>${t("statement.note_unknown", { count: total.requests_without_cost, requests: number(total.requests_without_cost) })}</li>`}
    ${Object.entries(statement.energy_basis).filter(([basis]) => basis).map(([basis, count]) => html`<li key=${basis}>${t("statement.note_basis", { count, requests: number(Number(count)), basis: t(`basis.${basis}`) })}</li>`)}</ul></section>`;
}

/** The figures as they are in the books, unrounded. @param {any} found */
function download(found) {
  const columns = ["revenue_share_percent", "revenue_growth_percent", "margin_percent", "requests", ...LINES.map(([line]) => line)];
  const rows = found.statements.flatMap((/** @type {any} */ each) => [...each.segments, { ...each.total, id: "total" }].map((line) => [line.name || line.id, each.period, each.currency, ...columns.map((name) => line[name])]));
  saveFile(`kilonova-statement-${found.statements[0].period}-${found.by}.csv`, csvOf([[found.by, "period", "currency", ...columns], ...rows]));
}
