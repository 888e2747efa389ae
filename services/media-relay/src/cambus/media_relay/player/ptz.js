// Moving one camera: held buttons and held keys, and its presets.

import { get, post } from "./api.js";
import { element } from "./element.js";

const MOVES = [
  ["↖", "up left", -1, 1, 0], ["↑", "up", 0, 1, 0], ["↗", "up right", 1, 1, 0], ["+", "zoom in", 0, 0, 1],
  ["←", "left", -1, 0, 0], null, ["→", "right", 1, 0, 0], ["−", "zoom out", 0, 0, -1],
  ["↙", "down left", -1, -1, 0], ["↓", "down", 0, -1, 0], ["↘", "down right", 1, -1, 0],
];
const SPEED = 0.5;
const HOLD_S = 6; // a camera whose page has died stops after this
const RENEW_MS = 2500;
const HIGHEST_PRESET = 255;

export class Head {
  constructor(device, channel, trouble) {
    this.camera = { device, channel };
    this.trouble = trouble;
    this.sent = Promise.resolve();
    this.root = this.#build();
  }

  // Move until `stop`; the way is [pan, tilt, zoom], each -1, 0 or 1.
  start([pan, tilt, zoom]) {
    clearInterval(this.renewing);
    const move = { pan: pan * SPEED, tilt: tilt * SPEED, zoom: zoom * SPEED, duration_s: HOLD_S };
    this.renewing = setInterval(() => this.#send(move), RENEW_MS);
    this.#send(move);
  }

  stop() {
    if (!this.renewing) return;
    clearInterval(this.renewing);
    this.renewing = null;
    this.#send({ stop: true });
  }

  // One after the other: a stop must never overtake its move.
  #send(body) {
    const send = () => post("ptz", { ...this.camera, ...body });
    this.sent = this.sent.then(send).catch((error) => this.trouble(error));
  }

  #build() {
    const pad = element("div", { className: "pad" });
    MOVES.forEach((move, index) => {
      if (index % 4 === 3) pad.append(element("span", { className: "gap" }));
      pad.append(move ? this.#button(...move) : element("span", { className: "gap" }));
    });
    const root = element("div", { className: "ptz", role: "group", ariaLabel: "Move the camera" }, pad, this.#presets());
    return root;
  }

  #button(sign, label, ...way) {
    const button = element("button", { type: "button", textContent: sign, ariaLabel: label, title: label });
    let held = false;
    const start = () => {
      if (held) return;
      held = true;
      this.start(way);
    };
    const stop = () => {
      if (held) this.stop();
      held = false;
    };
    button.addEventListener("pointerdown", (event) => {
      button.setPointerCapture(event.pointerId);
      start();
    });
    for (const end of ["pointerup", "pointercancel", "blur", "keyup"]) button.addEventListener(end, stop);
    button.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") start();
    });
    return button;
  }

  // Asked for when somebody opens them, not before: it costs the device a question.
  #presets() {
    this.list = element("ul");
    this.note = element("small", { role: "status" });
    const name = element("input", { ariaLabel: "Name of a new preset", placeholder: "name", maxLength: 60 });
    const keep = element("button", { type: "button", textContent: "Keep", title: "Keep where the camera looks now as a preset" });
    keep.addEventListener("click", () => this.#keep(name));
    const box = element("details", { className: "presets" }, element("summary", { textContent: "Presets" }),
      this.list, element("div", { className: "new" }, name, keep), this.note);
    box.addEventListener("toggle", () => box.open && this.#listPresets());
    return box;
  }

  async #listPresets() {
    this.note.textContent = "asking the camera…";
    try {
      const { presets } = await get("presets", this.camera);
      this.presets = presets;
      this.note.textContent = presets.length ? "" : "None is set.";
      this.list.replaceChildren(...presets.map((preset) => this.#entry(preset)));
    } catch (error) {
      this.note.textContent = error.message;
    }
  }

  #entry({ preset, name }) {
    const label = name || `preset ${preset}`;
    const go = element("button", { type: "button", textContent: label, title: `Go to preset ${preset}` });
    go.addEventListener("click", () => this.#preset({ action: "goto", preset }, `going to ${label}`));
    const again = element("button", { type: "button", textContent: "set", ariaLabel: `Keep the view as ${label}`, title: "Keep the view here" });
    again.addEventListener("click", () => this.#preset({ action: "set", preset, name: name || null }, `${label} is the view of now`));
    const clear = element("button", { type: "button", textContent: "✕", ariaLabel: `Clear ${label}`, title: "Clear this preset" });
    clear.addEventListener("click", () => this.#clear(preset, label));
    return element("li", {}, go, again, clear);
  }

  async #clear(preset, label) {
    if (!(await this.#preset({ action: "clear", preset }))) return;
    await this.#listPresets();
    this.note.textContent = `${label} is cleared`;
  }

  async #keep(field) {
    const used = new Set((this.presets ?? []).map((each) => each.preset));
    let preset = 1;
    while (used.has(preset)) preset++;
    if (preset > HIGHEST_PRESET) {
      this.note.textContent = "every preset is in use";
      return;
    }
    const kept = await this.#preset({ action: "set", preset, name: field.value.trim() || null });
    const said = this.note.textContent; // that it is kept, but not its name, perhaps
    if (kept) field.value = "";
    await this.#listPresets();
    if (!kept) this.note.textContent = said;
  }

  async #preset(body, done = "") {
    try {
      await post("presets", { ...this.camera, ...body });
      this.note.textContent = done;
      return true;
    } catch (error) {
      this.note.textContent = error.message;
      return false;
    }
  }
}
