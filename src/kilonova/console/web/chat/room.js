/** The state of the conversation, and what can be done with it: ask, stop, ask again, edit, branch. */
import { batch, computed, effect, signal } from "../base/ui.js";
import { member, project, projects, chooseProject } from "../base/session.js";
import { blank, book, keepNow, keepSoon, opened, source, trouble } from "./keeping.js";
import { EMPTY, ROOT, changed, grown, messagesTo, shown } from "./tree.js";
import { forgetKeys, recordOf, streamAnswer } from "./stream.js";

/** @typedef {import("./tree.js").Turn} Turn */
/** @typedef {{ model: string, system: string, temperature: number|null, topP: number|null, maxTokens: number|null }} Choices */

const KEPT = "kilonova.chat";

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
export const choices = signal(/** @type {Choices} */ ({ model: "", system: "", temperature: null, topP: null, maxTokens: null, ...before.choices }));
export const draft = signal(/** @type {string} */ (before.draft ?? ""));
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

let count = 0;
/** A name that no turn of another tab has. */
const newId = () => `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}-${(count += 1)}`;

/** @param {string} text @param {string} [parent] */
export function askModel(text, parent = line.peek().at(-1)?.id ?? ROOT) {
  const id = newId();
  tree.value = grown(tree.peek(), { id, parent, role: "user", text });
  return answer(id);
}

/** Another answer to the same question, as a branch. @param {Turn} turn */
export const askAgain = (turn) => answer(turn.role === "assistant" ? turn.parent : turn.id);

/** The same question in other words, as a branch. @param {Turn} turn @param {string} text */
export const askOtherwise = (turn, text) => askModel(text, turn.parent);

export function stop() {
  running.peek()?.abort();
}

export function startAnew() {
  leave();
  batch(() => { tree.value = EMPTY; draft.value = ""; book.value = blank(project.peek()?.id ?? ""); trouble.value = null; });
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
  batch(() => { tree.value = EMPTY; draft.value = ""; book.value = blank(""); });
});

/** @param {string} question the id of the turn to answer */
async function answer(question) {
  // One at a time: whoever asks again does not wait for the answer before.
  stop();
  const id = newId();
  const { model } = choices.peek();
  const leaving = new AbortController();
  if (!book.peek().id && !book.peek().isBusy) book.value = blank(project.peek()?.id ?? "");
  tree.value = grown(tree.peek(), { id, parent: question, role: "assistant", text: "", model, state: "streaming" });
  running.value = leaving;
  keep();
  const pen = penOf(id);
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
  if (requestId) await addBooks(id, figures, requestId);
}

/** @param {string} id @param {import("./tree.js").Figures} figures @param {string} requestId */
async function addBooks(id, figures, requestId) {
  try {
    const record = await recordOf(requestId);
    if (!record) return;
    const told = {
      input: record.input_tokens + record.cache_read_tokens + record.cache_write_tokens, cached: record.cache_read_tokens,
      output: record.output_tokens, reasoning: record.reasoning_tokens, price: record.price, currency: record.currency,
      cost: record.cost?.direct ?? null, energy_wh: record.cost?.energy_wh ?? null,
    };
    tree.value = changed(tree.peek(), id, { figures: { ...figures, ...told } });
    keep();
  } catch {
    // The answer is there; its figures can be read in Usage.
  }
}

const shownError = (/** @type {any} */ error) => ({
  message: error.message, code: error.code, reason: error.reason, requestId: error.requestId, retryAfterS: error.retryAfterS,
});

/** Writes at most once a frame, however many pieces come in it. @param {string} id */
function penOf(id) {
  let text = "", thoughts = "", first = 0;
  let frame = /** @type {any} */ (0);
  const draw = (/** @type {Partial<Turn>} */ more = {}) => {
    frame = 0;
    tree.value = changed(tree.peek(), id, { text, ...(thoughts && { thoughts }), ...more });
    keepSoon();
  };
  return {
    firstAt: () => first,
    /** @param {string} said @param {string} thought */
    write(said, thought) {
      first ||= performance.now();
      text += said;
      thoughts += thought;
      frame ||= setTimeout(draw, 33);
    },
    /** @param {Partial<Turn>} more */
    end(more) {
      clearTimeout(frame);
      draw(more);
    },
  };
}

/** @param {string} question */
function bodyOf(question) {
  const { model, system, temperature, topP, maxTokens } = choices.peek();
  const messages = messagesTo(tree.peek(), question);
  return {
    model, stream: true, stream_options: { include_usage: true },
    messages: system.trim() ? [{ role: "system", content: system }, ...messages] : messages,
    ...(temperature !== null && { temperature }), ...(topP !== null && { top_p: topP }), ...(maxTokens !== null && { max_completion_tokens: maxTokens }),
  };
}
