// The OpenAI SDK: chat, whole and streamed, tools, structured output, errors.

import OpenAI from "openai";

import {
  BEARER_KEY, ECHO, URL_OF_SERVER, WEATHER_SCHEMA, countingFetch, failure, failures, hurry, observe,
} from "./observe.mjs";

hurry();

const TOOL = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather of a place.",
    parameters: WEATHER_SCHEMA,
    strict: true,
  },
};
const sent = countingFetch();
const client = new OpenAI({ baseURL: `${URL_OF_SERVER}/v1`, apiKey: BEARER_KEY, fetch: sent });

function say(text, more = {}) {
  return { model: ECHO, messages: [{ role: "user", content: text }], ...more };
}

function describe(error) {
  return {
    kind: error.constructor.name,
    status: error.status ?? null,
    code: error.code ?? null,
    hasId: Boolean(error.requestID),
  };
}

// What all failures of one of the SDK's calls are.
function allFailures(call) {
  const ask = ({ key: apiKey = BEARER_KEY, model = ECHO, fetch, headers, ...more }) => {
    const { text, isInvalid, tries: maxRetries, timeout_ms: timeout } = more;
    const baseURL = `${URL_OF_SERVER}/v1`;
    const caller = new OpenAI({ baseURL, apiKey, fetch, maxRetries, timeout });
    return call(caller, text, { model, ...(isInvalid && { top_p: 7 }) }, { headers });
  };
  return failures(
    ask,
    (error) => [error.constructor.name, error.status ?? null, error.code ?? null],
    { late: { text: "[[echo: hang]]", timeout_ms: 30_000 } },
  );
}

// What a call that must fail threw, and how often the SDK tried.
async function fail(call) {
  const before = sent.count;
  const told = await failure(call, describe);
  return { ...told, attempts: sent.count - before };
}

function failSaying(text, more = {}) {
  return fail(() => client.chat.completions.create(say(text, more)));
}

await observe({
  async whole() {
    const answer = await client.chat.completions.create(say("hello there"));
    return {
      text: answer.choices[0].message.content,
      finish: answer.choices[0].finish_reason,
      usage: answer.usage,
      requestId: answer._request_id,
    };
  },

  async stream() {
    const asked = say("one two three", { stream: true, stream_options: { include_usage: true } });
    const chunks = [];
    for await (const chunk of await client.chat.completions.create(asked)) chunks.push(chunk);
    return {
      text: chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join(""),
      usages: chunks.filter((chunk) => chunk.usage).map((chunk) => chunk.usage),
    };
  },

  async tools() {
    const request = say("Oslo", { tools: [TOOL], tool_choice: "required" });
    const first = await client.chat.completions.create(request);
    const message = first.choices[0].message;
    const call = message.tool_calls[0];
    request.messages.push(message);
    request.messages.push({ role: "tool", tool_call_id: call.id, content: "the sky is clear" });
    delete request.tool_choice;
    const last = await client.chat.completions.create(request);
    return {
      firstFinish: first.choices[0].finish_reason,
      name: call.function.name,
      input: JSON.parse(call.function.arguments),
      lastFinish: last.choices[0].finish_reason,
      text: last.choices[0].message.content,
    };
  },

  async streamedTool() {
    const stream = client.chat.completions.stream(
      say("Oslo", { tools: [TOOL], tool_choice: "required" }),
    );
    const call = (await stream.finalChatCompletion()).choices[0].message.tool_calls[0];
    return { name: call.function.name, input: JSON.parse(call.function.arguments) };
  },

  async json() {
    const schema = { name: "weather", strict: true, schema: WEATHER_SCHEMA };
    const answer = await client.chat.completions.create(
      say("Oslo", { response_format: { type: "json_schema", json_schema: schema } }),
    );
    return JSON.parse(answer.choices[0].message.content);
  },

  async models() {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    return { ids, one: (await client.models.retrieve(ECHO)).id };
  },

  async embeddings() {
    const { data, usage } = await client.embeddings.create({ model: ECHO, input: ["a", "b c"] });
    return { sizes: data.map((each) => each.embedding.length), tokens: usage.prompt_tokens };
  },

  async failures() {
    return {
      unknown: await failSaying("x", { wings: 2 }),
      streamed: await failSaying("[[echo: overloaded]]", { stream: true }),
    };
  },

  chatFailures() {
    return allFailures((caller, text, more, options) =>
      caller.chat.completions.create(say(text, { max_tokens: 100, ...more }), options));
  },

  responseFailures() {
    return allFailures((caller, input, more, options) =>
      caller.responses.create({ input, max_output_tokens: 100, ...more }, options));
  },

  async breaks() {
    let text = "";
    const told = await fail(async () => {
      const asked = say("[[echo: fail_after=2]] one two three", { stream: true });
      for await (const chunk of await client.chat.completions.create(asked)) {
        text += chunk.choices[0].delta.content ?? "";
      }
    });
    return { text, told };
  },

  async leaves() {
    const asked = say("[[echo: tokens=4000, delay_ms=5]] word", { stream: true });
    const { data, response } = await client.chat.completions.create(asked).withResponse();
    let count = 0;
    for await (const _ of data) if (++count === 5) break;
    return { requestId: response.headers.get("x-kilonova-request-id"), count };
  },

  async responses() {
    const asked = { model: ECHO, input: "hello there" };
    const whole = await client.responses.create(asked);
    const names = [];
    let text = "";
    for await (const event of await client.responses.create({ ...asked, stream: true })) {
      names.push(event.type);
      if (event.type === "response.output_text.delta") text += event.delta;
    }
    const next = await client.responses.create({
      model: ECHO, input: "and more", previous_response_id: whole.id,
    });
    return {
      wholeText: whole.output_text,
      text,
      first: names[0],
      last: names.at(-1),
      usage: whole.usage,
      nextText: next.output_text,
      nextTokens: next.usage.input_tokens,
    };
  },

  async storedResponses() {
    const made = await client.responses.create({ model: ECHO, input: "hello there" });
    const read = await client.responses.retrieve(made.id);
    const items = [];
    for await (const item of client.responses.inputItems.list(made.id)) items.push(item.role);
    const counted = await client.responses.inputTokens.count({ model: ECHO, input: "a b c" });
    await client.responses.delete(made.id);
    return {
      text: read.output_text,
      items,
      tokens: counted.input_tokens,
      gone: await fail(() => client.responses.retrieve(made.id)),
      previous: await fail(() =>
        client.responses.create({ model: ECHO, input: "x", previous_response_id: made.id }),
      ),
      overloaded: await fail(() =>
        client.responses.create({ model: ECHO, input: "[[echo: overloaded]]" }),
      ),
    };
  },

  async responseTool() {
    const { function: { name, description, parameters, strict } } = TOOL;
    const stream = client.responses.stream({
      model: ECHO,
      input: "Oslo",
      tools: [{ type: "function", name, description, parameters, strict }],
      tool_choice: "required",
    });
    const [call] = (await stream.finalResponse()).output;
    return { name: call.name, input: JSON.parse(call.arguments) };
  },

  async responseBreaks() {
    let text = "";
    const told = await fail(async () => {
      const asked = { model: ECHO, input: "[[echo: fail_after=2]] one two three", stream: true };
      for await (const event of await client.responses.create(asked)) {
        if (event.type === "response.output_text.delta") text += event.delta;
      }
    });
    return { text, told };
  },
});
