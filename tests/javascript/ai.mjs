// The AI SDK with its OpenAI provider, whose chat models speak Chat Completions.

import { createOpenAI } from "@ai-sdk/openai";
import { generateText, jsonSchema, streamText, tool } from "ai";

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
    const answer = await generateText({ model: provider.responses(ECHO), prompt: "hello there" });
    return { text: answer.text, usage: answer.usage };
  },
});
