/** Where a question is written: its text, what goes along with it, and the button that sends or stops. */
import { computed, html, signal, useRef } from "../base/ui.js";
import { t } from "../base/i18n.js";
import { Note } from "../parts/basics.js";
import { Icon } from "../parts/icons.js";
import { ACCEPTED, NOTHING, attach, countOf } from "./attach.js";
import { AttachedList } from "./attached.js";
import { askModel, choices, draft, keep, line, luggage, model, running, stop } from "./room.js";
import { schemaProblem, toolsOf } from "./tools.js";

/** @typedef {import("./tree.js").Picture} Picture */
/** @typedef {import("./tree.js").TextFile} TextFile */

/** Whether files are held over the conversation. */
const isOver = signal(false);
/** What the whole conversation does with files that are dropped on it: a miss would lead the browser away. */
export const dropping = {
  onDragOver: (/** @type {DragEvent} */ event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    isOver.value = true;
  },
  onDragLeave: () => { isOver.value = false; },
  onDrop: (/** @type {DragEvent} */ event) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    isOver.value = false;
    take(event.dataTransfer.files);
  },
};
/** Files that could not be attached, with the reasons. */
const refused = signal(/** @type {string[]} */ ([]));
/** Why nothing can be sent as things are, in words; empty where it can. */
const obstacle = computed(() => {
  const { tools, format, schema } = choices.value;
  const can = (/** @type {string} */ ability) => model.value?.abilities.includes(ability);
  const hasPictures = luggage.value.pictures.length || line.value.some((turn) => turn.pictures?.length);
  if (hasPictures && model.value && !can("vision")) return t("attach.cannot_see", { model: model.value.name });
  const wrong = (can("tools") && toolsOf(tools).problem) || (can("json") && format === "json_schema" && schemaProblem(schema));
  return wrong ? `${t(wrong === toolsOf(tools).problem ? "tools.title" : "schema.title")}: ${t(wrong.key, wrong.values)}` : "";
});

/** @param {{ isReady: boolean }} props */
export function Composer({ isReady }) {
  const chooser = useRef(/** @type {any} */ (null));
  const isEmpty = !draft.value.trim() && !countOf(luggage.value);
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const text = draft.peek().trim();
    if ((!text && !countOf(luggage.peek())) || running.peek() || !isReady || obstacle.peek()) return;
    const { pictures, files } = luggage.peek();
    draft.value = "";
    luggage.value = NOTHING;
    refused.value = [];
    askModel(text, { pictures, files });
    keep();
  };
  const onKey = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
    if (event.key === "Escape" && running.peek()) stop();
  };
  return html`<div class="chat-foot"><form class="composer" onSubmit=${submit}>
      ${refused.value.length > 0 && html`<${Note} kind="warn" isLive>${refused.value.map((each) => html`<div key=${each}>${each}</div>`)}<//>`}
      ${obstacle.value && html`<${Note} kind="warn" isLive>${obstacle.value}<//>`}
      <div class=${isOver.value ? "composer-box is-over" : "composer-box"}>
        <${AttachedList} ...${luggage.value} onDrop=${leave} />
        <button class="button is-quiet" type="button" aria-label=${t("attach.add")} title=${t("attach.add")} onClick=${() => chooser.current.click()}><${Icon} name="clip" /></button>
        <input class="unseen" type="file" multiple tabindex="-1" aria-hidden="true" ref=${chooser} accept=${ACCEPTED} onChange=${(/** @type {any} */ event) => { take(event.target.files); event.target.value = ""; }} />
        <textarea rows="1" aria-label=${t("chat.message")} placeholder=${t("chat.placeholder")} value=${draft.value} onKeyDown=${onKey} onPaste=${onPaste}
          onInput=${(/** @type {any} */ event) => { draft.value = event.target.value; keep(); }}></textarea>
        ${running.value ? html`<button class="button is-primary" type="button" onClick=${stop}><${Icon} name="stop" />${t("chat.stop")}</button>`
          : html`<button class="button is-primary" disabled=${isEmpty || !isReady || Boolean(obstacle.value)}><${Icon} name="send" />${t("chat.send")}</button>`}
      </div><p class="muted small">${t("chat.keys_hint")}</p></form></div>`;
}

/** @param {Picture|TextFile} one */
function leave(one) {
  const { pictures, files } = luggage.peek();
  luggage.value = { pictures: pictures.filter((each) => each !== one), files: files.filter((each) => each !== one) };
}

/** Files and pictures of the clipboard are attached; text goes where text goes. @param {ClipboardEvent} event */
function onPaste(event) {
  const files = event.clipboardData?.files;
  if (!files?.length || event.clipboardData?.types.includes("text/plain")) return;
  event.preventDefault();
  take(files);
}

/** @param {FileList|null|undefined} files */
async function take(files) {
  const chosen = [...(files ?? [])];
  if (!chosen.length) return;
  const canSee = Boolean(model.peek()?.abilities.includes("vision"));
  const found = await attach(luggage.peek(), chosen, { canSee, model: model.peek()?.name ?? "" });
  luggage.value = found.attached;
  refused.value = found.refused;
}
