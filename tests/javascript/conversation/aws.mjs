// The AWS SDK: Converse, and InvokeModel with the body that has Converse's words.

import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from "@aws-sdk/client-bedrock-runtime";

import { CANON, Conversation, collect, talk } from "./talk.mjs";

const REASONS = { tool_use: "tool_calls", end_turn: "stop", max_tokens: "length" };
const INFERENCE = {
  maxTokens: CANON.max_tokens,
  temperature: CANON.temperature,
  topP: CANON.top_p,
  stopSequences: [CANON.stop],
};
const TOOLS = CANON.tools.map(([name, description, json]) => ({
  toolSpec: { name, description, inputSchema: { json } },
}));

const userSays = (...content) => ({ role: "user", content });

// What both forms share. `whole` gives an answer, `events` a stream of them.
class Turns extends Conversation {
  constructor({ url, access_key_id, secret, model }) {
    super();
    this.client = new BedrockRuntimeClient({
      endpoint: url,
      region: "us-east-1",
      credentials: { accessKeyId: access_key_id, secretAccessKey: secret },
      maxAttempts: 1,
    });
    this.model = model;
    this.messages = [userSays({ text: CANON.question })];
  }

  add(results) {
    this.messages.push(userSays(...results.map(({ id, text, isError }) => ({
      toolResult: {
        toolUseId: id, content: [{ text }], status: isError ? "error" : "success",
      },
    }))));
  }

  async send(streamed) {
    const answer = await this.create({ ...this.settings(), messages: this.messages }, streamed);
    this.messages.push(answer.output.message);
    return heard(answer);
  }

  async say({ text, streamed }) {
    const inferenceConfig = { maxTokens: CANON.few, temperature: 0 };
    return heard(await this.create({ messages: [userSays({ text })], inferenceConfig }, streamed));
  }

  async create(asked, streamed) {
    return streamed ? putTogether(await collect(await this.events(asked))) : this.whole(asked);
  }

  async show({ png }) {
    await this.whole({ messages: [userSays({ text: "See:" }, this.image(png))] });
  }

  async leave({ text }) {
    const leaving = new AbortController();
    const stream = await this.events({ messages: [userSays({ text })] }, leaving.signal);
    try {
      for await (const event of stream) if (event.contentBlockDelta) leaving.abort();
    } catch (error) {
      if (!leaving.signal.aborted) throw error; // An aborted stream ends as it likes.
    }
  }
}

class Converse extends Turns {
  settings() {
    const jsonSchema = { schema: JSON.stringify(CANON.answer_schema), name: "answer" };
    return {
      system: [{ text: CANON.system }],
      toolConfig: { tools: TOOLS },
      inferenceConfig: INFERENCE,
      outputConfig: {
        textFormat: { type: "json_schema", structure: { jsonSchema } }, effort: "high",
      },
    };
  }

  image(png) {
    return { image: { format: "png", source: { bytes: Buffer.from(png, "base64") } } };
  }

  whole(asked) {
    return this.client.send(new ConverseCommand({ modelId: this.model, ...asked }));
  }

  async events(asked, abortSignal) {
    const command = new ConverseStreamCommand({ modelId: this.model, ...asked });
    return (await this.client.send(command, { abortSignal })).stream;
  }
}

class Invoke extends Turns {
  settings() {
    const reasoningConfig = { type: "enabled", maxReasoningEffort: "high" };
    return {
      schemaVersion: "messages-v1",
      system: [{ text: CANON.system }],
      toolConfig: { tools: TOOLS },
      inferenceConfig: { ...INFERENCE, reasoningConfig },
    };
  }

  image(png) {
    return { image: { format: "png", source: { bytes: png } } };
  }

  async whole(asked) {
    const command = new InvokeModelCommand({ modelId: this.model, body: JSON.stringify(asked) });
    return read((await this.client.send(command)).body);
  }

  async events(asked, abortSignal) {
    const body = JSON.stringify(asked);
    const command = new InvokeModelWithResponseStreamCommand({ modelId: this.model, body });
    const answer = await this.client.send(command, { abortSignal });
    return (async function* () {
      for await (const event of answer.body) yield read(event.chunk.bytes);
    })();
  }
}

function read(bytes) {
  return JSON.parse(new TextDecoder().decode(bytes));
}

// The message that the events amount to, in the form of the whole answer.
function putTogether(events) {
  const blocks = [];
  const whole = { output: { message: { role: "assistant", content: blocks } } };
  for (const { contentBlockStart, contentBlockDelta, messageStop, metadata } of events) {
    if (contentBlockStart?.start?.toolUse) {
      const toolUse = { ...contentBlockStart.start.toolUse, input: "" };
      blocks[contentBlockStart.contentBlockIndex] = { toolUse };
    }
    if (contentBlockDelta) {
      const { contentBlockIndex: index, delta } = contentBlockDelta;
      blocks[index] = added(blocks[index], delta);
    }
    if (messageStop) whole.stopReason = messageStop.stopReason;
    if (metadata) whole.usage = metadata.usage;
  }
  for (const { toolUse } of blocks) if (toolUse) toolUse.input = JSON.parse(toolUse.input);
  return whole;
}

function added(block = {}, { text, toolUse, reasoningContent }) {
  if (text !== undefined) return { text: (block.text ?? "") + text };
  if (toolUse) return { toolUse: { ...block.toolUse, input: block.toolUse.input + toolUse.input } };
  const thought = block.reasoningContent?.reasoningText ?? { text: "" };
  const { text: more = "", ...rest } = reasoningContent;
  return { reasoningContent: { reasoningText: { ...thought, ...rest, text: thought.text + more } } };
}

function heard({ output: { message: { content } }, stopReason, usage }) {
  const cached = usage.cacheReadInputTokens ?? usage.cacheReadInputTokenCount ?? 0;
  return {
    text: content.map((block) => block.text ?? "").join(""),
    thought: content.map((block) => block.reasoningContent?.reasoningText.text ?? "").join(""),
    calls: content.filter((block) => block.toolUse).map(({ toolUse: { name, input } }) => [
      name, input,
    ]),
    reason: REASONS[stopReason],
    prompt_tokens: usage.inputTokens + cached,
    cached_tokens: cached,
    output_tokens: usage.outputTokens,
    thought_tokens: 0, // This wire has no count of them.
  };
}

await talk({ converse: Converse, invoke: Invoke });
