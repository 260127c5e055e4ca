// The AWS SDK with its default client: HTTP/2, and SigV4 over `:authority`.

import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  CountTokensCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from "@aws-sdk/client-bedrock-runtime";

import {
  BEARER_KEY, ECHO, URL_OF_SERVER, WEATHER_SCHEMA, failure, hurry, observe,
} from "./observe.mjs";

hurry();

const ARN = `arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.${ECHO}`;
const TOOL = {
  toolSpec: {
    name: "get_weather",
    description: "The weather of a place.",
    inputSchema: { json: WEATHER_SCHEMA },
  },
};

function connect(more = {}) {
  return new BedrockRuntimeClient({ endpoint: URL_OF_SERVER, region: "us-east-1", ...more });
}

function say(text, more = {}) {
  return { modelId: ECHO, messages: [{ role: "user", content: [{ text }] }], ...more };
}

function textOf(answer) {
  return answer.output.message.content.map((block) => block.text ?? "").join("");
}

async function collect(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

function describe(error) {
  return {
    name: error.name,
    message: error.message,
    status: error.$metadata?.httpStatusCode,
    attempts: error.$metadata?.attempts,
  };
}

function fail(text, Command = ConverseCommand) {
  return failure(() => client.send(new Command(say(text))), describe);
}

// The last request that left: what was signed.
let authorization = "";
const client = connect();
client.middlewareStack.add(
  (next) => (args) => {
    authorization = args.request.headers.authorization;
    return next(args);
  },
  { step: "finalizeRequest", priority: "low" },
);

await observe({
  async whole() {
    const answer = await client.send(
      new ConverseCommand(say("hello there", { system: [{ text: "be brief" }] })),
    );
    return {
      protocol: client.config.requestHandler.metadata.handlerProtocol,
      signed: /SignedHeaders=([^,]*)/.exec(authorization)[1],
      text: textOf(answer),
      stopReason: answer.stopReason,
      usage: answer.usage,
      metadata: answer.$metadata,
    };
  },

  async stream() {
    const answer = await client.send(new ConverseStreamCommand(say("hello there")));
    const events = await collect(answer.stream);
    const deltas = events.map((event) => event.contentBlockDelta?.delta.text ?? "");
    return {
      names: events.map((event) => Object.keys(event)[0]),
      text: deltas.join(""),
      usage: events.at(-1).metadata.usage,
    };
  },

  async tools() {
    const request = say("call get_weather for Oslo", {
      toolConfig: { tools: [TOOL], toolChoice: { any: {} } },
    });
    const first = await client.send(new ConverseCommand(request));
    const message = first.output.message;
    const use = message.content.at(-1).toolUse;
    const result = { toolUseId: use.toolUseId, content: [{ json: { sky: "clear" } }] };
    request.messages.push(message, { role: "user", content: [{ toolResult: result }] });
    request.toolConfig = { tools: [TOOL] };
    const last = await client.send(new ConverseCommand(request));
    return { use, firstStop: first.stopReason, lastStop: last.stopReason, text: textOf(last) };
  },

  async streamedTool() {
    const toolConfig = { tools: [TOOL], toolChoice: { tool: { name: "get_weather" } } };
    const answer = await client.send(new ConverseStreamCommand(say("Oslo", { toolConfig })));
    const events = await collect(answer.stream);
    const pieces = events.map((event) => event.contentBlockDelta?.delta.toolUse?.input ?? "");
    return { input: JSON.parse(pieces.join("")) };
  },

  async count() {
    const { messages } = say("how many tokens are these");
    const command = new CountTokensCommand({ modelId: ECHO, input: { converse: { messages } } });
    return { inputTokens: (await client.send(command)).inputTokens };
  },

  async nativeTool() {
    const toolConfig = { tools: [TOOL], toolChoice: { any: {} } };
    const body = JSON.stringify({ messages: say("Oslo").messages, toolConfig });
    const answer = await client.send(new InvokeModelCommand({ modelId: ECHO, body }));
    const { output, stopReason } = JSON.parse(new TextDecoder().decode(answer.body));
    return { use: output.message.content[0].toolUse, stopReason };
  },

  async nativeFailures() {
    const ask = (Command, text) => failure(() => {
      const body = JSON.stringify({ messages: say(text).messages });
      return client.send(new Command({ modelId: ECHO, body }));
    }, describe);
    const all = {};
    for (const Command of [InvokeModelCommand, InvokeModelWithResponseStreamCommand]) {
      all[Command.name] = [
        await ask(Command, "[[echo: overloaded]]"),
        await ask(Command, "[[echo: fail_before]]"),
        await ask(Command, "[[echo: timeout]]"),
        await ask(Command, " "),
      ];
    }
    return all;
  },

  async native() {
    const body = JSON.stringify({ messages: say("hello there").messages });
    const asked = { modelId: ECHO, body };
    const whole = await client.send(new InvokeModelCommand(asked));
    const streamed = await client.send(new InvokeModelWithResponseStreamCommand(asked));
    const chunks = await collect(streamed.body);
    return {
      whole: JSON.parse(new TextDecoder().decode(whole.body)),
      chunks: chunks.map((event) => JSON.parse(new TextDecoder().decode(event.chunk.bytes))),
    };
  },

  async arn() {
    return { text: textOf(await client.send(new ConverseCommand({ ...say("hi"), modelId: ARN }))) };
  },

  async manyAtOnce() {
    const asked = Array.from({ length: 32 }, (_, number) => `number ${number}`);
    const answers = await Promise.all(
      asked.map((text) => client.send(new ConverseCommand(say(text)))),
    );
    return { asked, texts: answers.map(textOf) };
  },

  async failures() {
    return {
      engine: await fail("[[echo: fail_before]]"),
      timeout: await fail("[[echo: timeout]]"),
      notReady: await fail("[[echo: not_ready]]"),
      overloaded: await fail("[[echo: overloaded]]"),
      invalid: await fail(" "),
      tooLong: await fail("word ".repeat(9000)),
      streamed: await fail("[[echo: overloaded]]", ConverseStreamCommand),
      unknown: await failure(
        () => client.send(new ConverseCommand({ ...say("hi"), modelId: "no.such-v1:0" })),
        describe,
      ),
    };
  },

  async limits() {
    const poor = connect({ credentials: JSON.parse(process.env.KILONOVA_POOR_KEY) });
    const limited = connect({
      credentials: JSON.parse(process.env.KILONOVA_LIMITED_KEY),
      maxAttempts: 1,
    });
    await limited.send(new ConverseCommand(say("hi")));
    const patient = connect({ credentials: JSON.parse(process.env.KILONOVA_LIMITED_KEY) });
    return {
      patient: await failure(() => patient.send(new ConverseCommand(say("hi"))), describe),
      budget: await failure(() => poor.send(new ConverseCommand(say("hi"))), describe),
      rate: await failure(() => limited.send(new ConverseCommand(say("hi"))), describe),
    };
  },

  async conflicts() {
    const ask = (text) => {
      const command = new ConverseCommand(say(text));
      command.middlewareStack.add((next) => (args) => {
        args.request.headers["idempotency-key"] = `aws-${process.pid}`;
        return next(args);
      }, { step: "build" });
      return client.send(command);
    };
    await ask("one");
    return failure(() => ask("two"), describe);
  },

  async wrongKeys() {
    const nobody = connect({ credentials: { accessKeyId: "KNAKNOBODY", secretAccessKey: "x" } });
    const accessKeyId = process.env.AWS_ACCESS_KEY_ID;
    const wrong = connect({ credentials: { accessKeyId, secretAccessKey: "wrong" } });
    return {
      nobody: await failure(() => nobody.send(new ConverseCommand(say("hi"))), describe),
      wrong: await failure(() => wrong.send(new ConverseCommand(say("hi"))), describe),
    };
  },

  async bearer() {
    const bearing = connect({
      token: { token: BEARER_KEY },
      authSchemePreference: ["httpBearerAuth"],
    });
    return { text: textOf(await bearing.send(new ConverseCommand(say("hi")))) };
  },

  async breaks() {
    const answer = await client.send(
      new ConverseStreamCommand(say("[[echo: fail_after=2]] a b c")),
    );
    const names = [];
    const told = await failure(async () => {
      for await (const event of answer.stream) names.push(Object.keys(event)[0]);
    }, describe);
    return { names, told };
  },

  async leaves() {
    const leaving = new AbortController();
    const answer = await client.send(
      new ConverseStreamCommand(say("[[echo: tokens=4000, delay_ms=5]] word")),
      { abortSignal: leaving.signal },
    );
    let count = 0;
    try {
      for await (const _ of answer.stream) if (++count === 5) leaving.abort();
    } catch {
      // An aborted stream ends as it likes.
    }
    return { requestId: answer.$metadata.requestId, count };
  },
});
client.destroy();
