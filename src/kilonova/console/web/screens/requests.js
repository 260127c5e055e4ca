/** Requests: every one that was settled, newest first, sought by what it was. */
import { html, useSignal } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { dateAgo, duration, lately, moneyAlike, number, zone } from "../base/format.js";
import { useAnswer } from "../base/load.js";
import { go, href, path, search } from "../base/router.js";
import { Bones, Empty, Failure, Field, PageHead } from "../parts/basics.js";
import { Filter, addressOf, choicesIn, nextDay } from "../parts/filters.js";
import { Icon } from "../parts/icons.js";
import { Table } from "../parts/table.js";
import { Outcome, Request, inputOf, tookMs } from "./request.js";

const PAGE = 50;
const USED = ["model", "project", "key", "dialect"];
const FILTERS = [...USED, "outcome"];
const LEAST = ["took_s", "price"];
const OUTCOMES = ["completed", "cancelled", "failed", "recovered"];

/** What the address seeks: filters, and days with both ends included. @param {string} address */
function sought(address) {
  const said = new URLSearchParams(address);
  /** @type {Record<string, string>} */
  const found = { from: said.get("from") ?? dateAgo(6), to: said.get("to") ?? dateAgo(0) };
  for (const name of [...FILTERS, ...LEAST]) found[name] = said.get(name) ?? "";
  return found;
}

export default function Requests() {
  const filters = sought(search.value);
  const cursors = useSignal(/** @type {string[]} */ ([]));
  const place = addressOf(filters);
  const after = cursors.value.at(-1) ?? null;
  const { answer, error, reload } = useAnswer((signal) => pageOf(filters, after, signal), [place, after]);
  const used = useAnswer(() => choicesIn(/** @type {any} */ (filters), USED), [filters.from, filters.to]).answer.value;
  const choices = used && { ...used, values: { ...used.values, outcome: OUTCOMES } };
  const set = (/** @type {string} */ name, /** @type {string} */ value) => {
    cursors.value = [];
    if (value || (name !== "from" && name !== "to")) go(`requests?${addressOf({ ...filters, [name]: value })}`, { replace: true });
  };
  const typed = (/** @type {string} */ name) => (/** @type {any} */ event) => { if (event.target.checkValidity()) set(name, event.target.value.trim().replace(",", ".")); };
  const seekId = (/** @type {any} */ event) => {
    event.preventDefault();
    const id = String(new FormData(event.currentTarget).get("id") ?? "").trim();
    if (id) go(`requests/${encodeURIComponent(id)}?${place}`);
  };
  const names = choices?.names ?? new Map();
  const id = decodeURIComponent(path.value.split("/")[1] ?? "");
  const found = answer.value;
  return html`<${PageHead} title=${t("nav.requests")} about=${t("requests.about")}>
      <form class="row" role="search" aria-label=${t("requests.seek_id")} onSubmit=${seekId}><input class="input is-narrow" name="id" aria-label=${t("requests.seek_id")} placeholder="req_…" autocomplete="off" spellcheck=${false} />
        <button class="button">${t("requests.open")}</button></form>
      <button class="button" type="button" onClick=${() => { cursors.value = []; reload(); }}><${Icon} name="again" />${t("requests.newest")}</button><//>
    <div class="stack">
      <div class="filters" role="search" aria-label=${t("requests.filters")}>
        <${Field} label=${t("usage.from")} type="date" value=${filters.from} max=${filters.to} onChange=${(/** @type {any} */ event) => set("from", event.target.value)} />
        <${Field} label=${t("usage.to")} type="date" value=${filters.to} min=${filters.from} onChange=${(/** @type {any} */ event) => set("to", event.target.value)} />
        ${FILTERS.map((name) => html`<${Filter} key=${name} name=${name} value=${filters[name]} choices=${choices} onChange=${(/** @type {string} */ value) => set(name, value)} />`)}
        ${LEAST.map((name) => html`<${Field} key=${name} label=${t(`requests.least_${name}`)} inputmode="decimal" pattern="[0-9]{1,9}([.,][0-9]{1,9})?" autocomplete="off" value=${filters[name]} onChange=${typed(name)} />`)}</div>
      ${error.value && html`<${Failure} error=${error.value} retry=${reload} />`}
      ${!found ? !error.value && html`<${Bones} lines=${8} />` : html`<section class="card"><header><h2>${t("requests.found", { count: found.data.length })}</h2><span class="muted small">${t("requests.clocks", { zone: zone() })}</span></header>
        ${found.data.length ? html`<${Rows} records=${found.data} names=${names} place=${place} />` : html`<${Empty} icon="list" title=${t("requests.none")}><p>${t("usage.none_about")}</p><//>`}
        <div class="row is-apart"><button class="button is-small" type="button" disabled=${!cursors.value.length} onClick=${() => { cursors.value = cursors.value.slice(0, -1); }}><${Icon} name="left" />${t("requests.newer")}</button>
          <button class="button is-small" type="button" disabled=${!found.next} onClick=${() => { cursors.value = [...cursors.value, found.next]; }}>${t("requests.older")}<${Icon} name="right" /></button></div></section>`}</div>
    ${id && html`<${Request} key=${id} id=${id} names=${names} onClose=${() => go(`requests?${place}`, { replace: true })} />`}`;
}

/** @param {Record<string, string>} filters @param {string|null} after @param {AbortSignal} signal */
function pageOf(filters, after, signal) {
  const chosen = Object.fromEntries(FILTERS.map((name) => [name, filters[name] || null]));
  const least = { took_ms_min: filters.took_s ? Math.round(Number(filters.took_s) * 1000) : null, price_min: filters.price || null };
  return ask("GET", "/requests", { signal, query: { ...chosen, ...least, from: filters.from, to: nextDay(filters.to), order: "newest", limit: PAGE, after } });
}

/** @param {{ records: any[], names: Map<string, string>, place: string }} props */
function Rows({ records, names, place }) {
  const currencies = [...new Set(records.map((each) => each.currency))];
  const alike = new Map(currencies.map((currency) => [currency, moneyAlike(records.filter((each) => each.currency === currency).map((each) => each.price), currency)]));
  const key = (/** @type {any} */ each) => names.get(each.key_id) ?? each.key_id;
  return html`<${Table} label=${t("nav.requests")} rows=${records} keyOf=${(/** @type {any} */ each) => each.id} columns=${[
    { head: t("requests.time"), isName: true, isClose: true, cell: (/** @type {any} */ each) => html`<a href=${href(`requests/${each.id}?${place}`)} title=${each.id}>${lately(each.finished_at)}</a>` },
    { head: t("requests.model"), cell: (/** @type {any} */ each) => html`<span class="clip" title=${each.model_id}>${each.model_id}</span>` },
    { head: t("usage.col_key"), cell: (/** @type {any} */ each) => html`<span class="clip" title=${`${key(each)} · ${names.get(each.project_id) ?? ""}`}>${key(each)}</span>` },
    { head: t("usage.col_dialect"), isExtra: true, cell: (/** @type {any} */ each) => each.dialect },
    { head: t("requests.outcome"), cell: (/** @type {any} */ each) => html`<span><${Outcome} outcome=${each.outcome} /></span>` },
    { head: t("usage.input"), isNumber: true, cell: (/** @type {any} */ each) => number(inputOf(each)) },
    { head: t("usage.output"), isNumber: true, cell: (/** @type {any} */ each) => number(each.output_tokens) },
    { head: t("requests.first_token"), isNumber: true, isExtra: true, cell: (/** @type {any} */ each) => (each.first_token_ms === null ? "–" : duration(each.first_token_ms)) },
    { head: t("requests.took"), isNumber: true, cell: (/** @type {any} */ each) => duration(tookMs(each)) },
    { head: t("usage.price"), isNumber: true, cell: (/** @type {any} */ each) => alike.get(each.currency)?.(each.price) },
  ]} />`;
}
