/** The first screen: what happened lately, whether all is well, and, until there was one, the way to the first call. */
import { html, useRef } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { compact, dateAgo, duration, lately, money, moneyAlike, number, percent } from "../base/format.js";
import { useAnswer, useEvery } from "../base/load.js";
import { recall } from "../base/memory.js";
import { href } from "../base/router.js";
import { member, session } from "../base/session.js";
import { Badge, Bones, Empty, Failure, PageHead } from "../parts/basics.js";
import { timesBetween } from "../parts/scale.js";
import { Series } from "../parts/series.js";
import { Table } from "../parts/table.js";
import { FirstSteps, callsOf } from "./first_steps.js";
import { Outcome, inputOf, tookMs } from "./request.js";

const DAYS = 14, RECENT = 8, FAILED_MAX = 100;

export default function Overview() {
  const from = dateAgo(DAYS - 1), today = dateAgo(0);
  const { answer, error, reload } = useAnswer(async () => {
    const usage = (/** @type {any} */ query) => ask("GET", "/usage", { query });
    const [days, now, month, keys, usedKeys, recent, failed, models, limits] = await Promise.all([
      usage({ group_by: "day", from }), usage({ group_by: "model", from: today }), usage({ group_by: "model", from: `${today.slice(0, 7)}-01` }),
      ask("GET", "/keys", { query: { limit: 1000 } }), usage({ group_by: "key", from }),
      ask("GET", "/requests", { query: { from: dateAgo(1), order: "newest", limit: RECENT } }),
      ask("GET", "/requests", { query: { from: today, order: "newest", outcome: "failed", limit: FAILED_MAX } }),
      ask("GET", "/models"), ask("GET", `/limits/${member.peek()?.organisation_id}`),
    ]);
    return { days, today: now, month, keys: keys.data, usedKeys: usedKeys.data, recent: recent.data, failed: failed.data.length, models: models.data, limits };
  });
  const found = answer.value;
  const calls = found ? callsOf(found) : 0;
  // Whoever has called before needs no first steps; whoever just did sees that it worked.
  const isNew = useRef(/** @type {boolean|null} */ (null));
  if (found && isNew.current === null) isNew.current = calls === 0 && !recall("first_steps_hidden", false);
  useEvery(reload, 2000, Boolean(isNew.current) && calls === 0);
  useEvery(reload, 15000);
  return html`<${PageHead} title=${t("overview.hello", { name: member.value?.name })} about=${session.value?.organisation_name} />
    ${error.value && html`<${Failure} error=${error.value} retry=${reload} />`}
    ${!found ? !error.value && html`<${Bones} lines=${6} />` : html`<div class="stack">
      ${isNew.current && html`<${FirstSteps} found=${found} />`}
      <${Tiles} found=${found} today=${today} />
      <section class="card"><header><h2>${t("overview.requests_by_day")}</h2><a class="small" href=${href("usage")}>${t("nav.usage")}</a></header>
        <${ByDay} rows=${found.days.data} from=${from} to=${today} /></section>
      <${Recent} records=${found.recent} /></div>`}`;
}

/** @param {{ rows: any[], from: string, to: string }} props */
function ByDay({ rows, from, to }) {
  const times = timesBetween(from, to, "day");
  const values = times.map((day) => rows.filter((row) => row.group === day).reduce((sum, row) => sum + row.requests, 0));
  return html`<${Series} label=${t("overview.requests_by_day")} times=${times} series=${[{ name: t("usage.requests"), values }]} measure=${{ show: number, tick: () => compact, isWhole: true }} />`;
}

/** @param {{ found: any, today: string }} props */
function Tiles({ found, today }) {
  const now = sum(found.today.totals);
  const spent = (/** @type {any} */ report) => report.totals.map((/** @type {any} */ each) => money(each.price, each.currency)).join(" + ") || "–";
  const failedShare = now.requests ? percent((100 * found.failed) / now.requests) : "";
  const ready = found.models.filter((/** @type {any} */ model) => model.is_ready).length;
  return html`<dl class="card tiles">
    <div class="tile"><dt>${t("overview.requests_today")}</dt><dd>${compact(now.requests)}</dd><dd class="tile-note">${t("usage.in_out", { input: compact(now.input), output: compact(now.output) })}</dd></div>
    <div class="tile"><dt>${t("overview.spent_today")}</dt><dd>${spent(found.today)}</dd><dd class="tile-note">${budgetNote(found.limits, "day")}</dd></div>
    <div class="tile"><dt>${t("overview.spent_month")}</dt><dd>${spent(found.month)}</dd><dd class="tile-note">${budgetNote(found.limits, "month") || pace(found.month, today)}</dd></div>
    <div class="tile"><dt>${t("overview.failed_today")}</dt><dd class=${found.failed ? "bad" : ""}><a class="tile-link" href=${href(`requests?from=${today}&to=${today}&outcome=failed`)}>${number(found.failed)}${found.failed === FAILED_MAX ? "+" : ""}</a></dd><dd class="tile-note">${failedShare}</dd></div>
    <div class="tile"><dt>${t("overview.models_ready")}</dt><dd class=${ready < found.models.length ? "warn" : ""}><a class="tile-link" href=${href("models")}>${t("overview.of", { count: ready, all: found.models.length })}</a></dd>
      <dd class="tile-note">${found.models.filter((/** @type {any} */ model) => !model.is_ready).slice(0, 3).map((/** @type {any} */ model) => model.name).join(", ") || t("overview.all_ready")}</dd></div></dl>`;
}

/** @param {any} level @param {string} window */
function budgetNote(level, window) {
  const budget = level.budgets.find((/** @type {any} */ each) => each.window === window && each.amount !== null);
  if (!budget) return "";
  const share = Number(budget.amount) > 0 ? (100 * (Number(budget.spent) + Number(budget.held))) / Number(budget.amount) : 100;
  return html`<a class="tile-link" href=${href("limits")}>${t("overview.of_budget", { share: percent(share), amount: money(budget.amount, session.peek()?.currency ?? "USD") })}</a> ${share >= 80 && html`<${Badge} kind=${share >= 100 ? "bad" : "warn"}>${t("overview.near")}<//>`}`;
}

/** What the month comes to if it goes on like this. @param {any} month @param {string} today */
function pace(month, today) {
  const start = Date.parse(`${today.slice(0, 7)}-01T00:00:00Z`), date = new Date(start);
  const end = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
  const share = (Date.now() - start) / (end - start);
  const [only] = month.totals;
  return month.totals.length === 1 && share > 0.03 ? t("overview.pace", { amount: money(Number(only.price) / share, only.currency) }) : "";
}

/** @param {any[]} totals */
function sum(totals) {
  const found = { requests: 0, input: 0, output: 0 };
  for (const each of totals) {
    found.requests += each.requests;
    found.input += inputOf(each);
    found.output += each.output_tokens;
  }
  return found;
}

/** @param {{ records: any[] }} props */
function Recent({ records }) {
  const alike = moneyAlike(records.map((each) => each.price), records[0]?.currency ?? "USD");
  return html`<section class="card"><header><h2>${t("overview.recent")}</h2><a class="small" href=${href("requests")}>${t("nav.requests")}</a></header>
    ${!records.length ? html`<${Empty} icon="chart" title=${t("overview.no_recent")} />` : html`<${Table} label=${t("overview.recent")} rows=${records} keyOf=${(/** @type {any} */ each) => each.id} columns=${[
      { head: t("requests.time"), isName: true, isClose: true, cell: (/** @type {any} */ each) => html`<a href=${href(`requests/${each.id}`)} title=${each.id}>${lately(each.finished_at)}</a>` },
      { head: t("requests.model"), cell: (/** @type {any} */ each) => html`<span class="clip" title=${each.model_id}>${each.model_id}</span>` },
      { head: t("requests.outcome"), cell: (/** @type {any} */ each) => html`<span><${Outcome} outcome=${each.outcome} /></span>` },
      { head: t("usage.input"), isNumber: true, cell: (/** @type {any} */ each) => number(inputOf(each)) },
      { head: t("usage.output"), isNumber: true, cell: (/** @type {any} */ each) => number(each.output_tokens) },
      { head: t("requests.took"), isNumber: true, cell: (/** @type {any} */ each) => duration(tookMs(each)) },
      { head: t("usage.price"), isNumber: true, cell: (/** @type {any} */ each) => alike(each.price) },
    ]} />`}</section>`;
}
