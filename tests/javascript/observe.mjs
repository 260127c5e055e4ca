// Runs scenarios and prints what each of them saw, as one JSON document. The tests in Python judge
// it: one process of Node serves many of them.

export const ECHO = "kilonova.echo-v1:0";
export const SPARK = "kilonova.spark-v1:0";
export const URL_OF_SERVER = process.env.KILONOVA_URL;
export const BEARER_KEY = process.env.KILONOVA_BEARER_KEY;

export const WEATHER_SCHEMA = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

// One after the other, unless they may run together.
export async function observe(scenarios, { together = false } = {}) {
  const seen = {};
  const running = [];
  for (const [name, scenario] of Object.entries(scenarios)) {
    const run = see(scenario).then((told) => (seen[name] = told));
    if (together) running.push(run);
    else await run;
  }
  await Promise.all(running);
  process.stdout.write(JSON.stringify(seen));
}

async function see(scenario) {
  try {
    return await scenario();
  } catch (error) {
    return { unexpected: `${error?.stack ?? error}` };
  }
}

// What a call that must fail threw, told by `describe`.
export async function failure(call, describe) {
  try {
    await call();
  } catch (error) {
    return describe(error);
  }
  throw new Error("it did not fail");
}

const reallyFetch = globalThis.fetch;

// Counts what an SDK sends through `fetch`.
export function countingFetch() {
  const counting = async (...request) => {
    counting.count += 1;
    return reallyFetch(...request);
  };
  counting.count = 0;
  return counting;
}

const inRealTime = globalThis.setTimeout;

// SDKs wait between attempts for seconds: here for a hundredth of them. What is longer than a
// minute is no wait but a limit, and stays.
export function hurry() {
  globalThis.setTimeout = (call, delay_ms, ...more) =>
    inRealTime(call, delay_ms > 60_000 ? delay_ms : delay_ms / 100, ...more);
}

// Asks that must fail, all at once: what each of them threw, and how often the SDK tried. `ask` is
// given what is special about the ask, and sends by `fetch`. `more`: asks beside the usual ones.
export async function failures(ask, describe, more = {}) {
  const headers = { "idempotency-key": `conflict-${Math.random()}` };
  await ask({ text: "first", headers });
  await ask({ text: "x", key: process.env.KILONOVA_LIMITED_KEY, tries: 0 }).catch(() => {});
  const asks = {
    model: { model: "no-such-model" },
    tooLong: { text: "w ".repeat(9000) },
    invalid: { isInvalid: true },
    key: { key: "wrong" },
    budget: { key: process.env.KILONOVA_POOR_KEY },
    rate: { key: process.env.KILONOVA_LIMITED_KEY },
    conflict: { headers },
    overloaded: { text: "[[echo: overloaded]]" },
    notReady: { text: "[[echo: not_ready]]" },
    engine: { text: "[[echo: fail_before]]" },
    timeout: { text: "[[echo: timeout]]" },
    ...more,
  };
  const told = await Promise.all(Object.entries(asks).map(async ([name, asked]) => {
    const sent = countingFetch();
    const seen = await failure(() => ask({ text: "x", fetch: sent, ...asked }), describe);
    return [name, [...seen, sent.count]];
  }));
  return Object.fromEntries(told);
}
