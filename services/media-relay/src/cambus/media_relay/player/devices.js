// The list of devices and their channels.

import { channelName, element, find } from "./element.js";

let drawn = "";

// Draw what fits the filter; `open` holds the keys of the channels on the wall, `toggle(device, channel)` opens and closes.
export function drawDevices(devices, open, toggle) {
  const wanted = find("filter").value.trim().toLowerCase();
  const matching = devices.filter((device) =>
    `${device.id} ${device.name} ${device.model ?? ""}`.toLowerCase().includes(wanted));
  const now = JSON.stringify([matching, [...open]]);
  if (now === drawn) return; // redrawing would take the focus away
  drawn = now;
  const focused = document.activeElement?.dataset?.key;
  find("devices").replaceChildren(...matching.map((device) => deviceEntry(device, open, toggle)));
  if (focused) find("devices").querySelector(`button[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function deviceEntry(device, open, toggle) {
  const state = device.online ? "online" : "offline";
  const about = [device.vendor, device.model].filter(Boolean).join(" ");
  const trouble = !device.online && device.last_error ? device.last_error : "";
  return element(
    "li",
    { className: "device" },
    element("p", {}, element("span", { className: device.online ? "dot on" : "dot", role: "img", ariaLabel: state, title: state }),
      device.name),
    element("small", { textContent: [about, trouble].filter(Boolean).join(" – ") || device.id }),
    ...device.channels.map((channel) => channelButton(device, channel, open, toggle)),
  );
}

function channelButton(device, channel, open, toggle) {
  const key = `${device.id}/${channel.channel}`;
  const button = element(
    "button",
    { type: "button", className: "channel", disabled: !device.online && !open.has(key), dataset: { key } },
    element("span", { textContent: channelName(channel) }),
    element("span", { textContent: channel.ptz ? "PTZ" : "" }),
  );
  button.setAttribute("aria-pressed", open.has(key));
  button.addEventListener("click", () => toggle(device, channel));
  return button;
}
