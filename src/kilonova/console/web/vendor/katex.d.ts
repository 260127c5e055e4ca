declare const katex: { __renderToDomTree(tex: string, options: Record<string, unknown>): any };
export default katex;
