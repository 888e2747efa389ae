// One live picture by WebRTC: less delay than media source extensions, and a picture lost on the way is not sent again.
//
// The same face as LivePicture: `show(state, text, facts)` is told how it goes; facts.fallback: it does not go by
// WebRTC here, now, so another way may be tried. `endpoint()` promises where to ask, with which headers.

import { relayNow } from "./clock.js";

const NTP_TO_UNIX_MS = 2_208_988_800_000;
const FIRST_PICTURE_MS = 8000;
const SILENCE_MS = 12000;
const TICK_MS = 500;

export class WhepPicture {
  constructor(video, endpoint, show) {
    this.video = video;
    this.endpoint = endpoint;
    this.show = show;
    this.heard = performance.now();
    this.frames = 0;
    this.timer = setInterval(() => this.#tend(), TICK_MS);
    this.show("connecting", "connecting…");
    this.#connect().catch((error) => this.#fail(error.message));
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    clearInterval(this.timer);
    this.video.srcObject = null;
    this.#hangUp().finally(() => this.peer?.close());
  }

  async #connect() {
    if (!window.RTCPeerConnection) throw new Error("this browser has no WebRTC");
    const peer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
    this.peer = peer;
    for (const kind of ["video", "audio"]) peer.addTransceiver(kind, { direction: "recvonly" });
    const stream = new MediaStream();
    peer.ontrack = ({ track, receiver }) => {
      stream.addTrack(track);
      if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
      if (this.closed) return;
      this.video.srcObject = stream;
      this.video.play().catch(() => {});
    };
    peer.onconnectionstatechange = () => {
      if (["failed", "closed", "disconnected"].includes(peer.connectionState)) this.#fail("the connection broke off");
    };
    await peer.setLocalDescription();
    const { url, headers } = await this.endpoint();
    const response = await fetch(url, {
      method: "POST",
      headers: { ...headers, "Content-Type": "application/sdp" },
      body: peer.localDescription.sdp,
    });
    if (response.status !== 201) {
      const body = await response.json().catch(() => ({}));
      throw new Error(body.text || `the relay answered ${response.status}`);
    }
    // Behind a proxy the path may be another than the relay knows: only the name of the session counts.
    const session = response.headers.get("Location").split("/").pop();
    this.session = `${url}/${session}`;
    const answer = await response.text();
    if (this.closed) return this.#hangUp();
    await peer.setRemoteDescription({ type: "answer", sdp: answer });
  }

  async #hangUp() {
    const session = this.session;
    this.session = null;
    if (session) await fetch(session, { method: "DELETE", keepalive: true }).catch(() => {});
  }

  #fail(text) {
    if (this.closed) return;
    this.close();
    this.show("failed", text, { fallback: true });
  }

  async #tend() {
    const reports = this.peer ? await this.peer.getStats() : new Map();
    if (this.closed) return;
    const all = [...reports.values()];
    const picture = all.find((each) => each.type === "inbound-rtp" && each.kind === "video");
    if (picture && picture.framesDecoded > this.frames) {
      this.frames = picture.framesDecoded;
      this.heard = performance.now();
      this.#report(picture, all);
    } else if (performance.now() - this.heard > (this.frames ? SILENCE_MS : FIRST_PICTURE_MS)) {
      this.#fail("no picture comes");
    }
  }

  // When the picture shown came from the device, by the relay's sender reports; where the browser does not tell, what
  // waits in it and the way from the relay.
  #report(picture, all) {
    const emitted = picture.jitterBufferEmittedCount - (this.before?.jitterBufferEmittedCount ?? 0);
    const waited = picture.jitterBufferDelay - (this.before?.jitterBufferDelay ?? 0);
    this.before = picture;
    const pair = all.find((each) => each.type === "candidate-pair" && each.nominated);
    const codec = reportOf(all, picture.codecId)?.mimeType ?? "";
    const sound = all.some((each) => each.type === "inbound-rtp" && each.kind === "audio" && each.packetsReceived);
    const came = picture.estimatedPlayoutTimestamp;
    this.show("playing", "", {
      latency: came ? Math.max(0, relayNow() - (came - NTP_TO_UNIX_MS)) / 1000 : undefined,
      codecs: `${{ "video/H264": "avc1", "video/H265": "hvc1" }[codec] ?? codec}${sound ? ",sound" : ""}`,
      width: this.video.videoWidth,
      height: this.video.videoHeight,
      behind: (emitted > 0 ? waited / emitted : 0) + (pair?.currentRoundTripTime ?? 0) / 2,
    });
  }
}

function reportOf(all, id) {
  return all.find((each) => each.id === id);
}
