// The keyboard: the chosen camera's, the wall's, and the player's while that is open.

import { find } from "./element.js";
import { playerKey, playing } from "./recorded.js";

const WAYS = {
  ArrowLeft: [-1, 0, 0], ArrowRight: [1, 0, 0], ArrowUp: [0, 1, 0], ArrowDown: [0, -1, 0],
  "+": [0, 0, 1], "=": [0, 0, 1], "-": [0, 0, -1],
};
const SHIFTS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// Whether keys mean something where they are pressed: writing, choosing, the timeline.
const taken = (target) => target.closest("input, select, textarea, summary, video[controls], .timeline");
const pressable = (target) => target.closest("button, a");

export function listen(wall) {
  let moving = null;

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || taken(event.target)) return;
    const { key } = event;
    if (key === " " && pressable(event.target)) return;
    if (key === "?" && !document.querySelector("dialog[open]")) find("help").showModal();
    else if (playing()) {
      if (!playerKey(key)) return;
    } else if (document.querySelector("dialog[open]")) return;
    else if (!wallKey(event)) return;
    event.preventDefault();
  });

  function wallKey(event) {
    const { key, target } = event;
    const tile = wall.chosen;
    if (key in SHIFTS && tile && (event.shiftKey || target.closest(".handle"))) wall.shift(tile, ...SHIFTS[key]);
    else if (key in WAYS) {
      if (!tile?.head || scrolls(target)) return false;
      if (moving !== key) tile.head.start(WAYS[key]);
      moving = key;
    } else if (/^[0-9]$/.test(key)) wall.setCells(Number(key));
    else if (key === "[" || key === "]") wall.step(key === "[" ? -1 : 1);
    else if (key === "PageUp" || key === "PageDown") {
      if (find("leaves").hidden) return false;
      wall.turn(key === "PageUp" ? -1 : 1);
    } else if (key === "f") tile?.fullScreen();
    else if (key === "s") tile?.snapshot();
    else if (key === "t") tile?.toggleTalk();
    else if (key === "m") tile?.toggleSound();
    else return false;
    return true;
  }

  // In the lists beside the wall the arrows scroll.
  const scrolls = (target) => target !== document.body && !target.closest(".wall");

  const stop = () => {
    if (moving) wall.chosen?.head?.stop();
    moving = null;
  };
  addEventListener("keyup", (event) => event.key === moving && stop());
  addEventListener("blur", stop);
}

find("help-open").addEventListener("click", () => find("help").showModal());
find("help").querySelector("button").addEventListener("click", () => find("help").close());
