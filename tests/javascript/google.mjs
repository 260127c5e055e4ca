// The Google Gen AI SDK in its Gemini mode: content, whole and streamed, functions, errors.

import { GoogleGenAI } from "@google/genai";

import {
  BEARER_KEY, ECHO, URL_OF_SERVER, WEATHER_SCHEMA, failure, failures, hurry, observe,
} from "./observe.mjs";

hurry();

const FUNCTION = {
  name: "get_weather",
  description: "The weather of a place.",
  parametersJsonSchema: WEATHER_SCHEMA,
};

function connect(apiKey, more = {}) {
  return new GoogleGenAI({ apiKey, httpOptions: { baseUrl: URL_OF_SERVER, ...more } });
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

  async embeddings() {
    const asked = { model: ECHO, contents: ["a", "b c"], config: { outputDimensionality: 8 } };
    const { embeddings } = await client.models.embedContent(asked);
    return embeddings.map(({ values }) => values.length);
  },

  // By default it tries once; `retryOptions` ask for more.
  async failures() {
    const ask = ({ text, key = BEARER_KEY, model = ECHO, fetch, isInvalid, ...more }) => {
      const { headers, tries = 3, timeout_ms: timeout } = more;
      const caller = connect(key, { fetch, headers, timeout, retryOptions: { attempts: tries || 1 } });
      const config = isInvalid ? { candidateCount: 9 } : {};
      const asked = { model, contents: text, config };
      return caller.models.generateContent(asked);
    };
    const late = { text: "[[echo: hang]]", timeout_ms: 30_000 };
    const told = await failures(
      ask, (error) => [error.constructor.name, error.status ?? null], { late },
    );
    const once = await failures((given) => ask({ ...given, tries: 0 }), () => []);
    return { told, once };
  },

  async breaks() {
    let text = "";
    const asked = say("[[echo: fail_after=2]] one two three");
    const kind = await failure(async () => {
      for await (const chunk of await client.models.generateContentStream(asked)) {
        text += chunk.text ?? "";
      }
    }, (error) => error.constructor.name);
    return { text, kind };
  },
});
