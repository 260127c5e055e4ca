export interface Signal<T> { value: T; peek(): T; }
export interface ReadonlySignal<T> { readonly value: T; peek(): T; }
export function signal<T>(initial: T): Signal<T>;
export function computed<T>(make: () => T): ReadonlySignal<T>;
export function effect(work: () => void | (() => void)): () => void;
export function batch<T>(work: () => T): T;
export function useSignal<T>(initial: T): Signal<T>;
export function useComputed<T>(make: () => T): ReadonlySignal<T>;
