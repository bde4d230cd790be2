// What lies under the pointer: the pixel, its value in each band, its position and how far from the centre it is.

import { element } from "./dom.js";
import { directions, offsetOnSky, offsetPosition } from "./sky.js";

export const READOUT_HEIGHT = 24; // CSS pixels, with the gap above
const REST_MS = 150; // until a candidate that came under a resting pointer is looked at, not passed
const DIGITS = 5;
const HINT = 'Under the pointer: pixel (from 1 at the lower left, as in FITS), values, position, offset from the centre';

/** Whether there is a pointer that can be over a picture without touching it. */
export const canHover = () => globalThis.matchMedia?.('(any-hover: hover)').matches ?? false;

/**
 * Return the point of a picture under a point of its square view, which is given in shares of the view's size.
 * `x` and `y` are those of FITS: the middle of the lowest pixel on the left is at 1, 1. `column` and `row` count its pixel
 * from 0. Null beside the picture.
 */
export function pixelAt(at, zoom, { width, height }) {
  const whole = Math.max(width, height);
  const right = (whole * (at.x - zoom.x)) / zoom.scale - (whole - width) / 2;
  const up = height - (whole * (at.y - zoom.y)) / zoom.scale + (whole - height) / 2;
  if (right < 0 || right >= width || up <= 0 || up > height) return null;
  return { x: right + 0.5, y: up + 0.5, column: Math.floor(right), row: Math.ceil(up) - 1 };
}

/**
 * Return what a point of a picture is on the sky, as far as that is known: {away} from the centre in arcseconds, {offset}
 * to north and east, {position} in degrees.
 */
export function onSky({ x, y }, { pixel_scale_arcsec: scale, width, height }, facts) {
  if (!scale) return {};
  const right = scale * (x - (width + 1) / 2), down = -scale * (y - (height + 1) / 2);
  const away = Math.hypot(right, down), ways = directions(facts);
  if (!ways) return { away };
  const offset = offsetOnSky(ways, { right, down });
  return { away, offset, position: facts.ra == null || facts.dec == null ? null : offsetPosition(facts, offset) };
}

const signed = (text) => text.replace('-', '−');
const towards = (arcsec, [ahead, behind]) => `${Math.abs(arcsec).toFixed(2)}″ ${arcsec < 0 ? behind : ahead}`;

/** Write a value to five digits. */
export function valueText(value) {
  return Number.isNaN(value) ? 'masked' : signed(String(Number(value.toPrecision(DIGITS))));
}

/** Write a position in degrees. */
export const positionText = ({ ra, dec }, [first, second] = ['RA ', 'Dec ']) => `${first}${ra.toFixed(5)}°  ${second}${signed(dec.toFixed(5))}°`;

/** Write what is known of a place: {place, offset}, each "" where it is not. */
export function skyWords({ away, offset, position }) {
  if (away === undefined) return { place: '', offset: '' };
  const ways = offset ? `: ${towards(offset.east, 'EW')}, ${towards(offset.north, 'NS')}` : '';
  return {
    place: position ? positionText(position) : '',
    offset: `${away.toFixed(2)}″ from the centre${ways}`,
  };
}

/** The line below the pictures. Values are fetched once for a candidate, when the pointer comes to it. */
export class Readout {
  /**
   * @param stage in which the pictures are
   * @param zoom what part of them is seen: {scale, x, y}
   * @param values fetches those of a candidate: {bands, width, height, values}
   * @param candidate tells whose picture a figure is, {id, facts} or null, where they are of several
   */
  constructor(stage, { data, zoom, values, candidate = null }) {
    Object.assign(this, { data, zoom, candidate, fetchValues: values, facts: {}, pointer: null, values: null });
    const part = (className) => element('span', { className });
    this.pixel = part('pixel');
    this.bands = data.bands.map((textContent) => ({ name: element('i', { className: 'band', textContent }), value: part('value') }));
    this.unit = element('span', { className: 'unit', textContent: data.value_unit ?? '' });
    [this.place, this.offset] = ['place', 'offset'].map(part);
    this.hint = element('span', { className: 'hint', textContent: HINT });
    this.told = element('span', { className: 'told', hidden: true }, this.pixel, ...this.bands.flatMap(({ name, value }) => [name, value]), this.unit, this.place, this.offset);
    this.root = element('div', { className: 'readout', 'aria-hidden': 'true' }, this.hint, this.told);
    stage.addEventListener('pointermove', (event) => this.follow(event), { passive: true });
    stage.addEventListener('pointerleave', () => this.leave());
  }

  /** Begin with another candidate. */
  begin(id) {
    if (id === this.id) return;
    Object.assign(this, { id, values: null, asked: false });
    clearTimeout(this.resting);
    if (this.pointer) this.resting = setTimeout(() => this.ask(), REST_MS);
    this.refresh();
  }

  describe(facts) {
    this.facts = facts;
    this.refresh();
  }

  follow({ pointerType, target, clientX, clientY }) {
    const figure = pointerType === 'touch' ? null : target.closest('.view:not(.around)');
    if (!figure) { this.leave(); return; }
    if (this.candidate && !this.turnTo(this.candidate(figure))) { this.leave(); return; }
    this.pointer = { figure, clientX, clientY };
    this.ask();
    this.refresh();
  }

  /** Begin with the candidate that the pointer is over; return whether there is one. */
  turnTo(over) {
    if (!over) return false;
    this.begin(over.id);
    this.facts = over.facts;
    return true;
  }

  leave() {
    this.pointer = null;
    this.refresh();
  }

  /** Fetch the values of the candidate, unless that has been tried. */
  async ask() {
    if (this.asked || this.id === undefined) return;
    this.asked = true;
    const { id } = this;
    let values = null;
    try {
      values = await this.fetchValues(id);
    } catch {
      return; // the rest of the line stays
    }
    if (id !== this.id) return;
    this.values = values;
    this.refresh();
  }

  /** Write the line before the next frame. */
  refresh() {
    this.frame ??= requestAnimationFrame(() => { this.frame = undefined; this.write(); });
  }

  write() {
    const at = this.under();
    this.told.hidden = !at;
    this.hint.hidden = Boolean(at);
    if (!at) return;
    this.pixel.textContent = `x ${at.x.toFixed(1)}  y ${at.y.toFixed(1)}`;
    this.bands.forEach(({ value }, band) => { value.textContent = this.valueAt(band, at); });
    const { place, offset } = skyWords(onSky(at, this.data, this.facts));
    this.place.textContent = place;
    this.offset.textContent = offset;
  }

  under() {
    if (!this.pointer?.figure.isConnected) return null;
    const { figure, clientX, clientY } = this.pointer, { left, top, width, height } = figure.getBoundingClientRect();
    return width ? pixelAt({ x: (clientX - left) / width, y: (clientY - top) / height }, this.zoom, this.data) : null;
  }

  valueAt(band, { column, row }) {
    if (!this.values) return '…';
    const { width, height, values } = this.values;
    return valueText(values[(band * height + row) * width + column]);
  }
}
