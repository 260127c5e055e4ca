/** What a screen waits for: being asked for, there, or failed. */
import { useEffect, useSignal } from "./ui.js";

/**
 * Asks when the screen opens, and again when `reload` is called or an input changes.
 * @template T
 * @param {(signal: AbortSignal) => Promise<T>} question
 * @param {unknown[]} [inputs]
 */
export function useAnswer(question, inputs = []) {
  const answer = useSignal(/** @type {T|null} */ (null));
  const error = useSignal(/** @type {any} */ (null));
  const round = useSignal(0);
  useEffect(() => {
    const leaving = new AbortController();
    question(leaving.signal).then(
      (found) => {
        if (leaving.signal.aborted) return;
        answer.value = found;
        error.value = null;
      },
      (failure) => {
        if (!leaving.signal.aborted) error.value = failure;
      },
    );
    return () => leaving.abort();
  }, [...inputs, round.value]);
  return { answer, error, reload: () => { round.value += 1; } };
}

/** Calls again and again while the screen is open and seen. @param {() => void} work @param {number} everyMs */
export function useEvery(work, everyMs, isWanted = true) {
  useEffect(() => {
    if (!isWanted) return undefined;
    const timer = setInterval(() => { if (!document.hidden) work(); }, everyMs);
    return () => clearInterval(timer);
  }, [isWanted]);
}
