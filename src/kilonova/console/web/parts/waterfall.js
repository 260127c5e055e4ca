/** Where the time of one request went: until the first token, and from then on. */
import { html } from "../base/ui.js";
import { t } from "../base/i18n.js";
import { duration } from "../base/format.js";

/** @param {{ record: any }} props */
export function Waterfall({ record }) {
  const whole = Math.max(1, Date.parse(record.finished_at) - Date.parse(record.started_at));
  const first = record.first_token_ms === null ? null : Math.min(record.first_token_ms, whole);
  const phases = first === null ? [{ name: "whole", from: 0, to: whole }]
    : [{ name: "waiting", from: 0, to: first }, { name: "writing", from: first, to: whole }];
  return html`<ol class="waterfall" aria-label=${t("requests.waterfall")}>${phases.map((phase) => html`<li key=${phase.name} class=${`is-${phase.name}`}>
    <span>${t(`requests.phase_${phase.name}`)}</span><span class="number">${duration(phase.to - phase.from)}</span>
    <svg viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="1000" height="10" />
      <rect x=${(1000 * phase.from) / whole} width=${Math.max(4, (1000 * (phase.to - phase.from)) / whole)} height="10" /></svg></li>`)}</ol>`;
}
