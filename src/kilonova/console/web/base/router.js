/** Addresses under /console: where we are, and how we go elsewhere without loading the page. */
import { effect, signal } from "./ui.js";

const ROOT = "/console";

const here = () => location.pathname.slice(ROOT.length).replace(/^\/+|\/+$/g, "");

/** The address below /console without slashes around it; empty for the overview. */
export const path = signal(here());
/** What the address says behind its question mark. */
export const search = signal(location.search);

function arrive() {
  path.value = here();
  search.value = location.search;
}

/** @param {string} to below /console @param {{ replace?: boolean }} [how] */
export function go(to, how = {}) {
  const address = href(to);
  if (how.replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  arrive();
  scrollTo(0, 0);
}

/** @param {string} to */
export const href = (to) => (to ? `${ROOT}/${to}` : ROOT);

addEventListener("popstate", arrive);

document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (!(link instanceof HTMLAnchorElement) || link.target || link.hasAttribute("download")) return;
  if (link.origin !== location.origin || !`${link.pathname}/`.startsWith(`${ROOT}/`)) return;
  if (link.hash && link.pathname === location.pathname) return;
  event.preventDefault();
  go(`${link.pathname.slice(ROOT.length).replace(/^\/+/, "")}${link.search}`);
});

/** Keeps the window's title and, for screen readers, the focus with the screen. */
export function followTitle(/** @type {() => string} */ title) {
  effect(() => {
    document.title = `${title()} · Kilonova`;
  });
}
