/** The audit log: who did what to which in this organisation, the latest first. */
import { html, useSignal } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { instant } from "../base/format.js";
import { useAnswer } from "../base/load.js";
import { Bones, Empty, Failure, PageHead } from "../parts/basics.js";
import { csvOf, saveFile } from "../parts/csv.js";
import { Icon } from "../parts/icons.js";

/** @typedef {{ number: number, at: string, actor: string, actor_name: string, action: string, subject: string, subject_name: string, detail: Record<string, any>, digest: string }} Entry */

const PAGE = 50;
const ACTORS = ["operator", "system"];

export default function Audit() {
  const cursors = useSignal(/** @type {number[]} */ ([]));
  const before = cursors.value.at(-1) ?? null;
  const { answer, error, reload } = useAnswer((signal) => ask("GET", "/audit", { signal, query: { limit: PAGE, before } }), [before]);
  const found = answer.value;
  return html`<${PageHead} title=${t("nav.audit")} about=${t("audit.about")}>
      <button class="button" type="button" onClick=${() => { cursors.value = []; reload(); }}><${Icon} name="again" />${t("audit.newest")}</button>
      <button class="button" type="button" disabled=${!found?.data.length} onClick=${() => saveFile("audit.csv", csvOf(rowsOf(found.data)))}><${Icon} name="download" />CSV</button><//>
    ${error.value && html`<${Failure} error=${error.value} retry=${reload} />`}
    ${!found ? !error.value && html`<${Bones} lines=${8} />` : html`<section class="card">
      ${found.data.length ? html`<${Entries} entries=${found.data} />` : html`<${Empty} icon="list" title=${t("audit.none")} />`}
      <div class="row is-apart"><button class="button is-small" type="button" disabled=${!cursors.value.length} onClick=${() => { cursors.value = cursors.value.slice(0, -1); }}><${Icon} name="left" />${t("audit.newer")}</button>
        <button class="button is-small" type="button" disabled=${!found.next} onClick=${() => { cursors.value = [...cursors.value, found.next]; }}>${t("audit.older")}<${Icon} name="right" /></button></div></section>`}`;
}

/** @param {{ entries: Entry[] }} props */
function Entries({ entries }) {
  return html`<div class="table-wrap" tabindex="0" role="region" aria-label=${t("nav.audit")}><table class="table">
    <thead><tr>${["at", "actor", "action", "subject", "detail"].map((name) => html`<th key=${name} scope="col">${t(`audit.col_${name}`)}</th>`)}</tr></thead>
    <tbody>${entries.map((entry) => html`<tr key=${entry.number}>
      <td class="nowrap">${instant(entry.at)}</td><td>${actorOf(entry)}</td><td>${actionOf(entry)}</td>
      <td class="name">${entry.subject_name || entry.subject}${entry.subject_name && html`<div class="muted small mono">${entry.subject}</div>`}</td>
      <td>${Object.entries(entry.detail).map(([name, told]) => html`<div key=${name} class="small"><span class="muted">${name}</span> ${toldOf(told)}</div>`)}</td></tr>`)}</tbody></table></div>`;
}

/** @param {Entry} entry */
const actorOf = (entry) => (ACTORS.includes(entry.actor) ? t(`audit.by_${entry.actor}`) : entry.actor_name);

/** What was done, in words; by its name where there are none yet. @param {Entry} entry */
function actionOf(entry) {
  const key = `audit.did_${entry.action.replace(".", "_")}`;
  const words = t(key);
  return words === key ? entry.action : words;
}

/** A value, or what it was and what it is. @param {any} told */
function toldOf(told) {
  const shown = (/** @type {any} */ value) => (value === null || value === "" ? "–" : Array.isArray(value) ? value.join(", ") || "–" : String(value));
  return Array.isArray(told) ? `${shown(told[0])} → ${shown(told[1])}` : shown(told);
}

/** @param {Entry[]} entries */
const rowsOf = (entries) => [
  ["number", "at", "actor", "actor_name", "action", "subject", "subject_name", "detail", "digest"],
  ...entries.map((each) => [each.number, each.at, each.actor, each.actor_name, each.action, each.subject, each.subject_name, JSON.stringify(each.detail), each.digest]),
];
