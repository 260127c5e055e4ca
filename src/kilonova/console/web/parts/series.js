/** Columns over time, drawn here: a cursor with values (pointer or arrow keys), a span by dragging or Shift, and the same as a table. */
import { html, useEffect, useRef, useSignal } from "../base/ui.js";
import { t } from "../base/i18n.js";
import { clock, period } from "../base/format.js";
import { scaleOf } from "./scale.js";
import { Table } from "./table.js";

/** @typedef {{ name: string, values: number[] }} One */
/** @typedef {{ show: (value: number) => string, tick: (step: number) => (value: number) => string, isWhole?: boolean }} Measure */

const TOP = 12, BOTTOM = 24, LABEL = 6.4;

/**
 * `series` stand on each other, the last one on top. `line` lies across. `onSpan` is told the first and last time that were chosen.
 * @param {{ label: string, times: string[], series: One[], measure: Measure, line?: { value: number, label: string }|null, onSpan?: (from: string, to: string) => void }} props
 */
export function Series({ label, times, series, measure, line = null, onSpan }) {
  const isTable = useSignal(false);
  return html`<div class="stack is-close">
    ${isTable.value ? html`<${Figures} label=${label} times=${times} series=${series} measure=${measure} />`
      : html`<${Drawing} label=${label} times=${times} series=${series} measure=${measure} line=${line} onSpan=${onSpan} />`}
    ${(series.length > 1 || line) && html`<ul class="legends">
      ${series.length > 1 && series.map((each, at) => html`<li key=${each.name} class="legend"><i class=${`legend-hue hue-${at % 7}`}></i>${each.name}</li>`)}
      ${line && html`<li class="legend muted"><i class="is-line"></i>${line.label}</li>`}</ul>`}
    <div class="row is-apart"><button class="button is-quiet is-small" type="button" aria-pressed=${isTable.value} onClick=${() => { isTable.value = !isTable.value; }}>${t(isTable.value ? "chart.as_chart" : "chart.as_table")}</button>
      ${!isTable.value && onSpan && html`<span class="muted small is-pointer">${t("chart.hint")}</span>`}</div></div>`;
}

/** The width and height that there is. @param {{ current: any }} place */
function useRoom(place) {
  const width = useSignal(640);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => { width.value = Math.max(240, entry.contentRect.width); });
    watch.observe(place.current);
    return () => watch.disconnect();
  }, []);
  return { width: width.value, height: Math.round(Math.min(420, Math.max(190, width.value / 5))) };
}

/** @param {{ label: string, times: string[], series: One[], measure: Measure, line: { value: number, label: string }|null, onSpan?: (from: string, to: string) => void }} props */
function Drawing({ label, times, series, measure, line, onSpan }) {
  const place = useRef(/** @type {any} */ (null));
  const { width, height } = useRoom(place);
  const at = useSignal(-1), anchor = useSignal(-1);
  const sums = times.map((_, index) => series.reduce((sum, each) => sum + each.values[index], 0));
  const highest = Math.max(0, ...sums);
  // A line far above all columns would flatten them: then it is said in words alone.
  const isLineSeen = line !== null && line.value <= 4 * highest;
  const { top, step, ticks } = scaleOf(Math.max(highest, isLineSeen ? line.value : 0), Boolean(measure.isWhole));
  const tick = measure.tick(step);
  const left = Math.max(...ticks.map((each) => tick(each).length)) * LABEL + 10;
  const y = (/** @type {number} */ value) => TOP + (height - TOP - BOTTOM) * (1 - value / top);
  const pitch = (width - left) / times.length;
  const nearest = (/** @type {PointerEvent} */ event) => {
    const box = place.current.getBoundingClientRect();
    return Math.min(times.length - 1, Math.max(0, Math.floor((event.clientX - box.left - left) / pitch)));
  };
  const choose = (/** @type {number} */ one, /** @type {number} */ other) => {
    anchor.value = -1;
    if (onSpan && one !== other && one >= 0) onSpan(times[Math.min(one, other)], times[Math.max(one, other)]);
  };
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    const moves = /** @type {Record<string, number>} */ ({ ArrowLeft: at.value - 1, ArrowRight: at.value + 1, Home: 0, End: times.length - 1 });
    if (event.key in moves) {
      event.preventDefault();
      if (!event.shiftKey) anchor.value = -1;
      else if (anchor.value < 0) anchor.value = Math.max(0, at.value);
      at.value = Math.min(times.length - 1, Math.max(0, moves[event.key]));
    } else if (event.key === "Enter") choose(anchor.value, at.value);
    else if (event.key === "Escape") { at.value = -1; anchor.value = -1; }
  };
  const pick = at.value < 0 ? null : Math.min(at.value, times.length - 1);
  const said = pick === null ? label : `${period(times[pick])}: ${measure.show(sums[pick])}${series.length > 1 ? `; ${series.filter((each) => each.values[pick] > 0).map((each) => `${each.name} ${measure.show(each.values[pick])}`).join("; ")}` : ""}`;
  return html`<div class="series" ref=${place} role="slider" tabindex="0" aria-label=${label} aria-valuemin="0" aria-valuemax=${times.length - 1} aria-valuenow=${pick ?? 0} aria-valuetext=${said}
      onKeyDown=${onKey} onBlur=${() => { at.value = -1; anchor.value = -1; }} onPointerLeave=${() => { at.value = -1; anchor.value = -1; }}
      onPointerMove=${(/** @type {PointerEvent} */ event) => { at.value = nearest(event); }}
      onPointerDown=${(/** @type {PointerEvent} */ event) => { if (event.button === 0 && event.pointerType === "mouse") anchor.value = nearest(event); }}
      onPointerUp=${(/** @type {PointerEvent} */ event) => choose(anchor.value, nearest(event))}>
    <svg viewBox=${`0 0 ${width} ${height}`} height=${height} aria-hidden="true">
      ${pick !== null && anchor.value >= 0 && html`<rect class="band" x=${left + Math.min(anchor.value, pick) * pitch} width=${(Math.abs(anchor.value - pick) + 1) * pitch} y=${TOP} height=${height - TOP - BOTTOM} />`}
      ${ticks.map((each) => html`<g key=${each}><line x1=${left} x2=${width} y1=${y(each)} y2=${y(each)} /><text x=${left - 6} y=${y(each) + 4} text-anchor="end">${tick(each)}</text></g>`)}
      <${Columns} series=${series} sums=${sums} left=${left} pitch=${pitch} y=${y} />
      <${Dates} times=${times} left=${left} width=${width} pitch=${pitch} height=${height} />
      ${isLineSeen && html`<line class="is-budget" x1=${left} x2=${width} y1=${y(line.value)} y2=${y(line.value)} />`}
      ${pick !== null && html`<line class="is-cursor" x1=${left + (pick + 0.5) * pitch} x2=${left + (pick + 0.5) * pitch} y1=${TOP} y2=${height - BOTTOM} />`}</svg>
    ${pick !== null && html`<${Readout} time=${times[pick]} series=${series} at=${pick} sum=${sums[pick]} show=${measure.show} x=${left + (pick + 0.5) * pitch} width=${width} />`}</div>`;
}

/** @param {{ series: One[], sums: number[], left: number, pitch: number, y: (value: number) => number }} props */
function Columns({ series, sums, left, pitch, y }) {
  const wide = Math.min(pitch * 0.72, 64);
  return sums.map((sum, index) => {
    if (!sum) return null;
    let below = 0;
    return html`<g key=${index}>${series.map((each, at) => {
      const value = each.values[index];
      if (!value) return null;
      const from = below, to = (below += value);
      // The least that is there can be seen.
      const high = Math.max(from === 0 ? 1.5 : 0.5, y(from) - y(to));
      return html`<rect key=${at} class=${`hue-${at % 7}`} x=${left + (index + 0.5) * pitch - wide / 2} width=${wide} y=${y(from) - high} height=${high} />`;
    })}</g>`;
  });
}

/** As many dates as there is room for. @param {{ times: string[], left: number, width: number, pitch: number, height: number }} props */
function Dates({ times, left, width, pitch, height }) {
  const isHours = times[0]?.length === 13;
  const every = Math.ceil(times.length / Math.max(2, Math.floor((width - left) / 72)));
  const named = (/** @type {string} */ time) => (isHours && !time.endsWith("T00") ? clock(time) : isHours ? period(time.slice(0, 10)) : period(time));
  return times.map((time, index) => {
    const x = left + (index + 0.5) * pitch;
    return index % every === 0 && x < width - 16 ? html`<text key=${time} x=${x} y=${height - 6} text-anchor="middle">${named(time)}</text>` : null;
  });
}

/** @param {{ time: string, series: One[], at: number, sum: number, show: (value: number) => string, x: number, width: number }} props */
function Readout({ time, series, at, sum, show, x, width }) {
  const isRight = x > width / 2;
  return html`<div class="readout" aria-hidden="true" style=${isRight ? { insetInlineEnd: `${width - x + 12}px` } : { insetInlineStart: `${x + 12}px` }}>
    <div><strong>${period(time)}</strong><span class="number">${show(sum)}</span></div>
    ${series.length > 1 && series.map((each, index) => each.values[at] > 0 && html`<div key=${each.name}><span class="legend"><i class=${`legend-hue hue-${index % 7}`}></i>${each.name}</span><span class="number">${show(each.values[at])}</span></div>`)}</div>`;
}

/** @param {{ label: string, times: string[], series: One[], measure: Measure }} props */
function Figures({ label, times, series, measure }) {
  const sum = (/** @type {number} */ at) => series.reduce((total, each) => total + each.values[at], 0);
  return html`<${Table} label=${label} rows=${times.map((_, at) => at)} keyOf=${(/** @type {number} */ at) => times[at]} columns=${[
    { head: t("usage.day"), isName: true, cell: (/** @type {number} */ at) => period(times[at]) },
    ...(series.length > 1 ? series.map((each) => ({ head: each.name, isNumber: true, cell: (/** @type {number} */ at) => measure.show(each.values[at]) })) : []),
    { head: t("usage.total"), isNumber: true, cell: (/** @type {number} */ at) => measure.show(sum(at)) },
  ]} />`;
}
