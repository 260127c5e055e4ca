/** What is sent to a model: the conversation up to a question, and what was chosen for it. Pure. */
import { toolsOf } from "./tools.js";

/** @typedef {import("./tree.js").Tree} Tree */
/** @typedef {import("./tree.js").Turn} Turn */
/** @typedef {import("./tree.js").TextFile} TextFile */
/** @typedef {import("./room.js").Choices} Choices */

/** Choices that ask for nothing. @type {Choices} */
export const NO_CHOICES = {
  model: "", system: "", temperature: null, topP: null, maxTokens: null, seed: null, stop: [], effort: "", serviceTier: "",
  format: "text", schema: "", tools: "", toolChoice: "auto", canned: {},
};

/** The messages up to a turn, itself included. Calls that nobody answered are left out, as the wire wants it. @param {Tree} tree @param {string} id */
export function messagesTo(tree, id) {
  /** @type {any[]} */
  const messages = [];
  /** @type {Turn|null} */
  let below = null;
  for (let at = tree.turns[id]; at; at = tree.turns[at.parent]) {
    messages.unshift(...messagesOf(at, below));
    below = at;
  }
  return messages;
}

/** @param {Turn} turn @param {Turn|null} below @returns {any[]} */
function messagesOf(turn, below) {
  if (turn.role === "tool") return (turn.results ?? []).map((each) => ({ role: "tool", tool_call_id: each.id, content: each.text }));
  if (turn.role === "user") return turn.text || turn.files?.length || turn.pictures?.length ? [{ role: "user", content: contentOf(turn) }] : [];
  if (!turn.calls?.length || below?.role !== "tool") return turn.text ? [{ role: "assistant", content: turn.text }] : [];
  const calls = turn.calls.map((each) => ({ id: each.id, type: "function", function: { name: each.name, arguments: each.arguments } }));
  // Some models want to see again what led them to a call.
  return [{ role: "assistant", content: turn.text || null, ...(turn.thoughts && { reasoning_content: turn.thoughts }), tool_calls: calls }];
}

/** @param {Turn} turn @returns {any} */
function contentOf(turn) {
  const text = [...(turn.files ?? []).map(blockOf), turn.text].filter(Boolean).join("\n\n");
  if (!turn.pictures?.length) return text;
  const images = turn.pictures.map((each) => ({ type: "image_url", image_url: { url: each.url } }));
  return text ? [...images, { type: "text", text }] : images;
}

/** A file as a named block of the prompt that nothing in the file can end. @param {TextFile} file */
export function blockOf(file) {
  const longest = Math.max(2, ...[...file.text.matchAll(/`{3,}/g)].map((found) => found[0].length));
  const fence = "`".repeat(longest + 1);
  const language = /\.([a-z0-9]{1,8})$/i.exec(file.name)?.[1].toLowerCase() ?? "";
  return `File ${file.name}:\n${fence}${language}\n${file.text.replace(/\n$/, "")}\n${fence}`;
}

/**
 * What a model can honour of the choices, in the words of OpenAI's wire.
 * @param {Choices} choices @param {any} model of the list of models @param {{ isAfterTools?: boolean }} [how]
 */
export function parametersOf(choices, model, { isAfterTools = false } = {}) {
  const { temperature, topP, maxTokens, seed, stop, effort, serviceTier } = choices;
  const can = (/** @type {string} */ ability) => !model || model.abilities.includes(ability);
  return {
    ...(temperature !== null && { temperature }), ...(topP !== null && { top_p: topP }), ...(maxTokens !== null && { max_completion_tokens: maxTokens }),
    ...(seed !== null && { seed }), ...(stopsOf(stop).length && { stop: stopsOf(stop) }), ...(serviceTier && { service_tier: serviceTier }),
    ...(effort && can("reasoning") && thinkingOf(effort)),
    ...(can("json") && formatOf(choices)), ...(can("tools") && offeredOf(choices, isAfterTools)),
  };
}

/** What is written in lines; a line break among them is written as in a program. @param {string[]} stop */
const stopsOf = (stop) => stop.filter(Boolean).map((each) => each.replaceAll("\\n", "\n").replaceAll("\\t", "\t"));

/** @param {string} effort */
const thinkingOf = (effort) => (effort === "on" ? { thinking: { type: "enabled" } } : { reasoning_effort: effort });

/** @param {Choices} choices */
function formatOf({ format, schema }) {
  if (format === "json_object") return { response_format: { type: "json_object" } };
  if (format !== "json_schema" || !schema.trim()) return {};
  return { response_format: { type: "json_schema", json_schema: { name: "answer", schema: JSON.parse(schema) } } };
}

/** A tool that must be called is called once: after its answer the model may speak. @param {Choices} choices @param {boolean} isAfterTools */
function offeredOf({ tools, toolChoice }, isAfterTools) {
  const offered = toolsOf(tools).tools;
  if (!offered.length) return {};
  const name = toolChoice.startsWith("name:") ? toolChoice.slice(5) : "";
  const isForced = toolChoice === "required" || offered.some((each) => each.function.name === name);
  if (isForced && !isAfterTools) return { tools: offered, tool_choice: name ? { type: "function", function: { name } } : "required" };
  return { tools: offered, ...(toolChoice === "none" && { tool_choice: "none" }) };
}
