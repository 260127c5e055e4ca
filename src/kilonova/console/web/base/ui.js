/** What every module draws with: Preact, htm and signals, from one place. */
import { h, render, Fragment } from "../vendor/preact.js";
import { useEffect, useMemo, useRef, useState } from "../vendor/hooks.js";
import { batch, computed, effect, signal, useComputed, useSignal } from "../vendor/signals.js";
import htm from "../vendor/htm.js";

export const html = htm.bind(h);
export { Fragment, batch, computed, effect, h, render, signal };
export { useComputed, useEffect, useMemo, useRef, useSignal, useState };
