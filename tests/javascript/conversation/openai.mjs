// The OpenAI SDK: chat completions, at OpenAI's address and at Azure's, and responses.

import OpenAI, { AzureOpenAI } from "openai";

import { CANON, Conversation, collect, leave, talk } from "./talk.mjs";

const FORM = { name: "answer", schema: CANON.answer_schema };

function connect({ url, bearer }) {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: bearer, maxRetries: 0 });
}

function azure({ url, bearer }) {
  return new AzureOpenAI({
    endpoint: url, apiKey: bearer, apiVersion: "2024-10-21", maxRetries: 0,
  });
}

class Chat extends Conversation {
  constructor(reach, client = connect(reach)) {
    super();
    this.client = client;
    this.model = reach.model;
    this.messages = [
      { role: "system", content: CANON.system },
      { role: "user", content: CANON.question },
    ];
  }

  add(results) {
    for (const { id, text } of results) {
      this.messages.push({ role: "tool", tool_call_id: id, content: text });
    }
  }

  async send(streamed) {
    const [answer, message] = await this.complete({
      messages: this.messages,
      tools: CANON.tools.map(([name, description, parameters]) => ({
        type: "function", function: { name, description, parameters },
      })),
      response_format: { type: "json_schema", json_schema: { ...FORM, strict: true } },
      max_completion_tokens: CANON.max_tokens,
      temperature: CANON.temperature,
      top_p: CANON.top_p,
      stop: [CANON.stop],
      reasoning_effort: "high",
    }, streamed);
    this.messages.push(message);
    return heardOfChat(answer, message);
  }

  async say({ text, streamed }) {
    const messages = [{ role: "user", content: text }];
    const asked = { messages, max_completion_tokens: CANON.few, temperature: 0 };
    return heardOfChat(...(await this.complete(asked, streamed)));
  }

  // The answer, and its message with the thoughts, which the SDK's helper does not add up.
  async complete(more, streamed) {
    const asked = { model: this.model, ...more };
    if (!streamed) {
      const answer = await this.client.chat.completions.create(asked);
      return [answer, answer.choices[0].message];
    }
    const options = { stream_options: { include_usage: true } };
    const stream = this.client.chat.completions.stream({ ...asked, ...options });
    let thought = "";
    stream.on("chunk", ({ choices }) => (thought += choices[0]?.delta.reasoning_content ?? ""));
    const answer = await stream.finalChatCompletion();
    const { parsed, ...message } = answer.choices[0].message;
    return [answer, { ...message, ...(thought && { reasoning_content: thought }) }];
  }

  async show({ png }) {
    const image = { type: "image_url", image_url: { url: `data:image/png;base64,${png}` } };
    const messages = [{ role: "user", content: [{ type: "text", text: "See:" }, image] }];
    await this.client.chat.completions.create({ model: this.model, messages });
  }

  async leave({ text }) {
    const messages = [{ role: "user", content: text }];
    const asked = { model: this.model, messages, stream: true };
    const stream = await this.client.chat.completions.create(asked);
    await leave(stream, (chunk) => chunk.choices[0].delta.content);
  }
}

function heardOfChat({ choices: [{ finish_reason }], usage }, message) {
  return {
    text: message.content ?? "",
    thought: message.reasoning_content ?? "",
    calls: (message.tool_calls ?? []).map(({ function: { name, arguments: given } }) => [
      name, JSON.parse(given),
    ]),
    reason: finish_reason,
    prompt_tokens: usage.prompt_tokens,
    cached_tokens: usage.prompt_tokens_details.cached_tokens,
    output_tokens: usage.completion_tokens,
    thought_tokens: usage.completion_tokens_details.reasoning_tokens,
  };
}

class AzureChat extends Chat {
  constructor(reach) {
    super(reach, azure(reach));
  }
}

class Responses extends Conversation {
  constructor(reach) {
    super();
    this.client = connect(reach);
    this.model = reach.model;
    this.items = [{ role: "user", content: CANON.question }];
  }

  add(results) {
    for (const { id, text } of results) {
      this.items.push({ type: "function_call_output", call_id: id, output: text });
    }
  }

  async send(streamed) {
    const answer = await this.respond({
      instructions: CANON.system,
      input: this.items,
      tools: CANON.tools.map(([name, description, parameters]) => ({
        type: "function", name, description, parameters, strict: false,
      })),
      text: { format: { type: "json_schema", ...FORM } },
      max_output_tokens: CANON.max_tokens,
      temperature: CANON.temperature,
      top_p: CANON.top_p,
      reasoning: { effort: "high" },
      include: ["reasoning.encrypted_content"],
    }, streamed);
    this.items.push(...answer.output);
    return heardOfResponse(answer);
  }

  async say({ text, streamed }) {
    const asked = { input: text, max_output_tokens: CANON.few, temperature: 0 };
    return heardOfResponse(await this.respond(asked, streamed));
  }

  async respond(more, streamed) {
    const asked = { model: this.model, store: false, ...more };
    if (!streamed) return this.client.responses.create(asked);
    const events = await collect(await this.client.responses.create({ ...asked, stream: true }));
    return events.at(-1).response;
  }

  async show({ png }) {
    const url = `data:image/png;base64,${png}`;
    const image = { type: "input_image", image_url: url, detail: "auto" };
    const input = [{ role: "user", content: [{ type: "input_text", text: "See:" }, image] }];
    await this.client.responses.create({ model: this.model, input, store: false });
  }

  async leave({ text }) {
    const asked = { model: this.model, input: text, stream: true };
    const stream = await this.client.responses.create(asked);
    await leave(stream, (event) => event.type === "response.output_text.delta");
  }
}

function heardOfResponse({ output, status, usage }) {
  const of = (type) => output.filter((item) => item.type === type);
  const joined = (type) => of(type).flatMap((item) => item.content).map((part) => part.text);
  const calls = of("function_call").map((call) => [call.name, JSON.parse(call.arguments)]);
  const ended = status === "incomplete" ? "length" : "stop";
  return {
    text: joined("message").join(""),
    thought: joined("reasoning").join(""),
    calls,
    reason: calls.length ? "tool_calls" : ended,
    prompt_tokens: usage.input_tokens,
    cached_tokens: usage.input_tokens_details.cached_tokens,
    output_tokens: usage.output_tokens,
    thought_tokens: usage.output_tokens_details.reasoning_tokens,
  };
}

await talk({ chat: Chat, azure: AzureChat, responses: Responses });
