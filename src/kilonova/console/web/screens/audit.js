/** The audit log: who did what to which in this organisation, the latest first. The address says what is sought. */
import { html, useSignal } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { instant } from "../base/format.js";
import { useAnswer } from "../base/load.js";
import { go, search } from "../base/router.js";
import { Bones, Empty, Failure, Field, PageHead } from "../parts/basics.js";
import { csvOf, saveFile } from "../parts/csv.js";
import { addressOf, nextDay } from "../parts/filters.js";
import { Icon } from "../parts/icons.js";
import { Table } from "../parts/table.js";

/** @typedef {{ number: number, at: string, actor: string, actor_name: string, action: string, subject: string, subject_name: string, detail: Record<string, any>, digest: string }} Entry */

const PAGE = 50;
const ACTORS = ["operator", "system"];
const FILTERS = ["who", "what", "from", "to"];
/** What can be done, by what it is done to. @type {Record<string, string[]>} */
const ACTS = {
  organisation: ["created", "renamed"], project: ["created", "renamed"], key: ["created", "renamed", "revoked"], limits: ["changed"],
  member: ["joined", "vouched", "signed_in", "signed_out", "role_changed", "password_changed", "removed"], invitation: ["sent", "withdrawn"],
  refund: ["booked"], credit: ["booked"], allowance: ["booked"], correction: ["booked"],
};

/** @param {string} address @returns {Record<string, string>} */
function sought(address) {
  const said = new URLSearchParams(address);
  return Object.fromEntries(FILTERS.map((name) => [name, said.get(name) ?? ""]));
}

export default function Audit() {
  const filters = sought(search.value);
  const cursors = useSignal(/** @type {number[]} */ ([]));
  const before = cursors.value.at(-1) ?? null;
  const place = addressOf(filters);
  const { answer, error, reload } = useAnswer((signal) => pageOf(filters, before, signal), [place, before]);
  const people = useAnswer(() => ask("GET", "/members")).answer.value;
  const seek = (/** @type {Record<string, string>} */ next) => {
    cursors.value = [];
    go(`audit?${addressOf(next)}`, { replace: true });
  };
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => seek({ ...filters, [name]: event.target.value.trim() });
  const found = answer.value;
  return html`<${PageHead} title=${t("nav.audit")} about=${t("audit.about")}>
      <button class="button" type="button" onClick=${() => { cursors.value = []; reload(); }}><${Icon} name="again" />${t("audit.newest")}</button>
      <button class="button" type="button" disabled=${!found?.data.length} onClick=${() => saveFile("audit.csv", csvOf(rowsOf(found.data)))}><${Icon} name="download" />CSV</button><//>
    <div class="stack">
      <div class="filters" role="search" aria-label=${t("requests.filters")}>
        <${Field} label=${t("audit.who")} list="audit-who" autocomplete="off" spellcheck=${false} value=${filters.who} onChange=${set("who")} />
        <datalist id="audit-who">${ACTORS.map((name) => html`<option key=${name} value=${name}>${t(`audit.by_${name}`)}</option>`)}
          ${people?.data.map((/** @type {any} */ each) => html`<option key=${each.id} value=${each.email}>${each.name}</option>`)}</datalist>
        <${What} value=${filters.what} onChange=${set("what")} />
        <${Field} label=${t("usage.from")} type="date" value=${filters.from} max=${filters.to || undefined} onChange=${set("from")} />
        <${Field} label=${t("usage.to")} type="date" value=${filters.to} min=${filters.from || undefined} onChange=${set("to")} /></div>
      ${error.value && html`<${Failure} error=${error.value} retry=${reload} />`}
      ${!found ? !error.value && html`<${Bones} lines=${8} />` : html`<section class="card">
        <header><h2>${t("audit.found", { count: found.data.length })}</h2>
          ${place && html`<button class="button is-small" type="button" onClick=${() => seek({})}>${t("audit.everywhere")}</button>`}</header>
        ${found.data.length ? html`<${Entries} entries=${found.data} />`
          : place ? html`<${Empty} icon="list" title=${t("audit.no_match")}><p>${t("audit.no_match_about")}</p><//>` : html`<${Empty} icon="list" title=${t("audit.none")} />`}
        <div class="row is-apart"><button class="button is-small" type="button" disabled=${!cursors.value.length} onClick=${() => { cursors.value = cursors.value.slice(0, -1); }}><${Icon} name="left" />${t("audit.newer")}</button>
          <button class="button is-small" type="button" disabled=${!found.next} onClick=${() => { cursors.value = [...cursors.value, found.next]; }}>${t("audit.older")}<${Icon} name="right" /></button></div></section>`}</div>`;
}

/** @param {Record<string, string>} filters @param {number|null} before @param {AbortSignal} signal */
function pageOf(filters, before, signal) {
  const query = { actor: filters.who || null, action: filters.what || null, from: filters.from || null, to: filters.to ? nextDay(filters.to) : null, limit: PAGE, before };
  return ask("GET", "/audit", { signal, query });
}

/** @param {{ value: string, onChange: (event: any) => void }} props */
function What({ value, onChange }) {
  const option = (/** @type {string} */ each, /** @type {string} */ words) => html`<option key=${each} value=${each} selected=${each === value}>${words}</option>`;
  return html`<${Field} as="select" label=${t("audit.col_action")} value=${value} onChange=${onChange}>
    ${option("", t("audit.everything"))}
    ${Object.entries(ACTS).map(([kind, acts]) => html`<optgroup key=${kind} label=${t(`audit.kind_${kind}`)}>
      ${acts.length > 1 && option(kind, t("audit.any_of", { kind: t(`audit.kind_${kind}`) }))}
      ${acts.map((act) => option(`${kind}.${act}`, t(`audit.did_${kind}_${act}`)))}</optgroup>`)}<//>`;
}

/** @param {{ entries: Entry[] }} props */
function Entries({ entries }) {
  return html`<${Table} label=${t("nav.audit")} rows=${entries} keyOf=${(/** @type {Entry} */ each) => each.number} columns=${[
    { head: t("audit.col_at"), isName: true, isClose: true, cell: (/** @type {Entry} */ each) => instant(each.at) },
    { head: t("audit.col_actor"), cell: actorOf },
    { head: t("audit.col_action"), cell: actionOf },
    { head: t("audit.col_subject"), cell: (/** @type {Entry} */ each) => html`<span>${each.subject_name || each.subject}${each.subject_name && html`<span class="muted small mono is-line">${each.subject}</span>`}</span>` },
    { head: t("audit.col_detail"), cell: (/** @type {Entry} */ each) => detailOf(each.detail) },
  ]} />`;
}

/** @param {Record<string, any>} detail */
function detailOf(detail) {
  const told = Object.entries(detail);
  if (!told.length) return null;
  return html`<span>${told.map(([name, value]) => html`<span key=${name} class="small is-line"><span class="muted">${wordOf("told", name)}</span> ${toldOf(name, value)}</span>`)}</span>`;
}

/** @param {Entry} entry */
const actorOf = (entry) => (ACTORS.includes(entry.actor) ? t(`audit.by_${entry.actor}`) : entry.actor_name);

/** What was done, in words; by its name where there are none yet. @param {Entry} entry */
const actionOf = (entry) => wordOf("did", entry.action.replace(".", "_"), entry.action);

/** @param {string} kind @param {string} name @param {string} [otherwise] */
function wordOf(kind, name, otherwise = name) {
  const key = `audit.${kind}_${name}`;
  const words = t(key);
  return words === key ? otherwise : words;
}

/** A value, or what it was and what it is. @param {string} name @param {any} told */
function toldOf(name, told) {
  const one = (/** @type {any} */ value) => (name === "role" ? t(`role.${value}`) : name === "soft_budgets" ? wordOf("window", value) : String(value));
  const shown = (/** @type {any} */ value) => (value === null || value === "" ? "–" : Array.isArray(value) ? value.map(one).join(", ") || "–" : one(value));
  return Array.isArray(told) ? `${shown(told[0])} → ${shown(told[1])}` : shown(told);
}

/** @param {Entry[]} entries */
const rowsOf = (entries) => [
  ["number", "at", "actor", "actor_name", "action", "subject", "subject_name", "detail", "digest"],
  ...entries.map((each) => [each.number, each.at, each.actor, each.actor_name, each.action, each.subject, each.subject_name, JSON.stringify(each.detail), each.digest]),
];
