// Where the window is narrow the list of devices lies over the pictures, when asked for.

import { find } from "./element.js";

export function listenToMenu() {
  const [button, side] = [find("menu"), find("side")];

  function show(shown) {
    side.classList.toggle("shown", shown);
    button.setAttribute("aria-expanded", shown);
    if (shown) find("filter").focus();
  }

  button.addEventListener("click", () => show(!side.classList.contains("shown")));
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !side.classList.contains("shown")) return;
    show(false);
    button.focus();
  });
  document.addEventListener("pointerdown", (event) => {
    if (!side.contains(event.target) && !button.contains(event.target)) show(false);
  });
}
