// The player of what was recorded, by the recorders or on devices: it is held, sought and hurried where it is played.

import { get, liveAddress, post } from "./api.js";
import { day, find, saveSnapshot } from "./element.js";
import { Exporting, describe } from "./exporting.js";
import { LivePicture } from "./live.js";
import { Timeline } from "./timeline.js";

const TICK_MS = 200;
const AROUND_MS = 1_800_000;
const LEAD_MS = 5000; // an alarm is played from a little before it
const SPEEDS = [-16, -8, -4, -2, -1, -0.5, -0.25, 0.25, 0.5, 1, 2, 4, 8, 16];

const time = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });
const iso = (at) => new Date(at).toISOString();

let player = null;

// Play what is on the device.
export function playOnDevice(tile, recorded) {
  begin(new Player(tile, recorded, { recording: recorded.id, start: recorded.start, end: recorded.end }));
}

// Play a span of what the recorders hold, and what comes behind it.
export function playRecorded(camera, span) {
  begin(new Player(camera, span, { source: "recorder", stream: span.stream, start: span.start }));
}

// Play what the recorders hold from an instant on; `span` is what is known to be there, or next.
export function playAt(camera, at, span) {
  const held = span ?? { start: iso(at), end: iso(at + 1000), stream: "main" };
  const start = iso(Math.max(at, new Date(held.start).getTime()));
  begin(new Player(camera, held, { source: "recorder", stream: held.stream, start }));
}

// Play what was recorded around an alarm, whichever stream was.
export async function playAlarm(camera, at) {
  const { spans } = await get("timeline", {
    device: camera.device, channel: camera.channel, start: iso(at - 60_000), end: iso(Math.min(at + 600_000, Date.now() + 1000)),
  });
  const span = spans.find((each) => new Date(each.start) <= at && new Date(each.end) > at) ?? spans.find((each) => new Date(each.end) > at);
  if (!span) throw new Error("nothing was recorded then");
  playAt(camera, at - LEAD_MS, span);
}

export const playing = () => player && !player.closed;

function begin(next) {
  player?.close();
  player = next;
  player.open();
}

class Player {
  constructor(camera, span, wanted) {
    this.camera = { device: camera.device, channel: camera.channel };
    this.wanted = wanted;
    this.onDevice = wanted.source !== "recorder";
    this.#cover(span);
    this.at = wanted.start ? new Date(wanted.start).getTime() : this.start;
    this.speed = 1;
    this.paused = false;
    this.seeks = 0; // that are on their way
  }

  open() {
    find("recorded-title").textContent = `${this.camera.device} · ${day.format(new Date(this.at))}`;
    find("recorded-speed").value = "1";
    for (const control of document.querySelectorAll("[data-recorder-only]")) control.hidden = this.onDevice;
    for (const option of find("recorded-speed").options) option.hidden = this.onDevice && Number(option.value) < 0;
    if (!this.onDevice) this.#showTimeline();
    this.#label();
    find("recorded").showModal();
    this.timer = setInterval(() => this.#tick(), TICK_MS);
    this.told = this.#begin();
  }

  async #begin() {
    this.#say("preparing…");
    try {
      const { session, stream, start } = await post("playback", { ...this.camera, ...this.wanted });
      this.session = session;
      if (start) this.at = new Date(start).getTime();
      if (this.closed) return this.#send({ action: "stop" });
      const address = () => liveAddress(this.camera.device, this.camera.channel, stream);
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
      if (this.closed) return;
      if (this.over && action === "seek") return this.#again(more.at);
      if (!this.session || this.over) return;
      try {
        await this.#send({ action, ...more });
        if (action === "pause" || action === "step") this.paused = true;
        if (action === "resume" || action === "seek") this.paused = false;
        if (action === "seek" && this.seeks < 2) this.#sought(new Date(more.at).getTime());
        if (action === "speed") this.speed = more.speed;
        this.stale = action === "seek" || action === "speed" || action === "step" ? this.picture?.anchor : this.stale;
        if (this.picture) this.picture.patient = this.paused;
        this.#label();
      } catch (error) {
        this.#say(error.message);
      }
      find("recorded-speed").value = String(this.speed);
    });
  }

  // The next one starts from where this one goes, answered or not.
  seek(at) {
    this.at = Math.min(at, Date.now());
    this.seeks++;
    this.tell("seek", { at: iso(this.at) });
    this.told = this.told.then(() => this.seeks--);
  }

  hurry(by) {
    const usable = this.onDevice ? SPEEDS.filter((each) => each > 0) : SPEEDS;
    const next = usable[usable.indexOf(this.speed) + by];
    if (next) this.tell("speed", { speed: next });
  }

  // What has ended is begun anew.
  #again(at) {
    this.picture?.close();
    this.over = false;
    this.paused = false;
    this.wanted = { ...this.wanted, start: at };
    this.#sought(new Date(at).getTime());
    this.speed = 1;
    this.#label();
    return this.#begin();
  }

  #send(body) {
    return post("playback/control", { device: this.camera.device, session: this.session, ...body });
  }

  #sought(at) {
    this.at = at;
    const span = this.timeline?.spanAt(at);
    if (span && (at < this.start || at >= this.end)) this.#cover(span);
  }

  #cover(span) {
    this.start = new Date(span.start).getTime();
    this.end = new Date(span.end).getTime();
    find("recorded-seek").max = Math.max(1, Math.round((this.end - this.start) / 1000));
  }

  #showTimeline() {
    const load = (start, end) => get("timeline", { ...this.camera, start: iso(start), end: iso(end) });
    this.timeline = new Timeline(load, { play: (at) => this.seek(at), trouble: (error) => this.#say(error.message) });
    const until = Math.min(this.at + AROUND_MS, Date.now());
    this.timeline.look(until - 2 * AROUND_MS, until);
    find("recorded-timeline").replaceChildren(this.timeline.root);
    this.#marked();
  }

  mark(which) {
    if (!this.timeline) return;
    this.timeline.mark(which, this.at);
    this.#marked();
  }

  #marked() {
    const [first, last] = this.timeline.marks;
    const format = (at) => (at === null ? "…" : time.format(new Date(at)));
    find("recorded-marked").textContent = first === null && last === null ? "" : `${format(first)} – ${format(last)}`;
    find("recorded-export").disabled = first === null || last === null || first === last;
  }

  async export() {
    const [start, end] = this.timeline?.marks ?? [null, null];
    if (start === null || end === null) return;
    this.exporting?.cancel();
    const wanted = { ...this.camera, stream: this.wanted.stream, start: iso(start), end: iso(end) };
    const exporting = this.exporting = new Exporting(wanted, find("recorded-exporting"));
    const link = find("recorded-file");
    const said = (text) => { find("recorded-export-note").textContent = text; };
    link.hidden = true;
    said("preparing the file…");
    try {
      const file = await exporting.file();
      if (exporting !== this.exporting || this.closed) return;
      said(file ? `the file is ready: ${describe(file, wanted)}` : "the file was given up");
      if (!file) return;
      link.href = file.url;
      link.hidden = false;
      link.focus();
    } catch (error) {
      if (exporting === this.exporting) said(error.message);
    }
  }

  snapshot() {
    saveSnapshot(find("recorded-video"), `${this.camera.device}-${this.camera.channel}`, this.at);
  }

  toggle() {
    this.tell(this.paused ? "resume" : "pause");
  }

  #tick() {
    if (!this.seeks) this.#advance();
    if (this.onDevice) this.at = Math.min(this.end, this.at);
    else if (this.at >= this.end) this.#sought(this.at);
    const slider = find("recorded-seek");
    if (document.activeElement !== slider) slider.value = Math.round((this.at - this.start) / 1000);
    find("recorded-time").textContent = time.format(new Date(this.at));
    this.timeline?.moveTo(this.at);
  }

  // The clock of the pictures where there is one from after the last command, else a guess.
  #advance() {
    const anchor = this.picture?.anchor;
    if (this.playing && anchor && anchor !== this.stale && !this.onDevice) {
      this.at = anchor.wall_ms + (find("recorded-video").currentTime - anchor.media_s) * 1000 * this.speed;
    } else if (this.playing && !this.paused && !this.over) this.at += TICK_MS * this.speed;
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
    this.exporting?.cancel();
    find("recorded-timeline").replaceChildren();
    find("recorded-file").hidden = true;
    find("recorded-export-note").textContent = "";
    if (this.session && !this.over) this.#send({ action: "stop" }).catch(() => {}); // it lapses by itself too
    if (find("recorded").open) find("recorded").close();
  }
}

const press = (id, act) => find(id).addEventListener("click", () => player && act());
find("recorded").addEventListener("close", () => player?.close());
find("recorded").querySelector("header button").addEventListener("click", () => find("recorded").close());
press("recorded-pause", () => player.toggle());
press("recorded-back", () => player.tell("step", { backwards: true }));
press("recorded-step", () => player.tell("step"));
press("recorded-reverse", () => player.tell("speed", { speed: -player.speed }));
press("recorded-in", () => player.mark(0));
press("recorded-out", () => player.mark(1));
press("recorded-export", () => player.export());
press("recorded-snapshot", () => player.snapshot());
find("recorded-speed").addEventListener("change", (event) => player?.tell("speed", { speed: Number(event.target.value) }));
find("recorded-seek").addEventListener("change", (event) => {
  player?.seek(player.start + Number(event.target.value) * 1000);
  event.target.blur();
});

// Keys while it is open; true if this one meant something.
export function playerKey(key) {
  const act = {
    " ": () => player.toggle(),
    ArrowLeft: () => player.seek(player.at - 10_000),
    ArrowRight: () => player.seek(player.at + 10_000),
    ",": () => player.tell("step", { backwards: true }),
    ".": () => player.tell("step"),
    "-": () => player.hurry(-1),
    "+": () => player.hurry(1),
    "=": () => player.hurry(1),
    r: () => !player.onDevice && player.tell("speed", { speed: -player.speed }),
    i: () => player.mark(0),
    o: () => player.mark(1),
    e: () => player.export(),
    s: () => player.snapshot(),
    f: () => (document.fullscreenElement ? document.exitFullscreen() : find("recorded-video").requestFullscreen().catch(() => {})),
  }[key];
  act?.();
  return Boolean(act);
}
