// Recordings on the device itself: the list. And a player of what was recorded, there or by the recorders, that holds,
// seeks and changes speed where it is played.

import { get, liveAddress, post } from "./api.js";
import { LivePicture } from "./live.js";
import { element } from "./tile.js";

const HOURS = 24;
const TICK_MS = 200;

const find = (id) => document.getElementById(id);
const time = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, {
  month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit",
});

let chosen = null;
let player = null;

// The tile whose device is to be searched; null for none. Searching is left to a button: it costs the device.
export function chooseDevice(tile) {
  chosen = tile;
  find("device-recordings").replaceChildren();
  find("device-search").disabled = !tile;
  find("device-note").textContent = tile ? tile.name : "Choose a channel.";
}

find("device-search").addEventListener("click", async () => {
  const tile = chosen;
  find("device-note").textContent = "asking the device…";
  find("device-search").disabled = true;
  let text, recordings = [];
  try {
    ({ recordings } = await get("device-recordings", { device: tile.device, channel: tile.channel, hours: HOURS }));
    text = recordings.length ? `${recordings.length} in the last ${HOURS} hours` : `None in the last ${HOURS} hours.`;
  } catch (error) {
    text = error.message;
  }
  if (tile !== chosen) return;
  find("device-search").disabled = false;
  find("device-note").textContent = text;
  find("device-recordings").replaceChildren(...recordings.map((each) => entry(tile, each)));
});

function entry(tile, recorded) {
  const button = element("button", { type: "button" },
    element("span", { textContent: day.format(new Date(recorded.start)) }), element("small", { textContent: recorded.event }));
  button.addEventListener("click", () => {
    player?.close();
    player = new Player(tile, recorded);
  });
  return element("li", {}, button);
}

// Play a span of what the recorders hold.
export function playRecorded(tile, span) {
  player?.close();
  player = new Player(tile, span, { source: "recorder", stream: span.stream });
}

class Player {
  constructor(tile, recorded, more = { recording: recorded.id }) {
    this.more = more;
    this.device = tile.device;
    this.channel = tile.channel;
    this.start = new Date(recorded.start).getTime();
    this.end = new Date(recorded.end).getTime();
    this.at = this.start;
    this.speed = 1;
    this.paused = false;
    find("recorded-title").textContent = `${tile.device} · ${day.format(new Date(recorded.start))}`;
    find("recorded-seek").max = Math.max(1, Math.round((this.end - this.start) / 1000));
    find("recorded-speed").value = "1";
    this.#label();
    find("recorded").showModal();
    this.timer = setInterval(() => this.#tick(), TICK_MS);
    this.told = this.#begin(recorded);
  }

  async #begin(recorded) {
    this.#say("preparing…");
    try {
      const { session, stream } = await post("playback", {
        device: this.device, channel: this.channel, start: recorded.start, end: recorded.end, ...this.more,
      });
      this.session = session;
      if (this.closed) return this.#send({ action: "stop" });
      const address = () => liveAddress(this.device, this.channel, stream);
      this.picture = new LivePicture(find("recorded-video"), address, (state, text) => this.#show(state, text));
    } catch (error) {
      this.#say(error.message);
    }
  }

  #show(state, text) {
    this.playing = state === "playing";
    this.over = state === "ended";
    this.#say(text);
  }

  // One after the other, in the order of the clicks.
  tell(action, more = {}) {
    this.told = this.told.then(async () => {
      if (!this.session || this.closed || this.over) return;
      try {
        await this.#send({ action, ...more });
        if (action === "pause") this.paused = true;
        if (action === "resume" || action === "seek") this.paused = false;
        if (action === "seek") this.at = new Date(more.at).getTime();
        if (action === "speed") this.speed = more.speed;
        if (this.picture) this.picture.patient = this.paused;
        this.#label();
      } catch (error) {
        find("recorded-speed").value = String(this.speed);
        this.#say(error.message);
      }
    });
  }

  #send(body) {
    return post("playback/control", { device: this.device, session: this.session, ...body });
  }

  #tick() {
    if (this.playing && !this.paused && !this.over) this.at = Math.min(this.end, this.at + TICK_MS * this.speed);
    const slider = find("recorded-seek");
    if (document.activeElement !== slider) slider.value = Math.round((this.at - this.start) / 1000);
    find("recorded-time").textContent = time.format(new Date(this.at));
  }

  #label() {
    find("recorded-pause").textContent = this.paused ? "Play" : "Pause";
  }

  #say(text) {
    find("recorded-note").textContent = text;
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.timer);
    this.picture?.close();
    if (this.session && !this.over) this.#send({ action: "stop" }).catch(() => {}); // it lapses by itself too
    if (find("recorded").open) find("recorded").close();
  }
}

find("recorded").addEventListener("close", () => player?.close());
find("recorded").querySelector("header button").addEventListener("click", () => find("recorded").close());
find("recorded-pause").addEventListener("click", () => player?.tell(player.paused ? "resume" : "pause"));
find("recorded-speed").addEventListener("change", (event) => player?.tell("speed", { speed: Number(event.target.value) }));
find("recorded-seek").addEventListener("change", (event) => {
  player?.tell("seek", { at: new Date(player.start + Number(event.target.value) * 1000).toISOString() });
  event.target.blur();
});
