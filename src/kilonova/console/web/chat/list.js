/** The member's conversations: the latest first, searched, opened, renamed, taken along, deleted. */
import { html, useEffect, useRef, useSignal } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { moment } from "../base/format.js";
import { useAnswer } from "../base/load.js";
import { go, href } from "../base/router.js";
import { project } from "../base/session.js";
import { Bones, Failure, Field } from "../parts/basics.js";
import { saveFile } from "../parts/csv.js";
import { Confirm } from "../parts/dialog.js";
import { Icon } from "../parts/icons.js";
import { say } from "../parts/toast.js";
import { book, edition, settled } from "./keeping.js";
import { startAnew } from "./room.js";

/** @typedef {{ id: string, project_id: string, title: string, turns: number, updated_at: string }} Head */

const FIRST = 50;
const PAGE_MAX = 200;
const PAUSE_MS = 250;

/** The latest conversations, as many as are wanted: the server gives them in pages. @param {{ project: string|undefined, search: string|null }} query @param {number} count */
async function latest(query, count) {
  /** @type {Head[]} */
  const heads = [];
  /** @type {string|null} */
  let next = null;
  do {
    const page = await ask("GET", "/conversations", { query: { ...query, limit: Math.min(PAGE_MAX, count - heads.length), after: next } });
    heads.push(...page.data);
    next = page.next;
  } while (next && heads.length < count);
  return { heads, hasMore: Boolean(next) };
}

export function Conversations() {
  const typed = useSignal("");
  const searched = useSignal("");
  const count = useSignal(FIRST);
  const query = { project: project.value?.id, search: searched.value || null };
  const { answer, error, reload } = useAnswer(() => latest(query, count.value), [query.project, query.search, count.value, edition.value]);
  useEffect(() => {
    const timer = setTimeout(() => {
      if (searched.peek() !== typed.value.trim()) count.value = FIRST;
      searched.value = typed.value.trim();
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [typed.value]);
  const heads = answer.value?.heads ?? [];
  return html`<h2 class="unseen">${t("chat.conversations")}</h2>
    <${Field} type="search" label=${t("chat.search")} value=${typed.value} maxlength="200" onInput=${(/** @type {any} */ event) => { typed.value = event.target.value; }} />
    ${error.value && html`<${Failure} error=${error.value} retry=${reload} />`}
    ${!answer.value && !error.value && html`<${Bones} />`}
    ${answer.value && !heads.length && html`<p class="muted small">${t(searched.value ? "chat.none_found" : "chat.none_kept")}</p>`}
    <ul class="kept">${heads.map((head) => html`<${Kept} key=${head.id} head=${head} />`)}</ul>
    ${answer.value?.hasMore && html`<button class="button is-small" type="button" onClick=${() => { count.value *= 2; }}>${t("chat.more")}</button>`}`;
}

/** @param {{ head: Head }} props */
function Kept({ head }) {
  const isOpen = book.value.id === head.id;
  const title = head.title || t("chat.untitled");
  return html`<li class=${isOpen ? "is-open" : ""}>
    <a href=${href(`chat/${head.id}`)} aria-current=${isOpen ? "true" : undefined}><span class="kept-title">${title}</span>
      <span class="muted small">${moment(head.updated_at)}</span></a>
    ${isOpen && html`<${Actions} head=${head} title=${title} />`}</li>`;
}

/** @param {{ head: Head, title: string }} props */
function Actions({ head, title }) {
  const isNamed = useSignal(false);
  const isDeleted = useSignal(false);
  const error = useSignal(/** @type {any} */ (null));
  const attempt = async (/** @type {() => Promise<void>} */ work) => {
    try {
      error.value = null;
      await work();
    } catch (failure) {
      error.value = failure;
    }
  };
  const takeAlong = (/** @type {string} */ format) => () => attempt(async () => {
    await settled();
    const file = await ask("GET", `/conversations/${head.id}/export`, { query: { project: head.project_id, format } });
    saveFile(file.name, file.text, file.media_type);
  });
  const remove = () => attempt(async () => {
    await ask("DELETE", `/conversations/${head.id}`, { query: { project: head.project_id } });
    startAnew();
    go("chat");
    edition.value += 1;
    say(t("chat.deleted"));
  });
  return html`${isNamed.value ? html`<${Rename} head=${head} onDone=${() => { isNamed.value = false; }} />` : html`<div class="row">
      <button class="button is-quiet is-small" type="button" onClick=${() => { isNamed.value = true; }}><${Icon} name="edit" />${t("chat.rename")}</button>
      <button class="button is-quiet is-small" type="button" onClick=${takeAlong("markdown")}><${Icon} name="download" />Markdown</button>
      <button class="button is-quiet is-small" type="button" onClick=${takeAlong("json")}><${Icon} name="download" />JSON</button>
      <button class="button is-quiet is-small" type="button" onClick=${() => { isDeleted.value = true; }}><${Icon} name="trash" />${t("chat.delete")}</button></div>`}
    ${error.value && html`<${Failure} error=${error.value} />`}
    ${isDeleted.value && html`<${Confirm} title=${t("chat.delete_title")} action=${t("chat.delete")} onYes=${remove} onNo=${() => { isDeleted.value = false; }}>
      <p>${t("chat.delete_about", { title })}</p><//>`}`;
}

/** @param {{ head: Head, onDone: () => void }} props */
function Rename({ head, onDone }) {
  const title = useSignal(head.title);
  const error = useSignal(/** @type {any} */ (null));
  const place = useRef(/** @type {any} */ (null));
  useEffect(() => { place.current.querySelector("input").select(); }, []);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      await ask("PATCH", `/conversations/${head.id}`, { body: { project: head.project_id, title: title.value } });
      edition.value += 1;
      onDone();
    } catch (failure) {
      error.value = failure;
    }
  };
  const onKey = (/** @type {KeyboardEvent} */ event) => { if (event.key === "Escape") { event.stopPropagation(); onDone(); } };
  return html`<form class="stack" ref=${place} onSubmit=${submit} onKeyDown=${onKey}>
    <${Field} label=${t("chat.title")} value=${title.value} maxlength="200" onInput=${(/** @type {any} */ event) => { title.value = event.target.value; }} />
    ${error.value && html`<${Failure} error=${error.value} />`}
    <div class="row"><button class="button is-small is-primary">${t("chat.save_title")}</button>
      <button class="button is-small" type="button" onClick=${onDone}>${t("action.cancel")}</button></div></form>`;
}
