/** The frame around every screen: where one can go, who one is, in which project. */
import { html, useEffect, useSignal } from "../base/ui.js";
import { t } from "../base/i18n.js";
import { chooseProject, loadProjects, may, member, project, projects, session, signOut } from "../base/session.js";
import { href, path } from "../base/router.js";
import { Bones, Failure, Field } from "../parts/basics.js";
import { Icon, Mark } from "../parts/icons.js";

/** @type {Record<string, { icon: string, load: () => Promise<any>, least?: string, isFull?: boolean }>} */
const SCREENS = {
  "": { icon: "home", load: () => import("./overview.js") },
  chat: { icon: "chat", load: () => import("./chat.js"), least: "developer", isFull: true },
  compare: { icon: "columns", load: () => import("./compare.js"), least: "developer" },
  keys: { icon: "key", load: () => import("./keys.js") },
  usage: { icon: "chart", load: () => import("./usage.js") },
  requests: { icon: "list", load: () => import("./requests.js") },
  statement: { icon: "sheet", load: () => import("./statement.js"), least: "owner" },
  limits: { icon: "gauge", load: () => import("./limits.js") },
  models: { icon: "cube", load: () => import("./models.js") },
  members: { icon: "people", load: () => import("./members.js") },
  audit: { icon: "list", load: () => import("./audit.js"), least: "admin" },
  account: { icon: "user", load: () => import("./account.js") },
};

/** @type {Record<string, any>} */
const loaded = {};

export function Shell() {
  const isOpen = useSignal(false);
  const error = useSignal(/** @type {any} */ (null));
  useEffect(() => {
    const close = (/** @type {KeyboardEvent} */ event) => { if (event.key === "Escape") isOpen.value = false; };
    addEventListener("keydown", close);
    loadProjects().catch((failure) => { error.value = failure; });
    return () => removeEventListener("keydown", close);
  }, []);
  useEffect(() => { isOpen.value = false; }, [path.value]);
  const place = path.value.split("/")[0];
  const isFull = SCREENS[place]?.isFull;
  return html`<a class="skip" href="#main">${t("nav.skip")}</a>
    <div class="shell">
      <header class="top">
        <button class="button is-quiet" type="button" aria-expanded=${isOpen.value} aria-controls="side" aria-label=${t("nav.menu")}
          onClick=${() => { isOpen.value = !isOpen.value; }}><${Icon} name="menu" /></button>
        <a class="brand" href=${href("")}><${Mark} />Kilonova</a>
      </header>
      ${isOpen.value && html`<button class="veil" type="button" aria-label=${t("action.close")} onClick=${() => { isOpen.value = false; }}></button>`}
      <${Side} isOpen=${isOpen.value} place=${place} />
      <main id="main" tabindex="-1" class=${isFull ? "main is-full" : "main"}>
        ${error.value ? html`<${Failure} error=${error.value} />` : html`<${Screen} key=${place} place=${place} />`}
      </main></div>`;
}

/** @param {{ place: string }} props */
function Screen({ place }) {
  const screen = SCREENS[place];
  const isThere = useSignal(Boolean(loaded[place]));
  const error = useSignal(/** @type {any} */ (null));
  useEffect(() => {
    if (!screen || loaded[place]) return;
    screen.load().then(
      (module) => { loaded[place] = module.default; isThere.value = true; },
      // The server was updated meanwhile, and has other files: the page is, too.
      () => { location.reload(); },
    );
  }, []);
  if (!screen) return html`<h1>${t("nav.nothing")}</h1><p><a href=${href("")}>${t("nav.overview")}</a></p>`;
  if (screen.least && !may(screen.least)) return html`<h1>${t(`nav.${place}`)}</h1><p class="muted">${t("error.forbidden")}</p>`;
  if (error.value) return html`<${Failure} error=${error.value} />`;
  if (!isThere.value || !projects.value) return html`<h1 class="unseen">${t(`nav.${place || "overview"}`)}</h1><${Bones} />`;
  return html`<${loaded[place]} />`;
}

/** @param {{ isOpen: boolean, place: string }} props */
function Side({ isOpen, place }) {
  const me = member.value;
  return html`<aside class=${isOpen ? "side is-open" : "side"} id="side" aria-label=${t("nav.side")}>
    <a class="brand" href=${href("")}><${Mark} />Kilonova</a>
    ${(projects.value?.length ?? 0) > 1 && html`<${Field} as="select" label=${t("nav.project")} value=${project.value?.id}
      onChange=${(/** @type {any} */ event) => chooseProject(event.target.value)}>
      ${projects.value?.map((each) => html`<option key=${each.id} value=${each.id}>${each.name}</option>`)}<//>`}
    <nav aria-label=${t("nav.main")}><ul>
      ${Object.entries(SCREENS).filter(([, screen]) => may(screen.least ?? "viewer")).map(([name, screen]) => html`<li key=${name}>
        <a href=${href(name)} aria-current=${name === place ? "page" : undefined}><${Icon} name=${screen.icon} />${t(`nav.${name || "overview"}`)}</a></li>`)}
    </ul></nav>
    <span class="spacer"></span>
    <div class="who"><div class="who-name"><strong>${me?.name}</strong>
        <span class="muted small">${session.value?.organisation_name} · ${t(`role.${me?.role}`)}</span></div>
      <button class="button is-small" type="button" onClick=${() => signOut(false)}><${Icon} name="leave" />${t("gate.sign_out")}</button>
    </div></aside>`;
}
