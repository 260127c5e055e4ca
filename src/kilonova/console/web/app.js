/** Starts the console: language, session, then the screen of the address. */
import { html, render, signal } from "./base/ui.js";
import { loadLanguage, t } from "./base/i18n.js";
import { load, member, session } from "./base/session.js";
import { path } from "./base/router.js";
import "./base/theme.js";
import { Failure } from "./parts/basics.js";
import { Toasts } from "./parts/toast.js";
import { DOORS, Gate } from "./screens/gate.js";
import { Shell } from "./screens/shell.js";

const failure = signal(/** @type {any} */ (null));

function start() {
  failure.value = null;
  load().catch((error) => { failure.value = error; });
}

function App() {
  if (failure.value) return html`<main class="gate"><div class="gate-card"><h1 class="unseen">Kilonova</h1><${Failure} error=${failure.value} retry=${start} /></div></main>`;
  if (!session.value) return html`<main class="gate" aria-busy="true"><h1 class="unseen">Kilonova</h1><span class="unseen" role="status">${t("state.loading")}</span></main>`;
  const isDoor = DOORS.includes(path.value);
  return html`${!member.value || isDoor ? html`<${Gate} />` : html`<${Shell} />`}<${Toasts} />`;
}

await loadLanguage();
start();
render(html`<${App} />`, /** @type {Element} */ (document.getElementById("app")));
