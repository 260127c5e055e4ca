/** The first screen: what happened lately, and, until it did, the way to the first call. */
import { html, useSignal } from "../base/ui.js";
import { ask } from "../base/api.js";
import { t } from "../base/i18n.js";
import { compact, dateAgo, duration, money, moment, number } from "../base/format.js";
import { useAnswer, useEvery } from "../base/load.js";
import { recall, remember } from "../base/memory.js";
import { may, member, session } from "../base/session.js";
import { href } from "../base/router.js";
import { Badge, Bones, Choices, Empty, Failure, PageHead } from "../parts/basics.js";
import { Bars } from "../parts/bars.js";
import { CodeBlock } from "../parts/code.js";
import { Icon } from "../parts/icons.js";
import { SNIPPETS } from "../parts/snippets.js";

const DAYS = 14;

export default function Overview() {
  const from = dateAgo(DAYS - 1);
  const { answer, error, reload } = useAnswer(async () => {
    const [days, today, keys, usedKeys, recent] = await Promise.all([
      ask("GET", "/usage", { query: { group_by: "day", from } }),
      ask("GET", "/usage", { query: { group_by: "model", from: dateAgo(0) } }),
      ask("GET", "/keys", { query: { limit: 1000 } }),
      ask("GET", "/usage", { query: { group_by: "key", from } }),
      latest(),
    ]);
    return { days, today, keys: keys.data, usedKeys: usedKeys.data, recent };
  });
  useEvery(reload, 2000, !isOver(answer.value));
  useEvery(reload, 15000);
  const found = answer.value;
  return html`<${PageHead} title=${t("overview.hello", { name: member.value?.name })} about=${session.value?.organisation_name} />
    ${error.value && html`<${Failure} error=${error.value} retry=${reload} />`}
    ${!found ? !error.value && html`<${Bones} lines=${6} />` : html`<div class="stack">
      <${FirstSteps} found=${found} />
      <${Tiles} today=${found.today} days=${found.days} />
      <section class="card"><header><h2>${t("overview.requests_by_day")}</h2><a class="small" href=${href("usage")}>${t("nav.usage")}</a></header>
        <${Bars} label=${t("overview.requests_by_day")} unit=${t("usage.requests")} from=${from} days=${DAYS}
          values=${found.days.data.map((/** @type {any} */ row) => [row.group, row.requests])} /></section>
      <${Recent} records=${found.recent} />
    </div>`}`;
}

/** The latest requests. The books list them from the oldest on, and their ids begin with their time. */
async function latest() {
  for (const seconds of [60, 3600, 86_400]) {
    const page = await ask("GET", "/requests", { query: { after: idAt(Date.now() - seconds * 1000), limit: 1000 } });
    if (page.data.length >= 8 || seconds === 86_400) return page.data.slice(-8).reverse();
  }
  return [];
}

/** The smallest id of a request that began at a time: 48 bits of milliseconds in front, in base 32. @param {number} ms */
function idAt(ms) {
  let rest = BigInt(ms) << 80n;
  let text = "";
  for (let place = 0; place < 26; place += 1, rest >>= 5n) text = "0123456789abcdefghjkmnpqrstvwxyz"[Number(rest & 31n)] + text;
  return `req_${text}`;
}

const isProgram = (/** @type {any} */ key) => Boolean(key.bearer_hint || key.access_key_id);

/** @param {any} found */
function progress(found) {
  const programs = new Set(found.keys.filter(isProgram).map((/** @type {any} */ key) => key.id));
  return {
    hasKey: found.keys.some((/** @type {any} */ key) => isProgram(key) && !key.revoked_at),
    calls: found.usedKeys.filter((/** @type {any} */ row) => programs.has(row.group))
      .reduce((/** @type {number} */ sum, /** @type {any} */ row) => sum + row.requests, 0),
  };
}

const isOver = (/** @type {any} */ found) => recall("first_steps_hidden", false) || Boolean(found && progress(found).calls);

/** @param {{ found: any }} props */
function FirstSteps({ found }) {
  const isHidden = useSignal(recall("first_steps_hidden", false));
  const sdk = useSignal(recall("sdk", "python"));
  const { hasKey, calls } = progress(found);
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

/** @param {{ today: any, days: any }} props */
function Tiles({ today, days }) {
  const now = sum(today.totals);
  const spent = (/** @type {any} */ report) => report.totals.map((/** @type {any} */ each) => money(each.price, each.currency)).join(" + ") || "–";
  return html`<dl class="card tiles">
    <div class="tile"><dt>${t("overview.requests_today")}</dt><dd>${compact(now.requests)}</dd></div>
    <div class="tile"><dt>${t("overview.tokens_today")}</dt><dd>${compact(now.tokens)}</dd><dd class="tile-note">${t("usage.in_out", { input: compact(now.input), output: compact(now.output) })}</dd></div>
    <div class="tile"><dt>${t("overview.spent_today")}</dt><dd>${spent(today)}</dd></div>
    <div class="tile"><dt>${t("overview.spent_days", { count: DAYS })}</dt><dd>${spent(days)}</dd></div></dl>`;
}

/** @param {any[]} totals */
function sum(totals) {
  const found = { requests: 0, input: 0, output: 0, tokens: 0 };
  for (const each of totals) {
    const input = each.input_tokens + each.cache_read_tokens + each.cache_write_tokens;
    found.requests += each.requests;
    found.input += input;
    found.output += each.output_tokens;
    found.tokens += input + each.output_tokens;
  }
  return found;
}

/** @param {{ records: any[] }} props */
function Recent({ records }) {
  return html`<section class="card"><header><h2>${t("overview.recent")}</h2></header>
    ${!records.length ? html`<${Empty} icon="chart" title=${t("overview.no_recent")} />` : html`<div class="table-wrap" tabindex="0" role="region" aria-label=${t("overview.recent")}><table class="table">
      <thead><tr><th scope="col">${t("requests.time")}</th><th scope="col">${t("requests.model")}</th><th scope="col">${t("requests.outcome")}</th>
        <th scope="col" class="is-number">${t("usage.input")}</th><th scope="col" class="is-number">${t("usage.output")}</th>
        <th scope="col" class="is-number">${t("requests.took")}</th><th scope="col" class="is-number">${t("usage.price")}</th></tr></thead>
      <tbody>${records.map((each) => html`<tr key=${each.id}><td class="nowrap">${moment(each.finished_at)}</td><td class="name">${each.model_id}</td>
        <td><${Badge} kind=${each.outcome === "completed" ? "good" : each.outcome === "cancelled" ? "" : "bad"}>${t(`outcome.${each.outcome}`)}<//></td>
        <td class="is-number">${number(each.input_tokens + each.cache_read_tokens + each.cache_write_tokens)}</td><td class="is-number">${number(each.output_tokens)}</td>
        <td class="is-number">${duration(Date.parse(each.finished_at) - Date.parse(each.started_at))}</td>
        <td class="is-number">${money(each.price, each.currency)}</td></tr>`)}</tbody></table></div>`}</section>`;
}
