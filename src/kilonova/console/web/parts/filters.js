/** What is sought, as the address says it: filters that a link can carry, and the choices that there are. */
import { html } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { projects } from "../base/session.js";
import { Field } from "./basics.js";

/** @typedef {{ values: Record<string, string[]>, names: Map<string, string>, makers: Map<string, string> }} Choices */

export const nextDay = (/** @type {string} */ date) => new Date(Date.parse(date) + 86_400_000).toISOString().slice(0, 10);

/** Only what is said. @param {Record<string, string>} values */
export const addressOf = (values) => new URLSearchParams(Object.entries(values).filter(([, value]) => value)).toString();

/** The names of keys, projects and members, and who made which key. */
export async function namesHere() {
  const [keys, members] = await Promise.all([ask("GET", "/keys", { query: { limit: 1000 } }), ask("GET", "/members")]);
  const named = [...keys.data, ...(projects.peek() ?? []), ...members.data];
  return {
    names: new Map(named.map((/** @type {any} */ each) => [each.id, each.name || each.id])),
    makers: new Map(keys.data.map((/** @type {any} */ each) => [each.id, each.made_by ?? ""])),
  };
}

/** What can be sought is what was used in that time. @param {{ from: string, to: string }} days @param {string[]} groups @returns {Promise<Choices>} */
export async function choicesIn({ from, to }, groups) {
  const used = (/** @type {string} */ by) => ask("GET", "/usage", { query: { group_by: by, from, to: nextDay(to) } })
    .then((report) => [...new Set(report.data.map((/** @type {any} */ row) => row.group))].filter(Boolean));
  const [found, ...lists] = await Promise.all([namesHere(), ...groups.map(used)]);
  return { ...found, values: Object.fromEntries(groups.map((name, at) => [name, /** @type {string[]} */ (lists[at])])) };
}

/** @param {{ name: string, value: string, choices: Choices|null, onChange: (value: string) => void }} props */
export function Filter({ name, value, choices, onChange }) {
  const known = choices?.values[name] ?? [];
  const all = value && !known.includes(value) ? [value, ...known] : known;
  const label = (/** @type {string} */ each) => (name === "outcome" ? t(`outcome.${each}`) : choices?.names.get(each) ?? each);
  return html`<${Field} as="select" label=${t(name === "outcome" ? "requests.outcome" : `usage.col_${name}`)} value=${value} onChange=${(/** @type {any} */ event) => onChange(event.target.value)}>
    <option value="">${t("requests.all")}</option>
    ${all.map((each) => html`<option key=${each} value=${each} selected=${each === value}>${label(each)}</option>`)}<//>`;
}
