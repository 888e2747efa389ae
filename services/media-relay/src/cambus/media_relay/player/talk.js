// Speaking through a camera: the microphone, as G.711, to the relay.

import { get, talkAddress } from "./api.js";

// A page that came over a network without https gets no microphone from the browser.
export function canTalk() {
  return Boolean(navigator.mediaDevices?.getUserMedia && window.AudioWorkletNode);
}

const answers = new Map();

// Why a device can not be spoken through; nothing if it can, or nobody knows. It is asked once.
export function whyNoTalk(device) {
  if (!answers.has(device)) {
    const asked = get("talk", { device }).then(({ possible, why }) => {
      if (possible === null) answers.delete(device); // it is offline, perhaps
      return why;
    }, () => answers.delete(device) && null);
    answers.set(device, asked);
  }
  return answers.get(device);
}

export class Talk {
  // `show(talking, text)` is told when it begins, ends and why.
  constructor(device, channel, show) {
    this.show = show;
    this.#begin(device, channel).catch((error) => this.close(`Nobody can be spoken to: ${error.message}`));
  }

  async #begin(device, channel) {
    this.show(true, "asking for the microphone…");
    const sound = { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
    this.microphone = await navigator.mediaDevices.getUserMedia({ audio: sound });
    if (this.closed) return this.#release();
    const address = await talkAddress(device, channel);
    if (this.closed) return this.#release();
    this.socket = new WebSocket(address);
    this.socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.type === "error") this.close(message.text);
      else this.#speak(message.sample_rate_hz).catch((error) => this.close(error.message));
    };
    this.socket.onclose = () => this.close("the talk is over");
  }

  async #speak(rate) {
    const context = new AudioContext();
    this.context = context;
    await context.audioWorklet.addModule("player/microphone.js");
    if (this.closed) return this.#release();
    const node = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0, processorOptions: { rate } });
    node.port.onmessage = ({ data }) => {
      if (this.socket?.readyState === WebSocket.OPEN && this.socket.bufferedAmount < 8000) this.socket.send(data);
    };
    context.createMediaStreamSource(this.microphone).connect(node);
    await context.resume();
    this.show(true, "you are heard");
  }

  close(text = "the talk is over") {
    if (this.closed) return;
    this.closed = true;
    this.#release();
    this.show(false, text);
  }

  #release() {
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
    if (this.context && this.context.state !== "closed") this.context.close();
    if (this.socket) this.socket.close();
    this.socket = null;
  }
}
