// Runs scenarios one after the other and prints what each of them saw, as one JSON document. The
// tests in Python judge it: one process of Node serves many of them.

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

export async function observe(scenarios) {
  const seen = {};
  for (const [name, scenario] of Object.entries(scenarios)) {
    try {
      seen[name] = await scenario();
    } catch (error) {
      seen[name] = { unexpected: `${error?.stack ?? error}` };
    }
  }
  process.stdout.write(JSON.stringify(seen));
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

// Counts what an SDK sends through `fetch`.
export function countingFetch() {
  const counting = async (...request) => {
    counting.count += 1;
    return fetch(...request);
  };
  counting.count = 0;
  return counting;
}
