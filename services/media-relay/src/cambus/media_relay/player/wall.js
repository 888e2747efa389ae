// The wall: which tiles there are, in which order, how many are seen at a time, and how they share the window.

import { find } from "./element.js";

const GAP = 12;
const RATIO = 16 / 9;
const NARROW = 1000; // as in the style sheet: below it the page scrolls as a whole
const NARROWEST_TILE = 300;

export class Wall {
  // `on.chosen(tile)` hears of the tile keys go to, null for none; `on.changed()` of another order or size.
  constructor(on) {
    this.on = on;
    this.root = find("wall");
    this.tiles = [];
    this.chosen = null;
    this.cells = 0; // 0: all of them
    this.leaf = 0;
    this.resting = false;
    new ResizeObserver(() => this.arrange()).observe(this.root.parentElement);
    find("grid").addEventListener("change", (event) => this.setCells(Number(event.target.value)));
    find("leaf-before").addEventListener("click", () => this.turn(-1));
    find("leaf-after").addEventListener("click", () => this.turn(1));
  }

  get(key) {
    return this.tiles.find((tile) => tile.key === key);
  }

  add(tile) {
    this.tiles.push(tile);
    this.root.append(tile.root);
    this.#makeMovable(tile);
    this.arrange();
  }

  remove(tile) {
    const at = this.tiles.indexOf(tile);
    this.tiles.splice(at, 1);
    tile.close();
    if (this.chosen === tile) this.choose(this.tiles[Math.min(at, this.tiles.length - 1)] ?? null);
    this.arrange();
  }

  choose(tile) {
    if (this.chosen === tile) return;
    this.chosen?.choose(false);
    this.chosen = tile;
    tile?.choose(true);
    this.on.chosen(tile);
  }

  // The tile before or after the chosen one, with the focus.
  step(by) {
    if (!this.tiles.length) return;
    const at = (this.tiles.indexOf(this.chosen) + by + this.tiles.length) % this.tiles.length;
    this.leaf = this.cells ? Math.floor(at / this.cells) : 0;
    this.arrange();
    this.tiles[at].root.focus();
  }

  setCells(cells) {
    this.cells = cells;
    this.leaf = cells && this.chosen ? Math.floor(this.tiles.indexOf(this.chosen) / cells) : 0;
    this.#showCells();
    this.arrange();
    this.on.changed();
  }

  turn(by) {
    this.leaf += by;
    this.arrange();
    if (this.chosen?.root.hidden) this.choose(this.#seen()[0]);
  }

  // Exchange a tile with the one `by` columns and rows away.
  shift(tile, right, down) {
    const seen = this.#seen();
    const at = seen.indexOf(tile);
    const column = (at % this.columns) + right;
    const other = seen[at + right + down * this.columns];
    if (column < 0 || column >= this.columns || !other) return;
    this.swap(tile, other);
  }

  swap(one, other) {
    const focused = document.activeElement;
    const [first, second] = [this.tiles.indexOf(one), this.tiles.indexOf(other)];
    [this.tiles[first], this.tiles[second]] = [other, one];
    const mark = document.createComment("");
    one.root.replaceWith(mark);
    other.root.replaceWith(one.root);
    mark.replaceWith(other.root);
    for (const { video } of [one, other]) video.play().catch(() => {}); // out of the document videos are paused
    if (one.root.contains(focused)) focused.focus();
    this.arrange();
    this.on.changed();
  }

  // Nobody looks at the page.
  rest(resting) {
    this.resting = resting;
    this.arrange();
  }

  arrange() {
    const leaves = this.cells ? Math.max(1, Math.ceil(this.tiles.length / this.cells)) : 1;
    this.leaf = Math.max(0, Math.min(this.leaf, leaves - 1));
    const seen = new Set(this.#seen());
    for (const tile of this.tiles) tile.show(seen.has(tile), this.resting);
    find("leaves").hidden = leaves < 2;
    find("leaf").textContent = `${this.leaf + 1} of ${leaves}`;
    find("leaf-before").disabled = this.leaf === 0;
    find("leaf-after").disabled = this.leaf === leaves - 1;
    const { columns, width } = this.#fit(this.cells || seen.size || 1);
    this.columns = columns;
    this.root.style.setProperty("--columns", columns);
    this.root.style.setProperty("--tile", `${Math.floor(width)}px`);
  }

  #seen() {
    return this.cells ? this.tiles.slice(this.leaf * this.cells, (this.leaf + 1) * this.cells) : this.tiles;
  }

  // As many columns as make the pictures largest in the room there is; where the page scrolls, as many as fit beside each other.
  #fit(cells) {
    const room = this.root.parentElement;
    const style = getComputedStyle(room);
    const wide = room.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    if (window.innerWidth <= NARROW) {
      const columns = Math.max(1, Math.min(cells, Math.floor((wide + GAP) / (NARROWEST_TILE + GAP))));
      return { columns, width: (wide - GAP * (columns - 1)) / columns };
    }
    const high = room.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    let best = { columns: 1, width: 0 };
    for (let columns = 1; columns <= cells; columns++) {
      const rows = Math.ceil(cells / columns);
      const across = (wide - GAP * (columns - 1)) / columns;
      const down = ((high - GAP * (rows - 1)) / rows - this.#frame()) * RATIO;
      const width = Math.min(across, down);
      if (width > best.width) best = { columns, width };
    }
    if (best.width < NARROWEST_TILE) { // smaller is of no use: let it scroll
      const columns = Math.max(1, Math.min(cells, Math.floor((wide + GAP) / (NARROWEST_TILE + GAP))));
      return { columns, width: Math.min(wide, (wide - GAP * (columns - 1)) / columns) };
    }
    return best;
  }

  // What a tile is high beside its picture.
  #frame() {
    const tile = this.tiles.find((each) => !each.root.hidden);
    const measured = tile ? tile.root.offsetHeight - tile.screen.offsetHeight : 0;
    return Math.min(Math.max(measured, 60), 90);
  }

  #showCells() {
    const choice = find("grid");
    const value = String(this.cells);
    if (![...choice.options].some((option) => option.value === value)) choice.append(new Option(value, value));
    choice.value = value;
  }

  #makeMovable(tile) {
    const { handle } = tile;
    const over = (event) => {
      const root = document.elementFromPoint(event.clientX, event.clientY)?.closest(".tile");
      return this.tiles.find((each) => each.root === root && each !== tile);
    };
    const mark = (target) => {
      for (const each of this.tiles) each.root.classList.toggle("target", each === target);
    };
    let dragging = false;
    const end = () => {
      dragging = false;
      tile.root.classList.remove("dragged");
      mark(null);
    };
    handle.addEventListener("pointerdown", (event) => {
      dragging = true;
      handle.setPointerCapture(event.pointerId);
      tile.root.classList.add("dragged");
    });
    handle.addEventListener("pointermove", (event) => dragging && mark(over(event)));
    handle.addEventListener("pointerup", (event) => {
      const target = dragging && over(event);
      end();
      if (target) this.swap(tile, target);
    });
    handle.addEventListener("pointercancel", end);
  }
}
