// The AI SDK with its OpenAI provider: chat models, and its default ones, which speak Responses.

import { createOpenAI } from "@ai-sdk/openai";
import { Output, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";

import { BEARER_KEY, ECHO, URL_OF_SERVER, WEATHER_SCHEMA, failure, observe } from "./observe.mjs";

const provider = createOpenAI({ baseURL: `${URL_OF_SERVER}/v1`, apiKey: BEARER_KEY });
const WEATHER = tool({
  description: "The weather of a place.",
  inputSchema: jsonSchema(WEATHER_SCHEMA),
});

await observe({
  async whole() {
    const answer = await generateText({ model: provider.chat(ECHO), prompt: "hello there" });
    return { text: answer.text, finish: answer.finishReason, usage: answer.usage };
  },

  async stream() {
    const answer = streamText({ model: provider.chat(ECHO), prompt: "one two three" });
    let text = "";
    for await (const piece of answer.textStream) text += piece;
    return { text, usage: await answer.usage };
  },

  async tools() {
    const answer = await generateText({
      model: provider.chat(ECHO),
      prompt: "Oslo",
      tools: { get_weather: WEATHER },
      toolChoice: "required",
    });
    const [call] = answer.toolCalls;
    return { name: call.toolName, input: call.input, finish: answer.finishReason };
  },

  async failures() {
    const wrong = createOpenAI({ baseURL: `${URL_OF_SERVER}/v1`, apiKey: "wrong" });
    return failure(
      () => generateText({ model: wrong.chat(ECHO), prompt: "x" }),
      (error) => ({ name: error.name, status: error.statusCode }),
    );
  },

  async responses() {
    const answer = await generateText({ model: provider(ECHO), prompt: "hello there" });
    return { text: answer.text, finish: answer.finishReason, usage: answer.usage };
  },

  async responsesStream() {
    const answer = streamText({
      model: provider(ECHO),
      prompt: "[[echo: reasoning=2]] one two three",
      providerOptions: { openai: { forceReasoning: true, reasoningSummary: "auto" } },
    });
    let text = "";
    for await (const piece of answer.textStream) text += piece;
    return { text, reasoning: await answer.reasoningText, usage: await answer.usage };
  },

  // The second step names the first one's items by their ids; unstored, it sends them whole.
  async responsesLoop() {
    const seen = [];
    for (const store of [true, false]) {
      const answer = await generateText({
        model: provider(ECHO),
        prompt: "Oslo [[echo: call, reasoning=1]]",
        tools: { get_weather: { ...WEATHER, execute: async ({ city }) => `sunny in ${city}` } },
        stopWhen: stepCountIs(2),
        providerOptions: { openai: { forceReasoning: true, store } },
      });
      seen.push({ text: answer.text, steps: answer.steps.map((step) => step.finishReason) });
    }
    return seen;
  },

  async responsesObject() {
    const answer = await generateText({
      model: provider(ECHO),
      prompt: "Oslo",
      output: Output.object({ schema: jsonSchema(WEATHER_SCHEMA) }),
    });
    return answer.output;
  },

  async responsesBreak() {
    const answer = streamText({
      model: provider(ECHO),
      prompt: "[[echo: fail_after=2]] one two three",
      maxRetries: 0,
      onError: () => {},
    });
    let text = "";
    let error = null;
    for await (const part of answer.fullStream) {
      if (part.type === "text-delta") text += part.text;
      if (part.type === "error") error = `${part.error?.message ?? JSON.stringify(part.error)}`;
    }
    return { text, error };
  },
});
