/** Words: one catalogue a language, with places to fill and plural forms. */
import english from "../messages/en.js";
import { computed, effect, signal } from "./ui.js";
import { recall, remember } from "./memory.js";

/** @typedef {Record<string, string|Record<string, string>>} Catalogue */

export const LANGUAGES = { en: "English", fr: "Français" };

const browsers = navigator.languages.some((each) => each.toLowerCase().startsWith("fr")) &&
  !navigator.languages[0]?.toLowerCase().startsWith("en") ? "fr" : "en";

export const language = signal(/** @type {"en"|"fr"} */ (recall("language", browsers)));
const catalogue = signal(/** @type {Catalogue} */ (english));
/** The reader's own variant of the language, for dates and numbers: British days, Canadian dollars. */
export const locale = computed(() => navigator.languages.find((each) => each.split("-")[0] === language.value) ?? language.value);
const plurals = computed(() => new Intl.PluralRules(language.value));

/** Loads the words of the chosen language before anything is drawn in it. */
export async function loadLanguage() {
  if (language.value === "fr") catalogue.value = (await import("../messages/fr.js")).default;
}

/** @param {"en"|"fr"} chosen */
export async function chooseLanguage(chosen) {
  catalogue.value = chosen === "fr" ? (await import("../messages/fr.js")).default : english;
  language.value = chosen;
  remember("language", chosen);
}

effect(() => {
  document.documentElement.lang = language.value;
});

/**
 * The text of a key, with {places} filled in. A message with plural forms is chosen by `count`.
 * @param {string} key
 * @param {Record<string, unknown>} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  let message = catalogue.value[key] ?? /** @type {Catalogue} */ (english)[key] ?? key;
  if (typeof message !== "string") {
    message = message[plurals.value.select(Number(values.count ?? 0))] ?? message.other;
  }
  return message.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** The text of an error: ours where we know its reason, else the server's own sentence. */
export function explain(/** @type {any} */ error) {
  const known = [`error.${error?.code}.${error?.reason}`, `error.${error?.code}`];
  for (const key of known) {
    if (key in english) return t(key, { seconds: Math.ceil(error.retryAfterS ?? 1) });
  }
  return error?.message ?? String(error);
}
