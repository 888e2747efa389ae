// The page: devices on the left, the wall of pictures with a timeline below, recordings and alarms on the right.

import { keep, listenToAddress, wishedCells, wishes } from "./address.js";
import { drawAlarms, refreshAlarms } from "./alarms.js";
import { ApiError, get } from "./api.js";
import { setClock } from "./clock.js";
import { drawDevices } from "./devices.js";
import { showTimeline } from "./dock.js";
import { channelName, find } from "./element.js";
import { listen } from "./keys.js";
import { askForToken, listenForToken, signInByAddress, signingIn } from "./login.js";
import { listenToMenu } from "./menu.js";
import { showRecordings } from "./recordings.js";
import { say, stand } from "./status.js";
import { Tile } from "./tile.js";
import { Wall } from "./wall.js";

const MOST_TILES = 16;
const FIRST_TILES = 6;
const DEVICES_MS = 4000;
const ALARMS_MS = 4000;
const REST_MS = 60_000;

let devices = [];
let known = false; // whether the relay has ever told of them

function trouble(error) {
  if (!(error instanceof ApiError)) throw error;
  if (error.status === 401) askForToken();
  else if (error.status === 0) stand(error.message, true);
  else say(error.message);
}

// Runs again `every` ms after each end, so that a slow answer never piles up requests.
function repeat(work, every) {
  const round = async () => {
    if (!document.hidden && !signingIn()) await work().catch(trouble);
    setTimeout(round, every);
  };
  round();
}

const wall = new Wall({
  changed: () => remember(),
  chosen: (tile) => {
    showRecordings(tile);
    showTimeline(tile);
  },
});

const on = {
  close: (tile) => {
    remove(tile);
    remember();
  },
  choose: (tile) => wall.choose(tile),
  changed: () => remember(),
  explain,
  say,
  trouble,
};

// Why a tile shows no picture, as people say it: of a device that is away nobody on the bus says more than that.
function explain({ device }, { reason, text }) {
  if (reason !== "offline") return text;
  const known = devices.find((each) => each.id === device);
  return `${known?.name ?? device} is offline${known?.last_error ? `: ${known.last_error}` : ""}`;
}

async function refreshDevices() {
  await signInByAddress();
  if (signingIn()) return;
  const told = await get("devices");
  devices = told.devices;
  known = true;
  setClock(told.now_ms);
  const online = devices.filter((device) => device.online).length;
  if (!told.bus) stand("The relay has lost the bus (NATS): nothing new is known until it is back.", true);
  else stand(devices.length ? `${online} of ${devices.length} devices online` : "no devices are known");
  find("empty").textContent = devices.length
    ? "Choose a channel on the left to see its picture."
    : "No devices yet: write a devices.yaml and type cambusctl apply -f devices.yaml";
  draw();
  openWished();
}

function draw() {
  drawDevices(devices, new Set(wall.tiles.map((tile) => tile.key)), toggle);
}

function remove(tile) {
  wall.remove(tile);
  find("empty").hidden = wall.tiles.length > 0;
  draw();
}

let wished = wishes();
let untouched = !wished.length;

listenToAddress(() => {
  for (const tile of [...wall.tiles]) remove(tile);
  wished = wishes();
  untouched = !wished.length;
  setCells(wishedCells());
  openWished();
});

let restoring = false; // the address is followed, not written

function setCells(cells) {
  restoring = true;
  wall.setCells(cells);
  restoring = false;
}

function remember() {
  if (restoring) return;
  untouched = false;
  keep([...wall.tiles.map((tile) => `${tile.key}/${tile.stream}`), ...wished], wall.cells);
}

function openWished() {
  wished = wished.filter((wish) => !openNamed(...wish.split("/")));
  if (untouched) openFirst();
  if (!wall.chosen && wall.tiles.length) wall.choose(wall.tiles[0]);
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
  const tile = wall.get(`${device.id}/${channel.channel}`);
  if (tile) return on.close(tile);
  wall.choose(open(device, channel) ?? wall.chosen);
  remember();
}

// The tile; nothing if it can not be opened, or is already.
function open(device, channel, stream) {
  if (wall.get(`${device.id}/${channel.channel}`)) return;
  if (wall.tiles.length >= MOST_TILES) {
    say(`${MOST_TILES} pictures are open, close one first`);
    return;
  }
  const tile = new Tile(device, channel, on, stream);
  wall.add(tile);
  find("empty").hidden = true;
  draw();
  return tile;
}

function place({ device, channel }) {
  if (channel === null) return device;
  const known = devices.find((each) => each.id === device)?.channels.find((each) => each.channel === channel);
  return `${device} ${channelName(known ?? { channel })}`;
}

// A page that nobody sees asks for no pictures after a while, unless it is listened to.
let resting = null;
document.addEventListener("visibilitychange", () => {
  clearTimeout(resting);
  if (document.hidden) resting = setTimeout(() => wall.rest(true), REST_MS);
  else wall.rest(false);
});

find("filter").addEventListener("input", draw);
for (const id of ["alarms-filter", "alarms-raised"]) find(id).addEventListener("input", () => drawAlarms(place));
listen(wall);
listenToMenu();
listenForToken(() => refreshDevices().catch(trouble));
setCells(wishedCells());
repeat(refreshDevices, DEVICES_MS);
repeat(async () => known && refreshAlarms(place), ALARMS_MS);
