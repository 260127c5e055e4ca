/** Chat: a conversation with a model, with every figure of every answer. */
import { html, useEffect, useRef, useSignal } from "../base/ui.js";
import { ask } from "../base/api.js";
import { explain, t } from "../base/i18n.js";
import { useAnswer } from "../base/load.js";
import { go, path } from "../base/router.js";
import { project } from "../base/session.js";
import { Bones, Choices, Failure, Note } from "../parts/basics.js";
import { Icon } from "../parts/icons.js";
import { book, edition, trouble } from "../chat/keeping.js";
import { Conversations } from "../chat/list.js";
import { Composer, dropping } from "../chat/composer.js";
import { askModel, choices, choose, line, model, models, openKept, running, startAnew } from "../chat/room.js";
import { Side } from "../chat/side.js";
import { viewOf } from "../chat/turns.js";

export default function Chat() {
  const { answer, error, reload } = useAnswer(() => ask("GET", "/models"));
  const isSideOpen = useSignal(false);
  const panel = useSignal("conversations");
  const lost = usePlace();
  useEffect(() => {
    const all = (answer.value?.data ?? []).filter((/** @type {any} */ each) => each.abilities.includes("chat"));
    const wanted = decodeURIComponent(path.peek().split("/")[1] ?? "");
    const known = (/** @type {string} */ id) => all.some((/** @type {any} */ each) => each.id === id);
    if (!all.length) return;
    models.value = all;
    if (known(wanted)) choose({ model: wanted });
    else if (!known(choices.peek().model)) choose({ model: (all.find((/** @type {any} */ each) => each.is_ready && !each.id.includes("echo")) ?? all[0]).id });
  }, [answer.value]);
  return html`<div class="chat"><div class="chat-main" ...${dropping}>
      <div class="chat-bar"><h1>${t("nav.chat")}</h1>
        <select class="input" aria-label=${t("chat.model")} value=${choices.value.model} onChange=${(/** @type {any} */ event) => choose({ model: event.target.value })}>
          ${models.value.map((each) => html`<option key=${each.id} value=${each.id}>${each.name}${each.is_ready ? "" : ` (${t("models.not_ready")})`}</option>`)}</select>
        <button class="button" type="button" onClick=${begin} disabled=${!line.value.length} aria-label=${t("chat.new")}><${Icon} name="plus" /><span class="only-wide">${t("chat.new_short")}</span></button>
        ${["conversations", "parameters"].map((name) => html`<button key=${name} class="button only-narrow" type="button" aria-expanded=${isSideOpen.value && panel.value === name} aria-controls="chat-side" aria-label=${t(`chat.${name}`)}
          onClick=${() => { panel.value = name; isSideOpen.value = true; }}><${Icon} name=${name === "parameters" ? "sliders" : "clock"} /></button>`)}</div>
      <${Log} error=${lost.value ?? error.value} reload=${reload} isLoading=${!answer.value} />
      <${Composer} isReady=${Boolean(model.value)} /></div>
    ${isSideOpen.value && html`<button class="veil only-narrow" type="button" aria-label=${t("action.close")} onClick=${() => { isSideOpen.value = false; }}></button>`}
    <aside class=${isSideOpen.value ? "chat-side is-open" : "chat-side"} id="chat-side" aria-label=${t(`chat.${panel.value}`)}>
      <button class="button is-quiet is-small only-narrow" type="button" onClick=${() => { isSideOpen.value = false; }}><${Icon} name="close" />${t("action.close")}</button>
      <${Choices} legend=${t("chat.panel")} name="panel" value=${panel.value} onChange=${(/** @type {string} */ name) => { panel.value = name; }}
        options=${[["conversations", t("chat.conversations")], ["parameters", t("chat.parameters")]]} />
      ${panel.value === "parameters" ? html`<${Side} model=${model.value} />` : html`<${Conversations} />`}</aside></div>`;
}

function begin() {
  startAnew();
  go("chat");
}

/** Keeps the address and the conversation together; an address leads to the conversation that was kept there. */
function usePlace() {
  const error = useSignal(/** @type {any} */ (null));
  const wanted = path.value.split("/")[1] ?? "";
  const { id } = book.value;
  useEffect(() => {
    error.value = null;
    if (!wanted.startsWith("conv_") || wanted === book.peek().id) return;
    openKept(wanted).catch((failure) => { error.value = failure; });
  }, [wanted]);
  useEffect(() => {
    // A conversation has its address once it is kept, and again when one comes back to it.
    if (id && path.peek().split("/")[0] === "chat" && !path.peek().includes("conv_")) go(`chat/${id}`, { replace: true });
  }, [id, wanted, edition.value]);
  const here = project.value?.id;
  useEffect(() => { if (here && book.peek().project && book.peek().project !== here) begin(); }, [here]);
  return error;
}

/** @param {{ error: any, reload: () => void, isLoading: boolean }} props */
function Log({ error, reload, isLoading }) {
  const place = useRef(/** @type {any} */ (null));
  const isAtEnd = useRef(true);
  const turns = line.value;
  const last = turns.at(-1);
  useEffect(() => {
    // Follows the answer unless the reader has scrolled away from its end.
    if (isAtEnd.current) place.current.scrollTop = place.current.scrollHeight;
  }, [last?.id, last?.text, last?.state, last?.figures]);
  const follow = () => {
    const log = place.current;
    isAtEnd.current = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  };
  return html`<div class="chat-log" ref=${place} onScroll=${follow} tabindex="0" role="region" aria-label=${t("chat.log")}>
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${trouble.value && html`<${Note} kind="warn" isLive>${t("chat.not_kept")} ${explain(trouble.value)}<//>`}
    ${!turns.length ? (isLoading && !error ? html`<${Bones} />` : html`<${Greeting} />`) : html`<ol class="turns">${turns.map(viewOf)}</ol>`}
    <div class="unseen" role="status">${running.value ? t("chat.writing") : last?.role === "assistant" ? t(`chat.state_${last.state ?? "done"}`) : ""}</div></div>`;
}

function Greeting() {
  return html`<div class="greeting"><h2>${t("chat.greeting")}</h2><p class="muted">${t("chat.greeting_about")}</p>
    <ul>${["chat.example_1", "chat.example_2", "chat.example_3", "chat.example_4"].map((key) => html`<li key=${key}>
      <button class="button" type="button" disabled=${!choices.value.model} onClick=${() => askModel(t(key))}>${t(key)}</button></li>`)}</ul></div>`;
}
