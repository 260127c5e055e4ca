/** Two bars for each of several lines, drawn here, negative ones to the left; and the same as a table. */
import { html, useSignal } from "../base/ui.js";
import { t } from "../base/i18n.js";
import { Table } from "./table.js";

/** @typedef {{ name: string, values: number[], texts: string[] }} Line */

/** @param {{ label: string, head: string, series: string[], lines: Line[] }} props */
export function Pairs({ label, head, series, lines }) {
  const isTable = useSignal(false);
  return html`<div class="stack is-close">
    ${isTable.value ? html`<${Figures} label=${label} head=${head} series=${series} lines=${lines} />` : html`<${Drawing} label=${label} series=${series} lines=${lines} />`}
    <div><button class="button is-quiet is-small" type="button" aria-pressed=${isTable.value} onClick=${() => { isTable.value = !isTable.value; }}>${t(isTable.value ? "chart.as_chart" : "chart.as_table")}</button></div></div>`;
}

/** @param {{ label: string, series: string[], lines: Line[] }} props */
function Drawing({ label, series, lines }) {
  const all = lines.flatMap((line) => line.values);
  const low = Math.min(0, ...all), span = Math.max(1e-12, Math.max(0, ...all) - low);
  const x = (/** @type {number} */ value) => (1000 * (value - low)) / span;
  return html`<div class="pairs" role="group" aria-label=${label}>
    <p class="row small muted" aria-hidden="true">${series.map((name, at) => html`<span key=${name} class="legend"><i class=${`series-${at}`}></i>${name}</span>`)}</p>
    <ul>${lines.map((line) => html`<li key=${line.name}><strong>${line.name}</strong>
      ${line.values.map((value, at) => html`<span key=${series[at]} class="pair"><svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
        <rect class=${value < 0 ? "is-below" : `series-${at}`} x=${x(Math.min(0, value))} width=${Math.max(value === 0 ? 0 : 3, x(Math.abs(value) + low))} height="10" rx="1" /></svg>
        <span class="number"><span class="unseen">${series[at]}: </span>${line.texts[at]}</span></span>`)}</li>`)}</ul></div>`;
}

/** @param {{ label: string, head: string, series: string[], lines: Line[] }} props */
function Figures({ label, head, series, lines }) {
  return html`<${Table} label=${label} rows=${lines} keyOf=${(/** @type {Line} */ line) => line.name} columns=${[
    { head, isName: true, cell: (/** @type {Line} */ line) => line.name },
    ...series.map((name, at) => ({ head: name, isNumber: true, cell: (/** @type {Line} */ line) => line.texts[at] })),
  ]} />`;
}
