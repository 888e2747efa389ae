// One file of a span of what the recorders hold: they prepare it, however long that takes, until nobody wants it any more.

import { get, post } from "./api.js";

const LOOK_MS = 400;
const PATIENCE = 20; // so often in a row nobody may answer meanwhile
const TOLERANCE_S = 3; // less is not told: it is what keyframes and the present cost
const UNDER_WAY = ["waiting", "preparing"];

export class Exporting {
  // `root` holds a bar and a button that gives it up; both are shown meanwhile.
  constructor(wanted, root) {
    this.wanted = wanted;
    this.root = root;
    this.bar = root.querySelector("progress");
    root.querySelector("button").onclick = () => this.cancel();
    this.leave = () => this.cancel();
    window.addEventListener("pagehide", this.leave);
  }

  // The file, or null if it was given up; an Error says why there is none.
  async file() {
    this.bar.value = 0;
    this.root.hidden = false;
    try {
      return await this.#prepared();
    } catch (error) {
      if (this.over) return null;
      throw error;
    } finally {
      this.cancel();
    }
  }

  async #prepared() {
    let state = await post("export", this.wanted);
    this.name = state.export;
    for (let silent = 0; !this.over && UNDER_WAY.includes(state.state);) {
      this.bar.value = state.progress;
      await new Promise((done) => setTimeout(done, LOOK_MS));
      if (this.over) break;
      try {
        state = await get("export", { export: this.name });
        silent = 0;
      } catch (error) {
        silent += 1;
        if (![0, 503, 504].includes(error.status) || silent === PATIENCE) throw error;
      }
    }
    if (this.over) {
      this.#giveUp(); // it was not begun yet when nobody wanted it any more
      return null;
    }
    if (!state.file) throw new Error(state.error ?? `it was ${state.state}`);
    this.name = null; // it is to be fetched
    return state.file;
  }

  // Nobody wants it any more; nothing once it is done.
  cancel() {
    if (this.over) return;
    this.over = true;
    window.removeEventListener("pagehide", this.leave);
    this.root.hidden = true;
    this.#giveUp();
  }

  #giveUp() {
    if (this.name) post("export/cancel", { export: this.name }, { keepalive: true }).catch(() => {}); // it lapses by itself too
    this.name = null;
  }
}

// What is to be known of a file: its size, and what is not in it.
export function describe(file, wanted) {
  return [`${(file.bytes / 1e6).toFixed(1)} MB`, ...lacks(file, wanted)].join("; ");
}

export function lacks(file, wanted) {
  const seconds = (span) => (new Date(span.end) - new Date(span.start)) / 1000;
  const start = new Date(wanted.start).getTime();
  const covered = file.covered.map((span) => seconds({ start: Math.max(start, new Date(span.start)), end: span.end }));
  const missing = seconds(wanted) - covered.reduce((sum, each) => sum + each, 0);
  const reasons = [...new Set(file.gaps.map((gap) => gap.reason))].sort();
  const told = [];
  if (missing > TOLERANCE_S) told.push(`${Math.round(missing)} s are not in it (${reasons.join(", ") || "not recorded"})`);
  if (file.silent.length) told.push(`${file.silent.join(", ")} did not answer, so this may not be all`);
  return told;
}
