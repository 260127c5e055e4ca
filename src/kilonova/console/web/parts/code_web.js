/** A request for curl and for OpenAI's JavaScript SDK, whole or streamed, with tools or without. Pure. */
import { KEY, has, quoted, restOf, toolsOf } from "./code_text.js";

/** @typedef {import("./code_text.js").Asked} Asked */

/** What OpenAI's wire takes. @param {Asked} asked */
function bodyOf(asked) {
  const user = { role: "user", content: asked.text };
  const tools = toolsOf(asked);
  return {
    model: asked.model, messages: asked.system ? [{ role: "system", content: asked.system }, user] : [user],
    ...(has(asked.temperature) && { temperature: asked.temperature }), ...(has(asked.topP) && { top_p: asked.topP }), ...(has(asked.maxTokens) && { max_completion_tokens: asked.maxTokens }),
    ...(tools.length > 0 && { tools }), ...Object.fromEntries(restOf(asked)), ...(asked.isStreamed && { stream: true }),
  };
}

/** @param {Asked} asked @param {string} url */
export function curl(asked, url) {
  const body = JSON.stringify(bodyOf(asked), null, 2).replaceAll("'", "'\\''");
  return `curl ${asked.isStreamed ? "--no-buffer " : ""}${url}/v1/chat/completions \\
  -H "Authorization: Bearer $${KEY}" \\
  -H "Content-Type: application/json" \\
  -d '${body}'`;
}

/** @param {Asked} asked @param {string} url */
export function javascript(asked, url) {
  const hasTools = toolsOf(asked).length > 0;
  const say = asked.isStreamed ? hasTools ? `const calls = [];
for await (const chunk of answer) {
  for (const { delta } of chunk.choices) {
    process.stdout.write(delta.content ?? "");
    for (const part of delta.tool_calls ?? []) {
      calls[part.index] ??= { name: "", arguments: "" };
      calls[part.index].name += part.function?.name ?? "";
      calls[part.index].arguments += part.function?.arguments ?? "";
    }
  }
}
console.log();
for (const call of calls) console.log(call.name, call.arguments);` : `for await (const chunk of answer) {
  for (const { delta } of chunk.choices) process.stdout.write(delta.content ?? "");
}
console.log();` : hasTools ? `const { message } = answer.choices[0];
console.log(message.content ?? "");
for (const call of message.tool_calls ?? []) console.log(call.function.name, call.function.arguments);` : "console.log(answer.choices[0].message.content);";
  return `import OpenAI from "openai";

const client = new OpenAI({ baseURL: ${quoted(`${url}/v1`)}, apiKey: process.env.${KEY} });
const answer = await client.chat.completions.create(${JSON.stringify(bodyOf(asked), null, 2)});
${say}`;
}
