/** Line icons, drawn for this console on a grid of 20. Decoration: a name always stands beside them. */
import { html } from "../base/ui.js";

/** @type {Record<string, string>} */
const PATHS = {
  home: "M3 9.5 10 3.5l7 6M5 8.5V16h3.5v-4h3v4H15V8.5",
  key: "M12.5 11.5a4 4 0 1 0-3.6-2.3L3 15v2h3v-2h2v-2h1.2l.7-.7a4 4 0 0 0 2.6.2ZM13.5 7.5v.01",
  chat: "M3 5.5A1.5 1.5 0 0 1 4.5 4h11A1.5 1.5 0 0 1 17 5.5v7a1.5 1.5 0 0 1-1.5 1.5H9l-4 3v-3h-.5A1.5 1.5 0 0 1 3 12.5ZM6.5 7.5h7M6.5 10.5h4.5",
  cube: "M10 2.8 16.5 6.4v7.2L10 17.2 3.5 13.6V6.4ZM3.7 6.5 10 10l6.3-3.5M10 10v7",
  chart: "M3.5 16.5h13M5.5 13.5v-4M10 13.5v-9M14.5 13.5V8",
  people: "M7.5 9.5a2.75 2.75 0 1 0 0-5.5 2.75 2.75 0 0 0 0 5.5ZM2.5 16c.3-2.8 2.3-4.5 5-4.5s4.7 1.7 5 4.5M13 9.3a2.4 2.4 0 1 0-.8-4.6M14.5 11.8c1.7.4 2.8 1.9 3 4.2",
  user: "M10 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM4 16.5c.4-3 2.9-4.7 6-4.7s5.6 1.7 6 4.7",
  plus: "M10 4v12M4 10h12",
  copy: "M7.5 7.5h8v8h-8ZM12.5 7.5v-3h-8v8h3",
  check: "M4 10.5 8.2 14.5 16 6",
  close: "M5 5l10 10M15 5 5 15",
  menu: "M3.5 6h13M3.5 10h13M3.5 14h13",
  stop: "M6 6h8v8H6Z",
  send: "M10 16V4.5M5 9.5l5-5 5 5",
  again: "M15.8 8A6 6 0 1 0 16 11.5M16 4v4h-4",
  edit: "M4 16l.8-3.5L13 4.3l2.7 2.7-8.2 8.2ZM11.5 5.8l2.7 2.7",
  left: "M12 5l-5 5 5 5",
  right: "M8 5l5 5-5 5",
  alert: "M10 3.5 17.5 16.5h-15ZM10 8v4M10 14.3v.01",
  clock: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM10 6v4l2.7 2",
  search: "M9 14.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11ZM13 13l4 4",
  trash: "M4 6h12M8 6V3.8h4V6M5.5 6l.7 10.2h7.6L14.5 6M8.3 8.5v5M11.7 8.5v5",
  sliders: "M4 6h7M15 6h1M4 14h1M9 14h7M13 4v4M7 12v4",
  sun: "M10 13a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM10 2.5v1.5M10 16v1.5M2.5 10H4M16 10h1.5M4.7 4.7l1 1M14.3 14.3l1 1M15.3 4.7l-1 1M5.7 14.3l-1 1",
  moon: "M16 11.5A6.5 6.5 0 0 1 8.5 4a6.5 6.5 0 1 0 7.5 7.5Z",
  auto: "M3 4.5h14v9H3ZM7.5 16.5h5M10 13.5v3",
  download: "M10 3.5v9M6 9l4 4 4-4M4 16.5h12",
  columns: "M3.5 4.5h5v11h-5ZM11.5 4.5h5v11h-5Z",
  list: "M7 5.5h9.5M7 10h9.5M7 14.5h9.5M3.5 5.5h.01M3.5 10h.01M3.5 14.5h.01",
  sheet: "M4.5 3h11v14h-11ZM7.5 7h5M7.5 10h5M7.5 13h2M12 13h.5",
  gauge: "M3.5 14.5a7 7 0 1 1 13 0M10 11.5l3-3.5M10 12.5v-.01",
  clip: "M14.5 9.5 9.3 14.7a3 3 0 0 1-4.3-4.3l6-6a2 2 0 0 1 2.9 2.9l-5.9 5.9a1 1 0 0 1-1.5-1.4l5-5",
  code: "M7 6 3 10l4 4M13 6l4 4-4 4M11 4.5 9 15.5",
  leave: "M8.5 4H4.5v12h4M8 10h8.5M13.5 7l3 3-3 3",
};

/** @param {{ name: string }} props */
export function Icon({ name }) {
  return html`<svg viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.6"
    stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}

/** The mark of Kilonova. */
export function Mark() {
  return html`<svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" fill="#3346c4" />
    <path d="M16 4.5l2.5 9 9 2.5-9 2.5-2.5 9-2.5-9-9-2.5 9-2.5z" fill="#fff" />
    <circle cx="24.5" cy="7.5" r="2" fill="#b9c3ff" /></svg>`;
}
