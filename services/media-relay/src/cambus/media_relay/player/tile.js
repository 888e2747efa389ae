// A tile of the wall: the picture, what it is, and what can be done with it.

import { liveAddress, whepEndpoint } from "./api.js";
import { channelName, element, iconButton, saveSnapshot, setIcon } from "./element.js";
import { LivePicture } from "./live.js";
import { Head } from "./ptz.js";
import { canTalk, Talk, whyNoTalk } from "./talk.js";
import { WhepPicture } from "./whep.js";

const LATE_S = 3;

// `avc1.64001F,flac` as people say it.
function plainName(codecs) {
  const [video, sound] = codecs.split(",");
  const name = { avc1: "H.264", hvc1: "H.265" }[video.split(".")[0]] ?? video;
  return sound ? `${name} with sound` : name;
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
    this.head = channel.ptz ? new Head(device.id, channel.channel, on.trouble) : null;
    this.root = this.#build();
  }

  get key() {
    return `${this.device}/${this.channel}`;
  }

  close() {
    this.head?.stop();
    this.talk?.close();
    this.show(false);
    this.root.remove();
  }

  // A tile of another leaf of the wall asks for no picture, nor does one of a page that rests and is not listened to.
  show(shown, resting = false) {
    this.root.hidden = !shown;
    const wanted = shown && (!resting || !this.video.muted || this.talk);
    if (wanted && !this.picture) this.#play();
    if (wanted || !this.picture) return;
    this.picture.close();
    this.picture = null;
  }

  choose(chosen) {
    this.root.classList.toggle("chosen", chosen);
    if (!chosen) this.head?.stop();
  }

  async snapshot() {
    const saved = await saveSnapshot(this.video, `${this.device}-${this.channel}`, Date.now());
    this.on.say(saved ? `A picture of ${this.name} is saved` : `${this.name} shows no picture yet`);
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.screen.requestFullscreen().catch(() => {});
  }

  toggleSound() {
    this.video.muted = !this.video.muted;
    if (this.video.muted) setIcon(this.sound, "silent", "Sound on");
    else setIcon(this.sound, "sound", "Sound off");
  }

  #build() {
    this.video = element("video", { muted: true, autoplay: true, playsInline: true, tabIndex: -1 });
    this.message = element("p", { className: "message" });
    this.message.setAttribute("role", "status");
    this.facts = element("div", { className: "facts" });
    this.screen = element("div", { className: "screen" }, this.video, this.message, ...(this.head ? [this.head.root] : []));
    const root = element("article", { className: "tile", tabIndex: 0, ariaLabel: this.name, dataset: { key: this.key } },
      this.#header(), this.screen, this.#footer());
    root.addEventListener("focusin", () => this.on.choose(this));
    root.addEventListener("pointerdown", () => this.on.choose(this));
    this.screen.addEventListener("dblclick", (event) => {
      if (event.target === this.video) this.fullScreen();
    });
    return root;
  }

  // Speak through the camera, or stop: what is said goes nowhere else.
  toggleTalk() {
    if (this.talk) return this.talk.close();
    if (this.mute) return this.on.say(`Talk: ${this.mute}`);
    this.talk = new Talk(this.device, this.channel, (talking, text) => {
      if (!talking) this.talk = null;
      this.talkButton.setAttribute("aria-pressed", talking);
      if (text) this.on.say(text);
    });
  }

  #talkButton() {
    this.talkButton = iconButton("talk", "Talk", () => this.toggleTalk());
    this.talkButton.setAttribute("aria-pressed", false);
    if (canTalk()) whyNoTalk(this.device).then((why) => why && this.#silence(why));
    else this.#silence("the browser gives its microphone only to pages that came by https");
    return this.talkButton;
  }

  // It stays where it is reached by the keyboard, to tell why.
  #silence(why) {
    this.mute = why;
    this.talkButton.setAttribute("aria-disabled", true);
    this.talkButton.title = `Talk: ${why}`;
    this.talkButton.ariaDescription = why;
  }

  #streamChoice() {
    this.choice = element("select", { ariaLabel: "Stream" }, ...this.streams.map((name) => new Option(name, name)));
    this.choice.value = this.stream;
    this.choice.addEventListener("change", () => {
      this.untried = [];
      this.#switch(this.choice.value);
      this.on.changed(this);
    });
    return this.choice;
  }

  #header() {
    this.handle = iconButton("move", "Move picture: drag, or arrow keys");
    this.handle.classList.add("handle");
    return element("header", {}, this.handle,
      element("strong", { textContent: this.name, title: `${this.name} (${this.key})` }),
      iconButton("full", "Full screen", () => this.fullScreen()),
      iconButton("close", "Close picture", () => this.on.close(this)));
  }

  #footer() {
    this.sound = iconButton("silent", "Sound on", () => this.toggleSound());
    this.pace = iconButton("steady", "Low latency on", () => this.#quicken(!this.quick));
    return element("footer", {}, this.facts, this.pace, this.sound, this.#talkButton(),
      iconButton("camera", "Save a picture", () => this.snapshot()), this.#streamChoice());
  }

  #switch(stream) {
    this.stream = stream;
    this.choice.value = stream;
    this.picture?.close();
    this.#play();
  }

  #play() {
    const show = (state, text, facts) => this.#show(state, text, facts);
    const place = [this.device, this.channel, this.stream];
    if (this.quick) this.picture = new WhepPicture(this.video, () => whepEndpoint(...place), show);
    else this.picture = new LivePicture(this.video, () => liveAddress(...place), show, (error) => this.on.explain(this, error));
  }

  // WebRTC or media source extensions.
  #quicken(quick) {
    this.quick = quick;
    if (quick) setIcon(this.pace, "quick", "Low latency off");
    else setIcon(this.pace, "steady", "Low latency on");
    this.picture?.close();
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
    const late = facts.latency ?? facts.behind;
    const parts = [`${late.toFixed(1)} s ${facts.latency === undefined ? "behind" : "latency"}`, plainName(facts.codecs), `${facts.width}×${facts.height}`];
    if (this.told === parts.join()) return;
    this.told = parts.join();
    this.facts.replaceChildren(...parts.map((part) => element("span", { textContent: part })));
    this.facts.title = `${parts.join(", ")} (${facts.codecs})`;
    this.facts.firstChild.classList.toggle("late", late > LATE_S);
  }
}
