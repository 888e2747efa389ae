// A line of time drawn on a canvas: what is recorded, what is missing and why, and alarms.
//
// Wheel: zoom at the pointer. Drag: the playhead. Click: play from there. Drag with Shift, or of the scale above: move along.

import { element } from "./element.js";

const HIGH = 74;
const SCALE = 20; // height of the scale
const LANE = { top: 36, high: 22 };
const SHORTEST_MS = 20_000;
const LONGEST_MS = 30 * 86_400_000;
const SETTLE_MS = 300;
const NEAR_PX = 6;
const STEPS_S = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800];

const short = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const fine = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dates = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

const ms = (text) => new Date(text).getTime();

export class Timeline {
  // `load(from, to)` promises {spans, gaps, alarms}; `on.play(at)` is asked for by a click or the end of a drag.
  constructor(load, on) {
    this.load = load;
    this.on = on;
    this.at = null;
    this.marks = [null, null];
    this.lanes = { spans: [], gaps: [], alarms: [] };
    this.canvas = element("canvas", { className: "timeline", tabIndex: 0, role: "slider", ariaLabel: "Recordings by time" });
    this.tip = element("p", { className: "tip", hidden: true });
    this.root = element("div", { className: "time" }, this.canvas, this.tip);
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(this.root);
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.draw());
    this.look(Date.now() - 3_600_000, Date.now());
  }

  // Show the time between two instants, in milliseconds.
  look(from, to) {
    this.from = from;
    this.to = to;
    this.draw();
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.refresh(), SETTLE_MS);
  }

  async refresh() {
    const asked = (this.asked = {});
    const room = (this.to - this.from) / 4;
    if (this.from - room >= Date.now()) return;
    let found;
    try {
      found = await this.load(this.from - room, Math.min(this.to + room, Date.now()));
    } catch (error) {
      if (asked === this.asked) this.on.trouble?.(error);
      return;
    }
    if (asked !== this.asked || !found) return;
    const timed = (entries) => entries.map((each) => ({ ...each, from: ms(each.start), to: each.end ? ms(each.end) : ms(each.start) }));
    this.lanes = { spans: timed(found.spans), gaps: timed(found.gaps), alarms: timed(found.alarms) };
    for (const [lane, entries] of Object.entries(this.lanes)) this.root.dataset[lane] = entries.length;
    this.draw();
    this.on.loaded?.(found);
  }

  clear() {
    this.asked = null;
    this.lanes = { spans: [], gaps: [], alarms: [] };
    this.at = null;
    this.marks = [null, null];
    this.draw();
  }

  // Where it is played now; the window follows when that leaves it.
  moveTo(at) {
    if (this.dragged) return;
    this.at = at;
    const length = this.to - this.from;
    if (at < this.from || at > this.to) this.look(at - length / 4, at + length * 0.75);
    else this.draw();
  }

  mark(which, at) {
    this.marks[which] = at;
    const [first, last] = this.marks;
    if (first !== null && last !== null && last < first) this.marks = [last, first];
    this.draw();
  }

  // The recording at an instant, or the next one.
  spanAt(at) {
    const later = this.lanes.spans.filter((span) => span.to > at).sort((one, other) => one.from - other.from);
    return later.find((span) => span.stream === "main" && span.from <= at) ?? later[0];
  }

  zoom(factor, around = this.at ?? (this.from + this.to) / 2) {
    const length = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, (this.to - this.from) * factor));
    const part = Math.min(1, Math.max(0, (around - this.from) / (this.to - this.from)));
    this.look(around - length * part, around + length * (1 - part));
  }

  #x(at) {
    return ((at - this.from) / (this.to - this.from)) * this.canvas.clientWidth;
  }

  #time(x) {
    return this.from + (x / this.canvas.clientWidth) * (this.to - this.from);
  }

  #listen() {
    const canvas = this.canvas;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        const by = ((event.deltaX || event.deltaY) / canvas.clientWidth) * (this.to - this.from);
        this.look(this.from + by, this.to + by);
      } else this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.#time(event.offsetX));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      canvas.setPointerCapture(event.pointerId);
      const along = event.shiftKey || event.offsetY < SCALE;
      this.dragged = { along, x: event.offsetX, from: this.from, to: this.to };
      if (!along) this.#scrub(event.offsetX);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.dragged) return this.#explain(event.offsetX);
      if (!this.dragged.along) return this.#scrub(event.offsetX);
      const by = ((this.dragged.x - event.offsetX) / canvas.clientWidth) * (this.to - this.from);
      this.look(this.dragged.from + by, this.dragged.to + by);
    });
    canvas.addEventListener("pointerup", () => {
      const { dragged } = this;
      this.dragged = null;
      if (dragged && !dragged.along) this.on.play(this.at);
    });
    canvas.addEventListener("pointercancel", () => (this.dragged = null));
    canvas.addEventListener("pointerleave", () => (this.tip.hidden = true));
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  #scrub(x) {
    this.at = Math.min(this.#time(Math.max(0, Math.min(x, this.canvas.clientWidth))), Date.now());
    this.#explain(x);
    this.draw();
  }

  #key(event) {
    const length = this.to - this.from;
    const steps = { ArrowLeft: -length / 100, ArrowRight: length / 100, PageDown: -length / 10, PageUp: length / 10 };
    if (event.key in steps) {
      this.moveTo(Math.min((this.at ?? (this.from + this.to) / 2) + steps[event.key], Date.now()));
      this.#explain(this.#x(this.at));
    } else if (event.key === "Enter") this.on.play(this.at ?? this.from);
    else if (event.key === "+" || event.key === "=") this.zoom(0.5);
    else if (event.key === "-") this.zoom(2);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // What is at a place, in words.
  about(at) {
    const near = ((this.to - this.from) / this.canvas.clientWidth) * NEAR_PX;
    const parts = [whole.format(new Date(at))];
    const alarm = this.lanes.alarms.find((each) => at >= each.from - near && at <= each.to + near);
    const span = this.lanes.spans.find((each) => at >= each.from && at < each.to);
    const gap = this.lanes.gaps.find((each) => at >= each.from - near && at < each.to + near);
    if (alarm) parts.push(`alarm: ${alarm.type}`);
    if (span) parts.push(`recorded (${span.trigger})`);
    else if (gap) parts.push(`missing: ${gap.reason}`);
    else parts.push("nothing recorded");
    return parts.join(" · ");
  }

  #explain(x) {
    const at = this.#time(x);
    this.tip.textContent = this.about(at);
    this.tip.hidden = false;
    const room = this.canvas.clientWidth - this.tip.offsetWidth;
    this.tip.style.left = `${Math.max(0, Math.min(room, x - this.tip.offsetWidth / 2))}px`;
  }

  draw() {
    const { canvas } = this;
    const wide = this.root.clientWidth;
    if (!wide) return;
    const ratio = window.devicePixelRatio || 1;
    canvas.width = wide * ratio;
    canvas.height = HIGH * ratio;
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(`--${name}`);
    pen.fillStyle = colour("raised");
    pen.fillRect(0, LANE.top, wide, LANE.high);
    this.#drawScale(pen, wide, colour);
    this.#bars(pen, this.lanes.gaps, colour("bad"), 0.45);
    this.#bars(pen, this.lanes.spans, colour("accent"), 0.85);
    this.#bars(pen, this.lanes.spans.filter((span) => span.trigger === "alarm"), colour("warn"), 0.5);
    pen.fillStyle = colour("warn");
    for (const alarm of this.lanes.alarms) pen.fillRect(this.#x(alarm.from) - 1, LANE.top - 10, 3, 8);
    this.#drawMarks(pen, colour);
    if (this.at !== null) {
      pen.fillStyle = colour("text");
      pen.fillRect(this.#x(this.at) - 1, SCALE, 2, HIGH - SCALE);
    }
    this.#tell();
  }

  #bars(pen, entries, fill, alpha) {
    pen.globalAlpha = alpha;
    pen.fillStyle = fill;
    for (const { from, to } of entries) {
      if (to < this.from || from > this.to) continue;
      const [left, right] = [Math.max(0, this.#x(from)), Math.min(this.canvas.clientWidth, this.#x(to))];
      pen.fillRect(left, LANE.top, Math.max(1.5, right - left), LANE.high);
    }
    pen.globalAlpha = 1;
  }

  #drawScale(pen, wide, colour) {
    const fits = (this.to - this.from) / 1000 / (wide / 90);
    const step = (STEPS_S.find((each) => each >= fits) ?? STEPS_S.at(-1)) * 1000;
    const shift = new Date(this.from).getTimezoneOffset() * 60_000;
    pen.fillStyle = colour("quiet");
    pen.font = "11px system-ui, sans-serif";
    pen.textAlign = "center";
    for (let at = Math.ceil((this.from - shift) / step) * step + shift; at < this.to; at += step) {
      const when = new Date(at);
      const midnight = when.getHours() + when.getMinutes() + when.getSeconds() === 0;
      const label = midnight || step >= 86_400_000 ? dates.format(when) : (step < 60_000 ? fine : short).format(when);
      pen.fillRect(this.#x(at), SCALE - 3, 1, 6);
      pen.fillText(label, Math.min(wide - 28, Math.max(28, this.#x(at))), 12);
    }
  }

  #drawMarks(pen, colour) {
    const [first, last] = this.marks;
    pen.fillStyle = colour("good");
    for (const at of this.marks) if (at !== null) pen.fillRect(this.#x(at) - 1, LANE.top - 4, 2, LANE.high + 12);
    if (first === null || last === null) return;
    pen.globalAlpha = 0.35;
    pen.fillRect(this.#x(first), LANE.top - 4, this.#x(last) - this.#x(first), LANE.high + 12);
    pen.globalAlpha = 1;
  }

  // The same for whoever does not see it, and for those who try it.
  #tell() {
    const { canvas, root } = this;
    const at = this.at ?? this.from;
    canvas.setAttribute("aria-valuemin", Math.round(this.from / 1000));
    canvas.setAttribute("aria-valuemax", Math.round(this.to / 1000));
    canvas.setAttribute("aria-valuenow", Math.round(at / 1000));
    canvas.setAttribute("aria-valuetext", this.about(at));
    root.dataset.from = Math.round(this.from);
    root.dataset.to = Math.round(this.to);
    root.dataset.at = this.at === null ? "" : Math.round(this.at);
  }
}
