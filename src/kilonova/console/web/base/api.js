/** The one way to the server: JSON over fetch, with the session's cookie and its CSRF token. */
import { signal } from "./ui.js";

/** The session's token against forged requests; empty while nobody is signed in. */
export const csrf = signal("");

/** Called when the server says that the session is over. @type {{ current: () => void }} */
export const onSignedOut = { current: () => {} };

/** An error of the server in its own words, or of the way to it. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {{ status?: number, code?: string, reason?: string|null, param?: string|null,
   *   requestId?: string, retryAfterS?: number|null }} about
   */
  constructor(message, about = {}) {
    super(message);
    this.status = about.status ?? 0;
    this.code = about.code ?? "unreachable";
    this.reason = about.reason ?? null;
    this.param = about.param ?? null;
    this.requestId = about.requestId ?? "";
    this.retryAfterS = about.retryAfterS ?? null;
  }
}

/**
 * One call of the admin API.
 * @param {string} method
 * @param {string} path below /kn/v1
 * @param {{ body?: unknown, query?: Record<string, unknown>, signal?: AbortSignal }} [how]
 * @returns {Promise<any>}
 */
export async function ask(method, path, how = {}) {
  const response = await send(method, `/kn/v1${path}${queryOf(how.query)}`, how);
  return await response.json();
}

/**
 * A call of any wire. Throws ApiError unless the answer is well.
 * @param {string} method
 * @param {string} address
 * @param {{ body?: unknown, headers?: Record<string, string>, signal?: AbortSignal, keepalive?: boolean }} [how] `keepalive`: even if the page goes
 * @returns {Promise<Response>}
 */
export async function send(method, address, how = {}) {
  /** @type {Record<string, string>} */
  const headers = { ...how.headers };
  if (method !== "GET") headers["x-kilonova-csrf"] = csrf.peek() || "none";
  if (how.body !== undefined) headers["content-type"] = "application/json";
  const body = how.body === undefined ? undefined : JSON.stringify(how.body);
  let response;
  try {
    response = await fetch(address, {
      method, headers, body, signal: how.signal, keepalive: how.keepalive, credentials: "same-origin", cache: "no-store",
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError("unreachable");
  }
  if (!response.ok) throw await failureOf(response);
  return response;
}

/** @param {Record<string, unknown>|undefined} query */
function queryOf(query) {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== null && value !== undefined);
  if (!pairs.length) return "";
  return `?${pairs.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join("&")}`;
}

/** @param {Response} response */
async function failureOf(response) {
  /** @type {any} */
  let told = {};
  try {
    told = (await response.json()).error ?? {};
  } catch {
    // Not in our form: the status has to do.
  }
  const wait = Number(response.headers.get("retry-after"));
  const failure = new ApiError(told.message ?? `HTTP ${response.status}`, {
    status: response.status,
    code: told.code ?? "",
    reason: told.reason,
    param: told.param,
    requestId: told.request_id ?? response.headers.get("x-kilonova-request-id") ?? "",
    retryAfterS: Number.isFinite(wait) && wait > 0 ? wait : null,
  });
  if (failure.status === 401 && failure.reason === "signed_out") onSignedOut.current();
  return failure;
}
