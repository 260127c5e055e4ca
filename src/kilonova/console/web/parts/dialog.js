/** A window in front of the page: the browser's own dialog keeps the focus and closes on Escape. */
import { html, useEffect, useRef } from "../base/ui.js";
import { t } from "../base/i18n.js";
import { Icon } from "./icons.js";

/** @param {{ title: string, onClose: () => void, isWide?: boolean, children: any }} props */
export function Dialog({ title, onClose, isWide, children }) {
  const place = useRef(/** @type {any} */ (null));
  useEffect(() => {
    const dialog = place.current;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  return html`<dialog class=${isWide ? "dialog is-wide" : "dialog"} ref=${place} aria-labelledby="dialog-title"
      onCancel=${(/** @type {Event} */ event) => { event.preventDefault(); onClose(); }}>
    <header><h2 id="dialog-title">${title}</h2>
      <button class="button is-quiet is-small" type="button" onClick=${onClose} aria-label=${t("action.close")}><${Icon} name="close" /></button>
    </header>${children}</dialog>`;
}

/** Asks before something that cannot be undone. @param {{ title: string, action: string, onYes: () => void, onNo: () => void, isBusy?: boolean, children: any }} props */
export function Confirm({ title, action, onYes, onNo, isBusy, children }) {
  return html`<${Dialog} title=${title} onClose=${onNo}>
    <div class="stack">${children}
      <div class="dialog-foot">
        <button class="button" type="button" onClick=${onNo}>${t("action.cancel")}</button>
        <button class="button is-danger" type="button" disabled=${isBusy} onClick=${onYes}>${action}</button>
      </div></div><//>`;
}
