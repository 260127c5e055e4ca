/** Tables, all of them by one rule: columns where there is room, else a card for each row, with every figure behind its heading. */
import { html } from "../base/ui.js";

/**
 * A column. `isName` is what a row is about and heads its card; one that `isExtra` goes where room is short; a column without a heading holds actions.
 * @typedef {{ head: any, cell: (row: any) => any, isNumber?: boolean, isName?: boolean, isClose?: boolean, isExtra?: boolean, label?: string }} Column
 */

/**
 * `foot` are rows of sums, in the same columns; `label` names the table for who does not see it.
 * @param {{ label: string, columns: (Column|false|null|undefined)[], rows: any[], keyOf: (row: any) => string|number, foot?: any[], footOf?: (row: any) => string, isSum?: (row: any) => boolean }} props
 */
export function Table({ label, columns, rows, keyOf, foot = [], footOf, isSum }) {
  const shown = /** @type {Column[]} */ (columns.filter(Boolean));
  const line = (/** @type {any} */ row, /** @type {string|number} */ key) => html`<tr key=${key} role="row" class=${isSum?.(row) ? "is-sum" : undefined}>
    ${shown.map((column, at) => html`<td key=${at} role=${column.isName ? "rowheader" : "cell"} class=${kindOf(column)} data-label=${labelOf(column)}>${column.cell(row)}</td>`)}</tr>`;
  return html`<div class="table-wrap" tabindex="0" role="region" aria-label=${label}><table class="table" role="table" aria-label=${label}>
    <thead role="rowgroup"><tr role="row">${shown.map((column, at) => html`<th key=${at} role="columnheader" scope="col" class=${[column.isNumber && "is-number", column.isExtra && "is-extra"].filter(Boolean).join(" ") || undefined}>
      ${column.head === "" ? html`<span class="unseen">${column.label}</span>` : column.head}</th>`)}</tr></thead>
    <tbody role="rowgroup">${rows.map((row) => line(row, keyOf(row)))}</tbody>
    ${foot.length > 0 && html`<tfoot role="rowgroup">${foot.map((row) => line(row, (footOf ?? keyOf)(row)))}</tfoot>`}</table></div>`;
}

/** @param {Column} column */
const kindOf = (column) => [column.isNumber && "is-number", column.isName && "name", column.isClose && "nowrap", column.isExtra && "is-extra"].filter(Boolean).join(" ") || undefined;

/** What stands before the figure on a card. @param {Column} column */
const labelOf = (column) => (column.isName || column.head === "" ? undefined : typeof column.head === "string" ? column.head : column.label);
