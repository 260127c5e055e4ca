/**
 * A conversation as a tree: an edited question and a second answer are branches beside the first.
 * Pure: each change gives a new tree.
 *
 * @typedef {{ id: string, name: string, arguments: string }} Call what a model asks of a tool
 * @typedef {{ id: string, name: string, text: string }} Result what was answered to the call of this id
 * @typedef {{ name: string, url: string }} Picture an image as a data address
 * @typedef {{ name: string, text: string }} TextFile
 * @typedef {{ id: string, parent: string, role: "user"|"assistant"|"tool", text: string, thoughts?: string,
 *   model?: string, state?: "streaming"|"done"|"stopped"|"failed", error?: any, figures?: Figures,
 *   pictures?: Picture[], files?: TextFile[], calls?: Call[], results?: Result[] }} Turn
 * @typedef {{ first_ms?: number, took_ms?: number, request_id?: string, input?: number, cached?: number, output?: number,
 *   reasoning?: number, price?: string, currency?: string, cost?: string|null, cost_currency?: string, energy_wh?: string|null }} Figures
 * @typedef {{ turns: Record<string, Turn>, chosen: Record<string, string> }} Tree `chosen` is the branch that is shown below a turn
 */

export const ROOT = "";
/** @type {Tree} */
export const EMPTY = { turns: {}, chosen: {} };

/** The turns that are shown, from the first to the last. @param {Tree} tree @returns {Turn[]} */
export function shown(tree) {
  const line = [];
  for (let at = tree.chosen[ROOT]; at; at = tree.chosen[at]) line.push(tree.turns[at]);
  return line;
}

/** @param {Tree} tree @param {Turn} turn */
export const siblings = (tree, turn) => Object.values(tree.turns).filter((each) => each.parent === turn.parent);

/** Adds a turn and shows it. @param {Tree} tree @param {Turn} turn @returns {Tree} */
export const grown = (tree, turn) => ({
  turns: { ...tree.turns, [turn.id]: turn },
  chosen: { ...tree.chosen, [turn.parent]: turn.id },
});

/** @param {Tree} tree @param {string} id @param {Partial<Turn>} change @returns {Tree} */
export const changed = (tree, id, change) => (tree.turns[id] ? { ...tree, turns: { ...tree.turns, [id]: { ...tree.turns[id], ...change } } } : tree);

/** Shows the branch before or after a turn. @param {Tree} tree @param {Turn} turn @param {number} step @returns {Tree} */
export function switched(tree, turn, step) {
  const all = siblings(tree, turn);
  const next = all[all.findIndex((each) => each.id === turn.id) + step];
  return next ? { ...tree, chosen: { ...tree.chosen, [turn.parent]: next.id } } : tree;
}
