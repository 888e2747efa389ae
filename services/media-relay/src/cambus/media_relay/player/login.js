// Signing in where the relay asks for a token: by the address, once, or by hand.

import { ApiError, signIn, tokenOfAddress } from "./api.js";
import { find } from "./element.js";

const dialog = find("login");
let untried = tokenOfAddress;

export const signingIn = () => dialog.open;

export function askForToken(why = "") {
  find("login-why").textContent = why;
  if (!dialog.open) dialog.showModal();
}

// By what the address brings along, once. Throws where it can be tried again.
export async function signInByAddress() {
  if (!untried) return;
  try {
    await signIn(untried);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
    askForToken("The token of this address opens nothing: it opens once, within a minute. Get another address.");
  }
  untried = null;
}

// `done()` is called when somebody has got in.
export function listenForToken(done) {
  dialog.addEventListener("cancel", (event) => event.preventDefault()); // there is nothing behind it
  find("login-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const field = find("login-token");
    try {
      await signIn(field.value.trim());
    } catch (error) {
      find("login-why").textContent = error.status === 401 ? "That token opens nothing here." : error.message;
      return field.select();
    }
    field.value = "";
    dialog.close();
    done();
  });
}
