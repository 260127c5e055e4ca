/**
 * Keeps the conversation on the server: each save brings what is new since the one before. While an answer
 * is written that is once a second, and once more when the page is left; so a closed tab loses at most the
 * last second. Turns have names that no other tab takes, so two tabs never undo each other.
 */
import { ask, send } from "../base/api.js";
import { signal } from "../base/ui.js";
import { bytesOf } from "./attach.js";
import { NO_CHOICES } from "./request.js";

/** @typedef {import("./tree.js").Tree} Tree */
/** @typedef {import("./tree.js").Turn} Turn */
/** @typedef {import("./room.js").Choices} Choices */
/** @typedef {{ tree: Tree, choices: Choices }} Talk */
/** @typedef {{ id: string, project: string, title: string, turns: Map<string, Turn>, chosen: Record<string, string>, choices: Choices|null, isBusy: boolean, rest: Talk|null }} Book what the server has, and what it shall have once it has answered */

const EVERY_MS = 1000;
const AGAIN_MS = 5000;
// What is too large stays so: it is not sent again and again.
const TOO_LARGE_MS = 120_000;
// The server writes a conversation whole: one that is heavy with pictures is saved less often.
const EACH_MB_MS = 1000;
// Browsers send no more than this from a page that is gone.
const LAST_BYTES = 60_000;

/** @param {string} project @returns {Book} */
export const blank = (project) => ({ id: "", project, title: "", turns: new Map(), chosen: {}, choices: null, isBusy: false, rest: null });

/** The conversation that is open. */
export const book = signal(blank(""));
/** Why it is not being kept, if it is not. */
export const trouble = signal(/** @type {any} */ (null));
/** Changes whenever the list of conversations is another one. */
export const edition = signal(0);

/** @type {{ current: () => Talk }} */
export const source = { current: () => { throw new Error("nobody talks yet"); } };

/** @type {any} */
let timer = 0;

/** @param {Book} kept */
function pause({ turns }) {
  let bytes = 0;
  for (const { pictures = [], files = [] } of turns.values()) if (pictures.length || files.length) bytes += bytesOf({ pictures, files });
  return EVERY_MS + (EACH_MB_MS * bytes) / 1e6;
}

/** Saves soon: at once where nothing was saved yet. */
export function keepSoon() {
  if (timer) return;
  const failed = trouble.peek();
  const wait = failed ? (failed.status === 413 ? TOO_LARGE_MS : AGAIN_MS) : book.peek().id ? pause(book.peek()) : 0;
  timer = setTimeout(() => { timer = 0; save(book.peek()); }, wait);
}

/** Saves without waiting: the conversation is left for another one. */
export function keepNow() {
  clearTimeout(timer);
  timer = 0;
  const kept = book.peek();
  if (kept.isBusy) kept.rest = source.current();
  else save(kept);
}

/** Waits until the server has all that is here, as far as it can be saved. */
export async function settled() {
  clearTimeout(timer);
  timer = 0;
  const kept = book.peek();
  while (kept.isBusy) await new Promise((done) => { setTimeout(done, 30); });
  await save(kept);
}

/** @param {Book} kept @param {Talk} [found] @param {boolean} [isLast] */
async function save(kept, found = source.current(), isLast = false) {
  const body = news(kept, found);
  if (!body || (kept.isBusy && !isLast)) return;
  kept.isBusy = true;
  try {
    if (kept.id) await change(kept.id, body, isLast);
    else await begin(kept, body);
    kept.turns = new Map(Object.entries(found.tree.turns));
    kept.chosen = found.tree.chosen;
    kept.choices = found.choices;
    if (kept === book.peek()) trouble.value = null;
  } catch (error) {
    fail(kept, error);
  } finally {
    kept.isBusy = false;
  }
  const { rest } = kept;
  kept.rest = null;
  if (rest) await save(kept, rest);
  if (kept === book.peek() && news(kept, source.current())) keepSoon();
}

/** @param {string} id @param {object} body @param {boolean} isLast */
function change(id, body, isLast) {
  const keepalive = isLast && JSON.stringify(body).length < LAST_BYTES;
  return send("PATCH", `/kn/v1/conversations/${id}`, { body, keepalive });
}

/** @param {Book} kept @param {object} body */
async function begin(kept, body) {
  const made = await ask("POST", "/conversations", { body });
  kept.id = made.id;
  kept.title = made.title;
  edition.value += 1;
}

/** @param {Book} kept @param {any} error */
function fail(kept, error) {
  if (kept !== book.peek()) return;
  // Deleted in another tab: it is kept anew, as it is here.
  if (error.status === 404 && kept.id) {
    book.value = blank(kept.project);
    keepSoon();
  } else trouble.value = error;
}

/** What the server does not have. @param {Book} kept @param {Talk} found */
function news(kept, { tree, choices }) {
  const turns = Object.values(tree.turns).filter((turn) => kept.turns.get(turn.id) !== turn);
  const chosen = Object.fromEntries(Object.entries(tree.chosen).filter(([parent, child]) => kept.chosen[parent] !== child));
  const hasChoices = kept.choices !== choices && Boolean(kept.id || turns.length);
  if (!turns.length && !Object.keys(chosen).length && !hasChoices) return null;
  return { project: kept.project, turns: turns.map(sent), chosen, ...(hasChoices && { choices: sentChoices(choices) }) };
}

/** @param {Turn} turn */
function sent({ error, ...turn }) {
  return { ...turn, ...(error && { error: { message: String(error.message ?? "").slice(0, 2000), code: error.code ?? "", reason: error.reason ?? null } }) };
}

/** @param {Choices} choices */
const sentChoices = ({ topP, maxTokens, serviceTier, toolChoice, ...same }) => ({ ...same, top_p: topP, max_tokens: maxTokens, service_tier: serviceTier, tool_choice: toolChoice });

/** @param {any} kept @returns {Choices} */
const readChoices = ({ top_p: topP, max_tokens: maxTokens, service_tier: serviceTier, tool_choice: toolChoice, ...same }) => ({ ...NO_CHOICES, ...same, topP, maxTokens, serviceTier, toolChoice });

/**
 * A conversation as it was kept. What was being written when its page went was stopped with it.
 * @param {string} project @param {string} id
 * @returns {Promise<{ tree: Tree, choices: Choices, book: Book }>}
 */
export async function opened(project, id) {
  const view = await ask("GET", `/conversations/${id}`, { query: { project } });
  /** @type {Record<string, Turn>} */
  const turns = {};
  for (const turn of view.turns) turns[turn.id] = turn.state === "streaming" ? { ...turn, state: "stopped" } : turn;
  const choices = readChoices(view.choices);
  const tree = { turns, chosen: view.chosen };
  return { tree, choices, book: { ...blank(project), id, title: view.title, turns: new Map(Object.entries(turns)), chosen: view.chosen, choices } };
}

const last = () => { if (book.peek().id) save(book.peek(), source.current(), true); };
addEventListener("pagehide", last);
document.addEventListener("visibilitychange", () => { if (document.hidden) last(); });
