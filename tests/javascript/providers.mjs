// The AI SDK with each of its providers: a forced tool, a document of a schema, and failures.

import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createAzure } from "@ai-sdk/azure";
import { createDeepSeek } from "@ai-sdk/deepseek";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { Output, embedMany, generateText, jsonSchema, streamText, tool } from "ai";

import {
  BEARER_KEY, ECHO, URL_OF_SERVER as U, WEATHER_SCHEMA, failures, hurry, observe,
} from "./observe.mjs";

globalThis.AI_SDK_LOG_WARNINGS = false;
hurry();

// By name: a model of a provider, which asks with a key and by a fetch.
const PROVIDERS = {
  chat: (settings, model) => createOpenAI({ baseURL: `${U}/v1`, ...settings }).chat(model),
  responses: (settings, model) => createOpenAI({ baseURL: `${U}/v1`, ...settings })(model),
  azure: (settings, model) => createAzure({
    baseURL: `${U}/openai`, apiVersion: "2024-10-21", useDeploymentBasedUrls: true, ...settings,
  }).chat(model),
  azureResponses: (settings, model) => createAzure({ baseURL: `${U}/openai/v1`, ...settings })(model),
  deepseek: (settings, model) => createDeepSeek({ baseURL: U, ...settings })(model),
  anthropic: (settings, model) => createAnthropic({ baseURL: `${U}/v1`, ...settings })(model),
  google: (settings, model) =>
    createGoogleGenerativeAI({ baseURL: `${U}/v1beta`, ...settings })(model),
  bedrock: (settings, model) =>
    createAmazonBedrock({ baseURL: U, region: "us-east-1", ...settings })(model),
};
const VECTORS = "vectors.echo-v1:0";
const EMBEDDERS = {
  chat: createOpenAI({ baseURL: `${U}/v1`, apiKey: BEARER_KEY }),
  azure: createAzure({
    baseURL: `${U}/openai`, apiVersion: "2024-10-21", useDeploymentBasedUrls: true,
    apiKey: BEARER_KEY,
  }),
  google: createGoogleGenerativeAI({ baseURL: `${U}/v1beta`, apiKey: BEARER_KEY }),
  bedrock: createAmazonBedrock({ baseURL: U, region: "us-east-1", apiKey: BEARER_KEY }),
};
const WEATHER = tool({
  description: "The weather of a place.",
  inputSchema: jsonSchema(WEATHER_SCHEMA),
});

// A class, or what it gave up on after its last attempt, and the status.
function describe(error) {
  const last = error.lastError ?? error;
  return [error.name, last.name, last.statusCode ?? null];
}

function scenarios(connect) {
  const model = connect({ apiKey: BEARER_KEY }, ECHO);
  const call = ([{ toolName, input }]) => [toolName, input];

  return {
    async tools() {
      const asked = { model, prompt: "Oslo", tools: { get_weather: WEATHER } };
      const whole = await generateText({ ...asked, toolChoice: "required" });
      const streamed = streamText({
        ...asked, toolChoice: { type: "tool", toolName: "get_weather" },
      });
      return [call(whole.toolCalls), whole.finishReason, call(await streamed.toolCalls)];
    },

    async object() {
      const output = Output.object({ schema: jsonSchema(WEATHER_SCHEMA) });
      const streamed = streamText({ model, prompt: "Oslo", output });
      return [
        (await generateText({ model, prompt: "Oslo", output })).output, await streamed.output,
      ];
    },

    failures() {
      const ask = ({ text, key = BEARER_KEY, model: name = ECHO, fetch, headers, isInvalid }) =>
        generateText({
          model: connect({ apiKey: key, fetch }, name),
          prompt: text,
          headers,
          maxOutputTokens: 100,
          ...(isInvalid && { topP: 7 }),
        });
      return failures(ask, describe);
    },

    async streamFails() {
      const texts = [];
      for (const text of ["[[echo: overloaded]]", "[[echo: fail_after=2]] one two three"]) {
        let said = "";
        let name = null;
        for await (const part of streamText({ model, prompt: text, onError() {} }).fullStream) {
          if (part.type === "text-delta") said += part.text;
          if (part.type === "error") name = part.error?.name ?? "a part of the stream";
        }
        texts.push([said.trim(), name !== null]);
      }
      return texts;
    },
  };
}

const named = Object.entries(PROVIDERS).flatMap(([name, connect]) =>
  Object.entries(scenarios(connect)).map(([scenario, run]) => [`${name} ${scenario}`, run]));

const vectors = Object.entries(EMBEDDERS).map(([name, provider]) => [`${name} vectors`, async () => {
  const model = provider.embeddingModel(VECTORS);
  const asked = { model, values: ["a", "b c"] };
  const { embeddings, usage } = await embedMany(asked);
  return [embeddings.map((one) => one.length), usage.tokens ?? null];
}]);

await observe(Object.fromEntries([...named, ...vectors]), { together: true });
