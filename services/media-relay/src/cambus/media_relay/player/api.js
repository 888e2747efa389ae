// The relay's JSON interface, and the token it may ask for. Everything is relative to this page, so a proxy may
// put it anywhere.

const TOKEN = "cambus-token";

export class ApiError extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

// The token of the address, which may open once: it is exchanged for what is shown from then on.
export const tokenOfAddress = new URLSearchParams(location.search).get("token");
if (tokenOfAddress) {
  history.replaceState(null, "", location.pathname + location.hash); // out of the address bar, the history and screenshots
}

// Sign in by a token; an ApiError says why not.
export async function signIn(token) {
  const { token: session } = await answer(request("session", { method: "POST", headers: { Authorization: `Bearer ${token}` } }));
  sessionStorage.setItem(TOKEN, session);
}

function headers(extra = {}) {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { ...extra, Authorization: `Bearer ${token}` } : extra;
}

async function request(path, options) {
  try {
    return await fetch(`api/${path}`, options);
  } catch {
    throw new ApiError(0, "The relay does not answer, trying again…");
  }
}

async function answer(asked) {
  const response = await asked;
  let body = {};
  try {
    body = await response.json();
  } catch {
    // not ours: a proxy's error page
  }
  if (!response.ok) throw new ApiError(response.status, body.text || `the relay answered ${response.status}`);
  return body;
}

export async function get(path, parameters = {}) {
  const query = new URLSearchParams(parameters).toString();
  return answer(request(`${path}${query ? `?${query}` : ""}`, { headers: headers() }));
}

// `options.keepalive`: it is sent even if the page is left meanwhile.
export async function post(path, body, options = {}) {
  return answer(request(path, {
    ...options,
    method: "POST",
    headers: headers({ "Content-Type": "application/json" }),
    body: JSON.stringify(body),
  }));
}

// A WebSocket cannot carry a header of ours, so the token rides in its address: the one this page was given, or one for
// this stream alone, where the relay wants it so. Such a one opens once, so every attempt asks anew.
export async function liveAddress(device, channel, stream) {
  return webSocket(`ws/${device}/${channel}/${stream}`, await streamToken(device, channel, stream));
}

// Where somebody speaks through a camera.
export async function talkAddress(device, channel) {
  return webSocket(`talk/${device}/${channel}`, await streamToken(device, channel, "main", "talk"));
}

function webSocket(path, token) {
  const address = new URL(path, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  address.search = "";
  address.hash = "";
  if (token) address.searchParams.set("token", token);
  return address.href;
}

// Where a live picture can be had by WebRTC, and what to show there.
export async function whepEndpoint(device, channel, stream) {
  const address = new URL(`whep/${device}/${channel}/${stream}`, location.href);
  address.search = "";
  address.hash = "";
  const token = await streamToken(device, channel, stream);
  return { url: address.href, headers: token ? { Authorization: `Bearer ${token}` } : {} };
}

let single = true; // until the relay says that it has no tokens of single streams

export async function streamToken(device, channel, stream, purpose) {
  if (single) {
    const wanted = purpose || (stream.startsWith("s-") ? "playback" : "live");
    const { token } = await post("token", { device, channel: Number(channel), stream, purpose: wanted });
    if (token) return token;
    single = false;
  }
  return sessionStorage.getItem(TOKEN);
}
