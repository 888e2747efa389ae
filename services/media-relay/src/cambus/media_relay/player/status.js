// What the page says: how it stands, always seen, and what has just happened, for a while.

import { find } from "./element.js";

const SAID_MS = 8000;

let fading = null;

// How things stand; `bad` if something is amiss.
export function stand(text, bad = false) {
  const status = find("status");
  if (status.textContent !== text) status.textContent = text; // it is read out when it changes
  status.classList.toggle("bad", bad);
}

export function say(text) {
  clearTimeout(fading);
  find("said").textContent = text;
  find("said").hidden = !text;
  fading = setTimeout(() => say(""), SAID_MS);
}
