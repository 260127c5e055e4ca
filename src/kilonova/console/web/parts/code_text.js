/** Pieces of programs: values, arguments that are there, tools. Pure. */

/** A tool, in the words of OpenAI's wire. @typedef {{ type: "function", function: { name: string, description?: string, parameters?: any } }} Tool */
/**
 * A request in the words of no vendor; `more` are further fields of OpenAI's wire.
 * @typedef {{ model: string, system?: string, text: string, temperature?: number|null, topP?: number|null, maxTokens?: number|null,
 *   isStreamed?: boolean, tools?: Tool[], more?: Record<string, any> }} Asked
 */

export const KEY = "KILONOVA_API_KEY";
/** A text in Python, JavaScript and JSON. @param {string} value */
export const quoted = (value) => JSON.stringify(value);
/** Lines of arguments that are there, each with what it has in its own lines. @param {string} indent @param {(string|false|null|undefined)[]} lines */
export const given = (indent, lines) => lines.filter(Boolean).map((line) => `${String(line).split("\n").map((each) => `${indent}${each}`).join("\n")}\n`).join("");
/** @param {number|null|undefined} value */
export const has = (value) => value !== null && value !== undefined;

/** A value of JSON as Python writes it, in lines where it is long. @param {any} value @returns {string} */
export function python(value) {
  const flat = inPython(value);
  if (flat.length <= 88 || value === null || typeof value !== "object") return flat;
  const items = Array.isArray(value) ? value.map((each) => python(each)) : Object.entries(value).map(([name, each]) => `${quoted(name)}: ${python(each)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}\n${given("    ", items.map((each) => `${each},`))}${close}`;
}

/** @param {any} value @returns {string} */
function inPython(value) {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null || value === undefined) return "None";
  if (Array.isArray(value)) return `[${value.map(inPython).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([name, each]) => `${quoted(name)}: ${inPython(each)}`).join(", ")}}`;
  return JSON.stringify(value);
}

/** @param {Asked} asked @returns {Tool[]} */
export const toolsOf = (asked) => asked.tools ?? asked.more?.tools ?? [];

/** Further fields of OpenAI's wire but for the tools, which every vendor has. @param {Asked} asked @returns {[string, any][]} */
export const restOf = (asked) => Object.entries(asked.more ?? {}).filter(([name]) => name !== "tools" && (name !== "tool_choice" || toolsOf(asked).length > 0));

/** What only OpenAI's wire says here: elsewhere it is told, not left out in silence. @param {Asked} asked @param {string} mark */
export function untold(asked, mark) {
  const names = restOf(asked).map(([name]) => name);
  return names.length ? `${mark} Chosen here, and not written for this SDK: ${names.join(", ")}.\n` : "";
}

/** A tool whose call is easy to see. @type {Tool} */
export const EXAMPLE_TOOL = {
  type: "function",
  function: {
    name: "get_weather", description: "The weather of a city, now.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
