// The OpenAI SDK's client for Azure: deployments and versions in the address, Azure's errors.

import { AzureOpenAI } from "openai";

import {
  BEARER_KEY, ECHO, URL_OF_SERVER, countingFetch, failure, observe,
} from "./observe.mjs";

const sent = countingFetch();

function azure(more = {}) {
  return new AzureOpenAI({
    endpoint: URL_OF_SERVER, apiKey: BEARER_KEY, apiVersion: "2024-10-21", fetch: sent, ...more,
  });
}

const client = azure();

function say(text, more = {}) {
  return { model: ECHO, messages: [{ role: "user", content: text }], ...more };
}

async function fail(call) {
  const before = sent.count;
  const told = await failure(call, (error) => [
    error.constructor.name, error.status ?? null, error.code ?? null,
  ]);
  return [...told, sent.count - before];
}

await observe({
  async whole() {
    const { data, response } = await client.chat.completions.create(say("hello")).withResponse();
    return {
      text: data.choices[0].message.content,
      hasId: data._request_id === response.headers.get("apim-request-id"),
    };
  },

  async stream() {
    let text = "";
    for await (const chunk of await client.chat.completions.create(say("a b", { stream: true }))) {
      text += chunk.choices[0]?.delta.content ?? "";
    }
    return text;
  },

  async deployment() {
    const bound = azure({ deployment: ECHO });
    const answer = await bound.chat.completions.create(say("hello", { model: "gpt-4o" }));
    const made = await bound.responses.create({ model: ECHO, input: "hello" });
    return [answer.model, made.output_text];
  },

  async embeddings() {
    return (await client.embeddings.create({ model: ECHO, input: ["a", "b c"] })).data.length;
  },

  async token() {
    const azureADTokenProvider = async () => BEARER_KEY;
    const bearer = azure({ apiKey: undefined, azureADTokenProvider });
    return (await bearer.chat.completions.create(say("hello"))).choices[0].message.content;
  },

  async failures() {
    const nobody = azure({ apiKey: "wrong" });
    const ask = (text, more) => () => client.chat.completions.create(say(text, more));
    return {
      deployment: await fail(ask("x", { model: "gpt-9" })),
      parameter: await fail(ask("x", { data_sources: [] })),
      overloaded: await fail(ask("[[echo: overloaded]]")),
      key: await fail(() => nobody.chat.completions.create(say("x"))),
    };
  },
});
