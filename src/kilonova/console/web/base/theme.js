/** Light or dark: as the system says, or as the member chose. */
import { effect, signal } from "./ui.js";
import { recall, remember } from "./memory.js";

export const theme = signal(/** @type {"auto"|"light"|"dark"} */ (recall("theme", "auto")));

effect(() => {
  const root = document.documentElement;
  if (theme.value === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme.value;
});

/** @param {"auto"|"light"|"dark"} chosen */
export function chooseTheme(chosen) {
  theme.value = chosen;
  remember("theme", chosen);
}
