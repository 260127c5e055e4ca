/** Bars over days, drawn here, with the same figures as a table for who reads rather than looks. */
import { html, useEffect, useRef, useSignal } from "../base/ui.js";
import { t } from "../base/i18n.js";
import { compact, number, shortDay } from "../base/format.js";

const HEIGHT = 190, BOTTOM = 22, TOP = 8;

/**
 * @param {{ label: string, unit: string, from: string, days: number, values: [string, number][],
 *   show?: (value: number) => string, line?: { value: number, label: string }|null }} props `line` lies across the bars; `values` are days (2026-11-23) and amounts; the rest are zero
 */
export function Bars({ label, unit, from, days, values, show = number, line = null }) {
  const isTable = useSignal(false);
  const place = useRef(/** @type {any} */ (null));
  const width = useSignal(640);
  useEffect(() => {
    if (!place.current) return undefined;
    const watch = new ResizeObserver(([entry]) => { width.value = Math.max(240, entry.contentRect.width); });
    watch.observe(place.current);
    return () => watch.disconnect();
  }, [isTable.value]);
  const known = new Map(values);
  const start = Date.parse(`${from}T00:00:00Z`);
  const points = Array.from({ length: days }, (_, index) => {
    const date = new Date(start + index * 86_400_000).toISOString().slice(0, 10);
    return { date, value: known.get(date) ?? 0 };
  });
  return html`<div ref=${place}>
    ${isTable.value ? html`<${Figures} label=${label} unit=${unit} points=${points} show=${show} />`
      : html`<${Drawing} label=${label} points=${points} width=${width.value} show=${show} line=${line} />`}
    ${line && html`<p class="small muted row"><span class="legend"><i class="is-line"></i>${line.label}</span></p>`}
    <button class="button is-quiet is-small" type="button" aria-pressed=${isTable.value} onClick=${() => { isTable.value = !isTable.value; }}>
      ${isTable.value ? t("chart.as_chart") : t("chart.as_table")}</button></div>`;
}

/** A round number at or above the highest value. @param {number} highest */
function ceiling(highest) {
  if (highest <= 0) return 2;
  const power = 10 ** Math.floor(Math.log10(highest));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((each) => each >= highest) ?? highest;
}

/** @param {{ label: string, points: { date: string, value: number }[], width: number, show: (value: number) => string, line: { value: number, label: string }|null }} props */
function Drawing({ label, points, width, show, line }) {
  const highest = Math.max(...points.map((each) => each.value));
  // A line far above all bars would flatten them: then it is said in words alone.
  const isLineSeen = line !== null && line.value <= 4 * highest;
  const top = ceiling(Math.max(highest, isLineSeen ? line.value : 0));
  const isCount = show === number;
  const LEFT = isCount ? 44 : 92;
  const tick = isCount ? compact : show;
  const step = (width - LEFT) / points.length;
  const y = (/** @type {number} */ value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top);
  const every = Math.ceil(points.length / Math.max(2, Math.floor((width - LEFT) / 64)));
  return html`<svg class="bars" viewBox=${`0 0 ${width} ${HEIGHT}`} role="img" aria-label=${label}>
    ${[0, 0.5, 1].map((share) => html`<g key=${share}><line x1=${LEFT} x2=${width} y1=${y(top * share)} y2=${y(top * share)} />
      <text x=${LEFT - 6} y=${y(top * share) + 4} text-anchor="end">${tick(top * share)}</text></g>`)}
    ${points.map((each, index) => html`<g key=${each.date}>
      ${each.value > 0 && html`<rect class="bar" x=${LEFT + index * step + step * 0.15} width=${Math.min(step * 0.7, 60)} y=${Math.min(y(each.value), y(0) - 1.5)}
        height=${Math.max(1.5, y(0) - y(each.value))} rx="2"><title>${shortDay(each.date)}: ${show(each.value)}</title></rect>`}
      ${index % every === 0 && html`<text x=${LEFT + index * step + Math.min(step * 0.5, step * 0.15 + 30)} y=${HEIGHT - 6} text-anchor="middle">${shortDay(each.date)}</text>`}</g>`)}
    ${isLineSeen && html`<line class="is-budget" x1=${LEFT} x2=${width} y1=${y(line.value)} y2=${y(line.value)} />`}
  </svg>`;
}

/** @param {{ label: string, unit: string, points: { date: string, value: number }[], show: (value: number) => string }} props */
function Figures({ label, unit, points, show }) {
  return html`<table class="table"><caption class="unseen">${label}</caption>
    <thead><tr><th scope="col">${t("usage.day")}</th><th scope="col" class="is-number">${unit}</th></tr></thead>
    <tbody>${points.map((each) => html`<tr key=${each.date}><td>${shortDay(each.date)}</td><td class="is-number">${show(each.value)}</td></tr>`)}</tbody></table>`;
}
