// The OpenAI SDK's client for Azure: deployments and versions in the address, Azure's errors.

import { AzureOpenAI } from "openai";

import {
  BEARER_KEY, ECHO, URL_OF_SERVER, WEATHER_SCHEMA, failures, hurry, observe,
} from "./observe.mjs";

hurry();

function azure(more = {}) {
  return new AzureOpenAI({
    endpoint: URL_OF_SERVER, apiKey: BEARER_KEY, apiVersion: "2024-10-21", ...more,
  });
}

const client = azure();

function say(text, more = {}) {
  return { model: ECHO, messages: [{ role: "user", content: text }], ...more };
}

await observe({
  async whole() {
    const { data, response } = await client.chat.completions.create(say("hello")).withResponse();
    return {
      text: data.choices[0].message.content,
      hasId: data._request_id === response.headers.get("apim-request-id"),
    };
  },

  async stream() {
    let text = "";
    for await (const chunk of await client.chat.completions.create(say("a b", { stream: true }))) {
      text += chunk.choices[0]?.delta.content ?? "";
    }
    return text;
  },

  async deployment() {
    const bound = azure({ deployment: ECHO });
    const answer = await bound.chat.completions.create(say("hello", { model: "gpt-4o" }));
    const made = await bound.responses.create({ model: ECHO, input: "hello" });
    return [answer.model, made.output_text];
  },

  async embeddings() {
    return (await client.embeddings.create({ model: ECHO, input: ["a", "b c"] })).data.length;
  },

  async token() {
    const azureADTokenProvider = async () => BEARER_KEY;
    const bearer = azure({ apiKey: undefined, azureADTokenProvider });
    return (await bearer.chat.completions.create(say("hello"))).choices[0].message.content;
  },

  async tools() {
    const described = { name: "get_weather", parameters: WEATHER_SCHEMA, strict: true };
    const tools = [{ type: "function", function: described }];
    const asked = say("Oslo", { tools, tool_choice: "required" });
    const answer = await client.chat.completions.create(asked);
    const [call] = answer.choices[0].message.tool_calls;
    return [call.function.name, JSON.parse(call.function.arguments)];
  },

  failures() {
    const ask = ({ text, key = BEARER_KEY, model = ECHO, fetch, isInvalid, ...more }) => {
      const { headers, tries: maxRetries, timeout_ms: timeout } = more;
      const caller = azure({ apiKey: key, fetch, maxRetries, timeout });
      const asked = say(text, { model, max_tokens: 100, ...(isInvalid && { data_sources: [] }) });
      return caller.chat.completions.create(asked, { headers });
    };
    return failures(
      ask,
      (error) => [error.constructor.name, error.status ?? null, error.code ?? null],
      { late: { text: "[[echo: hang]]", timeout_ms: 30_000 } },
    );
  },
});
