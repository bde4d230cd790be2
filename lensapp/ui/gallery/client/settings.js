// How an inspector likes to see candidates: kept in this browser and, per review, by the server.

const USUAL = {
  tile: 150, thumbnail: null,
  panels: ['bands'], main: 'colour', model: 'isophotes', difference: {}, alpha: null, blinkRate: 2,
  marks: true, known: false, pixels: false,
};
const TILE_RANGE = [24, 1200];
const SAVE_AFTER_MS = 1200;

/** Told by the window whenever settings change, so that other sheets of the page follow. */
export const VIEW_CHANGED = 'lensapp-view-changed';

/** Read and write settings; the address of the page never holds them. */
export class Settings {
  /** @param display how pixels are shown unless the inspector chooses otherwise, as the server says */
  constructor({ remote, inspector, source, display }) {
    this.remote = remote;
    this.usual = display;
    this.key = `lensapp.view:${inspector}`;
    this.source = source; // colours and luminance are remembered per source, since bands differ
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
    this.values = { ...USUAL, ...this.usual, ...stored, ...this.coloursOf(this.source, stored) };
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
    this.values.colours = { ...this.values.colours, [this.source]: this.values.rgb };
    this.values.luminances = { ...this.values.luminances, [this.source]: this.values.luminance };
    try {
      localStorage.setItem(this.key, JSON.stringify(this.values));
    } catch {
      // Nothing is lost but the memory of the settings in this browser.
    }
    dispatchEvent(new CustomEvent(VIEW_CHANGED, { detail: this }));
    this.sendSoon();
  }

  /** Return how pixels of another source are shown: in the colours chosen for it. */
  displayOf(source) {
    return { ...this.display, ...this.coloursOf(source, this.values) };
  }

  coloursOf(source, { colours, luminances }) {
    return { rgb: colours?.[source] ?? [], luminance: luminances?.[source] ?? '' };
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
    const { values, last } = this;
    this.remote.saveView({ settings: values, last, changed: values.changed ?? 0 }).catch(() => {}); // the next change sends it
  }

  /** Return how pixels are shown, as /sheet takes it. */
  get display() {
    return Object.fromEntries(Object.keys(this.usual).map((name) => [name, this.values[name]]));
  }

  resetDisplay() {
    this.change(this.usual);
  }
}
