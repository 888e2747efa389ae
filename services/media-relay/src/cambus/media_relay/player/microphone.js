// Beside the page: the microphone's samples, brought to the device's rate, as A-law (ITU-T G.711) of 40 ms each.

const PIECE_S = 0.04;

// One sample, -1 to 1.
function alaw(sample) {
  const clipped = Math.max(-1, Math.min(1, sample));
  const sign = clipped >= 0 ? 0x80 : 0;
  const value = Math.min(0xfff, Math.floor(Math.abs(clipped) * 4096)); // 12 bits and the sign
  let segment = 0;
  for (let rest = value >> 5; rest; rest >>= 1) segment++;
  const step = segment < 2 ? (value >> 1) & 15 : (value >> segment) & 15;
  return (sign | (segment << 4) | step) ^ 0x55;
}

class Microphone extends AudioWorkletProcessor {
  constructor({ processorOptions: { rate } }) {
    super();
    this.ratio = sampleRate / rate;
    this.piece = new Uint8Array(Math.round(rate * PIECE_S));
    this.filled = 0;
    this.sum = 0;
    this.count = 0;
    this.until = this.ratio;
  }

  // Each sample that goes out is the mean of those it stands for.
  process([[samples]]) {
    for (const sample of samples ?? []) {
      this.sum += sample;
      this.count++;
      if (this.count < this.until) continue;
      this.#put(this.sum / this.count);
      this.until += this.ratio - this.count;
      this.sum = 0;
      this.count = 0;
    }
    return true;
  }

  #put(sample) {
    this.piece[this.filled++] = alaw(sample);
    if (this.filled < this.piece.length) return;
    this.port.postMessage(this.piece.slice());
    this.filled = 0;
  }
}

registerProcessor("microphone", Microphone);
