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

/**
 * Amounts that stand under each other: all with as many digits as the smallest needs for two that count, six at most.
 * @param {(string|number)[]} amounts
 * @param {string} currency
 * @param {number} [counting] digits that count in the smallest
 * @returns {(amount: string|number) => string}
 */
export function moneyAlike(amounts, currency, counting = 2) {
  const sizes = amounts.map((each) => Math.abs(Number(each))).filter((each) => each > 0);
  const places = sizes.length ? Math.min(4 + counting, Math.max(2, counting - 1 - Math.floor(Math.log10(Math.min(...sizes))))) : 2;
  const isLarge = sizes.length > 0 && Math.max(...sizes) >= 1000;
  const digits = isLarge ? Math.min(places, 4) : places;
  return (amount) => fixedMoney(Number(amount), currency, digits);
}

/** @param {number} value @param {string} currency @param {number} places */
function fixedMoney(value, currency, places) {
  const how = { minimumFractionDigits: places, maximumFractionDigits: places };
  try {
    return new Intl.NumberFormat(locale.value, { style: "currency", currency, ...how }).format(value);
  } catch {
    return `${new Intl.NumberFormat(locale.value, how).format(value)} ${currency}`;
  }
}

/** Amounts at the lines of a chart, which are `step` apart. @param {number} step @param {string} currency @returns {(amount: number) => string} */
export function moneyTicks(step, currency) {
  const places = step >= 1 ? 0 : Math.min(9, Math.ceil(-Math.log10(step) - 1e-9) + (isRound(step) ? 0 : 1));
  return (amount) => fixedMoney(amount, currency, places);
}

/** Whether it is 1, 2 or 5 with noughts around it. @param {number} step */
const isRound = (step) => [1, 2, 5].some((digit) => Math.abs(step / 10 ** Math.floor(Math.log10(step) + 1e-9) - digit) < 1e-6);

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

/** An hour (2026-11-23T08), a day or a month (2026-11) of the books, which count in UTC. @param {string} time */
export function period(time) {
  if (time.length === 13) return dated(`${time}:00:00Z`, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
  if (time.length === 7) return dated(`${time}-01T00:00:00Z`, { month: "short", year: "numeric", timeZone: "UTC" });
  return shortDay(time);
}
/** @param {string} hour 2026-11-23T08 */
export const clock = (hour) => dated(`${hour}:00:00Z`, { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
/** A moment of the last days, without its year. @param {string} time */
export const lately = (time) => dated(time, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });
/** The reader's own zone, as clocks on this page have it. */
export const zone = () => new Intl.DateTimeFormat(locale.value, { timeZoneName: "short" }).formatToParts(new Date()).find((part) => part.type === "timeZoneName")?.value ?? "";

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
