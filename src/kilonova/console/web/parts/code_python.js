/** A request for OpenAI's, AWS's, Anthropic's and Google's Python SDK, whole or streamed, with tools or without. Pure. */
import { KEY, given, has, python, quoted, restOf, toolsOf, untold } from "./code_text.js";

/** @typedef {import("./code_text.js").Asked} Asked */

const SAY = "print(text, end=\"\", flush=True)";

/** @param {Asked} asked @param {string} url */
export function openai(asked, url) {
  const tools = toolsOf(asked), others = restOf(asked).filter(([name]) => !KNOWN.has(name));
  const say = asked.isStreamed ? tools.length ? `calls = {}
for chunk in answer:
    for choice in chunk.choices:
        print(choice.delta.content or "", end="", flush=True)
        for part in choice.delta.tool_calls or []:
            call = calls.setdefault(part.index, ["", ""])
            call[0] += part.function.name or ""
            call[1] += part.function.arguments or ""
print()
for name, arguments in calls.values():
    print(name, arguments)` : `for chunk in answer:
    for choice in chunk.choices:
        print(choice.delta.content or "", end="", flush=True)
print()` : tools.length ? `message = answer.choices[0].message
print(message.content or "")
for call in message.tool_calls or []:
    print(call.function.name, call.function.arguments)` : "print(answer.choices[0].message.content)";
  return `import os
from openai import OpenAI

client = OpenAI(base_url=${quoted(`${url}/v1`)}, api_key=os.environ["${KEY}"])
answer = client.chat.completions.create(
${given("    ", [
    `model=${quoted(asked.model)},`, "messages=[", asked.system && `    {"role": "system", "content": ${quoted(asked.system)}},`, `    {"role": "user", "content": ${quoted(asked.text)}},`, "],",
    has(asked.temperature) && `temperature=${asked.temperature},`, has(asked.topP) && `top_p=${asked.topP},`, has(asked.maxTokens) && `max_completion_tokens=${asked.maxTokens},`,
    tools.length > 0 && `tools=${python(tools)},`, ...restOf(asked).map(([name, value]) => KNOWN.has(name) && `${name}=${python(value)},`), others.length > 0 && `extra_body=${python(Object.fromEntries(others))},`, asked.isStreamed && "stream=True,",
  ])})
${say}`;
}

/** Fields that the SDK has by name; others are sent as they are. */
const KNOWN = new Set(["seed", "stop", "service_tier", "reasoning_effort", "response_format", "tool_choice"]);

/** The SDK reads the pair from the environment by itself. @param {Asked} asked @param {string} url */
export function boto3(asked, url) {
  const tools = toolsOf(asked).map(({ function: each }) => ({ toolSpec: { name: each.name, ...(each.description && { description: each.description }), inputSchema: { json: each.parameters ?? { type: "object" } } } }));
  const sampling = [has(asked.temperature) && `"temperature": ${asked.temperature}`, has(asked.topP) && `"topP": ${asked.topP}`, has(asked.maxTokens) && `"maxTokens": ${asked.maxTokens}`].filter(Boolean);
  const say = asked.isStreamed ? `for event in answer["stream"]:
${tools.length ? `    begun = event.get("contentBlockStart", {}).get("start", {}).get("toolUse")
    if begun:
        print(begun["name"], end=" ")
    delta = event.get("contentBlockDelta", {}).get("delta", {})
    print(delta.get("text", delta.get("toolUse", {}).get("input", "")), end="", flush=True)` : `    delta = event.get("contentBlockDelta", {}).get("delta", {})
    print(delta.get("text", ""), end="", flush=True)`}
print()` : `for part in answer["output"]["message"]["content"]:
${tools.length ? `    if "toolUse" in part:
        print(part["toolUse"]["name"], part["toolUse"]["input"])
` : ""}    print(part.get("text", ""), end="")
print()`;
  return `import boto3

# Reads AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
${untold(asked, "#")}client = boto3.client("bedrock-runtime", endpoint_url=${quoted(url)}, region_name="us-east-1")
answer = client.${asked.isStreamed ? "converse_stream" : "converse"}(
${given("    ", [
    `modelId=${quoted(asked.model)},`, asked.system && `system=[{"text": ${quoted(asked.system)}}],`, `messages=[{"role": "user", "content": [{"text": ${quoted(asked.text)}}]}],`,
    sampling.length > 0 && `inferenceConfig={${sampling.join(", ")}},`, tools.length > 0 && `toolConfig=${python({ tools })},`,
  ])})
${say}`;
}

/** @param {Asked} asked @param {string} url */
export function anthropic(asked, url) {
  const tools = toolsOf(asked).map(({ function: each }) => ({ name: each.name, ...(each.description && { description: each.description }), input_schema: each.parameters ?? { type: "object" } }));
  const call = given("    ", [
    `model=${quoted(asked.model)},`, `max_tokens=${asked.maxTokens ?? 1024},`, asked.system && `system=${quoted(asked.system)},`, `messages=[{"role": "user", "content": ${quoted(asked.text)}}],`,
    has(asked.temperature) && `temperature=${asked.temperature},`, has(asked.topP) && `top_p=${asked.topP},`, tools.length > 0 && `tools=${python(tools)},`,
  ]);
  const head = `import os
from anthropic import Anthropic

${untold(asked, "#")}client = Anthropic(base_url=${quoted(url)}, api_key=os.environ["${KEY}"])
`;
  const calls = (/** @type {string} */ message, /** @type {string} */ indent) => (tools.length ? `
${indent}for part in ${message}.content:
${indent}    if part.type == "tool_use":
${indent}        print(part.name, part.input)` : "");
  if (asked.isStreamed) return `${head}with client.messages.stream(
${call}) as answer:
    for text in answer.text_stream:
        ${SAY}
    print()${calls("answer.get_final_message()", "    ")}`;
  return `${head}answer = client.messages.create(
${call})
print("".join(part.text for part in answer.content if part.type == "text"))${calls("answer", "")}`;
}

/** @param {Asked} asked @param {string} url */
export function genai(asked, url) {
  const tools = toolsOf(asked).map(({ function: each }) => `types.FunctionDeclaration(\n${given("    ", [`name=${quoted(each.name)},`, each.description && `description=${quoted(each.description)},`, each.parameters && `parameters_json_schema=${python(each.parameters)},`])}),`);
  const config = [
    asked.system && `system_instruction=${quoted(asked.system)},`, has(asked.temperature) && `temperature=${asked.temperature},`, has(asked.topP) && `top_p=${asked.topP},`, has(asked.maxTokens) && `max_output_tokens=${asked.maxTokens},`,
    tools.length > 0 && `tools=[types.Tool(function_declarations=[\n${given("    ", tools)}])],`,
  ].filter(Boolean);
  const parts = (/** @type {string} */ indent) => `${indent}for part in answer.candidates[0].content.parts or []:
${indent}    if part.function_call:
${indent}        print(part.function_call.name, part.function_call.args)
${indent}    print(part.text or "", end="", flush=True)`;
  const call = given("    ", [`model=${quoted(asked.model)},`, `contents=${quoted(asked.text)},`, config.length > 0 && `config=types.GenerateContentConfig(\n${given("    ", config)}),`]);
  const head = `import os
from google import genai
${config.length ? "from google.genai import types\n" : ""}
${untold(asked, "#")}client = genai.Client(api_key=os.environ["${KEY}"], http_options={"base_url": ${quoted(url)}})
`;
  if (asked.isStreamed) return `${head}stream = client.models.generate_content_stream(
${call})
for answer in stream:
${tools.length ? parts("    ") : "    print(answer.text or \"\", end=\"\", flush=True)"}
print()`;
  return `${head}answer = client.models.generate_content(
${call})
${tools.length ? `${parts("")}\nprint()` : "print(answer.text)"}`;
}
