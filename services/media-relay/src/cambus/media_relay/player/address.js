// What the address of the page names, and keeps.
//
// `#gate-1/0/main` names a picture to open - what `media-relay.live.open` hands out as `page` -, commas part several, and
// `&grid=4` says how many are seen at a time. Without a picture the page opens with the first cameras; once somebody has
// chosen, the address keeps what is open.

const parts = () => location.hash.slice(1).split("&");

let settled = ""; // what of it is done already

export const wishes = () => parts()[0].split(",").filter(Boolean);
export const wishedCells = () => Number(parts().find((part) => /^grid=([1-9]|16)$/.test(part))?.slice(5) ?? 0);

export function keep(pictures, cells) {
  history.replaceState(null, "", `#${pictures.join(",")}${cells ? `&grid=${cells}` : ""}`);
  settled = location.hash;
}

// `follow()` hears of an address somebody else has written.
export function listenToAddress(follow) {
  addEventListener("hashchange", () => location.hash !== settled && follow());
}
