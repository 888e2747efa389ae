// A tile of the wall: the picture, what it is, and the buttons that move the camera.

import { liveAddress, post, whepEndpoint } from "./api.js";
import { LivePicture } from "./live.js";
import { WhepPicture } from "./whep.js";

const MOVES = [
  ["↖", "up left", -1, 1, 0], ["↑", "up", 0, 1, 0], ["↗", "up right", 1, 1, 0], ["+", "zoom in", 0, 0, 1],
  ["←", "left", -1, 0, 0], null, ["→", "right", 1, 0, 0], ["−", "zoom out", 0, 0, -1],
  ["↙", "down left", -1, -1, 0], ["↓", "down", 0, -1, 0], ["↘", "down right", 1, -1, 0],
];
const SPEED = 0.5;
const HOLD_S = 6; // a camera whose page has died stops after this
const RENEW_MS = 2500;

const ICONS = { // outlines on a 24 by 24 grid
  silent: "M4 9v6h4l5 5V4L8 9zM17 9l5 6M22 9l-5 6",
  sound: "M4 9v6h4l5 5V4L8 9zM16.5 8.5a5 5 0 0 1 0 7M19 6a8.5 8.5 0 0 1 0 12",
  steady: "M12 3a9 9 0 1 0 0.01 0M12 7v5l4 2",
  quick: "M13 2L5 14h6l-1 8 8-12h-6z",
  full: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  close: "M6 6l12 12M18 6L6 18",
};

function iconButton(icon, label) {
  const button = element("button", { type: "button", className: "icon" });
  setIcon(button, icon, label);
  return button;
}

function setIcon(button, icon, label) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[icon]);
  svg.append(path);
  button.replaceChildren(svg);
  button.ariaLabel = label;
  button.title = label;
}

// `avc1.64001F,flac` as people say it.
function plainName(codecs) {
  const [video, sound] = codecs.split(",");
  const name = { avc1: "H.264", hvc1: "H.265" }[video.split(".")[0]] ?? video;
  return sound ? `${name} with sound` : name;
}

// Everything a device says goes through textContent: none of it is ever HTML.
export function element(name, properties = {}, ...children) {
  const { dataset, ...plain } = properties;
  const made = Object.assign(document.createElement(name), plain);
  Object.assign(made.dataset, dataset);
  made.append(...children);
  return made;
}

// What the device calls it; else its number, as on the bus and in cambusctl.
export function channelName(channel) {
  return channel.name || `channel ${channel.channel}`;
}

export class Tile {
  constructor(device, channel, on, stream) {
    this.device = device.id;
    this.channel = channel.channel;
    this.on = on;
    this.name = `${channelName(channel)} · ${device.name}`;
    this.streams = channel.streams.length ? [...channel.streams] : ["main", "sub"];
    this.stream = stream || this.streams[0];
    if (!this.streams.includes(this.stream)) this.streams.push(this.stream);
    this.untried = stream ? [] : this.streams.filter((each) => each !== this.stream); // nobody chose: any will do
    this.root = this.#build(device, channel);
    this.#play();
  }

  get key() {
    return `${this.device}/${this.channel}`;
  }

  close() {
    this.picture.close();
    this.root.remove();
  }

  choose(chosen) {
    this.root.classList.toggle("chosen", chosen);
  }

  #build(device, channel) {
    this.video = element("video", { muted: true, autoplay: true, playsInline: true, tabIndex: -1 });
    this.message = element("p", { className: "message" });
    this.message.setAttribute("role", "status");
    this.facts = element("div", { className: "facts" });
    this.choice = element("select", { ariaLabel: "Stream" }, ...this.streams.map((name) => new Option(name, name)));
    this.choice.value = this.stream;
    this.choice.addEventListener("change", () => {
      this.untried = [];
      this.#switch(this.choice.value);
      this.on.changed(this);
    });
    const sound = iconButton("silent", "Sound on");
    sound.addEventListener("click", () => {
      this.video.muted = !this.video.muted;
      if (this.video.muted) setIcon(sound, "silent", "Sound on");
      else setIcon(sound, "sound", "Sound off");
    });
    this.pace = iconButton("steady", "Low latency on");
    this.pace.addEventListener("click", () => this.#quicken(!this.quick));
    const full = iconButton("full", "Full screen");
    full.addEventListener("click", () => this.screen.requestFullscreen().catch(() => {}));
    const close = iconButton("close", "Close picture");
    close.addEventListener("click", () => this.on.close(this));
    const pad = channel.ptz ? [this.#ptz()] : [];
    this.screen = element("div", { className: "screen" }, this.video, this.message, ...pad);
    const root = element(
      "article",
      { className: "tile", dataset: { key: this.key } },
      element("header", {}, element("strong", { textContent: this.name, title: `${this.name} (${this.key})` }), this.choice, this.pace, sound, full, close),
      this.screen,
      this.facts,
    );
    root.addEventListener("focusin", () => this.on.choose(this));
    root.addEventListener("pointerdown", () => this.on.choose(this));
    return root;
  }

  #switch(stream) {
    this.stream = stream;
    this.choice.value = stream;
    this.picture.close();
    this.#play();
  }

  #play() {
    const show = (state, text, facts) => this.#show(state, text, facts);
    const place = [this.device, this.channel, this.stream];
    if (this.quick) this.picture = new WhepPicture(this.video, () => whepEndpoint(...place), show);
    else this.picture = new LivePicture(this.video, () => liveAddress(...place), show);
  }

  // WebRTC or media source extensions.
  #quicken(quick) {
    this.quick = quick;
    if (quick) setIcon(this.pace, "quick", "Low latency off");
    else setIcon(this.pace, "steady", "Low latency on");
    this.picture.close();
    this.#play();
  }

  #show(state, text, facts = {}) {
    if (facts.fallback) {
      this.#quicken(false);
      this.pace.title = `Low latency on (it failed: ${text})`;
      return;
    }
    if (facts.undecodable && this.untried.length) return this.#switch(this.untried.shift());
    this.root.dataset.state = state;
    this.message.textContent = text;
    this.message.hidden = state === "playing";
    if (state !== "playing") return;
    const parts = [plainName(facts.codecs), `${facts.width}×${facts.height}`];
    if (facts.latency !== undefined) parts.push(`${facts.latency.toFixed(1)} s latency`);
    else parts.push(`${facts.behind.toFixed(1)} s behind`);
    this.facts.replaceChildren(...parts.map((part) => element("span", { textContent: part })));
    this.facts.firstChild.title = facts.codecs;
    this.facts.lastChild.classList.toggle("late", (facts.latency ?? facts.behind) > 3);
  }

  #ptz() {
    const pad = element("div", { className: "ptz", role: "group", ariaLabel: "Move the camera" });
    MOVES.forEach((move, index) => {
      if (index % 4 === 3) pad.append(element("span", { className: "gap" }));
      if (!move) return pad.append(element("span", { className: "gap" }));
      const [sign, label, pan, tilt, zoom] = move;
      const button = element("button", { type: "button", textContent: sign, ariaLabel: label, title: label });
      const start = () => {
        if (button.dataset.moving) return;
        const move = { pan: pan * SPEED, tilt: tilt * SPEED, zoom: zoom * SPEED, duration_s: HOLD_S };
        button.dataset.moving = setInterval(() => this.#move(move), RENEW_MS);
        this.#move(move);
      };
      const stop = () => {
        if (!button.dataset.moving) return;
        clearInterval(Number(button.dataset.moving));
        delete button.dataset.moving;
        this.#move({ stop: true });
      };
      button.addEventListener("pointerdown", (event) => {
        button.setPointerCapture(event.pointerId);
        start();
      });
      for (const end of ["pointerup", "pointercancel", "blur"]) button.addEventListener(end, stop);
      button.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") start();
      });
      button.addEventListener("keyup", stop);
      pad.append(button);
    });
    return pad;
  }

  // One after the other: a stop must never overtake its move.
  #move(body) {
    const send = () => post("ptz", { device: this.device, channel: this.channel, ...body });
    this.moving = (this.moving || Promise.resolve()).then(send).catch((error) => this.on.trouble(error));
  }
}
