/** Writes an answer as it comes: at most once every 33 ms, however many pieces come in it. */

/** @typedef {import("./tree.js").Turn} Turn */
/** @typedef {import("./tree.js").Call} Call */

const EVERY_MS = 33;

/** @param {(change: Partial<Turn>) => void} write */
export function penOf(write) {
  let text = "", thoughts = "", first = 0;
  /** @type {Call[]} */
  const calls = [];
  let frame = /** @type {any} */ (0);
  const draw = (/** @type {Partial<Turn>} */ more = {}) => {
    frame = 0;
    write({ text, ...(thoughts && { thoughts }), ...(calls.length && { calls: calls.map((each) => ({ ...each })) }), ...more });
  };
  const soon = () => {
    first ||= performance.now();
    frame ||= setTimeout(draw, EVERY_MS);
  };
  return {
    /** When the first piece came; zero where none did. */
    firstAt: () => first,
    /** @param {string} said @param {string} thought */
    write(said, thought) {
      text += said;
      thoughts += thought;
      soon();
    },
    /** A piece of a call: its name comes first, then its arguments bit by bit. @param {{ index?: number, id?: string, function?: { name?: string, arguments?: string } }} piece */
    call(piece) {
      const call = (calls[piece.index ?? 0] ??= { id: "", name: "", arguments: "" });
      if (piece.id) call.id = piece.id;
      call.name += piece.function?.name ?? "";
      call.arguments += piece.function?.arguments ?? "";
      soon();
    },
    /** @param {Partial<Turn>} more */
    end(more) {
      clearTimeout(frame);
      draw(more);
    },
  };
}
