// The Anthropic SDK: messages.

import Anthropic from "@anthropic-ai/sdk";

import { CANON, Conversation, leave, talk } from "./talk.mjs";

const REASONS = { tool_use: "tool_calls", end_turn: "stop", max_tokens: "length" };

class Messages extends Conversation {
  constructor({ url, bearer, model }) {
    super();
    this.client = new Anthropic({ baseURL: url, apiKey: bearer, maxRetries: 0 });
    this.model = model;
    this.messages = [{ role: "user", content: CANON.question }];
  }

  add(results) {
    const content = results.map(({ id, text, isError }) => ({
      type: "tool_result", tool_use_id: id, content: text, is_error: isError,
    }));
    this.messages.push({ role: "user", content });
  }

  async send(streamed) {
    const answer = await this.create({
      system: CANON.system,
      messages: this.messages,
      tools: CANON.tools.map(([name, description, input_schema]) => ({
        name, description, input_schema,
      })),
      output_config: {
        effort: "high", format: { type: "json_schema", schema: CANON.answer_schema },
      },
      max_tokens: CANON.max_tokens,
      stop_sequences: [CANON.stop],
      temperature: CANON.temperature,
      top_p: CANON.top_p,
    }, streamed);
    this.messages.push({ role: "assistant", content: answer.content });
    return heard(answer);
  }

  async say({ text, streamed }) {
    const messages = [{ role: "user", content: text }];
    return heard(await this.create({ messages, max_tokens: CANON.few, temperature: 0 }, streamed));
  }

  create(more, streamed) {
    const asked = { model: this.model, ...more };
    if (!streamed) return this.client.messages.create(asked);
    return this.client.messages.stream(asked).finalMessage();
  }

  async show({ png }) {
    const source = { type: "base64", media_type: "image/png", data: png };
    const content = [{ type: "text", text: "See:" }, { type: "image", source }];
    await this.create({ messages: [{ role: "user", content }], max_tokens: CANON.few }, false);
  }

  async leave({ text }) {
    const messages = [{ role: "user", content: text }];
    const asked = { model: this.model, messages, max_tokens: 4000, stream: true };
    const stream = await this.client.messages.create(asked);
    await leave(stream, (event) => event.type === "content_block_delta");
  }
}

function heard({ content, stop_reason, usage }) {
  const of = (type, name) => content.filter((block) => block.type === type)
    .map((block) => block[name]).join("");
  const cached = usage.cache_read_input_tokens ?? 0;
  return {
    text: of("text", "text"),
    thought: of("thinking", "thinking"),
    calls: content.filter(({ type }) => type === "tool_use").map(({ name, input }) => [name, input]),
    reason: REASONS[stop_reason],
    prompt_tokens: usage.input_tokens + cached + (usage.cache_creation_input_tokens ?? 0),
    cached_tokens: cached,
    output_tokens: usage.output_tokens,
    thought_tokens: usage.output_tokens_details?.thinking_tokens ?? 0,
  };
}

await talk({ messages: Messages });
