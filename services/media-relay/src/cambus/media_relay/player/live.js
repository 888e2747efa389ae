// One live picture: fragmented MP4 from a WebSocket into Media Source Extensions, held at the live edge.
//
// Text messages are JSON: {type: "open", mime, codecs, width, height} before each initialisation segment,
// {type: "clock", media_s, wall_ms, sent_ms} before keyframes, {type: "error", code, text, retryable} before the
// relay closes, {type: "end"} behind the last picture of a recording. Binary messages are MP4.

const KEEP_S = 12; // of the past, for a short look back while paused
const BEHIND_S = 2.5; // jump to the edge beyond this
const HURRY_S = 0.7; // play a little faster beyond this
const SILENCE_MS = 12000;
const QUEUE_BYTES = 24 << 20;
const RETRY_MS = [500, 1000, 2000, 4000, 8000];

export class LivePicture {
  // `show(state)` gets {state: "connecting" | "playing" | "waiting" | "failed" | "ended", text, facts};
  // facts.undecodable: it failed because this browser can not decode it.
  // `address()` promises where to connect to, anew for each attempt: it may hold a token that opens once.
  // `explain({code, reason, text})` says in words what the relay said of a failure.
  // While `patient` is true, silence is no fault: the picture is held.
  constructor(video, address, show, explain = ({ text }) => text) {
    this.video = video;
    this.address = address;
    this.show = show;
    this.explain = explain;
    this.tries = 0;
    this.facts = {};
    this.patient = false;
    this.timer = setInterval(() => this.#tend(), 250);
    this.#connect();
  }

  close() {
    clearInterval(this.timer);
    clearTimeout(this.retry);
    this.closed = true;
    this.#disconnect();
    this.video.removeAttribute("src");
    this.video.load();
  }

  async #connect() {
    this.show("connecting", this.tries ? this.why : "connecting…"); // why stays to be read while the relay waits
    const attempt = {};
    this.attempt = attempt;
    let address;
    try {
      address = await this.address();
    } catch (error) {
      if (attempt === this.attempt) this.#again(`${error.message}\ntrying again…`);
      return;
    }
    if (attempt !== this.attempt || this.closed) return;
    this.heard = performance.now();
    const socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => {
      if (socket !== this.socket) return;
      this.heard = performance.now();
      if (typeof event.data === "string") this.#told(JSON.parse(event.data));
      else this.#media(event.data);
    };
    socket.onclose = () => {
      if (socket === this.socket) this.#again();
    };
    this.socket = socket;
  }

  #disconnect() {
    const socket = this.socket;
    this.socket = null;
    if (socket) socket.close();
    this.buffer = null;
    this.source = null;
    this.queue = [];
    this.queued = 0;
    if (this.blob) URL.revokeObjectURL(this.blob);
    this.blob = null;
  }

  #again(text) {
    this.#disconnect();
    if (this.closed || this.failed) return;
    const delay = RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)];
    this.why = text || this.reason || "the connection broke off, trying again…";
    this.show("waiting", this.why);
    this.reason = null;
    this.retry = setTimeout(() => this.#connect(), delay);
  }

  #fail(text, facts) {
    this.failed = true;
    this.#disconnect();
    this.show("failed", text, facts);
  }

  // The last picture stays.
  #end() {
    this.failed = true;
    clearInterval(this.timer);
    this.socket = null;
    this.show("ended", "the recording is over");
  }

  #told(message) {
    if (message.type === "open") this.#open(message);
    else if (message.type === "clock") this.#clock(message);
    else if (message.type === "end") this.#end();
    else if (message.type === "error") {
      if (message.retryable) this.reason = `${this.explain(message)}\ntrying again…`;
      else this.#fail(this.explain(message));
    }
  }

  #open(message) {
    const Source = window.ManagedMediaSource || window.MediaSource;
    if (!Source) return this.#fail("This browser has no Media Source Extensions: open the picture in another, or by RTSP.");
    if (!Source.isTypeSupported(message.mime)) {
      const h265 = /hvc1|hev1/.test(message.mime);
      return this.#fail(
        h265
          ? "The camera sends H.265, which this browser cannot decode here.\nUse a browser with H.265, the camera's H.264 stream (try the other stream below), or RTSP."
          : `This browser cannot decode ${message.mime}.`,
        { undecodable: true },
      );
    }
    this.queue = [];
    this.queued = 0;
    this.buffer = null;
    this.anchor = null;
    this.skew = null;
    this.facts = { codecs: message.codecs, width: message.width, height: message.height };
    const source = new Source();
    this.source = source;
    if (this.blob) URL.revokeObjectURL(this.blob);
    this.blob = URL.createObjectURL(source);
    this.video.disableRemotePlayback = true; // ManagedMediaSource asks for it
    this.video.src = this.blob;
    source.addEventListener("sourceopen", () => {
      if (source !== this.source) return;
      this.buffer = source.addSourceBuffer(message.mime);
      this.buffer.addEventListener("updateend", () => this.#feed());
      this.#feed();
    }, { once: true });
  }

  #clock(message) {
    const skew = Date.now() - message.sent_ms;
    this.skew = this.skew === null ? skew : Math.min(this.skew, skew);
    this.anchor = message;
  }

  #media(data) {
    if (!this.source) return;
    this.queue.push(data);
    this.queued += data.byteLength;
    if (this.queued > QUEUE_BYTES) return this.#again("this browser is too slow for the picture, trying again…");
    this.#feed();
  }

  #feed() {
    const buffer = this.buffer;
    if (!buffer || buffer.updating || !this.queue.length || this.source.readyState !== "open") return;
    const ranges = buffer.buffered;
    if (ranges.length && this.video.currentTime - ranges.start(0) > 2 * KEEP_S) {
      buffer.remove(ranges.start(0), this.video.currentTime - KEEP_S);
      return;
    }
    const data = this.queue.length === 1 ? this.queue[0] : joined(this.queue, this.queued);
    this.queue = [];
    this.queued = 0;
    try {
      buffer.appendBuffer(data);
    } catch (error) {
      this.#again(error.name === "QuotaExceededError" ? "out of memory, trying again…" : undefined);
    }
  }

  // Four times a second: keep to the edge, notice silence, say how it goes.
  #tend() {
    if (!this.socket) return;
    if (this.patient) this.heard = performance.now();
    if (performance.now() - this.heard > SILENCE_MS) return this.#again("no picture comes, trying again…");
    const video = this.video;
    if (video.error) return this.#again("the picture could not be decoded, trying again…");
    const ranges = this.buffer ? this.buffer.buffered : null;
    if (!ranges || !ranges.length) return;
    const start = ranges.start(ranges.length - 1);
    const end = ranges.end(ranges.length - 1);
    const behind = end - video.currentTime;
    if (video.currentTime < start || behind > BEHIND_S) video.currentTime = Math.max(start, end - 0.25);
    if (!video.paused) video.playbackRate = behind > HURRY_S ? 1.08 : 1;
    if (video.paused && !this.held) video.play().catch(() => {});
    if (video.readyState >= 2) {
      this.tries = 0;
      this.#report(behind);
    }
  }

  #report(behind) {
    const facts = { ...this.facts, width: this.video.videoWidth, height: this.video.videoHeight, behind };
    if (this.anchor) {
      const shown = this.anchor.wall_ms + (this.video.currentTime - this.anchor.media_s) * 1000;
      facts.latency = Math.max(0, Date.now() - this.skew - shown) / 1000;
    }
    this.show("playing", "", facts);
  }
}

function joined(parts, size) {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(new Uint8Array(part), at);
    at += part.byteLength;
  }
  return whole;
}
