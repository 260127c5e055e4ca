/** Short words at the edge, also for screen readers. */
import { html, signal } from "../base/ui.js";

const spoken = signal(/** @type {{ id: number, text: string }[]} */ ([]));
let count = 0;

/** @param {string} text */
export function say(text) {
  const id = (count += 1);
  spoken.value = [...spoken.value, { id, text }];
  setTimeout(() => { spoken.value = spoken.value.filter((each) => each.id !== id); }, 4000);
}

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${spoken.value.map((each) => html`<div class="toast" key=${each.id}>${each.text}</div>`)}</div>`;
}
