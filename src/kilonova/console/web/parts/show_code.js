/** The same request for the SDK of one's choice, in a window. */
import { html, useSignal } from "../base/ui.js";
import { t } from "../base/i18n.js";
import { recall, remember } from "../base/memory.js";
import { CodeBlock } from "./code.js";
import { Choices } from "./basics.js";
import { Dialog } from "./dialog.js";
import { Icon } from "./icons.js";
import { EXAMPLE_TOOL, toolsOf } from "./code_text.js";
import { SDKS } from "./request_code.js";

/** @param {{ asked: () => import("./request_code.js").Asked, label?: string, isSmall?: boolean }} props */
export function ShowCode({ asked, label, isSmall }) {
  const shown = useSignal(/** @type {import("./request_code.js").Asked|null} */ (null));
  return html`<button class=${isSmall ? "button is-small" : "button"} type="button" aria-label=${label} onClick=${() => { shown.value = asked(); }}><${Icon} name="code" />${t("code.show")}</button>
    ${shown.value && html`<${Code} asked=${shown.value} onClose=${() => { shown.value = null; }} />`}`;
}

/** @param {{ asked: import("./request_code.js").Asked, onClose: () => void }} props */
function Code({ asked, onClose }) {
  const chosen = useSignal(recall("code_sdk", "openai"));
  const isStreamed = useSignal(Boolean(asked.isStreamed)), hasTool = useSignal(false);
  const sdk = SDKS[chosen.value] ?? SDKS.openai;
  const choose = (/** @type {string} */ name) => { chosen.value = name; remember("code_sdk", name); };
  const whole = { ...asked, isStreamed: isStreamed.value, ...(hasTool.value && { tools: [EXAMPLE_TOOL] }) };
  const check = (/** @type {{ value: boolean }} */ target, /** @type {string} */ label) => html`<label class="check"><input type="checkbox" checked=${target.value} onChange=${(/** @type {any} */ event) => { target.value = event.target.checked; }} />${label}</label>`;
  return html`<${Dialog} title=${t("code.title")} isWide onClose=${onClose}><div class="stack is-close">
    <p class="muted small">${t("code.about")}</p>
    <div><${Choices} legend="SDK" name="code-sdk" value=${chosen.value} options=${Object.entries(SDKS).map(([name, each]) => [name, each.name])} onChange=${choose} /></div>
    <div class="row">${check(isStreamed, t("code.streamed"))}${toolsOf(asked).length === 0 && check(hasTool, t("code.with_tool"))}</div>
    <${CodeBlock} language=${t("code.setup")} text=${sdk.setup} /><${CodeBlock} language=${sdk.language} text=${sdk.write(whole, location.origin)} /></div><//>`;
}
