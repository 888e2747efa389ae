// Pieces of the document. Everything a device says goes through textContent: none of it is ever HTML.

export const find = (id) => document.getElementById(id);

export const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
export const day = new Intl.DateTimeFormat(undefined, {
  month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit",
});

const ICONS = { // outlines on a 24 by 24 grid
  silent: "M4 9v6h4l5 5V4L8 9zM17 9l5 6M22 9l-5 6",
  sound: "M4 9v6h4l5 5V4L8 9zM16.5 8.5a5 5 0 0 1 0 7M19 6a8.5 8.5 0 0 1 0 12",
  steady: "M12 3a9 9 0 1 0 0.01 0M12 7v5l4 2",
  quick: "M13 2L5 14h6l-1 8 8-12h-6z",
  full: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  close: "M6 6l12 12M18 6L6 18",
  talk: "M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM5 11a7 7 0 0 0 14 0M12 18v3",
  camera: "M4 8h3l2-3h6l2 3h3v11H4zM12 10a3.5 3.5 0 1 0 0.01 0",
  move: "M12 3v18M3 12h18M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3M18 9l3 3-3 3",
};

export function element(name, properties = {}, ...children) {
  const { dataset, ...plain } = properties;
  const made = Object.assign(document.createElement(name), plain);
  Object.assign(made.dataset, dataset);
  made.append(...children);
  return made;
}

export function iconButton(icon, label, pressed) {
  const button = element("button", { type: "button", className: "icon" });
  setIcon(button, icon, label);
  button.addEventListener("click", () => pressed?.());
  return button;
}

export function setIcon(button, icon, label) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[icon]);
  svg.append(path);
  button.replaceChildren(svg);
  button.ariaLabel = label;
  button.title = label;
}

// What the device calls it; else its number, as on the bus and in cambusctl.
export function channelName(channel) {
  return channel.name || `channel ${channel.channel}`;
}

// The picture a video shows now, as a file for whoever watches; false if there is none yet.
export async function saveSnapshot(video, name, at) {
  if (!video.videoWidth) return false;
  const canvas = element("canvas", { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  const when = new Date(at).toISOString().replace(/[:.]/g, "-");
  const link = element("a", { href: URL.createObjectURL(blob), download: `${name}-${when}.jpg` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  return true;
}
