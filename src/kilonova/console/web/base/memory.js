/** Small choices that a browser keeps: never a secret, never what was said in a chat. */

/** @template T @param {string} name @param {T} otherwise @returns {T} */
export function recall(name, otherwise) {
  try {
    const kept = localStorage.getItem(`kilonova.${name}`);
    return kept === null ? otherwise : JSON.parse(kept);
  } catch {
    return otherwise;
  }
}

/** @param {string} name @param {unknown} value */
export function remember(name, value) {
  try {
    localStorage.setItem(`kilonova.${name}`, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing is a browser that asks again.
  }
}
