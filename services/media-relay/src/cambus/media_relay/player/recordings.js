// The lists of recordings of the chosen camera: what the recorders hold, and what is on the device itself.

import { get } from "./api.js";
import { day, element, find } from "./element.js";
import { Exporting, lacks } from "./exporting.js";
import { playOnDevice, playRecorded } from "./recorded.js";

const HOURS = 24;

let chosen = null;
let exporting = null;

export function showRecordings(tile) {
  chosen = tile;
  find("device-recordings").replaceChildren();
  find("device-search").disabled = !tile;
  find("device-note").textContent = tile ? tile.name : "Choose a channel."; // searching is left to a button: it costs the device
  return listRecorded(tile);
}

async function listRecorded(tile) {
  const list = find("recordings");
  const note = find("recordings-note");
  list.replaceChildren();
  if (!tile) {
    note.textContent = "Choose a channel.";
    return;
  }
  note.textContent = "looking…";
  let spans, recorders, silent;
  try {
    ({ spans, recorders, silent } = await get("recordings", { device: tile.device, channel: tile.channel, hours: HOURS }));
  } catch (error) {
    if (tile === chosen) note.textContent = error.message;
    return;
  }
  if (tile !== chosen) return;
  const none = recorders ? `None in the last ${HOURS} hours.` : "No recorder is running.";
  note.textContent = spans.length ? `${tile.name}, last ${HOURS} hours` : none;
  if (silent.length && recorders) note.textContent += ` (${silent.join(", ")} did not answer)`;
  list.replaceChildren(...spans.map((span) => recordedEntry(tile, span)));
}

function recordedEntry(tile, span) {
  const seconds = Math.round((new Date(span.end) - new Date(span.start)) / 1000);
  const parts = [[Math.floor(seconds / 60), "min"], [seconds % 60, "s"]];
  const length = parts.filter(([count]) => count).map(([count, unit]) => `${count} ${unit}`).join(" ");
  const button = element("button", { type: "button" },
    element("span", { textContent: day.format(new Date(span.start)) }), element("small", { textContent: length }));
  button.addEventListener("click", () => playRecorded(tile, span));
  const whole = element("button", { type: "button", className: "whole", textContent: "MP4", title: "All of it as one file" });
  whole.addEventListener("click", () => playWhole(tile, span));
  return element("li", {}, button, whole);
}

async function playWhole(tile, span) {
  const dialog = find("playback");
  const video = find("playback-video");
  find("playback-title").textContent = `${tile.name} · ${day.format(new Date(span.start))}`;
  find("playback-note").textContent = "preparing…";
  dialog.showModal();
  const wanted = { device: tile.device, channel: tile.channel, stream: span.stream, start: span.start, end: span.end };
  exporting?.cancel();
  exporting = new Exporting(wanted, find("playback-exporting"));
  const mine = exporting;
  try {
    const file = await mine.file();
    if (!dialog.open || mine !== exporting) return;
    if (!file) return dialog.close();
    video.src = file.url;
    find("playback-note").textContent = lacks(file, wanted).join("; ");
    await video.play();
  } catch (error) {
    if (dialog.open && mine === exporting) find("playback-note").textContent = error.message;
  }
}

find("playback-video").addEventListener("error", () => {
  if (find("playback").open) find("playback-note").textContent = "This browser cannot play the recording (H.265, perhaps).";
});
find("playback-video").addEventListener("loadedmetadata", () => {
  if (find("playback-video").videoWidth) return; // else it would play the sound before a black picture
  find("playback-note").textContent = "This browser cannot show the picture of this recording (H.265, perhaps); this is its sound.";
});
find("playback").addEventListener("close", () => {
  exporting?.cancel();
  find("playback-video").removeAttribute("src");
  find("playback-video").load();
});
find("playback").querySelector("button").addEventListener("click", () => find("playback").close());

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
  find("device-recordings").replaceChildren(...recordings.map((each) => {
    const button = element("button", { type: "button" },
      element("span", { textContent: day.format(new Date(each.start)) }), element("small", { textContent: each.event }));
    button.addEventListener("click", () => playOnDevice(tile, each));
    return element("li", {}, button);
  }));
});
