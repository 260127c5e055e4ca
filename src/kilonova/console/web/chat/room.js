/** The state of the conversation, and what can be done with it: ask, stop, ask again, edit, branch. */
import { batch, computed, effect, signal } from "../base/ui.js";
import { member, project, projects, chooseProject } from "../base/session.js";
import { blank, book, keepNow, keepSoon, opened, source, trouble } from "./keeping.js";
import { NOTHING } from "./attach.js";
import { penOf } from "./pen.js";
import { NO_CHOICES, messagesTo, parametersOf } from "./request.js";
import { EMPTY, ROOT, changed, grown, shown } from "./tree.js";
import { figuresOf, forgetKeys, recordOf, streamAnswer } from "./stream.js";

/** @typedef {import("./tree.js").Turn} Turn */
/** @typedef {import("./tree.js").Result} Result */
/** @typedef {{ model: string, system: string, temperature: number|null, topP: number|null, maxTokens: number|null, seed: number|null, stop: string[], effort: string,
 *   serviceTier: string, format: "text"|"json_object"|"json_schema", schema: string, tools: string, toolChoice: string, canned: Record<string, string> }} Choices */

const KEPT = "kilonova.chat";
// A model that calls tools for ever is billed for ever: so often in a row they are answered by themselves.
const CANNED_MAX = 8;

/** @type {{ name: string, families: Map<string, string[]> }} */
let known = { name: "", families: new Map() };

/** @returns {any} */
function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
  } catch {
    return {};
  }
}

const before = kept();
export const tree = signal(/** @type {import("./tree.js").Tree} */ (EMPTY));
export const choices = signal(/** @type {Choices} */ ({ ...NO_CHOICES, ...before.choices }));
export const draft = signal(/** @type {string} */ (before.draft ?? ""));
/** What goes along with the next question. */
export const luggage = signal(/** @type {import("./attach.js").Attached} */ (NOTHING));
/** The models to talk to, as the server lists them. */
export const models = signal(/** @type {any[]} */ ([]));
/** The one that is chosen, if it is there. */
export const model = computed(() => models.value.find((each) => each.id === choices.value.model) ?? null);
export const line = computed(() => shown(tree.value));
/** The turns below each turn. Turns are only ever added, so while none is this stays the same map. */
export const families = computed(() => {
  const all = Object.values(tree.value.turns);
  const name = `${all.length} ${all.at(-1)?.id}`;
  if (name === known.name) return known.families;
  const found = new Map();
  for (const turn of all) found.set(turn.parent, [...(found.get(turn.parent) ?? []), turn.id]);
  known = { name, families: found };
  return found;
});
/** What stops the answer that is being written; null while none is. */
export const running = signal(/** @type {AbortController|null} */ (null));

source.current = () => ({ tree: tree.peek(), choices: choices.peek() });

/** The server keeps the conversation; this tab, over a reload, what is not said yet. */
export function keep() {
  if (Object.keys(tree.peek().turns).length) keepSoon();
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ choices: choices.peek(), draft: draft.peek() }));
  } catch {
    // A browser that keeps nothing forgets the draft.
  }
}

/** @param {Partial<Choices>} change */
export function choose(change) {
  choices.value = { ...choices.peek(), ...change };
  keep();
}

let count = 0;
/** A name that no turn of another tab has. */
const newId = () => `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}-${(count += 1)}`;

/** @param {string} text @param {Partial<import("./attach.js").Attached>} [attached] @param {string} [parent] */
export function askModel(text, attached = {}, parent = line.peek().at(-1)?.id ?? ROOT) {
  const id = newId();
  const { pictures = [], files = [] } = attached;
  tree.value = grown(tree.peek(), { id, parent, role: "user", text, ...(pictures.length && { pictures }), ...(files.length && { files }) });
  return answer(id);
}

/** Another answer to the same question, as a branch. @param {Turn} turn */
export const askAgain = (turn) => answer(turn.role === "assistant" ? turn.parent : turn.id);

/** The same question in other words, as a branch, with what was attached to it. @param {Turn} turn @param {string} text */
export const askOtherwise = (turn, text) => askModel(text, turn, turn.parent);

/** Goes on with what the tools answer; another answer to the same calls is a branch. @param {Turn} turn that called @param {Result[]} results */
export function answerCalls(turn, results) {
  const id = newId();
  tree.value = grown(tree.peek(), { id, parent: turn.id, role: "tool", text: "", results });
  return answer(id);
}

export function stop() {
  running.peek()?.abort();
}

export function startAnew() {
  leave();
  batch(() => { tree.value = EMPTY; draft.value = ""; luggage.value = NOTHING; book.value = blank(project.peek()?.id ?? ""); trouble.value = null; });
  keep();
}

/** Opens a conversation that was kept, in whichever project it is. @param {string} id */
export async function openKept(id) {
  leave();
  const here = project.peek()?.id ?? "";
  let failure = null;
  for (const each of [here, ...(projects.peek() ?? []).map((one) => one.id).filter((one) => one !== here)]) {
    try {
      const found = await opened(each, id);
      if (each !== here) chooseProject(each);
      batch(() => {
        tree.value = found.tree;
        choices.value = { ...found.choices, model: found.choices.model || choices.peek().model };
        book.value = { ...found.book, choices: choices.peek() };
        trouble.value = null;
      });
      return;
    } catch (error) {
      failure = error;
      if (/** @type {any} */ (error).status !== 404) break;
    }
  }
  throw failure;
}

function leave() {
  stop();
  keepNow();
  forgetKeys();
}

let who = member.peek()?.id;
// Another member may sign in on this page: nothing of the one before is left.
effect(() => {
  const now = member.value?.id;
  if (now === who) return;
  who = now;
  running.peek()?.abort();
  forgetKeys();
  batch(() => { tree.value = EMPTY; draft.value = ""; luggage.value = NOTHING; book.value = blank(""); choices.value = { ...NO_CHOICES, model: choices.peek().model }; });
});

/** @param {string} question the id of the turn to answer */
async function answer(question) {
  // One at a time: whoever asks again does not wait for the answer before.
  stop();
  const id = newId();
  const leaving = new AbortController();
  if (!book.peek().id && !book.peek().isBusy) book.value = blank(project.peek()?.id ?? "");
  tree.value = grown(tree.peek(), { id, parent: question, role: "assistant", text: "", model: choices.peek().model, state: "streaming" });
  running.value = leaving;
  keep();
  const pen = penOf((change) => { tree.value = changed(tree.peek(), id, change); keepSoon(); });
  let requestId = "";
  const begun = performance.now();
  try {
    const reason = await streamAnswer({
      project: project.peek()?.id ?? "",
      body: bodyOf(question),
      signal: leaving.signal,
      onHead: (found) => { requestId = found; },
      onText: (text) => pen.write(text, ""),
      onThought: (text) => pen.write("", text),
      onCall: pen.call,
    });
    pen.end({ state: reason ? "done" : "failed" });
  } catch (error) {
    const isStopped = leaving.signal.aborted;
    pen.end(isStopped ? { state: "stopped" } : { state: "failed", error: shownError(error) });
  } finally {
    if (running.peek() === leaving) running.value = null;
  }
  const figures = { request_id: requestId, first_ms: pen.firstAt() && pen.firstAt() - begun, took_ms: performance.now() - begun };
  tree.value = changed(tree.peek(), id, { figures });
  keep();
  answerByItself(id);
  if (requestId) await addBooks(id, figures, requestId);
}

/** The answer that a tool gives by itself. A model may call a tool by any name, such as toString, which every object has. @param {string} name @returns {string|undefined} */
export const cannedOf = (name) => (Object.hasOwn(choices.peek().canned, name) ? choices.peek().canned[name] : undefined);

/** Where all tools that were called have an answer ready, it goes on at once. @param {string} id */
function answerByItself(id) {
  const { turns } = tree.peek();
  const turn = turns[id];
  if (turn?.state !== "done" || !turn.calls?.length || line.peek().at(-1)?.id !== id || !turn.calls.every((call) => cannedOf(call.name) !== undefined)) return;
  let rounds = 0;
  for (let at = turns[turn.parent]; at?.role === "tool"; at = turns[turns[at.parent].parent]) rounds += 1;
  if (rounds < CANNED_MAX) answerCalls(turn, turn.calls.map((call) => ({ id: call.id, name: call.name, text: cannedOf(call.name) ?? "" })));
}

/** @param {string} id @param {import("./tree.js").Figures} figures @param {string} requestId */
async function addBooks(id, figures, requestId) {
  try {
    const record = await recordOf(requestId);
    if (!record) return;
    tree.value = changed(tree.peek(), id, { figures: { ...figures, ...figuresOf(record) } });
    keep();
  } catch {
    // The answer is there; its figures can be read in Usage.
  }
}

const shownError = (/** @type {any} */ error) => ({
  message: error.message, code: error.code, reason: error.reason, requestId: error.requestId, retryAfterS: error.retryAfterS,
});

/** @param {string} question */
function bodyOf(question) {
  const chosen = choices.peek();
  const messages = messagesTo(tree.peek(), question);
  const isAfterTools = tree.peek().turns[question]?.role === "tool";
  return {
    model: chosen.model, stream: true, stream_options: { include_usage: true },
    messages: chosen.system.trim() ? [{ role: "system", content: chosen.system }, ...messages] : messages,
    ...parametersOf(chosen, model.peek(), { isAfterTools }),
  };
}
