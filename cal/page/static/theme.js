/** Light or dark: as the system has it, unless a reviewer has chosen. */

import {emit, keep, setting} from "./state.js";

const system = matchMedia("(prefers-color-scheme: dark)");

/** Whether the page is dark. */
export function isDark() {
  const chosen = setting("theme", null);
  return chosen === null ? system.matches : chosen === "dark";
}

/** Takes the theme that was chosen, or the system's. */
export function applyTheme() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  emit("theme", {dark: isDark()});
}

/** Changes from light to dark, or back. */
export function toggleTheme() {
  keep("theme", isDark() ? "light" : "dark");
  applyTheme();
}

system.addEventListener("change", applyTheme);
