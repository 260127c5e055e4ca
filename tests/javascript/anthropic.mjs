// The Anthropic SDK: messages, whole and streamed, tools, token counts, errors.

import Anthropic from "@anthropic-ai/sdk";

import {
  BEARER_KEY, ECHO, URL_OF_SERVER, WEATHER_SCHEMA, failure, failures, hurry, observe,
} from "./observe.mjs";

hurry();

const TOOL = {
  name: "get_weather",
  description: "The weather of a place.",
  input_schema: WEATHER_SCHEMA,
};
const client = new Anthropic({ baseURL: URL_OF_SERVER, apiKey: BEARER_KEY });

function say(text, more = {}) {
  return { model: ECHO, max_tokens: 64, messages: [{ role: "user", content: text }], ...more };
}

function textOf(message) {
  return message.content.map((block) => block.text ?? "").join("");
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

  failures() {
    const ask = ({ text, key: apiKey = BEARER_KEY, model = ECHO, fetch, isInvalid, ...more }) => {
      const { headers, tries: maxRetries, timeout_ms: timeout } = more;
      const caller = new Anthropic({ baseURL: URL_OF_SERVER, apiKey, fetch, maxRetries, timeout });
      const asked = say(text, { model, ...(isInvalid && { max_tokens: 0 }) });
      return caller.messages.create(asked, { headers });
    };
    return failures(
      ask,
      (error) => [error.constructor.name, error.status ?? null, error.type ?? null],
      { late: { text: "[[echo: hang]]", timeout_ms: 30_000 } },
    );
  },

  async breaks() {
    let text = "";
    const asked = say("[[echo: fail_after=2]] one two three", { stream: true });
    const told = await failure(async () => {
      for await (const { delta } of await client.messages.create(asked)) text += delta?.text ?? "";
    }, (error) => [error.constructor.name, error.type]);
    return { text, told };
  },
});
