// How an inspector likes to see candidates: kept in this browser and, per review, by the server.

import { stretchesOf } from "./stretch.js";

export const USUAL_TILE = 150; // CSS pixels
/** How much larger tiles show the middle of their cutouts. */
export const ZOOMS = [1, 1.5, 2, 3];

const USUAL = {
  tile: USUAL_TILE, thumbnail: null,
  panels: ['bands'], main: 'colour', model: 'isophotes', difference: {}, alpha: null, blinkRate: 2,
  marks: true, known: false, pixels: false,
};
const TILE_RANGE = [24, 1200];
const SAVE_AFTER_MS = 1200;

/** Told by the window whenever settings change, so that other sheets of the page follow. */
export const VIEW_CHANGED = 'lensapp-view-changed';

const those = (values, wanted) => Object.fromEntries(Object.entries(values).filter(([name]) => wanted(name)));

/** Read and write settings; the address of the page never holds them. */
export class Settings {
  /** @param optics of the source, with how its pixels are shown unless the inspector chooses otherwise */
  constructor({ remote, inspector, optics }) {
    this.remote = remote;
    this.optics = optics;
    this.usual = optics.usual_display;
    this.key = `lensapp.view:${inspector}`;
    this.last = null;
    this.take(this.stored());
    this.onHide = () => { if (this.timer) this.send(); };
    addEventListener('pagehide', this.onHide);
  }

  close() {
    removeEventListener('pagehide', this.onHide);
    this.onHide();
  }

  take(stored) {
    this.kept = stored;
    this.values = { ...USUAL, ...stored, ...this.displayOf(this.optics) };
  }

  stored() {
    try {
      return JSON.parse(localStorage.getItem(this.key)) ?? {};
    } catch {
      return {};
    }
  }

  /** Take over what the server keeps, if it is newer than what this browser does. */
  async load() {
    const { settings, last, changed } = await this.remote.view();
    this.last = last;
    if (changed >= (this.values.changed ?? 0)) this.take(settings);
  }

  change(changes) {
    Object.assign(this.values, changes, { changed: Date.now() / 1000 });
    this.values.tile = Math.min(TILE_RANGE[1], Math.max(TILE_RANGE[0], this.values.tile));
    const { source } = this.optics, { values, display } = this, { rgb, luminance, ...stretched } = display;
    values.colours = { ...values.colours, [source]: rgb };
    values.luminances = { ...values.luminances, [source]: luminance };
    const ofPixels = (name) => name in stretched, flux = this.optics.given ? those(this.kept, ofPixels) : stretched;
    const pictures = this.optics.given ? { ...stretched, of: source } : this.kept.pictures;
    this.kept = { ...those(values, (name) => !ofPixels(name)), ...flux, pictures };
    try {
      localStorage.setItem(this.key, JSON.stringify(this.kept));
    } catch {
      // Nothing is lost but the memory of the settings in this browser.
    }
    dispatchEvent(new CustomEvent(VIEW_CHANGED, { detail: this }));
    this.sendSoon();
  }

  /** Return how pixels of a source are shown: 8-bit pictures and flux each as chosen, in the colours of the source. */
  displayOf({ source, given, usual_display: usual }) {
    const { colours, luminances, pictures, ...flux } = this.kept;
    // Black and white of pictures are between those of their own source.
    const own = pictures?.of === source ? () => true : (name) => !['black', 'softening', 'white'].includes(name);
    const chosen = those(given ? those(pictures ?? {}, own) : flux, (name) => name in usual);
    if (!stretchesOf({ given }).includes(chosen.stretch)) delete chosen.stretch; // one that was offered before
    return { ...usual, ...chosen, rgb: colours?.[source] ?? [], luminance: luminances?.[source] ?? '' };
  }

  /** How much larger tiles show the middle of the cutouts of this source. */
  get zoom() {
    const { zooms } = this.values, kept = zooms?.[this.optics.source];
    return ZOOMS.includes(kept) ? kept : 1;
  }

  zoomTo(zoom) {
    this.change({ zooms: { ...this.values.zooms, [this.optics.source]: zoom } });
  }

  /** Remember which candidate is looked at. */
  lookAt(id) {
    if (id === undefined || id === this.last) return;
    this.last = id;
    this.sendSoon();
  }

  sendSoon() {
    this.timer ??= setTimeout(() => this.send(), SAVE_AFTER_MS);
  }

  send() {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { kept, last } = this;
    this.remote.saveView({ settings: kept, last, changed: kept.changed ?? 0 }).catch(() => {}); // the next change sends it
  }

  /** Return how pixels are shown, as /sheet takes it. */
  get display() {
    return Object.fromEntries(Object.keys(this.usual).map((name) => [name, this.values[name]]));
  }

  resetDisplay() {
    this.change(this.usual);
  }
}
