/** How much of a budget is spent and held, as a bar; the figures stand beside it as text. */
import { html } from "../base/ui.js";

/** @param {{ amount: string, spent: string, held: string }} budget */
export function shareOf(budget) {
  const whole = Number(budget.amount);
  if (whole <= 0) return { spent: 100, held: 0 };
  const spent = Math.min(100, (100 * Number(budget.spent)) / whole);
  return { spent, held: Math.min(100 - spent, (100 * Number(budget.held)) / whole) };
}

/** @param {{ budget: any }} props */
export function Meter({ budget }) {
  const { spent, held } = shareOf(budget);
  const kind = spent + held >= 100 ? "is-bad" : spent + held >= 80 ? "is-warn" : "";
  return html`<span class=${`share ${kind}`}><svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
    <rect width=${spent} height="4" />${held > 0 && html`<rect class="is-held" x=${spent} width=${held} height="4" />`}</svg></span>`;
}
