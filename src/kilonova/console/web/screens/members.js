/** Members: who belongs to the organisation, as what; invited by a link that is shown once. */
import { html, useSignal } from "../base/ui.js";
import { ask } from "../base/api.js";
import { explain, t } from "../base/i18n.js";
import { day } from "../base/format.js";
import { useAnswer } from "../base/load.js";
import { load, may, member, session } from "../base/session.js";
import { Badge, Bones, Empty, Failure, Field, Note, PageHead, Secret } from "../parts/basics.js";
import { Confirm, Dialog } from "../parts/dialog.js";
import { Icon } from "../parts/icons.js";
import { Table } from "../parts/table.js";
import { say } from "../parts/toast.js";

/** @typedef {{ id: string, email: string, name: string, role: string, created_at: string }} Member */

const ROLES = ["viewer", "developer", "admin", "owner"];
/** Owners are made, changed and removed by owners alone. */
const grantable = () => ROLES.filter((role) => role !== "owner" || may("owner"));
const mayManage = (/** @type {{ role: string }} */ each) => may("admin") && (each.role !== "owner" || may("owner"));

export default function Members() {
  const { answer, error, reload } = useAnswer(() => ask("GET", "/members"));
  const dialog = useSignal(/** @type {any} */ (null));
  const close = () => { dialog.value = null; };
  const done = () => { close(); reload(); };
  const found = answer.value;
  return html`<${PageHead} title=${t("nav.members")} about=${t("members.about", { organisation: session.value?.organisation_name })}>
      ${may("admin") && html`<button class="button is-primary" type="button" onClick=${() => { dialog.value = { isNew: true }; }}><${Icon} name="plus" />${t("members.invite")}</button>`}<//>
    ${error.value && html`<${Failure} error=${error.value} retry=${reload} />`}
    ${!found ? !error.value && html`<${Bones} lines=${4} />` : html`<div class="stack">
      <section class="card"><header><h2>${t("members.all", { count: found.data.length })}</h2></header>
        <${People} people=${found.data} onAct=${(/** @type {any} */ chosen) => { dialog.value = chosen; }} onDone=${reload} /></section>
      ${may("admin") && html`<section class="card"><header><h2>${t("members.open")}</h2></header>
        <${Invitations} invitations=${found.invitations} onDone=${reload} /></section>`}
      <${Roles} /></div>`}
    ${dialog.value?.isNew && html`<${Invite} onClose=${close} onSent=${(/** @type {any} */ sent) => { dialog.value = { sent }; reload(); }} />`}
    ${dialog.value?.sent && html`<${Sent} sent=${dialog.value.sent} onClose=${close} />`}
    ${dialog.value?.act && html`<${Act} act=${dialog.value.act} who=${dialog.value.who} onClose=${close} onDone=${done}
      onSent=${(/** @type {any} */ sent) => { dialog.value = { sent }; reload(); }} />`}`;
}

/** @param {{ people: Member[], onAct: (chosen: any) => void, onDone: () => void }} props */
function People({ people, onAct, onDone }) {
  const error = useSignal(/** @type {any} */ (null));
  const change = async (/** @type {Member} */ who, /** @type {HTMLSelectElement} */ select) => {
    error.value = null;
    try {
      await ask("PATCH", `/members/${who.id}`, { body: { role: select.value } });
      say(t("members.changed", { name: who.name, role: t(`role.${select.value}`) }));
      onDone();
    } catch (failure) {
      error.value = failure;
      select.value = who.role;
    }
  };
  return html`${error.value && html`<${Failure} error=${error.value} />`}
    <${Table} label=${t("nav.members")} rows=${people} keyOf=${(/** @type {Member} */ each) => each.id} columns=${[
      { head: t("members.name"), isName: true, cell: (/** @type {Member} */ each) => html`${each.name}${each.id === member.value?.id && html` <${Badge} kind="accent">${t("members.you")}<//>`}<div class="muted small">${each.email}</div>` },
      { head: t("account.role"), cell: (/** @type {Member} */ each) => html`<span>${mayManage(each) && each.id !== member.value?.id ? html`<select class="input is-narrow" aria-label=${t("members.role_of", { name: each.name })} value=${each.role}
          onChange=${(/** @type {any} */ event) => change(each, event.target)}>${grantable().map((role) => html`<option key=${role} value=${role}>${t(`role.${role}`)}</option>`)}</select>`
        : html`<${Badge}>${t(`role.${each.role}`)}<//>`}</span>` },
      { head: t("members.since"), isClose: true, cell: (/** @type {Member} */ each) => day(each.created_at) },
      may("admin") && { head: "", label: t("keys.actions"), isNumber: true, cell: (/** @type {Member} */ each) => mayManage(each) && html`<${Actions} who=${each} onAct=${onAct} />` },
    ]} />`;
}

/** @param {{ who: Member, onAct: (chosen: any) => void }} props */
function Actions({ who, onAct }) {
  const isMe = who.id === member.value?.id;
  const acts = isMe ? ["sign_out"] : ["password", "sign_out", "remove"];
  return html`<span class="row is-end">${acts.map((act) => html`<button key=${act} type="button" class=${act === "remove" ? "button is-small is-danger" : "button is-small"}
    aria-label=${t(`members.${act}_named`, { name: who.name })} onClick=${() => onAct({ act, who })}>${t(`members.${act}`)}</button>`)}</span>`;
}

/** What is done to somebody is confirmed first. @param {{ act: string, who: Member, onClose: () => void, onDone: () => void, onSent: (sent: any) => void }} props */
function Act({ act, who, onClose, onDone, onSent }) {
  const error = useSignal(/** @type {any} */ (null));
  const isBusy = useSignal(false);
  const yes = async () => {
    isBusy.value = true;
    try {
      if (act === "password") return onSent(await ask("POST", "/invitations", { body: { email: who.email, role: who.role } }));
      await ask("DELETE", act === "remove" ? `/members/${who.id}` : `/members/${who.id}/sessions`);
      say(t(`members.${act}_done`, { name: who.name }));
      if (who.id === member.peek()?.id) await load();
      else onDone();
    } catch (failure) {
      error.value = failure;
      isBusy.value = false;
    }
    return undefined;
  };
  return html`<${Confirm} title=${t(`members.${act}_title`, { name: who.name })} action=${t(`members.${act}`)} onYes=${yes} onNo=${onClose} isBusy=${isBusy.value}>
    <p>${t(`members.${act}_about`, { name: who.name })}</p>${error.value && html`<${Failure} error=${error.value} />`}<//>`;
}

/** @param {{ invitations: any[], onDone: () => void }} props */
function Invitations({ invitations, onDone }) {
  const error = useSignal(/** @type {any} */ (null));
  const withdraw = async (/** @type {any} */ each) => {
    try {
      await ask("DELETE", `/invitations/${each.id}`);
      say(t("members.withdrawn"));
      onDone();
    } catch (failure) {
      error.value = failure;
    }
  };
  if (!invitations.length) return html`<${Empty} icon="people" title=${t("members.none_open")}><p>${t("members.none_open_about")}</p><//>`;
  return html`${error.value && html`<${Failure} error=${error.value} />`}
    <${Table} label=${t("members.open")} rows=${invitations} keyOf=${(/** @type {any} */ each) => each.id} columns=${[
      { head: t("gate.email"), isName: true, cell: (/** @type {any} */ each) => each.email },
      { head: t("account.role"), cell: (/** @type {any} */ each) => html`<span><${Badge}>${t(`role.${each.role}`)}<//></span>` },
      { head: t("members.until"), isClose: true, cell: (/** @type {any} */ each) => day(each.expires_at) },
      { head: "", label: t("keys.actions"), isNumber: true, cell: (/** @type {any} */ each) => mayManage(each) && html`<button class="button is-small is-danger" type="button" aria-label=${t("members.withdraw_named", { name: each.email })} onClick=${() => withdraw(each)}>${t("members.withdraw")}</button>` },
    ]} />`;
}

/** @param {{ onClose: () => void, onSent: (sent: any) => void }} props */
function Invite({ onClose, onSent }) {
  const error = useSignal(/** @type {any} */ (null));
  const isBusy = useSignal(false);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
    isBusy.value = true;
    error.value = null;
    try {
      onSent(await ask("POST", "/invitations", { body: { email: String(form.get("email")).trim(), role: form.get("role") } }));
    } catch (failure) {
      error.value = failure;
      isBusy.value = false;
    }
  };
  return html`<${Dialog} title=${t("members.invite")} onClose=${onClose}><form class="form" onSubmit=${submit}>
    ${error.value && html`<${Note} kind="bad" isLive>${explain(error.value)}<//>`}
    <${Field} label=${t("gate.email")} name="email" type="email" required maxlength="254" autocomplete="off" />
    <${Field} as="select" label=${t("account.role")} name="role" defaultValue="developer" hint=${t("members.role_hint")}>
      ${grantable().map((role) => html`<option key=${role} value=${role} selected=${role === "developer"}>${t(`role.${role}`)}</option>`)}<//>
    <div class="dialog-foot"><button class="button" type="button" onClick=${onClose}>${t("action.cancel")}</button>
      <button class="button is-primary" disabled=${isBusy.value}>${t("members.make_link")}</button></div></form><//>`;
}

/** @param {{ sent: any, onClose: () => void }} props */
function Sent({ sent, onClose }) {
  return html`<${Dialog} title=${t("members.link_title")} onClose=${onClose}><div class="stack">
    <${Note} kind="warn">${t("members.link_once", { email: sent.invitation.email, date: day(sent.invitation.expires_at) })}<//>
    <${Secret} label=${t("members.link")} text=${`${location.origin}/console/join#${sent.token}`} />
    <div class="dialog-foot"><button class="button is-primary" type="button" onClick=${onClose}>${t("members.kept")}</button></div></div><//>`;
}

function Roles() {
  return html`<section class="card"><header><h2>${t("members.roles")}</h2></header><dl class="facts is-plain">
    ${ROLES.map((role) => html`<dt key=${role}><${Badge}>${t(`role.${role}`)}<//></dt><dd>${t(`members.may_${role}`)}</dd>`)}</dl></section>`;
}
