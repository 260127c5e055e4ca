/** One's own account: who one is, how the console looks, the password, the sessions. */
import { html, useSignal } from "../base/ui.js";
import { ask } from "../base/api.js";
import { LANGUAGES, chooseLanguage, explain, language, t } from "../base/i18n.js";
import { enter, member, session, signOut } from "../base/session.js";
import { chooseTheme, theme } from "../base/theme.js";
import { Choices, Field, Note, PageHead } from "../parts/basics.js";
import { say } from "../parts/toast.js";

export default function Account() {
  const me = member.value;
  return html`<${PageHead} title=${t("nav.account")} /><div class="grid">
    <section class="card"><header><h2>${t("account.you")}</h2></header><dl class="facts">
      <dt>${t("gate.name")}</dt><dd>${me?.name}</dd><dt>${t("gate.email")}</dt><dd>${me?.email}</dd>
      <dt>${t("gate.organisation")}</dt><dd>${session.value?.organisation_name}</dd><dt>${t("account.role")}</dt><dd>${t(`role.${me?.role}`)}</dd></dl></section>
    <section class="card stack"><h2>${t("account.look")}</h2>
      <div class="field"><span class="label">${t("settings.language")}</span><div><${Choices} legend=${t("settings.language")} name="language" value=${language.value} options=${Object.entries(LANGUAGES)} onChange=${chooseLanguage} /></div></div>
      <div class="field"><span class="label">${t("settings.theme")}</span><div><${Choices} legend=${t("settings.theme")} name="theme" value=${theme.value} onChange=${chooseTheme}
        options=${["auto", "light", "dark"].map((name) => [name, t(`theme.${name}`)])} /></div></div></section>
    ${session.value?.has_passwords && me?.has_password !== false ? html`<${Password} />`
      : html`<section class="card stack"><h2>${t("account.password")}</h2><p class="muted">${t(session.value?.has_passwords ? "account.no_password" : "account.passwords_off", { service: session.value?.oidc })}</p></section>`}
    <section class="card stack"><h2>${t("account.sessions")}</h2><p class="muted">${t("account.sessions_about")}</p>
      <div class="row"><button class="button" type="button" onClick=${() => signOut(false)}>${t("gate.sign_out")}</button>
        <button class="button is-danger" type="button" onClick=${() => signOut(true)}>${t("account.sign_out_everywhere")}</button></div></section></div>`;
}

function Password() {
  const error = useSignal(/** @type {any} */ (null));
  const isBusy = useSignal(false);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const place = /** @type {HTMLFormElement} */ (event.currentTarget);
    const form = new FormData(place);
    isBusy.value = true;
    error.value = null;
    try {
      enter(await ask("POST", "/password", { body: { password: form.get("password"), new_password: form.get("new_password") } }));
      place.reset();
      say(t("account.password_changed"));
    } catch (failure) {
      error.value = failure;
    } finally {
      isBusy.value = false;
    }
  };
  return html`<section class="card stack"><h2>${t("account.password")}</h2><form class="form" onSubmit=${submit}>
    ${error.value && html`<${Note} kind="bad" isLive>${explain(error.value)}<//>`}
    <input type="hidden" name="username" autocomplete="username" value=${member.value?.email} />
    <${Field} label=${t("account.password_now")} name="password" type="password" autocomplete="current-password" required />
    <${Field} label=${t("account.password_new")} name="new_password" type="password" autocomplete="new-password" minlength="10" maxlength="256" required hint=${t("gate.password_hint")} />
    <div><button class="button" disabled=${isBusy.value}>${t("account.password_change")}</button></div></form></section>`;
}
