/**
 * Files that go along with a question: images as they are, text as text. What a file is, its first bytes say,
 * not its name. Nothing is drawn, scaled or encoded anew: the model gets the bytes that were attached.
 */
import { number } from "../base/format.js";
import { t } from "../base/i18n.js";

/** @typedef {import("./tree.js").Picture} Picture */
/** @typedef {import("./tree.js").TextFile} TextFile */
/** @typedef {{ pictures: Picture[], files: TextFile[] }} Attached */

export const NOTHING = Object.freeze({ pictures: /** @type {Picture[]} */ ([]), files: /** @type {TextFile[]} */ ([]) });
export const COUNT_MAX = 8;
const PICTURE_BYTES = 3_000_000;
const TEXT_CHARS = 400_000;
// What a conversation may hold in all is the server's; this is one message's share.
const ALL_BYTES = 5_000_000;
const NAME_MAX = 200;

/** @type {[string, (bytes: Uint8Array) => boolean][]} */
const KINDS = [
  ["image/png", (bytes) => begins(bytes, "\x89PNG\r\n\x1a\n")],
  ["image/jpeg", (bytes) => begins(bytes, "\xff\xd8\xff")],
  ["image/gif", (bytes) => begins(bytes, "GIF87a") || begins(bytes, "GIF89a")],
  ["image/webp", (bytes) => begins(bytes, "RIFF") && begins(bytes.subarray(8), "WEBP")],
];

/** What the browser's window of files offers at first. */
export const ACCEPTED = "image/png,image/jpeg,image/webp,image/gif,text/*,.md,.csv,.json,.jsonl,.yaml,.yml,.toml,.xml,.html,.css,.js,.ts,.tsx,.jsx,.py,.rs,.go,.java,.c,.h,.cpp,.cs,.rb,.php,.sh,.sql,.log,.ini,.tex";

/** @param {Uint8Array} bytes @param {string} mark */
const begins = (bytes, mark) => [...mark].every((each, index) => bytes[index] === each.charCodeAt(0));

/** @param {Attached} attached */
export const countOf = (attached) => attached.pictures.length + attached.files.length;
/** @param {Attached} attached */
export const bytesOf = ({ pictures, files }) => pictures.reduce((sum, each) => sum + each.url.length, 0) + files.reduce((sum, each) => sum + each.text.length, 0);

/**
 * Adds files to what is attached; each that cannot be is named with the reason.
 * @param {Attached} before @param {Iterable<File>} files @param {{ canSee: boolean, model: string }} how
 * @returns {Promise<{ attached: Attached, refused: string[] }>}
 */
export async function attach(before, files, { canSee, model }) {
  let attached = before;
  const refused = [];
  for (const file of files) {
    const name = (file.name || t("attach.pasted")).slice(-NAME_MAX);
    try {
      if (countOf(attached) >= COUNT_MAX) throw t("attach.too_many", { most: COUNT_MAX });
      const next = added(attached, await read(file, name, canSee, model));
      if (bytesOf(next) > ALL_BYTES * 4 / 3) throw t("attach.too_much", { most: number(ALL_BYTES / 1_000_000) });
      attached = next;
    } catch (reason) {
      refused.push(`${name}: ${typeof reason === "string" ? reason : t("attach.unreadable")}`);
    }
  }
  return { attached, refused };
}

/** @param {Attached} attached @param {Picture|TextFile} one @returns {Attached} */
const added = ({ pictures, files }, one) => ("url" in one ? { pictures: [...pictures, one], files } : { pictures, files: [...files, one] });

/** Throws the reason, in words. @param {File} file @param {string} name @param {boolean} canSee @param {string} model @returns {Promise<Picture|TextFile>} */
async function read(file, name, canSee, model) {
  const head = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  const kind = KINDS.find(([, is]) => is(head))?.[0];
  if (!kind && file.type.startsWith("image/")) throw t("attach.other_image");
  if (kind) {
    if (!canSee) throw t("attach.cannot_see", { model });
    if (file.size > PICTURE_BYTES) throw t("attach.too_large", { most: number(PICTURE_BYTES / 1_000_000) });
    return { name, url: await addressOf(file, kind) };
  }
  if (file.size > TEXT_CHARS * 4) throw t("attach.too_long", { most: number(TEXT_CHARS) });
  return { name, text: await textOf(file) };
}

/** @param {File} file */
async function textOf(file) {
  let text = "";
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
  } catch {
    throw t("attach.no_text");
  }
  if (text.includes("\0")) throw t("attach.no_text");
  if (!text.trim()) throw t("attach.empty");
  if (text.length > TEXT_CHARS) throw t("attach.too_long", { most: number(TEXT_CHARS) });
  return text;
}

/** The bytes as an address, under the kind that they are. @param {File} file @param {string} kind @returns {Promise<string>} */
function addressOf(file, kind) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(`data:${kind};base64,${String(reader.result).split(",")[1]}`);
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(file);
  });
}
