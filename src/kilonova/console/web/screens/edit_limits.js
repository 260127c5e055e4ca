/** Changing the limits of a project or a key. What is left empty is no limit. */
import { html, useSignal } from "../base/ui.js";
import { ask } from "../base/api.js";
import { explain, t } from "../base/i18n.js";
import { session } from "../base/session.js";
import { Field, Note } from "../parts/basics.js";
import { Dialog } from "../parts/dialog.js";
import { say } from "../parts/toast.js";

/** The windows, and the fields that hold their budgets. @type {[string, string][]} */
const BUDGETS = [["day", "budget_day"], ["month", "budget_month"], ["total", "budget"]];
const RATES = ["requests_per_minute", "tokens_per_minute"];

/** "12.500000000" is shown as "12.5". @param {string|null} amount */
const trimmed = (amount) => (amount?.includes(".") ? amount.replace(/\.?0+$/, "") : amount ?? "");

/** @param {FormData} form */
function change(form) {
  const text = (/** @type {string} */ name) => String(form.get(name) ?? "").trim().replace(",", ".") || null;
  return {
    ...Object.fromEntries(BUDGETS.map(([, field]) => [field, text(field)])),
    ...Object.fromEntries(RATES.map((field) => [field, text(field) && Number(text(field))])),
    soft: BUDGETS.filter(([window]) => form.has(`soft_${window}`)).map(([window]) => window),
  };
}

/** @param {{ level: import("./limits.js").Level, onClose: () => void, onDone: () => void }} props */
export function EditLimits({ level, onClose, onDone }) {
  const error = useSignal(/** @type {any} */ (null));
  const isBusy = useSignal(false);
  const { limits } = level.view;
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    isBusy.value = true;
    error.value = null;
    try {
      await ask("PATCH", `/limits/${level.id}`, { body: change(new FormData(/** @type {HTMLFormElement} */ (event.currentTarget))) });
      say(t("budgets.saved"));
      onDone();
    } catch (failure) {
      error.value = failure;
      isBusy.value = false;
    }
  };
  return html`<${Dialog} title=${t("budgets.edit_title", { name: level.name })} onClose=${onClose}><form class="form" onSubmit=${submit}>
    ${error.value && html`<${Note} kind="bad" isLive>${explain(error.value)}<//>`}
    <p class="muted small">${t("budgets.edit_about", { currency: session.value?.currency })}</p>
    ${BUDGETS.map(([window, field]) => html`<div key=${field} class="columns is-close">
      <${Field} label=${t(`budgets.window_${window}`)} name=${field} inputmode="decimal" pattern="[0-9]{1,9}([.,][0-9]{1,9})?" autocomplete="off" defaultValue=${trimmed(limits[field])} />
      <label class="check"><input type="checkbox" name=${`soft_${window}`} defaultChecked=${limits.soft.includes(window)} aria-label=${`${t(`budgets.window_${window}`)}: ${t("budgets.soft_about")}`} />${t("budgets.soft_about")}</label></div>`)}
    <div class="columns">${RATES.map((field) => html`<${Field} key=${field} label=${t(field === RATES[0] ? "keys.requests" : "keys.tokens")} name=${field} type="number" min="1" max="1000000000" autocomplete="off" defaultValue=${limits[field] ?? ""} />`)}</div>
    <div class="dialog-foot"><button class="button" type="button" onClick=${onClose}>${t("action.cancel")}</button>
      <button class="button is-primary" disabled=${isBusy.value}>${t("budgets.save")}</button></div></form><//>`;
}
