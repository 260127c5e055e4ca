/** Compare: one question to two, three or four models at once, with what each answer took. */
import { html, useEffect } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { decimal, duration, energy, money, number } from "../base/format.js";
import { useAnswer } from "../base/load.js";
import { LANES_MAX, LANES_MIN, addLane, askAll, chooseModel, dropLane, lanes, longest, open, question, stop, stopAll, system } from "../compare/contest.js";
import { Markdown } from "../markdown/markdown.js";
import { Badge, Bones, CopyButton, Empty, Failure, Field, PageHead } from "../parts/basics.js";
import { Icon } from "../parts/icons.js";
import { ShowCode } from "../parts/show_code.js";
import { Table } from "../parts/table.js";
import { inputOf, speedOf } from "./request.js";

/** @typedef {import("../compare/contest.js").Lane} Lane */

export default function Compare() {
  const { answer, error, reload } = useAnswer(() => ask("GET", "/models"));
  const models = (answer.value?.data ?? []).filter((/** @type {any} */ model) => model.abilities.includes("chat"));
  const ids = models.map((/** @type {any} */ model) => model.id);
  useEffect(() => open(ids), [answer.value]);
  useEffect(() => stopAll, []);
  const isBusy = lanes.value.some((lane) => lane.state === "streaming");
  return html`<${PageHead} title=${t("nav.compare")} about=${t("compare.about")}>
      <button class="button" type="button" disabled=${lanes.value.length >= LANES_MAX || !ids.length} onClick=${() => addLane(ids)}><${Icon} name="plus" />${t("compare.add")}</button><//>
    ${error.value && html`<${Failure} error=${error.value} retry=${reload} />`}
    ${!answer.value ? !error.value && html`<${Bones} lines=${6} />` : !ids.length ? html`<section class="card"><${Empty} icon="cube" title=${t("models.none")} /></section>` : html`<div class="stack">
      <${Question} isBusy=${isBusy} />
      <div class="lanes">${lanes.value.map((lane, at) => html`<${LaneCard} key=${lane.id} lane=${lane} at=${at} models=${models} />`)}</div>
      ${lanes.value.some((lane) => lane.record) && html`<${Totals} />`}</div>`}`;
}

/** @param {{ isBusy: boolean }} props */
function Question({ isBusy }) {
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (question.peek().trim() && !isBusy) askAll();
  };
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) submit(event);
    if (event.key === "Escape") stopAll();
  };
  return html`<form class="card form" onSubmit=${submit}>
    <${Field} as="textarea" rows="3" label=${t("compare.question")} value=${question.value} onKeyDown=${onKey} onInput=${(/** @type {any} */ event) => { question.value = event.target.value; }} />
    <details><summary>${t("chat.settings")}</summary><${Field} as="textarea" rows="2" label=${t("chat.system")} value=${system.value} onInput=${(/** @type {any} */ event) => { system.value = event.target.value; }} />
      <${Field} label=${t("chat.max_tokens")} type="number" min="1" value=${longest.value ?? ""} placeholder=${t("chat.automatic")} onInput=${(/** @type {any} */ event) => { longest.value = Number(event.target.value) || null; }} /></details>
    <div class="row">${isBusy ? html`<button class="button is-primary" type="button" onClick=${stopAll}><${Icon} name="stop" />${t("compare.stop_all")}</button>`
      : html`<button class="button is-primary" disabled=${!question.value.trim()}><${Icon} name="send" />${t("compare.ask")}</button>`}
      <span class="muted small">${t("compare.keys_hint")}</span></div></form>`;
}

/** @param {{ lane: Lane, at: number, models: any[] }} props */
function LaneCard({ lane, at, models }) {
  const isWritten = lane.state === "streaming";
  const name = models.find((each) => each.id === lane.model)?.name ?? lane.model;
  return html`<section class="card lane" aria-label=${t("compare.answer_of", { count: at + 1, model: name })} aria-busy=${isWritten}>
    <header><select class="input" aria-label=${t("compare.model", { count: at + 1 })} value=${lane.model} onChange=${(/** @type {any} */ event) => chooseModel(lane.id, event.target.value)}>
        ${models.map((each) => html`<option key=${each.id} value=${each.id} selected=${each.id === lane.model}>${each.name}${each.is_ready ? "" : ` (${t("models.not_ready")})`}</option>`)}</select>
      ${lanes.value.length > LANES_MIN && html`<button class="button is-quiet is-small" type="button" aria-label=${t("compare.drop", { model: name })} onClick=${() => dropLane(lane.id)}><${Icon} name="close" /></button>`}</header>
    ${lane.thoughts && html`<details class="thoughts"><summary>${t("chat.thoughts")}</summary><${Markdown} text=${lane.thoughts} /></details>`}
    ${lane.text ? html`<${Markdown} text=${lane.text} />` : !lane.error && html`<p class="muted">${t(isWritten ? "chat.writing" : lane.state === "stopped" ? "chat.state_stopped" : "compare.nothing")}</p>`}
    ${lane.error && html`<${Failure} error=${lane.error} />`}
    <div class="unseen" role="status">${lane.state ? `${name}: ${t(`chat.state_${lane.state}`)}` : ""}</div>
    <div class="row lane-foot">${isWritten && html`<button class="button is-small" type="button" aria-label=${t("compare.stop", { model: name })} onClick=${() => stop(lane.id)}><${Icon} name="stop" />${t("chat.stop")}</button>`}
      ${lane.state === "stopped" && html`<${Badge}>${t("chat.stopped")}<//>`}
      ${lane.text && !isWritten && html`<${CopyButton} text=${lane.text} label=${t("compare.copy", { model: name })} />`}
      <${ShowCode} isSmall label=${t("code.show_of", { model: name })} asked=${() => ({ model: lane.model, system: system.peek().trim(), text: question.peek().trim() || t("chat.example_1"), maxTokens: longest.peek() })} /></div></section>`;
}

/** What the books say of each answer; the quickest and the cheapest stand out. */
function Totals() {
  const rows = lanes.value.filter((lane) => lane.record).map((lane) => ({ lane, record: lane.record, speed: speedOf(lane.record) }));
  const best = (/** @type {(row: any) => number|null} */ value, /** @type {(...all: number[]) => number} */ pick) => {
    const all = /** @type {number[]} */ (rows.map(value).filter((each) => each !== null));
    return all.length > 1 && new Set(all).size > 1 ? pick(...all) : null;
  };
  const cheapest = best((row) => Number(row.record.price), Math.min), first = best((row) => row.record.first_token_ms, Math.min), fastest = best((row) => row.speed, Math.max);
  const shown = (/** @type {any} */ text, /** @type {boolean} */ isBest) => html`<span>${isBest ? html`<${Badge} kind="good">${text}<//>` : text}</span>`;
  const sum = (/** @type {(record: any) => number} */ value) => rows.reduce((total, row) => total + value(row.record), 0);
  const costs = rows.filter((row) => row.record.cost).map((row) => row.record.cost);
  // A column of what is counted; the row without a record is the sum.
  const counted = (/** @type {string} */ head, /** @type {(record: any) => number} */ value) => ({ head: t(head), isNumber: true, cell: (/** @type {any} */ row) => number(row ? value(row.record) : sum(value)) });
  return html`<section class="card"><header><h2>${t("compare.totals")}</h2></header><${Table} label=${t("compare.totals")} rows=${rows} keyOf=${(/** @type {any} */ row) => row.lane.id} foot=${[null]} footOf=${() => "total"} columns=${[
    { head: t("requests.model"), isName: true, cell: (/** @type {any} */ row) => (row ? row.record.model_id : t("usage.total")) },
    counted("usage.input", inputOf), counted("compare.cached", (record) => record.cache_read_tokens), counted("usage.output", (record) => record.output_tokens), counted("compare.thinking", (record) => record.reasoning_tokens),
    { head: t("usage.price"), isNumber: true, cell: (/** @type {any} */ row) => (row ? shown(money(row.record.price, row.record.currency), Number(row.record.price) === cheapest) : inAll(rows.map((each) => ({ amount: each.record.price, currency: each.record.currency })))) },
    { head: t("usage.cost"), isNumber: true, cell: (/** @type {any} */ row) => (row ? (row.record.cost ? money(row.record.cost.direct, row.record.cost.currency) : "–") : inAll(costs.map((each) => ({ amount: each.direct, currency: each.currency }))) || "–") },
    { head: t("compare.energy"), isNumber: true, cell: (/** @type {any} */ row) => (row ? (row.record.cost ? energy(row.record.cost.energy_wh) : "–") : costs.length ? energy(String(costs.reduce((total, each) => total + Number(each.energy_wh), 0))) : "–") },
    { head: t("requests.first_token"), isNumber: true, cell: (/** @type {any} */ row) => row && shown(row.record.first_token_ms === null ? "–" : duration(row.record.first_token_ms), first !== null && row.record.first_token_ms === first) },
    { head: t("requests.speed"), isNumber: true, cell: (/** @type {any} */ row) => row && shown(row.speed === null ? "–" : t("chat.speed", { speed: decimal(row.speed) }), fastest !== null && row.speed === fastest) },
  ]} /></section>`;
}

/** Amounts added up, each currency for itself. @param {{ amount: string, currency: string }[]} all */
function inAll(all) {
  const currencies = [...new Set(all.map((each) => each.currency))];
  return currencies.map((currency) => money(all.reduce((sum, each) => sum + (each.currency === currency ? Number(each.amount) : 0), 0), currency)).join(" + ");
}
