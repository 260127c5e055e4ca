/** Tools as they are written by hand or pasted: in the form of one vendor or another. Pure. */
import { readJson } from "../base/json_place.js";

/** @typedef {{ type: "function", function: { name: string, description?: string, parameters?: any, strict?: boolean } }} Tool */
/** @typedef {{ key: string, values: Record<string, string|number> }} Problem a text of the catalogue and what is filled in */

export const TOOLS_MAX = 128;
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** What stands in the box when somebody wants to see how tools look. */
export const EXAMPLE = `[
  {
    "type": "function",
    "function": {
      "name": "get_weather",
      "description": "The weather of a city, now.",
      "parameters": {
        "type": "object",
        "properties": {
          "city": { "type": "string" },
          "unit": { "type": "string", "enum": ["celsius", "fahrenheit"] }
        },
        "required": ["city"]
      }
    }
  }
]`;

/** @type {{ text: string, found: { tools: Tool[], problem: Problem|null } }} */
let last = { text: "", found: { tools: [], problem: null } };

/** The tools of a text, or what is wrong with it, and in which line. @param {string} text */
export function toolsOf(text) {
  if (last.text !== text) last = { text, found: read(text) };
  return last.found;
}

/** @param {string} text @returns {{ tools: Tool[], problem: Problem|null }} */
function read(text) {
  if (!text.trim()) return { tools: [], problem: null };
  const { value, line, starts } = readJson(text);
  if (line) return failed("tools.not_json", { line });
  const listed = Array.isArray(value) ? value : [value];
  if (listed.length > TOOLS_MAX) return failed("tools.too_many", { most: TOOLS_MAX });
  const tools = [], names = new Set();
  for (const [index, each] of listed.entries()) {
    const at = { line: Array.isArray(value) ? starts[index] ?? 1 : 1 };
    const tool = toolOf(each);
    if (!tool) return failed("tools.not_a_tool", at);
    const { name, parameters } = tool.function;
    if (typeof name !== "string" || !NAME.test(name)) return failed("tools.no_name", at);
    if (names.has(name)) return failed("tools.same_name", { ...at, name });
    if (!isSchema(parameters)) return failed("tools.no_schema", { ...at, name });
    names.add(name);
    tools.push(tool);
  }
  return { tools, problem: null };
}

/** @param {string} key @param {Record<string, string|number>} values */
const failed = (key, values) => ({ tools: [], problem: { key, values } });

/** Chat completions nest the function, Responses do not, Anthropic calls the schema otherwise. @param {any} each @returns {Tool|null} */
function toolOf(each) {
  if (!each || typeof each !== "object" || (each.type !== undefined && each.type !== "function" && each.type !== "custom")) return null;
  const found = each.function ?? each;
  if (typeof found !== "object" || found.name === undefined) return null;
  const { name, description, strict } = found;
  const parameters = found.parameters ?? found.input_schema;
  return { type: "function", function: { name, ...(description && { description: String(description) }), ...(parameters !== undefined && { parameters }), ...(strict === true && { strict }) } };
}

/** @param {any} schema */
const isSchema = (schema) => schema === undefined || (Boolean(schema) && typeof schema === "object" && !Array.isArray(schema) && (schema.type === undefined || schema.type === "object"));

/** What is wrong with the schema of an answer, if something is. @param {string} text @returns {Problem|null} */
export function schemaProblem(text) {
  if (!text.trim()) return { key: "schema.empty", values: {} };
  const { value, line } = readJson(text);
  if (line) return { key: "tools.not_json", values: { line } };
  return value && typeof value === "object" && !Array.isArray(value) ? null : { key: "schema.no_object", values: {} };
}

/** JSON set out in lines, or the text as it is. @param {string} text */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
