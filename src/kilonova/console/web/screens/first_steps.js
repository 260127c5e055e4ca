/** First steps: from signing in to the first call, which is seen as it comes. */
import { html, useSignal } from "../base/ui.js";
import { t } from "../base/i18n.js";
import { number } from "../base/format.js";
import { recall, remember } from "../base/memory.js";
import { href } from "../base/router.js";
import { may } from "../base/session.js";
import { Choices } from "../parts/basics.js";
import { CodeBlock } from "../parts/code.js";
import { Icon } from "../parts/icons.js";
import { SNIPPETS } from "../parts/snippets.js";

const isProgram = (/** @type {any} */ key) => Boolean(key.bearer_hint || key.access_key_id);

/** Calls of programs, not of the console's own. @param {{ keys: any[], usedKeys: any[] }} found */
export function callsOf(found) {
  const programs = new Set(found.keys.filter(isProgram).map((key) => key.id));
  return found.usedKeys.filter((row) => programs.has(row.group)).reduce((sum, row) => sum + row.requests, 0);
}

/** @param {{ found: any }} props */
export function FirstSteps({ found }) {
  const isHidden = useSignal(false);
  const sdk = useSignal(recall("sdk", "python"));
  const calls = callsOf(found);
  const hasKey = found.keys.some((/** @type {any} */ key) => isProgram(key) && !key.revoked_at);
  if (isHidden.value) return null;
  const choose = (/** @type {string} */ chosen) => { sdk.value = chosen; remember("sdk", chosen); };
  const hide = () => { isHidden.value = true; remember("first_steps_hidden", true); };
  const snippet = SNIPPETS[sdk.value] ?? SNIPPETS.python;
  return html`<section class="card"><header><h2>${t("first.title")}</h2>
      ${calls > 0 && html`<button class="button is-small" type="button" onClick=${hide}>${t("first.hide")}</button>`}</header>
    <ol class="steps">
      <${Step} number=${1} isDone title=${t("first.signed_in")} />
      <${Step} number=${2} isDone=${hasKey} title=${t("first.key")}>
        ${!hasKey && (may("developer") ? html`<a class="button is-primary" href=${href("keys")}><${Icon} name="plus" />${t("keys.new")}</a>` : html`<p class="muted">${t("error.forbidden")}</p>`)}<//>
      <${Step} number=${3} isDone=${calls > 0} title=${t("first.call")}>
        ${calls === 0 && html`<p class="muted">${t("first.call_about")}</p>
          <${Choices} legend="SDK" name="sdk" value=${sdk.value} options=${Object.entries(SNIPPETS).map(([name, each]) => [name, each.name])} onChange=${choose} />
          <${CodeBlock} language=${snippet.language} text=${snippet.text(location.origin)} />`}<//>
      <${Step} number=${4} isDone=${calls > 0} title=${t("first.received")}>
        <div role="status">${calls > 0 ? html`<span class="good">${t("first.received_calls", { count: calls, calls: number(calls) })}</span>`
          : html`<span class="waiting"><i class="pulse"></i>${t("first.waiting")}</span>`}</div><//>
    </ol></section>`;
}

/** @param {{ number: number, isDone?: boolean, title: string, children?: any }} props */
function Step({ number: count, isDone, title, children }) {
  return html`<li class=${isDone ? "is-done" : ""}>
    <span class="step-mark">${isDone ? html`<${Icon} name="check" /><span class="unseen">${t("state.done")}</span>` : count}</span>
    <div class="step-body"><h3>${title}</h3>${children}</div></li>`;
}
