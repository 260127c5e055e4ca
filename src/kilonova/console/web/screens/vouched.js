/** Coming in by another service that vouches for people: there, and back again. */
import { html, useEffect, useSignal } from "../base/ui.js";
import { ask } from "../base/api.js";
import { explain, t } from "../base/i18n.js";
import { go, path } from "../base/router.js";
import { enter, session } from "../base/session.js";
import { Field, Note } from "../parts/basics.js";
import { Icon } from "../parts/icons.js";

const RETURN = "kn.return";
const DOORS = ["join", "set-up", "oidc"];

/** Leaves for the service. What is not signed in with is forgotten there and here. @param {{ organisation?: string|null, invitation?: string|null }} how */
async function leaveFor({ organisation = null, invitation = null }) {
  const { address } = await ask("POST", "/oidc/start", { body: { organisation, invitation } });
  const place = path.peek();
  sessionStorage.setItem(RETURN, DOORS.includes(place) ? "" : `${place}${location.search}`);
  location.assign(address);
}

/**
 * The button of the service, with what it has to say. It is named in the settings.
 * @param {{ invitation?: string, organisation?: string, isPrimary?: boolean }} props
 */
export function VouchedButton({ invitation, organisation, isPrimary = true }) {
  const error = useSignal(/** @type {any} */ (null));
  const isBusy = useSignal(false);
  const start = async () => {
    isBusy.value = true;
    error.value = null;
    try {
      await leaveFor({ invitation, organisation });
    } catch (failure) {
      error.value = failure;
      isBusy.value = false;
    }
  };
  return html`${error.value && html`<${Note} kind="bad" isLive>${explain(error.value)}<//>`}
    <button class=${`button is-wide ${isPrimary ? "is-primary" : ""}`} type="button" disabled=${isBusy.value} onClick=${start}>
      <${Icon} name="key" />${t("gate.vouched", { service: session.value?.oidc })}</button>`;
}

/** Where the service leads back to: takes what it says out of the address, and comes in with it. */
export function Landing() {
  const error = useSignal(/** @type {any} */ (null));
  const organisation = useSignal("");
  useEffect(() => {
    const said = new URLSearchParams(location.search);
    // The code leaves the address bar, and with it the history, at once.
    history.replaceState(null, "", location.pathname);
    const body = { code: said.get("code") ?? "", state: said.get("state") ?? "", iss: said.get("iss") };
    if (said.has("error")) error.value = { code: "unauthenticated", reason: "oidc_denied" };
    else if (!body.code || !body.state) error.value = { code: "unauthenticated", reason: "oidc_state" };
    else ask("POST", "/oidc/finish", { body }).then(arrive, (failure) => { error.value = failure; });
  }, []);
  if (!error.value) return html`<h1>${t("gate.sign_in")}</h1><p class="muted" role="status">${t("gate.vouching", { service: session.value?.oidc })}</p>`;
  const isSeveral = error.value.reason === "several_organisations";
  return html`<h1>${t("gate.not_in")}</h1>
    <${Note} kind="bad" isLive>${explain(error.value)}${error.value.requestId && html` <span class="small mono nowrap">${error.value.requestId}</span>`}<//>
    ${isSeveral && html`<${Field} label=${t("gate.organisation")} name="organisation" value=${organisation.value} onInput=${(/** @type {any} */ event) => { organisation.value = event.target.value; }} />`}
    ${session.value?.oidc && html`<${VouchedButton} organisation=${organisation.value.trim() || undefined} />`}
    <button class="button is-wide" type="button" onClick=${() => go("", { replace: true })}>${t("gate.back")}</button>`;
}

/** @param {any} found */
function arrive(found) {
  const place = sessionStorage.getItem(RETURN) ?? "";
  sessionStorage.removeItem(RETURN);
  go(place, { replace: true });
  enter(found);
}
