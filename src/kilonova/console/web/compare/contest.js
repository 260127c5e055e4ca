/** The state of a comparison: one question, two to four models, each with its own answer and figures. */
import { signal } from "../base/ui.js";
import { recall, remember } from "../base/memory.js";
import { project } from "../base/session.js";
import { recordOf, streamAnswer } from "../chat/stream.js";

/** @typedef {{ id: number, model: string, text: string, thoughts: string, state: ""|"streaming"|"done"|"stopped"|"failed", error: any, firstMs: number|null, tookMs: number, record: any }} Lane */

export const LANES_MIN = 2, LANES_MAX = 4;

let count = 0;
/** @type {Map<number, AbortController>} */
const leaving = new Map();

/** @param {string} model @returns {Lane} */
const laneOf = (model) => ({ id: (count += 1), model, text: "", thoughts: "", state: "", error: null, firstMs: null, tookMs: 0, record: null });

export const lanes = signal(/** @type {Lane[]} */ ([]));
export const question = signal("");
export const system = signal("");
/** The most tokens of an answer. What is held for a running request depends on it. */
export const longest = signal(/** @type {number|null} */ (1024));

const keep = () => remember("compare", lanes.peek().map((lane) => lane.model));

/** Opens with the models of last time that are still there, else with the first ones. @param {string[]} models */
export function open(models) {
  if (lanes.peek().length || !models.length) return;
  const before = recall("compare", /** @type {string[]} */ ([])).filter((each) => models.includes(each)).slice(0, LANES_MAX);
  const rest = models.filter((each) => !before.includes(each));
  while (before.length < LANES_MIN) before.push(rest.shift() ?? models[0]);
  lanes.value = before.map(laneOf);
}

/** @param {number} id @param {Partial<Lane>} change */
function set(id, change) {
  lanes.value = lanes.peek().map((lane) => (lane.id === id ? { ...lane, ...change } : lane));
}

/** @param {number} id @param {string} model */
export function chooseModel(id, model) {
  stop(id);
  lanes.value = lanes.peek().map((lane) => (lane.id === id ? laneOf(model) : lane));
  keep();
}

/** @param {string[]} models */
export function addLane(models) {
  const free = models.find((each) => !lanes.peek().some((lane) => lane.model === each)) ?? models[0];
  if (lanes.peek().length < LANES_MAX) lanes.value = [...lanes.peek(), laneOf(free)];
  keep();
}

/** @param {number} id */
export function dropLane(id) {
  stop(id);
  if (lanes.peek().length > LANES_MIN) lanes.value = lanes.peek().filter((lane) => lane.id !== id);
  keep();
}

/** @param {number} id */
export const stop = (id) => leaving.get(id)?.abort();
export const stopAll = () => leaving.forEach((each) => each.abort());

/** Asks all of them at once. */
export function askAll() {
  stopAll();
  lanes.value = lanes.peek().map((lane) => ({ ...laneOf(lane.model), state: "streaming" }));
  for (const lane of lanes.peek()) answer(lane.id, lane.model);
}

/** @param {number} id @param {string} model */
async function answer(id, model) {
  const here = new AbortController();
  leaving.set(id, here);
  let text = "", thoughts = "", requestId = "", firstMs = /** @type {number|null} */ (null);
  let timer = /** @type {any} */ (0);
  const begun = performance.now();
  const draw = () => { timer = 0; set(id, { text, thoughts, firstMs }); };
  const write = () => { firstMs ??= performance.now() - begun; timer ||= setTimeout(draw, 50); };
  const content = question.peek().trim(), said = system.peek().trim(), most = longest.peek();
  /** @type {Partial<Lane>} */
  let end = {};
  try {
    await streamAnswer({
      project: project.peek()?.id ?? "", signal: here.signal,
      body: { model, stream: true, ...(most && { max_completion_tokens: most }), messages: [...(said ? [{ role: "system", content: said }] : []), { role: "user", content }] },
      onHead: (found) => { requestId = found; },
      onText: (piece) => { text += piece; write(); },
      onThought: (piece) => { thoughts += piece; write(); },
    });
    end = { state: "done" };
  } catch (error) {
    end = here.signal.aborted ? { state: "stopped" } : { state: "failed", error };
  }
  clearTimeout(timer);
  leaving.delete(id);
  set(id, { text, thoughts, firstMs, tookMs: performance.now() - begun, ...end });
  try {
    if (requestId) set(id, { record: await recordOf(requestId) });
  } catch {
    // The answer is there; its figures can be read among the requests.
  }
}
