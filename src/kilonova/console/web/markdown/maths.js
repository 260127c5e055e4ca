/** A formula in a text: its source at first, then drawn, once what draws it is there. What cannot be drawn stays source. */
import { html, signal, useMemo } from "../base/ui.js";

const drawer = signal(/** @type {((text: string, isBlock: boolean) => any)|null} */ (null));
/** @type {Promise<void>|null} */
let coming = null;

function fetchDrawer() {
  coming ??= import("./formula.js").then((found) => { drawer.value = found.draw; }, () => { coming = null; });
}

/** @param {{ text: string, source: string, isBlock?: boolean }} props `source` is the formula with what stands around it */
export function Maths({ text, source, isBlock = false }) {
  const draw = drawer.value;
  if (!draw) fetchDrawer();
  const drawn = useMemo(() => {
    try {
      return draw?.(text, isBlock);
    } catch {
      return null;
    }
  }, [draw, text, isBlock]);
  if (!drawn) return isBlock ? html`<p><code>${source}</code></p>` : html`<code>${source}</code>`;
  return isBlock ? html`<div class="maths" tabindex="0" role="region" aria-label=${source}>${drawn}</div>` : drawn;
}
