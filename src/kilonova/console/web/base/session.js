/** Who is signed in, what the member may do, and in which project the member works. */
import { ask, csrf, onSignedOut } from "./api.js";
import { money } from "./format.js";
import { computed, signal } from "./ui.js";
import { recall, remember } from "./memory.js";

/** @typedef {{ id: string, organisation_id: string, email: string, name: string, role: string, has_password?: boolean }} Member */
/** @typedef {{ needs_setup: boolean, member: Member|null, organisation_name: string, csrf: string, currency: string, oidc: string, has_passwords: boolean }} Session */

/** Null until the server was asked. */
export const session = signal(/** @type {Session|null} */ (null));
export const member = computed(() => session.value?.member ?? null);

/** An amount of a budget, in the currency of all budgets here. @param {string|number} amount */
export const inBudget = (amount) => money(amount, session.value?.currency || "USD");

const ROLES = ["viewer", "developer", "admin", "owner"];

/** Whether the member's role has the rights of another. @param {string} least */
export function may(least) {
  return ROLES.indexOf(member.value?.role ?? "") >= ROLES.indexOf(least);
}

/** Takes up what the server says of the session. @param {Session} found */
export function enter(found) {
  csrf.value = found.csrf;
  session.value = found;
}

/** Asks the server who is signed in. */
export async function load() {
  enter(await ask("GET", "/session"));
}

/** @param {boolean} everywhere */
export async function signOut(everywhere) {
  await ask("DELETE", everywhere ? "/sessions" : "/session");
  leave();
}

function leave() {
  csrf.value = "";
  projects.value = null;
  sessionStorage.clear();
  const { oidc = "", has_passwords = true } = session.peek() ?? {};
  session.value = { needs_setup: false, member: null, organisation_name: "", csrf: "", currency: "", oidc, has_passwords };
}

onSignedOut.current = leave;

/** @typedef {{ id: string, name: string }} Project */
export const projects = signal(/** @type {Project[]|null} */ (null));
const chosen = signal(recall("project", ""));

/** The project that the member works in: the chosen one, or the first. */
export const project = computed(
  () => projects.value?.find((each) => each.id === chosen.value) ?? projects.value?.[0] ?? null,
);

/** @param {string} id */
export function chooseProject(id) {
  chosen.value = id;
  remember("project", id);
}

export async function loadProjects() {
  projects.value = (await ask("GET", "/projects", { query: { limit: 1000 } })).data;
}
