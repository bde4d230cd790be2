// Which pictures a page needs, drawn at once when they are there and as soon as they come when not.

import { Painter } from "./stretch.js";

const SIZES = [64, 128, 256, 512];
const FULL_SIZE = 1024;
const PAGES_AHEAD = 2;

const whenIdle = globalThis.requestIdleCallback ?? ((act) => setTimeout(act, 1));

/** Draws pages into the mosaic and candidates into the single view. */
export class Pictures {
  constructor({ remote, mosaic, single, gains, chosenBands, settings, onError }) {
    Object.assign(this, { remote, mosaic, single, gains, chosenBands, settings, onError });
    this.drawn = null; // what the mosaic shows now
    this.drawnSingle = null;
  }

  get size() {
    const wanted = 0.75 * this.mosaic.cell * (globalThis.devicePixelRatio || 1);
    return SIZES.find((size) => size >= wanted) ?? SIZES.at(-1);
  }

  /** Draw `ids`; `live` draws from pixels, so that sliders act at once. Resolves when it is done. */
  page(ids, { live }) {
    const rawPath = this.remote.rawPath(ids, this.size);
    const useRaw = live || this.remote.peek(rawPath) !== null;
    const path = useRaw ? rawPath : this.remote.sheetPath(ids, this.size, this.settings.display);
    this.wanted = path;
    const present = this.remote.peek(path);
    if (present) return this.show(path, present, { ids, useRaw });
    if (!live) this.drawn = null;
    const coming = useRaw ? this.remote.raw(path) : this.remote.sheet(path, ids.length);
    return coming.then(
      (picture) => { if (this.wanted === path) this.show(path, picture, { ids, useRaw }); },
      (error) => { if (this.wanted === path) this.onError(error); },
    );
  }

  show(path, picture, { ids, useRaw }) {
    if (useRaw) {
      this.mosaic.drawRaw(new Painter(picture, this.settings.display, this.chosenBands(), this.gains), ids.length);
    } else {
      this.mosaic.drawSheet(picture, ids.length);
    }
    this.drawn = path;
  }

  get pageReady() {
    return this.drawn !== null && this.drawn === this.wanted;
  }

  /** Draw one candidate in the single view. */
  one(id) {
    const path = this.remote.rawPath([id], FULL_SIZE);
    this.wantedSingle = path;
    const present = this.remote.peek(path);
    if (present) return this.showOne(path, present);
    return this.remote.raw(path).then(
      (raw) => { if (this.wantedSingle === path) this.showOne(path, raw); },
      (error) => { if (this.wantedSingle === path) this.onError(error); },
    );
  }

  showOne(path, raw) {
    this.single.draw(raw, this.settings.display, this.chosenBands());
    this.drawnSingle = path;
  }

  get singleReady() {
    return this.drawnSingle !== null && this.drawnSingle === this.wantedSingle;
  }

  /** Fetch the next pages while nothing else is to do. */
  prefetch(idsOfPage, page) {
    whenIdle(() => {
      for (let ahead = 1; ahead <= PAGES_AHEAD; ahead++) {
        const ids = idsOfPage(page + ahead);
        if (ids.length) this.remote.sheet(this.remote.sheetPath(ids, this.size, this.settings.display), ids.length);
      }
    });
  }

  prefetchOnes(ids) {
    whenIdle(() => ids.forEach((id) => this.remote.raw(this.remote.rawPath([id], FULL_SIZE))));
  }
}
