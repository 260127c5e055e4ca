/** Numbers, money and times in the reader's language. Amounts come as decimal text, and are only shown. */
import { locale } from "./i18n.js";
import { computed } from "./ui.js";

const whole = computed(() => new Intl.NumberFormat(locale.value));
const short = computed(() => new Intl.NumberFormat(locale.value, { notation: "compact", maximumFractionDigits: 1 }));
const tenths = computed(() => new Intl.NumberFormat(locale.value, { maximumFractionDigits: 1 }));

/** @param {number} value */
export const number = (value) => whole.value.format(value);
/** @param {number} value */
export const compact = (value) => (Math.abs(value) < 10_000 ? number(value) : short.value.format(value));
/** @param {number} value */
export const decimal = (value) => tenths.value.format(value);

/**
 * Money with as many digits as it needs to be seen: cents from a unit on, three that count below a cent.
 * @param {string|number} amount
 * @param {string} currency
 */
export function money(amount, currency) {
  const value = Number(amount);
  const isTiny = value !== 0 && Math.abs(value) < 0.01;
  const places = isTiny ? { maximumSignificantDigits: 3 } : { minimumFractionDigits: 2, maximumFractionDigits: Math.abs(value) < 1 ? 4 : 2 };
  try {
    return new Intl.NumberFormat(locale.value, { style: "currency", currency, ...places }).format(value);
  } catch {
    return `${new Intl.NumberFormat(locale.value, places).format(value)} ${currency}`;
  }
}

/** @param {string} time @param {Intl.DateTimeFormatOptions} how */
const dated = (time, how) => new Intl.DateTimeFormat(locale.value, how).format(new Date(time));

/** @param {string} time */
export const day = (time) => dated(time, { dateStyle: "medium" });
/** @param {string} time */
export const moment = (time) => dated(time, { dateStyle: "medium", timeStyle: "short" });
/** @param {string} time */
export const instant = (time) => dated(time, { dateStyle: "medium", timeStyle: "medium" });
/** @param {string} date such as 2026-11-23, in UTC */
export const shortDay = (date) => dated(`${date}T00:00:00Z`, { day: "numeric", month: "short", timeZone: "UTC" });

/** A number of percent, such as "12.5". @param {string|number} value */
export const percent = (value) => new Intl.NumberFormat(locale.value, { style: "percent", maximumFractionDigits: 1 }).format(Number(value) / 100);

/** Today's and other days' dates in UTC, by which the books count. @param {number} daysAgo */
export const dateAgo = (daysAgo) => new Date(Date.now() - daysAgo * 86_400_000).toISOString().slice(0, 10);

/** Watt-hours with three digits that count, in thousandths below one. @param {string} wattHours */
export function energy(wattHours) {
  const value = Number(wattHours);
  const shown = new Intl.NumberFormat(locale.value, { maximumSignificantDigits: 3 });
  return value < 1 ? `${shown.format(value * 1000)} mWh` : `${shown.format(value)} Wh`;
}

/** @param {number} ms */
export function duration(ms) {
  return ms < 1000 ? `${number(Math.round(ms))} ms` : `${decimal(ms / 1000)} s`;
}
