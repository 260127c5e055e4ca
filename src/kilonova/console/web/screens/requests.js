/** Requests: every one that was settled, newest first, sought by what it was. */
import { html, useSignal } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { dateAgo, duration, instant, money, number } from "../base/format.js";
import { useAnswer } from "../base/load.js";
import { projects } from "../base/session.js";
import { go, href, path, search } from "../base/router.js";
import { Bones, Empty, Failure, Field, PageHead } from "../parts/basics.js";
import { Icon } from "../parts/icons.js";
import { Outcome, Request, inputOf, tookMs } from "./request.js";

const PAGE = 50;
const FILTERS = ["model", "project", "key", "dialect", "outcome"];
const OUTCOMES = ["completed", "cancelled", "failed", "recovered"];

/** What the address seeks: filters, and days with both ends included. @param {string} address */
function sought(address) {
  const said = new URLSearchParams(address);
  /** @type {Record<string, string>} */
  const found = { from: said.get("from") ?? dateAgo(6), to: said.get("to") ?? dateAgo(0) };
  for (const name of FILTERS) found[name] = said.get(name) ?? "";
  return found;
}

/** @param {Record<string, string>} filters */
const addressOf = (filters) => new URLSearchParams(Object.entries(filters).filter(([, value]) => value)).toString();
const nextDay = (/** @type {string} */ date) => new Date(Date.parse(date) + 86_400_000).toISOString().slice(0, 10);

export default function Requests() {
  const filters = sought(search.value);
  const cursors = useSignal(/** @type {string[]} */ ([]));
  const place = addressOf(filters);
  const after = cursors.value.at(-1) ?? null;
  const { answer, error, reload } = useAnswer((signal) => pageOf(filters, after, signal), [place, after]);
  const options = useAnswer(() => optionsOf(filters), [filters.from, filters.to]);
  const set = (/** @type {string} */ name) => (/** @type {any} */ event) => {
    cursors.value = [];
    if (event.target.value || FILTERS.includes(name)) go(`requests?${addressOf({ ...filters, [name]: event.target.value })}`, { replace: true });
  };
  const names = options.answer.value?.names ?? new Map();
  const id = path.value.split("/")[1];
  const found = answer.value;
  return html`<${PageHead} title=${t("nav.requests")} about=${t("requests.about")}>
      <button class="button" type="button" onClick=${() => { cursors.value = []; reload(); }}><${Icon} name="again" />${t("requests.newest")}</button><//>
    <div class="stack">
      <div class="filters" role="search" aria-label=${t("requests.filters")}>
        <${Field} label=${t("usage.from")} type="date" value=${filters.from} max=${filters.to} onChange=${set("from")} />
        <${Field} label=${t("usage.to")} type="date" value=${filters.to} min=${filters.from} onChange=${set("to")} />
        ${FILTERS.map((name) => html`<${Field} key=${name} as="select" label=${t(name === "outcome" ? "requests.outcome" : `usage.col_${name}`)} value=${filters[name]} onChange=${set(name)}>
          <option value="">${t("requests.all")}</option>
          ${choicesOf(name, filters[name], options.answer.value).map(([value, label]) => html`<option key=${value} value=${value} selected=${value === filters[name]}>${label}</option>`)}<//>`)}</div>
      ${error.value && html`<${Failure} error=${error.value} retry=${reload} />`}
      ${!found ? !error.value && html`<${Bones} lines=${8} />` : html`<section class="card"><header><h2>${t("requests.found", { count: found.data.length })}</h2><span class="muted small">${t("usage.utc")}</span></header>
        ${found.data.length ? html`<${Table} records=${found.data} names=${names} place=${place} />` : html`<${Empty} icon="list" title=${t("requests.none")}><p>${t("usage.none_about")}</p><//>`}
        <div class="row is-apart"><button class="button is-small" type="button" disabled=${!cursors.value.length} onClick=${() => { cursors.value = cursors.value.slice(0, -1); }}><${Icon} name="left" />${t("requests.newer")}</button>
          <button class="button is-small" type="button" disabled=${!found.next} onClick=${() => { cursors.value = [...cursors.value, found.next]; }}>${t("requests.older")}<${Icon} name="right" /></button></div></section>`}</div>
    ${id && html`<${Request} key=${id} id=${id} known=${found?.data.find((/** @type {any} */ each) => each.id === id)} names=${names} onClose=${() => go(`requests?${place}`, { replace: true })} />`}`;
}

/** @param {Record<string, string>} filters @param {string|null} after @param {AbortSignal} signal */
function pageOf(filters, after, signal) {
  const chosen = Object.fromEntries(FILTERS.map((name) => [name, filters[name] || null]));
  return ask("GET", "/requests", { signal, query: { ...chosen, from: filters.from, to: nextDay(filters.to), order: "newest", limit: PAGE, after } });
}

/** What can be sought is what was used in that time. @param {Record<string, string>} filters */
async function optionsOf(filters) {
  const span = { from: filters.from, to: nextDay(filters.to) };
  const used = (/** @type {string} */ by) => ask("GET", "/usage", { query: { group_by: by, ...span } }).then((report) => [...new Set(report.data.map((/** @type {any} */ row) => row.group))]);
  const [model, project, key, dialect, keys] = await Promise.all([used("model"), used("project"), used("key"), used("dialect"), ask("GET", "/keys", { query: { limit: 1000 } })]);
  const names = new Map([...keys.data, ...(projects.peek() ?? [])].map((/** @type {any} */ each) => [each.id, each.name || each.id]));
  return { model, project, key, dialect, outcome: OUTCOMES, names };
}

/** @param {string} name @param {string} chosen @param {any} options @returns {[string, string][]} */
function choicesOf(name, chosen, options) {
  /** @type {string[]} */
  const values = options?.[name] ?? [];
  const all = chosen && !values.includes(chosen) ? [chosen, ...values] : values;
  return all.map((value) => [value, name === "outcome" ? t(`outcome.${value}`) : options?.names.get(value) ?? value]);
}

/** @param {{ records: any[], names: Map<string, string>, place: string }} props */
function Table({ records, names, place }) {
  return html`<div class="table-wrap" tabindex="0" role="region" aria-label=${t("nav.requests")}><table class="table">
    <thead><tr><th scope="col">${t("requests.time")}</th><th scope="col">${t("requests.model")}</th><th scope="col">${t("usage.col_key")}</th><th scope="col">${t("usage.col_dialect")}</th><th scope="col">${t("requests.outcome")}</th>
      <th scope="col" class="is-number">${t("usage.input")}</th><th scope="col" class="is-number">${t("usage.output")}</th><th scope="col" class="is-number">${t("requests.first_token")}</th>
      <th scope="col" class="is-number">${t("requests.took")}</th><th scope="col" class="is-number">${t("usage.price")}</th></tr></thead>
    <tbody>${records.map((each) => html`<tr key=${each.id}><td class="nowrap"><a href=${href(`requests/${each.id}?${place}`)} title=${each.id}>${instant(each.finished_at)}</a></td><td class="name">${each.model_id}</td>
      <td>${names.get(each.key_id) ?? each.key_id}<div class="muted small">${names.get(each.project_id) ?? ""}</div></td><td>${each.dialect}</td><td><${Outcome} outcome=${each.outcome} /></td>
      <td class="is-number">${number(inputOf(each))}</td><td class="is-number">${number(each.output_tokens)}</td><td class="is-number">${each.first_token_ms === null ? "–" : duration(each.first_token_ms)}</td>
      <td class="is-number">${duration(tookMs(each))}</td><td class="is-number">${money(each.price, each.currency)}</td></tr>`)}</tbody></table></div>`;
}
