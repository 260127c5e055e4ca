// The Google Gen AI SDK: generateContent, of the Gemini API.

import { GoogleGenAI } from "@google/genai";

import { CANON, Conversation, collect, leave, talk } from "./talk.mjs";

const REASONS = { STOP: "stop", MAX_TOKENS: "length" };

class Content extends Conversation {
  constructor({ url, bearer, model }) {
    super();
    this.client = new GoogleGenAI({ apiKey: bearer, httpOptions: { baseUrl: url } });
    this.model = model;
    this.contents = [{ role: "user", parts: [{ text: CANON.question }] }];
  }

  add(results) {
    const parts = results.map(({ id, name, text, isError }) => ({
      functionResponse: { id, name, response: { [isError ? "error" : "output"]: text } },
    }));
    this.contents.push({ role: "user", parts });
  }

  async send(streamed) {
    const functionDeclarations = CANON.tools.map(([name, description, parametersJsonSchema]) => ({
      name, description, parametersJsonSchema,
    }));
    const answers = await this.generate(this.contents, {
      systemInstruction: CANON.system,
      tools: [{ functionDeclarations }],
      responseMimeType: "application/json",
      responseJsonSchema: CANON.answer_schema,
      maxOutputTokens: CANON.max_tokens,
      temperature: CANON.temperature,
      topP: CANON.top_p,
      stopSequences: [CANON.stop],
      thinkingConfig: { includeThoughts: true, thinkingLevel: "HIGH" },
    }, streamed);
    this.contents.push({ role: "model", parts: answers.flatMap(partsOf) });
    return heard(answers);
  }

  async say({ text, streamed }) {
    const config = { maxOutputTokens: CANON.few, temperature: 0 };
    return heard(await this.generate(text, config, streamed));
  }

  async generate(contents, config, streamed) {
    const asked = { model: this.model, contents, config };
    if (!streamed) return [await this.client.models.generateContent(asked)];
    return collect(await this.client.models.generateContentStream(asked));
  }

  async show({ png }) {
    const image = { inlineData: { data: png, mimeType: "image/png" } };
    await this.generate([{ role: "user", parts: [{ text: "See:" }, image] }], {}, false);
  }

  async leave({ text }) {
    const leaving = new AbortController();
    const config = { abortSignal: leaving.signal };
    const asked = { model: this.model, contents: text, config };
    await leave(await this.client.models.generateContentStream(asked), () => true);
    leaving.abort();
  }
}

function partsOf({ candidates: [{ content }] }) {
  return content?.parts ?? [];
}

function heard(answers) {
  const parts = answers.flatMap(partsOf);
  const calls = parts.filter((part) => part.functionCall).map(({ functionCall }) => [
    functionCall.name, functionCall.args ?? {},
  ]);
  const { candidates: [{ finishReason }], usageMetadata: usage } = answers.at(-1);
  const said = (isThought) => parts.filter((part) => Boolean(part.thought) === isThought)
    .map((part) => part.text ?? "").join("");
  const thoughts = usage.thoughtsTokenCount ?? 0;
  return {
    text: said(false),
    thought: said(true),
    calls,
    reason: calls.length ? "tool_calls" : REASONS[finishReason], // One word for both.
    prompt_tokens: usage.promptTokenCount,
    cached_tokens: usage.cachedContentTokenCount ?? 0,
    output_tokens: (usage.candidatesTokenCount ?? 0) + thoughts,
    thought_tokens: thoughts,
  };
}

await talk({ content: Content });
