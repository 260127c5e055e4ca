/** Asks a model over OpenAI's wire and reads its answer as it comes; then asks the books what it took. */
import { ApiError, ask, send } from "../base/api.js";

/** @type {Map<string, string>} */
const keys = new Map();

/** The member's own key in a project, on which what is asked here is counted. @param {string} project */
async function keyOf(project) {
  const known = keys.get(project);
  if (known) return known;
  const found = (await ask("POST", "/chat-key", { body: { project } })).key_id;
  keys.set(project, found);
  return found;
}

/** Another member may sign in on this page. */
export const forgetKeys = () => keys.clear();

/**
 * @param {{ project: string, body: object, signal: AbortSignal, onHead: (requestId: string) => void,
 *   onText: (text: string) => void, onThought: (text: string) => void, onCall?: (piece: any) => void }} how
 * @returns {Promise<string>} why the answer ended
 */
export async function streamAnswer({ project, body, signal, onHead, onText, onThought, onCall }) {
  const response = await sendOnce(project, body, signal);
  onHead(response.headers.get("x-kilonova-request-id") ?? "");
  const reader = /** @type {ReadableStream<Uint8Array>} */ (response.body).getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let reason = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return reason;
    rest += decoder.decode(value, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const piece = pieceOf(line);
      if (!piece) continue;
      if (piece.error) throw new ApiError(piece.error.message, { code: piece.error.code });
      const choice = piece.choices?.[0];
      if (choice?.delta?.reasoning_content) onThought(choice.delta.reasoning_content);
      if (choice?.delta?.content) onText(choice.delta.content);
      for (const call of choice?.delta?.tool_calls ?? []) onCall?.(call);
      if (choice?.finish_reason) reason = choice.finish_reason;
    }
  }
}

/** @param {string} project @param {object} body @param {AbortSignal} signal */
async function sendOnce(project, body, signal) {
  const post = async () => send("POST", "/v1/chat/completions", { body, signal, headers: { "x-kilonova-key": await keyOf(project) } });
  try {
    return await post();
  } catch (error) {
    // The key was revoked meanwhile: whoever may still ask gets a new one.
    if (!(error instanceof ApiError) || error.status !== 401 || !keys.delete(project)) throw error;
    return await post();
  }
}

/** @param {string} line @returns {any} */
function pieceOf(line) {
  if (!line.startsWith("data:")) return null;
  const text = line.slice(5).trim();
  return text === "[DONE]" || !text ? null : JSON.parse(text);
}

/**
 * What the books say of a request: its tokens and its price, exactly as billed, stopped or not.
 * Its settlement may be a moment behind the answer.
 * @param {string} requestId
 */
export async function recordOf(requestId) {
  const before = requestId.slice(0, -1) + String.fromCharCode(requestId.charCodeAt(requestId.length - 1) - 1);
  for (const wait of [60, 200, 500, 1200, 3000]) {
    await new Promise((done) => { setTimeout(done, wait); });
    const page = await ask("GET", "/requests", { query: { after: before, limit: 1 } });
    if (page.data[0]?.id === requestId) return page.data[0];
  }
  return null;
}

/** What stands under an answer, from its line in the books. @param {any} record @returns {Partial<import("./tree.js").Figures>} */
export const figuresOf = (record) => ({
  input: record.input_tokens + record.cache_read_tokens + record.cache_write_tokens + (record.cache_write_long_tokens ?? 0), cached: record.cache_read_tokens,
  output: record.output_tokens, reasoning: record.reasoning_tokens, price: record.price, currency: record.currency,
  cost: record.cost?.direct ?? null, cost_currency: record.cost?.currency ?? record.currency, energy_wh: record.cost?.energy_wh ?? null,
});
