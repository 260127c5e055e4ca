/** Keys: what programs sign with. Made here, shown once, watched, limited and revoked. */
import { html, useSignal } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { day } from "../base/format.js";
import { useAnswer } from "../base/load.js";
import { href } from "../base/router.js";
import { inBudget, may, project } from "../base/session.js";
import { Badge, Bones, Choices, Empty, Failure, PageHead } from "../parts/basics.js";
import { Confirm } from "../parts/dialog.js";
import { Icon } from "../parts/icons.js";
import { Table } from "../parts/table.js";
import { say } from "../parts/toast.js";
import { KeyShown, NewKey } from "./new_key.js";

/** @typedef {{ id: string, name: string, bearer_hint: string|null, access_key_id: string|null, limits: any,
 *   created_at: string, expires_at: string|null, made_by: string|null, revoked_at: string|null, last_used_on: string|null }} Key */

const isConsole = (/** @type {Key} */ key) => !key.bearer_hint && !key.access_key_id;
const isExpired = (/** @type {Key} */ key) => Boolean(key.expires_at && Date.parse(key.expires_at) <= Date.now());

export default function Keys() {
  const { answer, error, reload } = useAnswer(
    async () => {
      const [all, members] = await Promise.all([ask("GET", "/keys", { query: { project: project.value?.id, limit: 1000 } }), ask("GET", "/members")]);
      return { data: all.data, makers: new Map(members.data.map((/** @type {any} */ each) => [each.id, each.name])) };
    }, [project.value?.id],
  );
  const shown = useSignal("active");
  const dialog = useSignal(/** @type {any} */ (null));
  const close = () => { dialog.value = null; };
  const found = answer.value;
  /** @type {Key[]} */
  const keys = (found?.data ?? []).slice().reverse();
  const visible = keys.filter((key) => (shown.value === "active") === !(key.revoked_at || isExpired(key)));
  const made = (/** @type {any} */ secrets) => { dialog.value = { secrets }; reload(); };
  return html`<${PageHead} title=${t("nav.keys")} about=${t("keys.about")}>
      ${may("developer") && html`<button class="button is-primary" type="button" onClick=${() => { dialog.value = { isNew: true }; }}><${Icon} name="plus" />${t("keys.new")}</button>`}<//>
    ${error.value && html`<${Failure} error=${error.value} retry=${reload} />`}
    ${!answer.value ? !error.value && html`<${Bones} />` : html`<section class="card">
      <header><h2>${t("keys.of_project", { project: project.value?.name })}</h2>
        <${Choices} legend=${t("keys.which")} name="which" value=${shown.value} onChange=${(/** @type {string} */ chosen) => { shown.value = chosen; }}
          options=${[["active", t("keys.active")], ["over", t("keys.over")]]} /></header>
      ${visible.length ? html`<${Rows} keys=${visible} makers=${found?.makers ?? new Map()} onRevoke=${(/** @type {Key} */ key) => { dialog.value = { revoke: key }; }} />`
        : html`<${Empty} icon="key" title=${t(shown.value === "active" ? "keys.none" : "keys.none_over")}>${shown.value === "active" && html`<p>${t("keys.none_about")}</p>`}<//>`}
    </section>`}
    ${dialog.value?.isNew && html`<${NewKey} project=${project.value?.id} onClose=${close} onMade=${made} />`}
    ${dialog.value?.secrets && html`<${KeyShown} secrets=${dialog.value.secrets} onClose=${close} />`}
    ${dialog.value?.revoke && html`<${Revoke} target=${dialog.value.revoke} onClose=${close} onDone=${() => { close(); reload(); }} />`}`;
}

/** @param {{ keys: Key[], makers: Map<string, string>, onRevoke: (key: Key) => void }} props */
function Rows({ keys, makers, onRevoke }) {
  return html`<${Table} label=${t("nav.keys")} rows=${keys} keyOf=${(/** @type {Key} */ key) => key.id} columns=${[
    { head: t("keys.name"), isName: true, cell: (/** @type {Key} */ key) => html`${key.name || t("keys.unnamed")}<div class="muted small mono">${key.id}</div>` },
    { head: t("keys.key"), cell: (/** @type {Key} */ key) => (isConsole(key) ? html`<span><${Badge}>${t("keys.console")}<//></span>` : html`<span>${key.bearer_hint && html`<span class="mono nowrap">${key.bearer_hint}</span>`}${key.access_key_id && html`<div class="mono small muted">${key.access_key_id}</div>`}</span>`) },
    { head: t("keys.limits"), cell: (/** @type {Key} */ key) => html`<div><${Limits} limits=${key.limits} /></div>` },
    { head: t("keys.last_used"), isClose: true, cell: (/** @type {Key} */ key) => (key.last_used_on ? lastUsed(key.last_used_on) : html`<span class="muted">${t("keys.never")}</span>`) },
    { head: t("keys.made"), isClose: true, cell: (/** @type {Key} */ key) => html`<span>${day(key.created_at)}<div class="muted small">${key.made_by ? makers.get(key.made_by) ?? key.made_by : t("usage.operator")}</div></span>` },
    { head: t("keys.expires"), isClose: true, cell: (/** @type {Key} */ key) => html`<span><${End} target=${key} /></span>` },
    may("developer") && { head: "", label: t("keys.actions"), isNumber: true, cell: (/** @type {Key} */ key) => html`<span class="row is-end"><a class="button is-small" href=${href(`usage?key=${key.id}`)} aria-label=${t("keys.usage_named", { name: key.name || key.id })}>${t("nav.usage")}</a>
      ${!key.revoked_at && html`<button class="button is-small is-danger" type="button" onClick=${() => onRevoke(key)} aria-label=${t("keys.revoke_named", { name: key.name || key.id })}>${t("keys.revoke")}</button>`}</span>` },
  ]} />`;
}

/** The books know the day, in UTC. @param {string} date */
function lastUsed(date) {
  const days = Math.round((Date.parse(new Date().toISOString().slice(0, 10)) - Date.parse(date)) / 86_400_000);
  return days < 2 ? t(days < 1 ? "time.today" : "time.yesterday") : day(`${date}T12:00:00Z`);
}

/** @param {{ target: Key }} props */
function End({ target }) {
  if (target.revoked_at) return html`<${Badge} kind="bad">${t("keys.revoked_on", { date: day(target.revoked_at) })}<//>`;
  if (!target.expires_at) return html`<span class="muted">${t("keys.no_end")}</span>`;
  if (isExpired(target)) return html`<${Badge} kind="bad">${t("keys.expired")}<//>`;
  const isSoon = Date.parse(target.expires_at) - Date.now() < 7 * 86_400_000;
  return isSoon ? html`<${Badge} kind="warn">${day(target.expires_at)}<//>` : day(target.expires_at);
}

/** @param {{ limits: any }} props */
function Limits({ limits }) {
  const lines = [
    limits.budget && t("limits.budget", { amount: inBudget(limits.budget) }),
    limits.budget_month && t("limits.budget_month", { amount: inBudget(limits.budget_month) }),
    limits.budget_day && t("limits.budget_day", { amount: inBudget(limits.budget_day) }),
    limits.requests_per_minute && t("limits.requests", { count: limits.requests_per_minute }),
    limits.tokens_per_minute && t("limits.tokens", { count: limits.tokens_per_minute }),
  ].filter(Boolean);
  if (!lines.length) return html`<span class="muted">${t("limits.none")}</span>`;
  return html`${lines.map((line) => html`<div key=${line} class="small">${line}</div>`)}`;
}

/** @param {{ target: Key, onClose: () => void, onDone: () => void }} props */
function Revoke({ target, onClose, onDone }) {
  const isBusy = useSignal(false);
  const error = useSignal(/** @type {any} */ (null));
  const revoke = async () => {
    isBusy.value = true;
    try {
      await ask("DELETE", `/keys/${target.id}`);
      say(t("keys.revoked"));
      onDone();
    } catch (failure) {
      error.value = failure;
      isBusy.value = false;
    }
  };
  return html`<${Confirm} title=${t("keys.revoke_title")} action=${t("keys.revoke")} onYes=${revoke} onNo=${onClose} isBusy=${isBusy.value}>
    <p>${t("keys.revoke_about", { name: target.name || target.id })}</p>
    ${error.value && html`<${Failure} error=${error.value} />`}<//>`;
}
