/**
 * The button that makes a page dark or light.
 */

import {el} from "./dom.js";

const THEME_KEY = "cal-theme";

/**
 * A button that changes between light and dark. Until it is pressed, the page is as the system asks for.
 *
 * @param {() => void} changed called after each change, also of the system.
 * @returns {HTMLButtonElement} the button.
 */
export function themeSwitch(changed) {
  const root = document.documentElement, system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
  const button = el("button", {type: "button", class: "theme-switch"});
  const show = () => { button.textContent = isDark() ? "Light page" : "Dark page"; };
  const kept = stored();
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    keep(root.dataset.theme);
    show();
    changed();
  });
  system.addEventListener("change", () => {
    show();
    changed();
  });
  show();
  return button;
}

function stored() {
  try {
    return localStorage.getItem(THEME_KEY);
  } catch {  // a browser that keeps nothing
    return null;
  }
}

function keep(theme) {
  try {
    localStorage.setItem(THEME_KEY, theme);
  } catch {
    // The page still changes; the choice is forgotten when it closes.
  }
}
