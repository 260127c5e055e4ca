// The AI SDK with its DeepSeek provider, at DeepSeek's root and at its beta.

import { createDeepSeek } from "@ai-sdk/deepseek";
import { generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";

import { BEARER_KEY, ECHO, URL_OF_SERVER, WEATHER_SCHEMA, failure, observe } from "./observe.mjs";

const provider = createDeepSeek({ baseURL: URL_OF_SERVER, apiKey: BEARER_KEY });
const beta = createDeepSeek({ baseURL: `${URL_OF_SERVER}/beta`, apiKey: BEARER_KEY });
const WEATHER = tool({
  description: "The weather of a place.",
  inputSchema: jsonSchema(WEATHER_SCHEMA),
  execute: async ({ city }) => `sun in ${city}`,
});

await observe({
  async whole() {
    const answer = await generateText({
      model: provider(ECHO),
      prompt: "[[echo: reasoning=2]] hello there",
      providerOptions: { deepseek: { thinking: { type: "enabled" }, userId: "u-1" } },
    });
    const { inputTokens, outputTokens, inputTokenDetails, outputTokenDetails } = answer.usage;
    return {
      text: answer.text,
      reasoning: answer.reasoningText,
      finish: answer.finishReason,
      usage: [inputTokens, outputTokens, outputTokenDetails.reasoningTokens],
      cached: inputTokenDetails.cacheReadTokens,
      raw: answer.usage.raw,
      ignored: answer.response.headers["x-kilonova-ignored"],
    };
  },

  async stream() {
    const answer = streamText({ model: provider(ECHO), prompt: "[[echo: reasoning=2]] one two" });
    const kinds = [];
    for await (const part of answer.fullStream) {
      if (part.type.endsWith("-delta")) kinds.push(part.type);
    }
    return { kinds, text: await answer.text, usage: (await answer.usage).outputTokens };
  },

  async loop() {
    const answer = await generateText({
      model: beta(ECHO),
      prompt: "get_weather Oslo",
      tools: { get_weather: WEATHER },
      stopWhen: stepCountIs(3),
    });
    return { steps: answer.steps.length, text: answer.text };
  },

  async prefix() {
    const answer = await generateText({
      model: beta(ECHO),
      messages: [
        { role: "user", content: "one two three" },
        {
          role: "assistant",
          content: "one two",
          providerOptions: { deepseek: { prefix: true } },
        },
      ],
    });
    return { text: answer.text };
  },

  async failures() {
    const wrong = createDeepSeek({ baseURL: URL_OF_SERVER, apiKey: "wrong" });
    const describe = (error) => ({ status: error.statusCode, message: error.message });
    return {
      key: await failure(() => generateText({ model: wrong(ECHO), prompt: "x" }), describe),
      model: await failure(
        () => generateText({ model: provider("deepseek-coder"), prompt: "x" }),
        describe,
      ),
    };
  },
});
