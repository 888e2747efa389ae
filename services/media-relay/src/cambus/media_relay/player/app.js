// The page: devices on the left, the wall of pictures, recordings and alarms on the right.

import { ApiError, get, post, setToken } from "./api.js";
import { chooseDevice, playRecorded } from "./recorded.js";
import { channelName, element, Tile } from "./tile.js";

const MOST_TILES = 16;
const FIRST_TILES = 4;
const DEVICES_MS = 4000;
const ALARMS_MS = 4000;
const HOURS = 24;

const find = (id) => document.getElementById(id);
const tiles = new Map();
let devices = [];
let chosen = null;

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, {
  month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit",
});

function say(text) {
  find("status").textContent = text;
}

function trouble(error) {
  if (error instanceof ApiError && error.status === 401) askForToken();
  else say(error.message);
}

function askForToken() {
  const dialog = find("login");
  if (!dialog.open) dialog.showModal();
}

find("login").addEventListener("close", () => {
  setToken(find("login-token").value.trim());
  find("login-token").value = "";
  refreshDevices();
});

// Runs again `every` ms after each end, so that a slow answer never piles up requests.
function repeat(work, every) {
  const round = async () => {
    if (!document.hidden && !find("login").open) await work();
    setTimeout(round, every);
  };
  round();
}

async function refreshDevices() {
  try {
    devices = (await get("devices")).devices;
  } catch (error) {
    return trouble(error);
  }
  const online = devices.filter((device) => device.online).length;
  say(devices.length ? `${online} of ${devices.length} devices online` : "no devices are known");
  find("empty").textContent = devices.length
    ? "Choose a channel on the left to see its picture."
    : "No devices yet: write a devices.yaml and type cambusctl apply -f devices.yaml";
  drawDevices();
  openWished();
}

let drawn = "";
function drawDevices() {
  const wanted = find("filter").value.trim().toLowerCase();
  const matching = devices.filter((device) =>
    `${device.id} ${device.name} ${device.model ?? ""}`.toLowerCase().includes(wanted));
  const now = JSON.stringify([matching, [...tiles.keys()]]);
  if (now === drawn) return; // redrawing would take the focus away
  drawn = now;
  const focused = document.activeElement?.dataset?.key;
  find("devices").replaceChildren(...matching.map(deviceEntry));
  if (focused) find("devices").querySelector(`button[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function deviceEntry(device) {
  const state = device.online ? "online" : "offline";
  const about = [device.vendor, device.model].filter(Boolean).join(" ");
  const trouble = !device.online && device.last_error ? device.last_error : "";
  return element(
    "li",
    { className: "device" },
    element("p", {}, element("span", { className: device.online ? "dot on" : "dot", role: "img", ariaLabel: state, title: state }),
      device.name),
    element("small", { textContent: [about, trouble].filter(Boolean).join(" – ") || device.id }),
    ...device.channels.map((channel) => channelButton(device, channel)),
  );
}

function channelButton(device, channel) {
  const key = `${device.id}/${channel.channel}`;
  const button = element(
    "button",
    { type: "button", className: "channel", disabled: !device.online && !tiles.has(key), dataset: { key } },
    element("span", { textContent: channelName(channel) }),
    element("span", { textContent: channel.ptz ? "PTZ" : "" }),
  );
  button.setAttribute("aria-pressed", tiles.has(key));
  button.addEventListener("click", () => toggle(device, channel));
  return button;
}

const on = {
  close: (tile) => {
    remove(tile);
    remember();
  },
  choose: (tile) => choose(tile),
  changed: () => remember(),
  trouble,
};

function remove(tile) {
  tiles.delete(tile.key);
  tile.close();
  if (chosen === tile) choose(null);
  find("empty").hidden = tiles.size > 0;
  drawDevices();
}

// `#gate-1/0/main` names a picture to open - what `media-relay.live.open` hands out as `page` -, commas part several.
// Without one the page opens with the first cameras; once somebody has chosen, the address keeps what is open.
const wishes = () => location.hash.slice(1).split(",").filter(Boolean);
let wished = wishes();
let untouched = !wished.length;

window.addEventListener("hashchange", () => {
  for (const tile of [...tiles.values()]) remove(tile);
  wished = wishes();
  untouched = !wished.length;
  openWished();
});

function remember() {
  untouched = false;
  const open = [...tiles.values()].map((tile) => `${tile.key}/${tile.stream}`);
  history.replaceState(null, "", `#${[...open, ...wished].join(",")}`);
}

function openWished() {
  wished = wished.filter((wish) => !openNamed(...wish.split("/")));
  if (untouched) openFirst();
  if (!chosen && tiles.size) choose(tiles.values().next().value);
}

function openNamed(id, number, stream) {
  const device = devices.find((each) => each.id === id);
  if (!device) return false; // it may come
  const channel = device.channels.find((each) => String(each.channel) === number);
  open(device, channel ?? { channel: Number(number), name: "", ptz: false, streams: [] }, stream);
  return true;
}

// The first channel of each device that is online, then the second ones.
function openFirst() {
  const cameras = devices.filter((device) => device.online)
    .flatMap((device) => device.channels.map((channel, turn) => ({ device, channel, turn })))
    .sort((one, other) => one.turn - other.turn);
  for (const { device, channel } of cameras.slice(0, FIRST_TILES)) open(device, channel);
  untouched = cameras.length === 0;
}

function toggle(device, channel) {
  const tile = tiles.get(`${device.id}/${channel.channel}`);
  if (tile) return on.close(tile);
  choose(open(device, channel) ?? chosen);
  remember();
}

// The tile; nothing if it can not be opened, or is already.
function open(device, channel, stream) {
  const key = `${device.id}/${channel.channel}`;
  if (tiles.has(key)) return;
  if (tiles.size >= MOST_TILES) {
    say(`${MOST_TILES} pictures are open, close one first`);
    return;
  }
  const tile = new Tile(device, channel, on, stream);
  tiles.set(key, tile);
  find("wall").append(tile.root);
  find("empty").hidden = true;
  drawDevices();
  return tile;
}

function choose(tile) {
  if (chosen === tile) return;
  chosen?.choose(false);
  chosen = tile;
  chosen?.choose(true);
  refreshRecordings();
  chooseDevice(tile);
}

async function refreshRecordings() {
  const tile = chosen;
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
  list.replaceChildren(...spans.map((span) => recordingEntry(tile, span)));
}

function recordingEntry(tile, span) {
  const seconds = Math.round((new Date(span.end) - new Date(span.start)) / 1000);
  const parts = [[Math.floor(seconds / 60), "min"], [seconds % 60, "s"]];
  const length = parts.filter(([count]) => count).map(([count, unit]) => `${count} ${unit}`).join(" ");
  const button = element("button", { type: "button" },
    element("span", { textContent: day.format(new Date(span.start)) }), element("small", { textContent: length }));
  button.addEventListener("click", () => playRecorded(tile, span));
  const whole = element("button", { type: "button", className: "whole", textContent: "MP4", title: "All of it as one file" });
  whole.addEventListener("click", () => playRecording(tile, span));
  return element("li", {}, button, whole);
}

async function playRecording(tile, span) {
  const dialog = find("playback");
  const video = find("playback-video");
  find("playback-title").textContent = `${tile.name} · ${day.format(new Date(span.start))}`;
  find("playback-note").textContent = "preparing…";
  dialog.showModal();
  try {
    const { url } = await post("export", {
      device: tile.device, channel: tile.channel, stream: span.stream, start: span.start, end: span.end,
    });
    if (!dialog.open) return;
    video.src = url;
    find("playback-note").textContent = "";
    await video.play();
  } catch (error) {
    if (dialog.open) find("playback-note").textContent = error.message;
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
  find("playback-video").removeAttribute("src");
  find("playback-video").load();
});
find("playback").querySelector("button").addEventListener("click", () => find("playback").close());

function place({ device, channel }) {
  if (channel === null) return device;
  const known = devices.find((each) => each.id === device)?.channels.find((each) => each.channel === channel);
  return `${device} ${channelName(known ?? { channel })}`;
}

async function refreshAlarms() {
  let alarms;
  try {
    alarms = (await get("alarms")).alarms;
  } catch (error) {
    return trouble(error);
  }
  find("alarms-note").hidden = alarms.length > 0;
  find("alarms").replaceChildren(...alarms.map((alarm) => element("li", {}, element(
    "div", { className: alarm.raised ? "row" : "row over" },
    element("span", { textContent: `${alarm.type}${alarm.raised ? "" : " over"} · ${place(alarm)}` }),
    element("small", { textContent: clock.format(new Date(alarm.at)) }),
  ))));
}

find("filter").addEventListener("input", drawDevices);
repeat(refreshDevices, DEVICES_MS);
repeat(refreshAlarms, ALARMS_MS);
