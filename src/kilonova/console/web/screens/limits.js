/** Limits and budgets: what may be spent on each level, what is spent, held and left of it, and when it is new. */
import { html, useSignal } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { instant, moment, number, percent } from "../base/format.js";
import { useAnswer, useEvery } from "../base/load.js";
import { inBudget, may, member, project, session } from "../base/session.js";
import { Badge, Bones, Empty, Failure, PageHead } from "../parts/basics.js";
import { Icon } from "../parts/icons.js";
import { Meter, shareOf } from "../parts/meter.js";
import { Table } from "../parts/table.js";
import { EditLimits } from "./edit_limits.js";

const KEYS_SHOWN = 100, ALERTS_SHOWN = 20;

/** @typedef {{ id: string, kind: string, name: string, view: any }} Level */

export default function Limits() {
  const chosen = project.value;
  const { answer, error, reload } = useAnswer(() => levelsOf(chosen), [chosen?.id]);
  useEvery(reload, 15_000);
  const edited = useSignal(/** @type {Level|null} */ (null));
  const found = answer.value;
  const edit = (/** @type {Level} */ level) => { edited.value = level; };
  return html`<${PageHead} title=${t("nav.limits")} about=${t("budgets.about")} />
    ${error.value && html`<${Failure} error=${error.value} retry=${reload} />`}
    ${!found ? !error.value && html`<${Bones} lines=${6} />` : html`<div class="stack">
      <div class="grid is-wide"><${LevelCard} level=${found.organisation} onEdit=${edit} /><${LevelCard} level=${found.project} onEdit=${edit} /></div>
      <section class="card"><header><h2>${t("keys.of_project", { project: chosen?.name })}</h2></header>
        ${found.keys.length ? html`<ul class="levels">${found.keys.map((/** @type {Level} */ level) => html`<li key=${level.id}><${LevelRow} level=${level} onEdit=${edit} /></li>`)}</ul>`
          : html`<${Empty} icon="key" title=${t("keys.none")} />`}
        ${found.more > 0 && html`<p class="muted small">${t("budgets.more", { count: found.more })}</p>`}</section>
      <${Alerts} alerts=${found.alerts} /></div>`}
    ${edited.value && html`<${EditLimits} level=${edited.value} onClose=${() => { edited.value = null; }} onDone=${() => { edited.value = null; reload(); }} />`}`;
}

/** @param {{ id: string, name: string }|null} chosen */
async function levelsOf(chosen) {
  const [organisation, own, keys, alerts] = await Promise.all([
    ask("GET", `/limits/${member.peek()?.organisation_id}`), ask("GET", `/limits/${chosen?.id}`),
    ask("GET", "/keys", { query: { project: chosen?.id, limit: 1000 } }), latestAlerts(),
  ]);
  const isOver = (/** @type {any} */ key) => key.revoked_at || (key.expires_at && Date.parse(key.expires_at) <= Date.now());
  const active = keys.data.filter((/** @type {any} */ key) => !isOver(key)).reverse();
  const shown = active.slice(0, KEYS_SHOWN);
  const views = await Promise.all(shown.map((/** @type {any} */ key) => ask("GET", `/limits/${key.id}`)));
  const names = new Map(keys.data.map((/** @type {any} */ key) => [key.id, key.name || key.id]));
  names.set(chosen?.id, chosen?.name).set(member.peek()?.organisation_id, session.peek()?.organisation_name);
  return {
    organisation: { id: organisation.id, kind: "organisation", name: session.peek()?.organisation_name ?? "", view: organisation },
    project: { id: own.id, kind: "project", name: chosen?.name ?? "", view: own },
    keys: shown.map((/** @type {any} */ key, /** @type {number} */ at) => ({ id: key.id, kind: "key", name: key.name || t("keys.unnamed"), view: views[at] })),
    more: active.length - shown.length,
    alerts: alerts.map((each) => ({ ...each, name: names.get(each.level_id) ?? each.level_id })),
  };
}

/** The API lists them in the order of raising. @returns {Promise<any[]>} the newest first */
async function latestAlerts() {
  /** @type {any[]} */
  let last = [];
  let after = null;
  do {
    const page = /** @type {any} */ (await ask("GET", "/alerts", { query: { limit: 1000, after } }));
    last = [...last, ...page.data].slice(-ALERTS_SHOWN);
    after = page.next;
  } while (after);
  return last.reverse();
}

const mayEdit = (/** @type {Level} */ level) => may("admin") && level.kind !== "organisation";

/** @param {{ level: Level, onEdit: (level: Level) => void }} props */
function Edit({ level, onEdit }) {
  if (!mayEdit(level)) return level.kind === "organisation" ? html`<span class="muted small">${t("budgets.operators")}</span>` : null;
  return html`<button class="button is-small" type="button" aria-label=${t("budgets.edit_named", { name: level.name })} onClick=${() => onEdit(level)}><${Icon} name="edit" />${t("chat.edit")}</button>`;
}

/** @param {{ level: Level, onEdit: (level: Level) => void }} props */
function LevelCard({ level, onEdit }) {
  return html`<section class="card"><header><h2><span class="muted">${t(`budgets.${level.kind}`)}</span> ${level.name}</h2><${Edit} level=${level} onEdit=${onEdit} /></header><${Body} level=${level} /></section>`;
}

/** @param {{ level: Level, onEdit: (level: Level) => void }} props */
function LevelRow({ level, onEdit }) {
  return html`<div class="row is-apart"><div class="name"><strong>${level.name}</strong> <span class="muted small mono">${level.id}</span></div><${Edit} level=${level} onEdit=${onEdit} /></div><${Body} level=${level} />`;
}

/** @param {{ level: Level }} props */
function Body({ level }) {
  const { budgets, limits, spent } = level.view;
  const set = budgets.filter((/** @type {any} */ budget) => budget.amount !== null);
  const rates = [
    limits.requests_per_minute && t("budgets.requests_rate", { count: limits.requests_per_minute, rate: number(limits.requests_per_minute) }),
    limits.tokens_per_minute && t("budgets.tokens_rate", { count: limits.tokens_per_minute, rate: number(limits.tokens_per_minute) }),
  ].filter(Boolean);
  return html`<div class="budgets">
    ${set.length ? set.map((/** @type {any} */ budget) => html`<${Budget} key=${budget.window} budget=${budget} />`)
      : html`<p class="muted">${t(rates.length ? "budgets.no_budget" : "budgets.no_limit", { spent: inBudget(spent) })}</p>`}
    ${rates.length > 0 && html`<p class="small muted">${rates.join(" · ")}</p>`}</div>`;
}

/** @param {{ budget: any }} props */
function Budget({ budget }) {
  const { spent, held } = shareOf(budget);
  const isFull = Number(budget.left) <= 0;
  return html`<div class="budget"><div class="row is-apart"><h3>${t(`budgets.window_${budget.window}`)} ${budget.is_soft && html`<${Badge}>${t("budgets.soft")}<//>`}
      ${isFull && html`<${Badge} kind=${budget.is_soft ? "warn" : "bad"}>${t("budgets.full")}<//>`}</h3>
    <span class="number">${t("budgets.of", { spent: inBudget(budget.spent), amount: inBudget(budget.amount) })} <span class="muted">${percent(spent + held)}</span></span></div>
    <${Meter} budget=${budget} />
    <p class="small muted">${t("budgets.left", { left: inBudget(budget.left) })}
      ${Number(budget.held) > 0 && ` · ${t("budgets.held", { held: inBudget(budget.held) })}`}
      ${budget.resets_at && ` · ${t("budgets.resets", { time: moment(budget.resets_at) })}`}</p></div>`;
}

/** @param {{ alerts: any[] }} props */
function Alerts({ alerts }) {
  return html`<section class="card"><header><h2>${t("alerts.title")}</h2></header>
    ${!alerts.length ? html`<${Empty} icon="alert" title=${t("alerts.none")}><p>${t("alerts.none_about")}</p><//>` : html`<${Table} label=${t("alerts.title")} rows=${alerts} keyOf=${(/** @type {any} */ each) => each.id} columns=${[
      { head: t("requests.time"), isClose: true, cell: (/** @type {any} */ each) => instant(each.raised_at) },
      { head: t("alerts.level"), isName: true, cell: (/** @type {any} */ each) => each.name },
      { head: t("alerts.budget"), cell: (/** @type {any} */ each) => html`<span>${t(`budgets.window_${each.budget}`)} <span class="muted small">${each.window}</span></span>` },
      { head: t("alerts.reached"), isNumber: true, cell: (/** @type {any} */ each) => html`<span><${Badge} kind=${each.percent >= 100 || !each.percent ? "bad" : each.percent >= 80 ? "warn" : ""}>${each.percent ? percent(each.percent) : t("alerts.refused")}<//></span>` },
      { head: t("alerts.spent"), isNumber: true, cell: (/** @type {any} */ each) => t("budgets.of", { spent: inBudget(each.spent), amount: inBudget(each.amount) }) },
    ]} />`}</section>`;
}
