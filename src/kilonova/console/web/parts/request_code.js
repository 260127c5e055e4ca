/** One request written for each SDK: ready to run, with the key in an environment variable. Pure. */

/** @typedef {{ model: string, system?: string, text: string, temperature?: number|null, topP?: number|null, maxTokens?: number|null }} Asked */
/** @typedef {{ name: string, language: string, setup: string, write: (asked: Asked, url: string) => string }} Sdk */

const KEY = "KILONOVA_API_KEY";
/** A text in Python, JavaScript and JSON. @param {string} value */
const quoted = (value) => JSON.stringify(value);
/** Lines of arguments that are there. @param {string} indent @param {(string|false|null|undefined)[]} lines */
const given = (indent, lines) => lines.filter(Boolean).map((line) => `${indent}${line}\n`).join("");
/** @param {number|null|undefined} value */
const has = (value) => value !== null && value !== undefined;

/** @param {Asked} asked */
function openai(asked, /** @type {string} */ url) {
  return `import os
from openai import OpenAI

client = OpenAI(base_url=${quoted(`${url}/v1`)}, api_key=os.environ["${KEY}"])
answer = client.chat.completions.create(
${given("    ", [
    `model=${quoted(asked.model)},`, "messages=[", asked.system && `    {"role": "system", "content": ${quoted(asked.system)}},`, `    {"role": "user", "content": ${quoted(asked.text)}},`, "],",
    has(asked.temperature) && `temperature=${asked.temperature},`, has(asked.topP) && `top_p=${asked.topP},`, has(asked.maxTokens) && `max_completion_tokens=${asked.maxTokens},`,
  ])})
print(answer.choices[0].message.content)`;
}

/** The SDK reads the pair from the environment by itself. @param {Asked} asked @param {string} url */
function boto3(asked, url) {
  const sampling = [has(asked.temperature) && `"temperature": ${asked.temperature}`, has(asked.topP) && `"topP": ${asked.topP}`, has(asked.maxTokens) && `"maxTokens": ${asked.maxTokens}`].filter(Boolean);
  return `import boto3

# Reads AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
client = boto3.client("bedrock-runtime", endpoint_url=${quoted(url)}, region_name="us-east-1")
answer = client.converse(
${given("    ", [
    `modelId=${quoted(asked.model)},`, asked.system && `system=[{"text": ${quoted(asked.system)}}],`, `messages=[{"role": "user", "content": [{"text": ${quoted(asked.text)}}]}],`,
    sampling.length > 0 && `inferenceConfig={${sampling.join(", ")}},`,
  ])})
for part in answer["output"]["message"]["content"]:
    print(part.get("text", ""), end="")
print()`;
}

/** @param {Asked} asked @param {string} url */
function anthropic(asked, url) {
  return `import os
from anthropic import Anthropic

client = Anthropic(base_url=${quoted(url)}, api_key=os.environ["${KEY}"])
answer = client.messages.create(
${given("    ", [
    `model=${quoted(asked.model)},`, `max_tokens=${asked.maxTokens ?? 1024},`, asked.system && `system=${quoted(asked.system)},`, `messages=[{"role": "user", "content": ${quoted(asked.text)}}],`,
    has(asked.temperature) && `temperature=${asked.temperature},`, has(asked.topP) && `top_p=${asked.topP},`,
  ])})
print("".join(part.text for part in answer.content if part.type == "text"))`;
}

/** @param {Asked} asked @param {string} url */
function genai(asked, url) {
  const config = [asked.system && `system_instruction=${quoted(asked.system)}`, has(asked.temperature) && `temperature=${asked.temperature}`, has(asked.topP) && `top_p=${asked.topP}`, has(asked.maxTokens) && `max_output_tokens=${asked.maxTokens}`].filter(Boolean);
  return `import os
from google import genai
${config.length ? "from google.genai import types\n" : ""}
client = genai.Client(api_key=os.environ["${KEY}"], http_options={"base_url": ${quoted(url)}})
answer = client.models.generate_content(
${given("    ", [`model=${quoted(asked.model)},`, `contents=${quoted(asked.text)},`, config.length > 0 && `config=types.GenerateContentConfig(${config.join(", ")}),`])})
print(answer.text)`;
}

/** What OpenAI's wire takes. @param {Asked} asked */
function bodyOf(asked) {
  const user = { role: "user", content: asked.text };
  return {
    model: asked.model, messages: asked.system ? [{ role: "system", content: asked.system }, user] : [user],
    ...(has(asked.temperature) && { temperature: asked.temperature }), ...(has(asked.topP) && { top_p: asked.topP }), ...(has(asked.maxTokens) && { max_completion_tokens: asked.maxTokens }),
  };
}

/** @param {Asked} asked @param {string} url */
function curl(asked, url) {
  const body = JSON.stringify(bodyOf(asked), null, 2).replaceAll("'", "'\\''");
  return `curl ${url}/v1/chat/completions \\
  -H "Authorization: Bearer $${KEY}" \\
  -H "Content-Type: application/json" \\
  -d '${body}'`;
}

/** @param {Asked} asked @param {string} url */
function javascript(asked, url) {
  return `import OpenAI from "openai";

const client = new OpenAI({ baseURL: ${quoted(`${url}/v1`)}, apiKey: process.env.${KEY} });
const answer = await client.chat.completions.create(${JSON.stringify(bodyOf(asked), null, 2)});
console.log(answer.choices[0].message.content);`;
}

const bearer = `export ${KEY}=kn_live_…`;

/** @type {Record<string, Sdk>} */
export const SDKS = {
  openai: { name: "OpenAI", language: "python", setup: `pip install openai\n${bearer}`, write: openai },
  boto3: { name: "AWS boto3", language: "python", setup: "pip install boto3\nexport AWS_ACCESS_KEY_ID=KNAK…\nexport AWS_SECRET_ACCESS_KEY=…", write: boto3 },
  anthropic: { name: "Anthropic", language: "python", setup: `pip install anthropic\n${bearer}`, write: anthropic },
  genai: { name: "Google GenAI", language: "python", setup: `pip install google-genai\n${bearer}`, write: genai },
  curl: { name: "curl", language: "shell", setup: bearer, write: curl },
  javascript: { name: "JavaScript", language: "javascript", setup: `npm install openai\n${bearer}`, write: javascript },
};
