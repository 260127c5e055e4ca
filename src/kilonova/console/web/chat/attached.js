/** What is attached to a question, drawn: small pictures and the names of files. */
import { html, useSignal } from "../base/ui.js";
import { compact } from "../base/format.js";
import { t } from "../base/i18n.js";
import { CodeBlock } from "../parts/code.js";
import { Dialog } from "../parts/dialog.js";
import { Icon } from "../parts/icons.js";

/** @typedef {import("./tree.js").Picture} Picture */
/** @typedef {import("./tree.js").TextFile} TextFile */

/** @param {{ pictures?: Picture[], files?: TextFile[], onDrop?: (one: Picture|TextFile) => void }} props `onDrop`: they can be taken out */
export function AttachedList({ pictures = [], files = [], onDrop }) {
  const shown = useSignal(/** @type {Picture|TextFile|null} */ (null));
  if (!pictures.length && !files.length) return null;
  const out = (/** @type {Picture|TextFile} */ one) => onDrop && html`<button class="drop" type="button" aria-label=${t("attach.drop", { name: one.name })} onClick=${() => onDrop(one)}><${Icon} name="close" /></button>`;
  return html`<ul class="attached" aria-label=${t("attach.list")}>
      ${pictures.map((each, index) => html`<li key=${`p${index}`}><button class="thumb" type="button" aria-label=${t("attach.open", { name: each.name })} onClick=${() => { shown.value = each; }}><img src=${each.url} alt=${each.name} /></button>${out(each)}</li>`)}
      ${files.map((each, index) => html`<li key=${`f${index}`}><button class="button is-small file" type="button" title=${t("attach.open", { name: each.name })} onClick=${() => { shown.value = each; }}><${Icon} name="sheet" /><span>${each.name}</span><span class="muted">${t("attach.chars", { count: compact(each.text.length) })}</span></button>${out(each)}</li>`)}</ul>
    ${shown.value && html`<${Dialog} title=${shown.value.name} isWide onClose=${() => { shown.value = null; }}>
      ${"url" in shown.value ? html`<img class="picture" src=${shown.value.url} alt=${shown.value.name} />` : html`<${CodeBlock} text=${shown.value.text} />`}<//>`}`;
}
