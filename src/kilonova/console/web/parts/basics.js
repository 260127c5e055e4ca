/** Small parts that every screen uses: heads, notes, badges, fields, things to copy. */
import { html, useRef, useSignal } from "../base/ui.js";
import { explain, t } from "../base/i18n.js";
import { Icon } from "./icons.js";
import { say } from "./toast.js";

/** @param {{ title: string, about?: string, children?: any }} props */
export function PageHead({ title, about, children }) {
  return html`<div class="page-head">
    <div><h1>${title}</h1>${about && html`<p>${about}</p>`}</div>
    ${children && html`<div class="row">${children}</div>`}
  </div>`;
}

/** @param {{ kind?: "bad"|"good"|"warn"|"", children: any, isLive?: boolean }} props */
export function Note({ kind = "", children, isLive }) {
  return html`<div class=${`note ${kind && `is-${kind}`}`} role=${isLive ? "alert" : undefined}>
    <${Icon} name=${kind === "good" ? "check" : "alert"} /><div>${children}</div></div>`;
}

/** What went wrong, in words, with the id to quote. @param {{ error: any, retry?: () => void }} props */
export function Failure({ error, retry }) {
  return html`<${Note} kind="bad" isLive>
    ${explain(error)}
    ${error.requestId && html` <span class="small mono nowrap">${error.requestId}</span>`}
    ${retry && html` <button class="button is-small" type="button" onClick=${retry}>${t("action.retry")}</button>`}
  <//>`;
}

/** @param {{ kind?: string, hasDot?: boolean, children: any }} props */
export function Badge({ kind = "", hasDot, children }) {
  return html`<span class=${`badge ${kind && `is-${kind}`}`}>${hasDot && html`<i></i>`}${children}</span>`;
}

/** Lines that stand for what is still on its way. @param {{ lines?: number }} props */
export function Bones({ lines = 3 }) {
  return html`<div class="stack" role="status"><span class="unseen">${t("state.loading")}</span>
    ${Array.from({ length: lines }, () => html`<span class="bone"></span>`)}</div>`;
}

/** @param {{ icon: string, title: string, children?: any }} props */
export function Empty({ icon, title, children }) {
  return html`<div class="empty"><${Icon} name=${icon} /><strong>${title}</strong>${children}</div>`;
}

let fields = 0;

/**
 * A labelled input. The rest of the properties go to the input.
 * @param {{ label: string, hint?: string, error?: string, as?: string, children?: any } & Record<string, any>} props
 */
export function Field({ label, hint, error, as = "input", children, ...rest }) {
  const id = useRef(`f${(fields += 1)}`).current;
  const about = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <${as} class="input" id=${id} aria-describedby=${about} aria-invalid=${error ? "true" : undefined} ...${rest}>${children}<//>
    ${hint && html`<span class="hint" id=${`${id}-hint`}>${hint}</span>`}
    ${error && html`<span class="error" id=${`${id}-error`}>${error}</span>`}
  </div>`;
}

/** One of few. @param {{ legend: string, name: string, value: string, options: [string, string][], onChange: (value: string) => void }} props */
export function Choices({ legend, name, value, options, onChange }) {
  return html`<fieldset class="choices"><legend class="unseen">${legend}</legend>
    ${options.map(([option, label]) => html`<label key=${option}>
      <input type="radio" name=${name} value=${option} checked=${option === value} onChange=${() => onChange(option)} />${label}
    </label>`)}</fieldset>`;
}

/** @param {{ text: string, label?: string }} props */
export function CopyButton({ text, label }) {
  const isDone = useSignal(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    isDone.value = true;
    say(t("state.copied"));
    setTimeout(() => { isDone.value = false; }, 1500);
  };
  return html`<button class="button is-quiet is-small" type="button" onClick=${copy} aria-label=${label ?? t("action.copy")}>
    <${Icon} name=${isDone.value ? "check" : "copy"} />${t("action.copy")}</button>`;
}

/** A secret or an id, to be taken along. @param {{ label: string, text: string }} props */
export function Secret({ label, text }) {
  return html`<div class="field"><span class="label">${label}</span>
    <div class="secret"><code>${text}</code><${CopyButton} text=${text} label=${`${t("action.copy")}: ${label}`} /></div></div>`;
}
