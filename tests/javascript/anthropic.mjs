// The Anthropic SDK: messages, whole and streamed, tools, token counts, errors.

import Anthropic from "@anthropic-ai/sdk";

import {
  BEARER_KEY, ECHO, URL_OF_SERVER, WEATHER_SCHEMA, countingFetch, failure, observe,
} from "./observe.mjs";

const TOOL = {
  name: "get_weather",
  description: "The weather of a place.",
  input_schema: WEATHER_SCHEMA,
};
const sent = countingFetch();
const client = new Anthropic({ baseURL: URL_OF_SERVER, apiKey: BEARER_KEY, fetch: sent });

function say(text, more = {}) {
  return { model: ECHO, max_tokens: 64, messages: [{ role: "user", content: text }], ...more };
}

function textOf(message) {
  return message.content.map((block) => block.text ?? "").join("");
}

async function fail(text, more = {}, caller = client) {
  const before = sent.count;
  const told = await failure(
    () => caller.messages.create(say(text, more)),
    (error) => ({ kind: error.constructor.name, status: error.status ?? null, type: error.type }),
  );
  return { ...told, attempts: sent.count - before };
}

await observe({
  async whole() {
    const answer = await client.messages.create(say("hello there"));
    return { text: textOf(answer), stop: answer.stop_reason, usage: answer.usage };
  },

  async stream() {
    const stream = client.messages.stream(say("one two three"));
    const names = [];
    for await (const event of stream) names.push(event.type);
    const final = await stream.finalMessage();
    return { names, text: textOf(final), usage: final.usage };
  },

  async tools() {
    const request = say("Oslo", { tools: [TOOL], tool_choice: { type: "any" } });
    const first = await client.messages.create(request);
    const use = first.content.at(-1);
    const result = { type: "tool_result", tool_use_id: use.id, content: "the sky is clear" };
    request.messages.push({ role: "assistant", content: first.content });
    request.messages.push({ role: "user", content: [result] });
    delete request.tool_choice;
    const last = await client.messages.create(request);
    return {
      name: use.name,
      input: use.input,
      firstStop: first.stop_reason,
      lastStop: last.stop_reason,
      text: textOf(last),
    };
  },

  async count() {
    const { model, messages } = say("how many tokens are these");
    return { inputTokens: (await client.messages.countTokens({ model, messages })).input_tokens };
  },

  async failures() {
    return {
      model: await fail("x", { model: "claude-9" }),
      invalid: await fail("x", { max_tokens: 0 }),
      overloaded: await fail("[[echo: overloaded]]"),
      key: await fail("x", {}, client.withOptions({ apiKey: "wrong" })),
    };
  },
});
