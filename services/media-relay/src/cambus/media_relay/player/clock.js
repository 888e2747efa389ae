// The relay's clock, as far as this browser can tell: what pictures are dated by.

const KEPT = 30; // answers, of the last minutes: either clock may be set meanwhile

const skews = [];

// The relay's answer said it was `now`: it was that or a little later, so the least is the nearest.
export function setClock(now) {
  skews.push(Date.now() - now);
  if (skews.length > KEPT) skews.shift();
}

export const relayNow = () => Date.now() - (skews.length ? Math.min(...skews) : 0);
