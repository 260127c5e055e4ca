// The Google Gen AI SDK in its Gemini mode: content, whole and streamed, functions, errors.

import { GoogleGenAI } from "@google/genai";

import { BEARER_KEY, ECHO, URL_OF_SERVER, WEATHER_SCHEMA, failure, observe } from "./observe.mjs";

const FUNCTION = {
  name: "get_weather",
  description: "The weather of a place.",
  parametersJsonSchema: WEATHER_SCHEMA,
};

function connect(apiKey) {
  return new GoogleGenAI({ apiKey, httpOptions: { baseUrl: URL_OF_SERVER } });
}

const client = connect(BEARER_KEY);

function say(text, config = {}) {
  return { model: ECHO, contents: text, config };
}

function fail(request, caller = client) {
  return failure(
    () => caller.models.generateContent(request),
    (error) => ({ kind: error.constructor.name, status: error.status ?? null }),
  );
}

await observe({
  async whole() {
    const answer = await client.models.generateContent(say("hello there"));
    const [candidate] = answer.candidates;
    return { text: answer.text, finish: candidate.finishReason, usage: answer.usageMetadata };
  },

  async stream() {
    let text = "";
    let usage = null;
    for await (const chunk of await client.models.generateContentStream(say("one two three"))) {
      text += chunk.text ?? "";
      usage = chunk.usageMetadata ?? usage;
    }
    return { text, usage };
  },

  async functions() {
    const toolConfig = { functionCallingConfig: { mode: "ANY" } };
    const tools = [{ functionDeclarations: [FUNCTION] }];
    const answer = await client.models.generateContent(say("Oslo", { tools, toolConfig }));
    return answer.functionCalls[0];
  },

  async json() {
    const config = { responseMimeType: "application/json", responseJsonSchema: WEATHER_SCHEMA };
    return JSON.parse((await client.models.generateContent(say("Oslo", config))).text);
  },

  async thinking() {
    const config = { thinkingConfig: { includeThoughts: true } };
    const chat = client.chats.create({ model: ECHO, config });
    const first = await chat.sendMessage({ message: "[[echo: reasoning=2]] yes" });
    const parts = first.candidates[0].content.parts;
    const [{ thoughtSignature }] = parts.slice(-1);
    const last = await chat.sendMessage({ message: "and" });
    const forged = { text: "yes", thoughtSignature: `${thoughtSignature.slice(0, -8)}AAAAAAA=` };
    const history = [
      { role: "user", parts: [{ text: "x" }] },
      { role: "model", parts: [forged] },
      { role: "user", parts: [{ text: "y" }] },
    ];
    return {
      thought: parts.filter((part) => part.thought).map((part) => part.text),
      text: first.text,
      promptTokens: last.usageMetadata.promptTokenCount,
      forged: await fail({ model: ECHO, contents: history }),
    };
  },

  async count() {
    const { model, contents } = say("how many tokens are these");
    return { totalTokens: (await client.models.countTokens({ model, contents })).totalTokens };
  },

  async failures() {
    return {
      model: await fail({ ...say("x"), model: "gemini-9" }),
      key: await fail(say("x"), connect("wrong")),
    };
  },
});
