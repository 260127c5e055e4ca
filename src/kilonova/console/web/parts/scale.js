/** The upright of a chart: human steps (1, 2, 2.5 or 5 with noughts), and a top that nothing overflows. Pure. */

/**
 * @param {number} highest
 * @param {boolean} isWhole whether only whole numbers can be
 * @returns {{ top: number, step: number, ticks: number[] }}
 */
export function scaleOf(highest, isWhole) {
  if (!(highest > 0)) return { top: isWhole ? 2 : 1, step: 1, ticks: isWhole ? [0, 1, 2] : [0, 1] };
  const rough = highest / 4, power = 10 ** Math.floor(Math.log10(rough));
  const steps = (isWhole ? [1, 2, 5, 10] : [1, 2, 2.5, 5, 10]).map((digit) => digit * power);
  const step = Math.max(steps.find((each) => each >= rough * (1 - 1e-9)) ?? 10 * power, isWhole ? 1 : 0);
  const count = Math.max(1, Math.ceil(highest / step - 1e-9));
  return { top: count * step, step, ticks: Array.from({ length: count + 1 }, (_, at) => at * step) };
}

/** All hours, days or months between two, both included, as the books name them. @param {string} from @param {string} to @param {"hour"|"day"|"month"} interval */
export function timesBetween(from, to, interval) {
  const times = [], end = Date.parse(`${to}T23:59:59Z`);
  let at = Date.parse(`${interval === "month" ? from.slice(0, 7) + "-01" : from}T00:00:00Z`);
  while (at <= end && times.length < 2000) {
    const text = new Date(at).toISOString();
    times.push(text.slice(0, { hour: 13, day: 10, month: 7 }[interval]));
    const date = new Date(at);
    at = interval === "month" ? Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) : at + (interval === "hour" ? 3_600_000 : 86_400_000);
  }
  return times;
}
