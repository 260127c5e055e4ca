export function useEffect(work: () => void | (() => void), inputs?: unknown[]): void;
export function useMemo<T>(make: () => T, inputs?: unknown[]): T;
export function useRef<T>(initial: T): { current: T };
export function useState<T>(initial: T): [T, (next: T | ((old: T) => T)) => void];
