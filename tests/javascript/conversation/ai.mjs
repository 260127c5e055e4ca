// The AI SDK with each of its providers: what is sent differs by the provider alone.

import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createAzure } from "@ai-sdk/azure";
import { createDeepSeek } from "@ai-sdk/deepseek";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { Output, generateText, jsonSchema, streamText, tool } from "ai";

import { CANON, Conversation, collect, talk } from "./talk.mjs";

const REASONS = { "tool-calls": "tool_calls", stop: "stop", length: "length" };
// They run elsewhere: their calls end the turn.
const TOOLS = Object.fromEntries(CANON.tools.map(([name, description, schema]) => [
  name, tool({ description, inputSchema: jsonSchema(schema) }),
]));
const OUTPUT = Output.object({ schema: jsonSchema(CANON.answer_schema), name: "answer" });

// `settings`: how much thought, in the provider's words. `form`: a schema for the answer, where
// the provider has one beside tools.
class Generation extends Conversation {
  constructor(model, settings = {}, form = { output: OUTPUT }) {
    super();
    this.asked = { model, maxRetries: 0 };
    this.more = { providerOptions: settings, ...form };
    this.messages = [{ role: "user", content: CANON.question }];
  }

  add(results) {
    const content = results.map(({ id, name, text, isError }) => ({
      type: "tool-result",
      toolCallId: id,
      toolName: name,
      output: { type: isError ? "error-text" : "text", value: text },
    }));
    this.messages.push({ role: "tool", content });
  }

  async send(streamed) {
    const [said, turn] = await this.generate({
      system: CANON.system,
      messages: this.messages,
      tools: TOOLS,
      maxOutputTokens: CANON.max_tokens,
      temperature: CANON.temperature,
      topP: CANON.top_p,
      stopSequences: [CANON.stop],
      ...this.more,
    }, streamed);
    this.messages.push(...turn);
    return said;
  }

  async say({ text, streamed }) {
    const asked = { prompt: text, maxOutputTokens: CANON.few, temperature: 0 };
    return (await this.generate(asked, streamed))[0];
  }

  async generate(more, streamed) {
    const answer = await this.begin(more, streamed);
    const usage = await answer.usage;
    const said = {
      text: await answer.text,
      thought: (await answer.reasoningText) ?? "",
      calls: (await answer.toolCalls).map(({ toolName, input }) => [toolName, input]),
      reason: REASONS[await answer.finishReason],
      prompt_tokens: usage.inputTokens,
      cached_tokens: usage.inputTokenDetails.cacheReadTokens ?? 0,
      output_tokens: usage.outputTokens,
      thought_tokens: usage.outputTokenDetails.reasoningTokens ?? 0,
    };
    if (more.output && said.reason === "stop") await answer.output; // It fails if it is no document.
    return [said, (await answer.response).messages];
  }

  async begin(more, streamed) {
    if (!streamed) return generateText({ ...this.asked, ...more });
    const answer = streamText({ ...this.asked, ...more, onError: () => {} });
    const failed = (await collect(answer.fullStream)).find(({ type }) => type === "error");
    if (failed) throw failed.error;
    return answer;
  }

  async show({ png }) {
    const image = { type: "image", image: png, mediaType: "image/png" };
    const messages = [{ role: "user", content: [{ type: "text", text: "See:" }, image] }];
    await this.generate({ messages, maxOutputTokens: CANON.few }, false);
  }

  async leave({ text }) {
    const leaving = new AbortController();
    const { fullStream } = streamText({
      ...this.asked, prompt: text, maxOutputTokens: 4000, abortSignal: leaving.signal,
    });
    for await (const { type } of fullStream) if (type === "text-delta") leaving.abort();
  }
}

const EFFORT = { openai: { reasoningEffort: "high" } };
const THOUGHTS = {
  openai: {
    reasoningEffort: "high", reasoningSummary: "auto", forceReasoning: true, store: false,
  },
};

await talk({
  chat: class extends Generation {
    constructor({ url, bearer, model }) {
      super(createOpenAI({ baseURL: `${url}/v1`, apiKey: bearer }).chat(model), EFFORT);
    }
  },

  responses: class extends Generation {
    constructor({ url, bearer, model }) {
      super(createOpenAI({ baseURL: `${url}/v1`, apiKey: bearer })(model), THOUGHTS);
    }
  },

  azureResponses: class extends Generation {
    constructor({ url, bearer, model }) {
      super(createAzure({ baseURL: `${url}/openai/v1`, apiKey: bearer })(model), THOUGHTS);
    }
  },

  azure: class extends Generation {
    constructor({ url, bearer, model }) {
      const azure = createAzure({
        baseURL: `${url}/openai`,
        apiKey: bearer,
        apiVersion: "2024-10-21",
        useDeploymentBasedUrls: true,
      });
      super(azure.chat(model), EFFORT);
    }
  },

  // To this provider a schema is words to the model.
  deepseek: class extends Generation {
    constructor({ url, bearer, model }) {
      const deepseek = { thinking: { type: "enabled" }, reasoningEffort: "high" };
      super(createDeepSeek({ baseURL: url, apiKey: bearer })(model), { deepseek }, {});
    }
  },

  anthropic: class extends Generation {
    constructor({ url, bearer, model }) {
      const anthropic = { effort: "high", structuredOutputMode: "outputFormat" };
      super(createAnthropic({ baseURL: `${url}/v1`, apiKey: bearer })(model), { anthropic });
    }
  },

  google: class extends Generation {
    constructor({ url, bearer, model }) {
      const google = { thinkingConfig: { includeThoughts: true, thinkingLevel: "high" } };
      super(createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey: bearer })(model), {
        google,
      });
    }
  },

  // To this provider too a schema is no field, but one more tool.
  bedrock: class extends Generation {
    constructor({ url, access_key_id, secret, model }) {
      const bedrock = createAmazonBedrock({
        baseURL: url, region: "us-east-1", accessKeyId: access_key_id, secretAccessKey: secret,
      });
      const reasoningConfig = { type: "enabled", maxReasoningEffort: "high" };
      super(bedrock(model), { bedrock: { reasoningConfig } }, {});
    }
  },
});
