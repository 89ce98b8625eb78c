import { createSignal } from "solid-js";

export type Theme = "system" | "light" | "dark";
const KEY = "atelier-theme"; // public/theme.js reads it before the first paint

const [theme, set] = createSignal<Theme>(stored());

/** The theme that was chosen; `system` follows the system's. */
export { theme };

/** Choose a theme, and keep the choice where the browser keeps anything. */
export function setTheme(chosen: Theme): void {
  set(chosen);
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // Storage is switched off: it holds until the page closes.
  }
}

function stored(): Theme {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === "light" || kept === "dark" ? kept : "system";
  } catch {
    return "system";
  }
}
