/** Coming in: signing in, making the first owner, joining by an invitation. */
import { html, useEffect, useSignal } from "../base/ui.js";
import { ask } from "../base/api.js";
import { LANGUAGES, chooseLanguage, explain, language, t } from "../base/i18n.js";
import { enter, member, session } from "../base/session.js";
import { followTitle, go, path } from "../base/router.js";
import { Choices, Field, Note } from "../parts/basics.js";
import { Mark } from "../parts/icons.js";
import { Landing, VouchedButton } from "./vouched.js";

/** Addresses of people who are not signed in yet, or anew. */
export const DOORS = ["join", "set-up", "oidc"];

followTitle(() => (member.value && !DOORS.includes(path.value) ? t(`nav.${path.value.split("/")[0] || "overview"}`) : t("gate.title")));

export function Gate() {
  let door = html`<${SignIn} />`;
  if (path.value === "oidc") door = html`<${Landing} />`;
  else if (path.value === "join") door = html`<${Join} />`;
  else if (session.value?.needs_setup) door = html`<${SetUp} />`;
  return html`<div class="gate"><main class="gate-card">
      <span class="brand"><${Mark} />Kilonova</span>
      <div class="card stack">${door}</div>
    </main>
    <footer><${Choices} legend=${t("settings.language")} name="language" value=${language.value}
      options=${Object.entries(LANGUAGES)} onChange=${chooseLanguage} /></footer></div>`;
}

/**
 * A form that enters a session when the server likes what is in it.
 * @param {{ path: string, action: string, body: (form: FormData) => object, children: any, onError?: (error: any) => void }} props
 */
function Door({ path: target, action, body, children, onError }) {
  const error = useSignal(/** @type {any} */ (null));
  const isBusy = useSignal(false);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    isBusy.value = true;
    error.value = null;
    try {
      const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
      const found = await ask("POST", target, { body: body(form) });
      if (DOORS.includes(path.peek())) go("", { replace: true });
      enter(found);
    } catch (failure) {
      error.value = failure;
      onError?.(failure);
    } finally {
      isBusy.value = false;
    }
  };
  return html`<form class="form" onSubmit=${submit}>
    ${error.value && html`<${Note} kind="bad" isLive>${explain(error.value)}<//>`}
    ${children}
    <button class="button is-primary is-wide" disabled=${isBusy.value}>${action}</button></form>`;
}

/** @param {FormData} form @param {string} name */
const text = (form, name) => String(form.get(name) ?? "").trim();

function SignIn() {
  const isSeveral = useSignal(false);
  const body = (/** @type {FormData} */ form) => ({
    email: text(form, "email"),
    password: String(form.get("password")),
    organisation: text(form, "organisation") || null,
  });
  const { oidc, has_passwords: hasPasswords } = session.value ?? { oidc: "", has_passwords: true };
  const form = html`<${Door} path="/session" action=${t("gate.sign_in")} body=${body}
      onError=${(/** @type {any} */ error) => { if (error.reason === "several_organisations") isSeveral.value = true; }}>
      <${Field} label=${t("gate.email")} name="email" type="email" autocomplete="username" required />
      <${Field} label=${t("gate.password")} name="password" type="password" autocomplete="current-password" required />
      ${isSeveral.value && html`<${Field} label=${t("gate.organisation")} name="organisation" required />`}
    <//>
    <p class="muted small">${t("gate.forgotten")}</p>`;
  if (!oidc) return html`<h1>${t("gate.sign_in")}</h1>${form}`;
  return html`<h1>${t("gate.sign_in")}</h1><${VouchedButton} />
    ${hasPasswords ? html`<p class="or">${t("gate.or")}</p>${form}`
      : html`<details><summary class="small">${t("gate.last_owner")}</summary><div class="stack is-behind">${form}</div></details>`}`;
}

function SetUp() {
  const found = useSignal(path.peek() === "set-up" ? location.hash.slice(1) : "");
  // The token leaves the address bar, and with it the history, at once.
  useEffect(() => { if (location.hash) history.replaceState(null, "", location.pathname); }, []);
  const body = (/** @type {FormData} */ form) => ({
    token: text(form, "token"), email: text(form, "email"), name: text(form, "name"), password: String(form.get("password")),
  });
  return html`<div><h1>${t("gate.set_up")}</h1><p class="muted">${t("gate.set_up_about")}</p></div>
    <${Door} path="/setup" action=${t("gate.set_up_action")} body=${body}>
      <${Field} label=${t("gate.token")} name="token" autocomplete="off" spellcheck="false" required hint=${t("gate.token_hint")}
        value=${found.value} onInput=${(/** @type {any} */ event) => { found.value = event.target.value; }} />
      <${Field} label=${t("gate.email")} name="email" type="email" autocomplete="username" required />
      <${Field} label=${t("gate.name")} name="name" autocomplete="name" maxlength="100" />
      <${NewPassword} /><//>`;
}

function Join() {
  const token = useSignal(location.hash.slice(1));
  const invited = useSignal(/** @type {any} */ (null));
  const error = useSignal(/** @type {any} */ (null));
  useEffect(() => {
    if (location.hash) history.replaceState(null, "", location.pathname);
    ask("POST", "/invitations/look", { body: { token: token.peek() || "none" } }).then(
      (found) => { invited.value = found; },
      (failure) => { error.value = failure; },
    );
  }, []);
  const body = (/** @type {FormData} */ form) => ({ token: token.peek(), name: text(form, "name"), password: String(form.get("password")) });
  if (error.value) {
    return html`<h1>${t("gate.join")}</h1><${Note} kind="bad" isLive>${explain(error.value)}<//>
      <button class="button" type="button" onClick=${() => go("", { replace: true })}>${t("gate.sign_in")}</button>`;
  }
  if (!invited.value) return html`<h1>${t("gate.join")}</h1>`;
  return html`<div><h1>${t("gate.join")}</h1>
      <p class="muted">${t("gate.join_about", { organisation: invited.value.organisation_name, role: t(`role.${invited.value.role}`) })}</p></div>
    ${session.value?.oidc && html`<p class="small">${t("gate.join_vouched", { email: invited.value.email })}</p><${VouchedButton} invitation=${token.value} />
      ${session.value.has_passwords && html`<p class="or">${t("gate.or")}</p>`}`}
    ${session.value?.has_passwords && html`<${Door} path="/invitations/join" action=${t("gate.join_action")} body=${body}>
      <${Field} label=${t("gate.email")} name="email" value=${invited.value.email} autocomplete="username" readonly />
      <${Field} label=${t("gate.name")} name="name" autocomplete="name" maxlength="100" />
      <${NewPassword} /><//>`}`;
}

function NewPassword() {
  return html`<${Field} label=${t("gate.password")} name="password" type="password" autocomplete="new-password"
    minlength="10" maxlength="256" required hint=${t("gate.password_hint")} />`;
}
