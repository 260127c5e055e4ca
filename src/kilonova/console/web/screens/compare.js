/** Compare: one question to two, three or four models at once, with what each answer took. */
import { html, useEffect } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { decimal, duration, money, number } from "../base/format.js";
import { useAnswer } from "../base/load.js";
import { LANES_MAX, LANES_MIN, addLane, askAll, chooseModel, dropLane, lanes, longest, open, question, stop, stopAll, system } from "../compare/contest.js";
import { Markdown } from "../markdown/markdown.js";
import { Badge, Bones, CopyButton, Empty, Failure, Field, PageHead } from "../parts/basics.js";
import { Icon } from "../parts/icons.js";
import { ShowCode } from "../parts/show_code.js";
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
  const found = lanes.value.filter((lane) => lane.record);
  const rows = found.map((lane) => ({ lane, record: lane.record, speed: speedOf(lane.record), first: lane.record.first_token_ms }));
  const best = (/** @type {(row: any) => number|null} */ value, /** @type {(...all: number[]) => number} */ pick) => {
    const all = /** @type {number[]} */ (rows.map(value).filter((each) => each !== null));
    return all.length > 1 && new Set(all).size > 1 ? pick(...all) : null;
  };
  const cheapest = best((row) => Number(row.record.price), Math.min), first = best((row) => row.first, Math.min), fastest = best((row) => row.speed, Math.max);
  const cell = (/** @type {any} */ text, /** @type {boolean} */ isBest) => html`<td class="is-number">${isBest ? html`<${Badge} kind="good">${text}<//>` : text}</td>`;
  const currencies = [...new Set(rows.map((row) => row.record.currency))];
  const sum = (/** @type {(record: any) => number} */ value) => rows.reduce((total, row) => total + value(row.record), 0);
  const price = currencies.map((each) => money(rows.reduce((total, row) => total + (row.record.currency === each ? Number(row.record.price) : 0), 0), each)).join(" + ");
  return html`<section class="card"><header><h2>${t("compare.totals")}</h2></header><div class="table-wrap" tabindex="0" role="region" aria-label=${t("compare.totals")}><table class="table">
    <thead><tr><th scope="col">${t("requests.model")}</th>${["usage.input", "usage.output", "usage.price", "usage.cost", "requests.first_token", "requests.speed"].map((key) => html`<th key=${key} scope="col" class="is-number">${t(key)}</th>`)}</tr></thead>
    <tbody>${rows.map(({ lane, record, speed }) => html`<tr key=${lane.id}><td class="name">${record.model_id}</td><td class="is-number">${number(inputOf(record))}</td><td class="is-number">${number(record.output_tokens)}</td>
      ${cell(money(record.price, record.currency), Number(record.price) === cheapest)}<td class="is-number">${record.cost ? money(record.cost.direct, record.cost.currency) : "–"}</td>
      ${cell(record.first_token_ms === null ? "–" : duration(record.first_token_ms), first !== null && record.first_token_ms === first)}
      ${cell(speed === null ? "–" : t("chat.speed", { speed: decimal(speed) }), fastest !== null && speed === fastest)}</tr>`)}</tbody>
    <tfoot><tr><td>${t("usage.total")}</td><td class="is-number">${number(sum(inputOf))}</td><td class="is-number">${number(sum((record) => record.output_tokens))}</td><td class="is-number">${price}</td><td></td><td></td><td></td></tr></tfoot></table></div></section>`;
}
