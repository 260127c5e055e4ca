/** Making a key, and showing its secrets the one time that they can be shown. */
import { html, useSignal } from "../base/ui.js";
import { ask } from "../base/api.js";
import { explain, t } from "../base/i18n.js";
import { Choices, Field, Note, Secret } from "../parts/basics.js";
import { Dialog } from "../parts/dialog.js";

/** @param {{ project: string|undefined, onClose: () => void, onMade: (secrets: any) => void }} props */
export function NewKey({ project, onClose, onMade }) {
  const kind = useSignal("both");
  const expiry = useSignal("90");
  const error = useSignal(/** @type {any} */ (null));
  const isBusy = useSignal(false);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    isBusy.value = true;
    error.value = null;
    try {
      onMade(await ask("POST", "/keys", { body: order(form, project, kind.value, expiry.value) }));
    } catch (failure) {
      error.value = failure;
      isBusy.value = false;
    }
  };
  return html`<${Dialog} title=${t("keys.new")} onClose=${onClose}><form class="form" onSubmit=${submit}>
    ${error.value && html`<${Note} kind="bad" isLive>${explain(error.value)}<//>`}
    <${Field} label=${t("keys.name")} name="name" maxlength="100" autocomplete="off" placeholder=${t("keys.name_example")} required />
    <div class="field"><span class="label">${t("keys.kind")}</span><div><${Choices} legend=${t("keys.kind")} name="kind" value=${kind.value}
      onChange=${(/** @type {string} */ chosen) => { kind.value = chosen; }} options=${[["both", t("keys.kind_both")], ["bearer", t("keys.kind_bearer")], ["aws", t("keys.kind_aws")]]} /></div>
      <span class="hint">${t("keys.kind_hint")}</span></div>
    <div class="columns">
      <${Field} as="select" label=${t("keys.expires")} value=${expiry.value} onChange=${(/** @type {any} */ event) => { expiry.value = event.target.value; }}>
        ${["7", "30", "90", "365"].map((days) => html`<option key=${days} value=${days}>${t("keys.in_days", { count: Number(days) })}</option>`)}
        <option value="date">${t("keys.on_date")}</option><option value="">${t("keys.no_end")}</option><//>
      ${expiry.value === "date" && html`<${Field} label=${t("keys.date")} name="date" type="date" required min=${new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)} />`}
    </div>
    <div class="columns">
      <${Field} label=${t("keys.budget_month")} name="budget_month" inputmode="decimal" pattern="[0-9]{1,9}([.,][0-9]{1,9})?" autocomplete="off" hint=${t("keys.budget_hint")} />
      <${Field} label=${t("keys.budget")} name="budget" inputmode="decimal" pattern="[0-9]{1,9}([.,][0-9]{1,9})?" autocomplete="off" />
      <${Field} label=${t("keys.requests")} name="requests" type="number" min="1" max="1000000000" autocomplete="off" />
      <${Field} label=${t("keys.tokens")} name="tokens" type="number" min="1" max="1000000000" autocomplete="off" />
    </div>
    <div class="dialog-foot"><button class="button" type="button" onClick=${onClose}>${t("action.cancel")}</button>
      <button class="button is-primary" disabled=${isBusy.value}>${t("keys.make")}</button></div></form><//>`;
}

/** @param {FormData} form @param {string|undefined} project @param {string} kind @param {string} expiry */
function order(form, project, kind, expiry) {
  const text = (/** @type {string} */ name) => String(form.get(name) ?? "").trim().replace(",", ".") || null;
  const whole = (/** @type {string} */ name) => (text(name) ? Number(text(name)) : null);
  let end = null;
  if (expiry === "date") end = `${text("date")}T00:00:00Z`;
  else if (expiry) end = new Date(Date.now() + Number(expiry) * 86_400_000).toISOString();
  return {
    project, kind, name: String(form.get("name") ?? "").trim(), expires_at: end,
    limits: {
      budget: text("budget"), budget_month: text("budget_month"),
      requests_per_minute: whole("requests"), tokens_per_minute: whole("tokens"),
    },
  };
}

/** @param {{ secrets: any, onClose: () => void }} props */
export function KeyShown({ secrets, onClose }) {
  return html`<${Dialog} title=${t("keys.shown_title")} onClose=${onClose}><div class="stack">
    <${Note} kind="warn">${t("keys.shown_once")}<//>
    ${secrets.bearer_key && html`<${Secret} label=${t("keys.bearer")} text=${secrets.bearer_key} />`}
    ${secrets.access_key_id && html`<${Secret} label=${t("keys.access_key_id")} text=${secrets.access_key_id} />`}
    ${secrets.secret_access_key && html`<${Secret} label=${t("keys.secret")} text=${secrets.secret_access_key} />`}
    <${Secret} label=${t("keys.base_url")} text=${`${location.origin}/v1`} />
    <div class="dialog-foot"><button class="button is-primary" type="button" onClick=${onClose}>${t("keys.kept")}</button></div></div><//>`;
}
