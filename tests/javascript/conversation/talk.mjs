// Holds conversations for a test in Python, which says on one line what to do and reads on the next
// what was heard: one process of Node serves all wires of an SDK.

import { createInterface } from "node:readline";

export const CANON = JSON.parse(process.env.KILONOVA_CANON);
export const RESULTS = CANON.calls.map(([id, name]) => ({
  id, name, text: CANON.results[id], isError: id === CANON.failed,
}));

// What every wire shares: a turn of ours, and one of the model's. `send` holds the conversation,
// `add` puts in the results of the calls.
export class Conversation {
  ask({ streamed }) {
    return this.send(streamed);
  }

  answer({ streamed }) {
    this.add(RESULTS);
    return this.send(streamed);
  }
}

export async function collect(stream) {
  const all = [];
  for await (const one of stream) all.push(one);
  return all;
}

// Reads until `isEnough` and goes. An SDK may tell of its own abort as it likes.
export async function leave(stream, isEnough) {
  for await (const one of stream) if (isEnough(one)) break;
}

// `wires`: by name, a class whose instance is made of where the server is and who asks.
export async function talk(wires) {
  console.log = console.info = console.warn = console.error; // What is printed here is the answer.
  let wire = null;
  for await (const line of createInterface({ input: process.stdin })) {
    const { act, ...given } = JSON.parse(line);
    let told = {};
    try {
      if (act === "open") wire = new wires[given.name](given.reach);
      else told = { heard: (await wire[act](given)) ?? null };
    } catch (error) {
      told = { unexpected: `${error?.stack ?? error}` };
    }
    process.stdout.write(`${JSON.stringify(told)}\n`);
  }
}
