// A sheet of cutouts on any page: one size and one stretch for all of them, a click opens the lightbox.

import { DISPLAY_SETTINGS, DisplayControls } from "./display_controls.js";
import { element } from "./dom.js";
import { Lightbox } from "./lightbox.js";
import { LookRemote } from "./look.js";
import { Settings, VIEW_CHANGED } from "./settings.js";
import { shownBands } from "./stretch.js";

const SIZES = [64, 128, 256, 512];
const MOST_AT_ONCE = 100; // cutouts per request, so that the first appear early
const REDRAW_MS = 120;
const RETRY_MS = 2000;
const UNCUT = 12, LAST_LETTERS = 8;

/** Split items into requests of one source each: lists of {id, source, index}. */
export function partsOf(items) {
  const parts = [], latest = new Map();
  items.forEach(([id, source], index) => {
    if (!latest.has(source) || latest.get(source).length === MOST_AT_ONCE) {
      latest.set(source, []);
      parts.push(latest.get(source));
    }
    latest.get(source).push({ id, source, index });
  });
  return parts;
}

/** Split a line so that what has no room is left out of its middle: names often differ at their end. */
export function halves(line) {
  return line.length <= UNCUT ? [line] : [line.slice(0, -LAST_LETTERS), line.slice(-LAST_LETTERS)];
}

/** Gather cells that belong together, so many in each set, into frames; none without `sizes`. */
export function framesOf(cells, sizes) {
  let taken = 0;
  return sizes.map((size) => cells.slice(taken, taken += size));
}

const inTwo = (line) => halves(line).map((half) => element('span', {}, half));

/** Cutouts in rows that fill the width. */
export class ContactSheet {
  constructor(root, data) {
    Object.assign(this, { root, sprites: [] });
    this.cells = root.querySelector('.cells');
    this.remote = new LookRemote(data);
    this.settings = this.settingsOf(data);
    this.lightbox = new Lightbox(root.querySelector('dialog'), root.querySelector('template').content, data);
    this.bar = root.querySelector('.sheet-bar');
    this.controls = new DisplayControls(this.bar, { optics: this.first(data), onSet: (...change) => this.set(...change) });
    this.slider = root.querySelector('[data-set="thumbnail"]');
    this.levels = this.bar.querySelector('.levels');
    this.bar.querySelector('[data-do="resetDisplay"]').addEventListener('click', () => { this.settings.resetDisplay(); this.showSettings(); this.drawSoon(); });
    this.cells.addEventListener('click', ({ target }) => this.pick(target.closest('.cell')));
    this.cells.addEventListener('keydown', (event) => this.step(event));
    this.cells.addEventListener('pointerdown', () => { this.levels.open = false; });
    this.onViewChanged = ({ detail }) => { if (detail !== this.settings) this.follow(); };
    addEventListener(VIEW_CHANGED, this.onViewChanged);
    this.renew(data);
  }

  close() {
    removeEventListener(VIEW_CHANGED, this.onViewChanged);
    clearTimeout(this.drawing);
    this.settings.close();
    this.lightbox.closed();
    this.free();
  }

  first(data) { return data.sources[data.items[0][1]]; }

  settingsOf(data) {
    return new Settings({ remote: this.remote, inspector: data.inspector, optics: this.first(data) });
  }

  /** Show other cutouts, or the same with other words. */
  renew(data) {
    const shown = ({ items, sprite, together }) => JSON.stringify([items, sprite, together]), same = this.data && shown(data) === shown(this.data);
    const before = this.data && this.display, whose = (of) => `${this.first(of).id} ${of.inspector}`;
    if (this.data && whose(this.data) !== whose(data)) {
      this.settings.close();
      this.settings = this.settingsOf(data);
      this.controls.offer(this.first(data));
    }
    this.data = data;
    this.remote.renew(data);
    this.lightbox.renew(data);
    this.bar.toggleAttribute('data-drawn', Boolean(data.sprite)); // then neither stretch nor levels can be chosen here
    this.bar.hidden = !data.controls;
    this.bar.querySelector('.legend').replaceChildren(...data.legend.map(([name, colour]) => element('span', {}, element('i', { className: 'mark', '--mark': colour }), name)));
    this.showSettings();
    if (same) {
      if (before !== this.display) this.drawSoon();
      return;
    }
    this.tiles = data.items.map(([id, source, caption, hint, colour], index) => {
      const { width, height, source: name, seen } = data.sources[source];
      const marks = colour ? [element('i', { className: 'mark', '--mark': colour })] : [];
      const words = element('span', { className: 'words' }, ...caption.split('\n').map((line, number) => element('span', { className: 'line' }, ...(number ? [] : marks), ...inTwo(line))));
      const tile = element('span', { className: 'picture' });
      tile.style.aspectRatio = `${width} / ${height}`;
      if (seen) tile.append(element('i', { className: 'seen', '--down': `${100 * seen[0]}%`, '--across': `${100 * seen[1]}%`, title: 'What the network saw' }));
      const about = hint || caption || name;
      return element('button', { type: 'button', className: 'cell', title: about, 'aria-label': about.split('\n')[0], 'data-index': index }, tile, ...(caption ? [words] : []));
    });
    const frames = framesOf(this.tiles, data.together).map((cells) => element('div', { className: 'together', '--count': cells.length }, ...cells));
    this.cells.toggleAttribute('data-together', frames.length > 0);
    this.cells.replaceChildren(...(frames.length ? frames : this.tiles));
    this.draw();
  }

  showSettings() {
    const first = this.first(this.data);
    this.controls.show(this.settings.values, shownBands(first, this.settings.displayOf(first)));
    this.slider.value = this.side;
    this.cells.style.setProperty('--side', `${this.side}px`);
    this.cells.toggleAttribute('data-unmarked', !this.settings.values.marks);
  }

  /** What the pictures of all sources depend on, as text. */
  get display() {
    return JSON.stringify(Object.values(this.data.sources).map((optics) => this.settings.displayOf(optics)));
  }

  get side() { return this.settings.values.thumbnail ?? this.data.smallest; }

  set(name, value) {
    if (name === 'thumbnail') {
      this.settings.change({ thumbnail: value });
      this.showSettings();
      if (this.sizeWanted > (this.drawnSize ?? 0)) this.drawSoon();
    } else if (DISPLAY_SETTINGS.has(name)) {
      this.settings.change({ [name]: value });
      this.showSettings();
      this.drawSoon();
    }
  }

  /** Take over what was set in the lightbox or in another sheet. */
  follow() {
    const before = this.display;
    this.settings.take(this.settings.stored());
    this.showSettings();
    if (before !== this.display) this.drawSoon();
  }

  drawSoon() {
    clearTimeout(this.drawing);
    this.drawing = setTimeout(() => this.draw(), REDRAW_MS);
  }

  /** The size of pictures that the tiles need. */
  get sizeWanted() {
    const least = 0.75 * this.side * (globalThis.devicePixelRatio || 1);
    return SIZES.find((size) => size >= least) ?? SIZES.at(-1);
  }

  /** Fetch the pictures, those of each source by its own levels. */
  async draw() {
    const { data } = this, round = this.round = (this.round ?? 0) + 1, made = [];
    if (data.sprite) { this.place(data.items.map((_, index) => index), data.sprite); return; }
    this.drawnSize = this.sizeWanted;
    const parts = partsOf(data.items);
    try {
      await Promise.all(parts.map(async (part) => {
        const address = await this.sprite(part);
        made.push(address);
        if (round === this.round) this.place(part.map(({ index }) => index), address);
      }));
    } catch (error) {
      if (round === this.round) this.say(error.status ? error.message : 'The server is not responding. Trying again…', { again: !error.status });
      return;
    }
    if (round !== this.round) { made.forEach((address) => URL.revokeObjectURL(address)); return; }
    this.say('');
    this.free();
    this.sprites = made;
  }

  async sprite(part) {
    const { data } = this, optics = data.sources[part[0].source];
    const path = this.remote.sheetPath(part.map(({ id }) => id), this.drawnSize, this.settings.displayOf(optics), optics.picture_key);
    return URL.createObjectURL(await (await this.remote.get(path)).blob());
  }

  /** Put the pictures of one sprite, row by row in a square grid, into the tiles at `indices`. */
  place(indices, address) {
    const across = Math.ceil(Math.sqrt(indices.length)), down = Math.ceil(indices.length / across);
    indices.forEach((index, number) => {
      const tile = this.tiles[index]?.querySelector('.picture');
      if (!tile) return;
      const x = (100 * (number % across)) / Math.max(across - 1, 1), y = (100 * Math.floor(number / across)) / Math.max(down - 1, 1);
      Object.assign(tile.style, { backgroundImage: `url("${address}")`, backgroundSize: `${across * 100}% ${down * 100}%`, backgroundPosition: `${x}% ${y}%` });
      tile.dataset.drawn = '';
    });
  }

  free() {
    this.sprites.forEach((address) => URL.revokeObjectURL(address));
    this.sprites = [];
  }

  say(message, { again = false } = {}) {
    const box = this.root.querySelector('.wrong');
    box.hidden = !message;
    box.textContent = message;
    if (again) this.drawing = setTimeout(() => this.draw(), RETRY_MS);
  }

  pick(cell) {
    if (cell) this.lightbox.open(this.data.items[Number(cell.dataset.index)][0]);
  }

  /** Arrows go from tile to tile. */
  step(event) {
    const cells = this.tiles, at = cells.indexOf(event.target.closest('.cell'));
    const columns = cells.filter(({ offsetTop }) => offsetTop === cells[0].offsetTop).length;
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (at < 0 || !by) return;
    event.preventDefault();
    cells[at + by]?.focus();
  }
}
