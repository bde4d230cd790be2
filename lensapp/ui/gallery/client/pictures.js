// Which pictures a page needs, drawn at once when they are there and as soon as they come when not.

import { CACHED_PIXELS } from "./remote.js";
import { Painter } from "./stretch.js";

const FULL_SIZE = 1024;
const SIZES = [32, 64, 128, 256, 512, FULL_SIZE];
const PREFETCHED = [1, 2, -1]; // pages from the one shown
const MOST_AT_ONCE = 200; // candidates per request, so that the first appear early
const VALUES_AT_ONCE = 12e6; // pixels × bands per request, well below what the server answers

const whenIdle = globalThis.requestIdleCallback ?? ((act) => setTimeout(act, 1));

/** Draws pages into the mosaic and candidates into the single view. */
export class Pictures {
  constructor({ remote, mosaic, single, optics, shownBands, settings, onError }) {
    Object.assign(this, { remote, mosaic, single, optics, shownBands, settings, onError });
    this.parts = []; // of the page that is asked for: {path, ids, first, useRaw, drawn}
    this.drawnSingle = null;
  }

  /** Pixels across the cutouts as they are stored. */
  get whole() { return Math.max(this.optics.width, this.optics.height); }

  /** Pixels across that the tiles need, of whole cutouts even where they show the middle: its levels are theirs. */
  get size() {
    const { cell, zoom } = this.mosaic;
    const least = Math.min(0.75 * cell * zoom * (globalThis.devicePixelRatio || 1), this.whole);
    return SIZES.find((size) => size >= least) ?? SIZES.at(-1);
  }

  /** How many pages the cache holds beside the one shown, but at least one. */
  get pagesAhead() {
    const side = this.whole / Math.max(1, Math.floor(this.whole / this.size));
    return Math.max(1, Math.floor(CACHED_PIXELS / (this.mosaic.tiles.length * side * side)) - 1);
  }

  /** Split a page into requests. */
  partsOf(ids, { live }) {
    const { size } = this, side = Math.min(size, this.whole), bands = this.optics.gains.length;
    const count = Math.max(1, Math.min(MOST_AT_ONCE, Math.floor(VALUES_AT_ONCE / (side * side * bands))));
    const parts = [];
    for (let first = 0; first < ids.length; first += count) {
      const part = ids.slice(first, first + count), rawPath = this.remote.rawPath(part, size);
      const useRaw = live || this.remote.peek(rawPath) !== null;
      const path = useRaw ? rawPath : this.remote.sheetPath(part, size, this.settings.display);
      parts.push({ path, ids: part, first, useRaw, drawn: false });
    }
    return parts;
  }

  /** Ask for the pictures of a page; return whether all are there already. */
  request(ids, { live }) {
    this.parts = this.partsOf(ids, { live });
    return this.parts.every(({ path }) => this.remote.peek(path) !== null);
  }

  /** Draw what is asked for; `onDrawn` is called whenever a part appears. Resolves when it is done. */
  async draw(onDrawn) {
    const { parts } = this;
    for (const part of parts) {
      const present = this.remote.peek(part.path);
      if (present) this.show(part, present);
    }
    if (parts.some((part) => part.drawn)) onDrawn();
    await Promise.all(parts.filter((part) => !part.drawn).map((part) => this.await(part, parts, onDrawn)));
  }

  async await(part, parts, onDrawn) {
    try {
      const picture = await this.fetch(part);
      if (this.parts !== parts) return;
      this.show(part, picture);
      onDrawn();
    } catch (error) {
      if (this.parts === parts) this.onError(error);
    }
  }

  fetch({ path, ids, useRaw }) {
    return useRaw ? this.remote.raw(path) : this.remote.sheet(path, ids.length);
  }

  show(part, picture) {
    const { first, ids: { length: count } } = part;
    if (part.useRaw) {
      this.mosaic.drawRaw(new Painter(picture, this.settings.display, this.shownBands(), this.optics), { first, count });
    } else {
      this.mosaic.drawSheet(picture, { first, count });
    }
    part.drawn = true;
  }

  /** Whether the picture of a tile is shown. */
  isDrawn(index) {
    return this.parts.some(({ first, ids, drawn }) => drawn && index >= first && index < first + ids.length);
  }

  get pageReady() {
    return this.parts.length > 0 && this.parts.every((part) => part.drawn);
  }

  /** Fetch the pixels of one candidate, as the single view shows them. */
  wholeOf(id) {
    return this.remote.raw(this.remote.rawPath([id], FULL_SIZE));
  }

  /** Draw one candidate in the single view. */
  showOne(id) {
    const path = this.remote.rawPath([id], FULL_SIZE);
    this.requestedSingle = path;
    const present = this.remote.peek(path);
    if (present) return this.drawOne(path, present);
    return this.remote.raw(path).then(
      (raw) => { if (this.requestedSingle === path) this.drawOne(path, raw); },
      (error) => { if (this.requestedSingle === path) this.onError(error); },
    );
  }

  drawOne(path, raw) {
    this.single.draw(raw, this.settings.display, this.shownBands());
    this.drawnSingle = path;
  }

  get singleReady() {
    return this.drawnSingle !== null && this.drawnSingle === this.requestedSingle;
  }

  /** Fetch the next pages, and the one before, while nothing else is to do. */
  prefetch(idsOfPage, page) {
    whenIdle(() => {
      for (const step of PREFETCHED.slice(0, this.pagesAhead)) {
        if (page + step < 0) continue;
        for (const part of this.partsOf(idsOfPage(page + step), { live: false })) this.fetch(part);
      }
    });
  }

  prefetchOnes(ids) {
    whenIdle(() => ids.forEach((id) => this.remote.raw(this.remote.rawPath([id], FULL_SIZE))));
  }
}
