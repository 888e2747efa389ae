// The timeline below the wall, of the chosen camera.

import { get } from "./api.js";
import { find } from "./element.js";
import { playAt } from "./recorded.js";
import { Timeline } from "./timeline.js";

const HOUR_MS = 3_600_000;
const FRESH_MS = 30_000;

let camera = null;

// What the recorders hold of a camera between two instants.
export function loadTimeline(camera, from, to) {
  return get("timeline", {
    device: camera.device, channel: camera.channel, start: new Date(from).toISOString(), end: new Date(to).toISOString(),
  });
}

export const timeline = new Timeline(
  async (from, to) => (camera && from < to ? loadTimeline(camera, from, to) : null),
  {
    play: (at) => camera && playAt(camera, at, timeline.spanAt(at)),
    trouble: (error) => (find("dock-note").textContent = error.message),
    loaded: ({ spans, gaps, alarms, recorders, silent }) => {
      const counts = [[spans.length, "recording"], [gaps.length, "gap"], [alarms.length, "alarm"]]
        .map(([count, noun]) => `${count} ${noun}${count === 1 ? "" : "s"}`);
      const missing = silent.length ? ` · ${silent.join(", ")} did not answer` : "";
      find("dock-note").textContent = recorders ? `${counts.join(", ")}${missing} · ${camera.name}` : "No recorder is running.";
    },
  },
);

find("dock").append(timeline.root);
find("dock-in").addEventListener("click", () => timeline.zoom(0.5));
find("dock-out").addEventListener("click", () => timeline.zoom(2));
for (const button of document.querySelectorAll("[data-hours]")) {
  button.addEventListener("click", () => lookBack(Number(button.dataset.hours)));
}

function lookBack(hours) {
  timeline.look(Date.now() - hours * HOUR_MS, Date.now());
}

export function showTimeline(tile) {
  camera = tile && { device: tile.device, channel: tile.channel, name: tile.name };
  timeline.clear();
  find("dock-note").textContent = tile ? `${tile.name}: looking…` : "Choose a camera.";
  if (tile) lookBack(1);
}

setInterval(() => {
  const late = Date.now() - timeline.to; // who looks at the present goes on with it
  if (camera && !document.hidden && !timeline.dragged && late < FRESH_MS * 4) timeline.look(timeline.from + late, timeline.to + late);
}, FRESH_MS);
