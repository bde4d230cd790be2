// A few candidates side by side: their pictures with one zoom for all, their bands, and what stands below.

import { element, writeEnds } from "./dom.js";
import { Zoom } from "./gestures.js";
import { NoPicture, PanelPainter } from "./panels.js";
import { Readout, positionText } from "./readout.js";
import { scoreText } from "./record.js";
import { Overlay } from "./single.js";

export const CARD_HEIGHT = 64, KEYS_HEIGHT = 26; // CSS pixels
const GAP = 4, INSET = 6; // the frame of the one that is chosen
const LEAST_BAND = 80; // CSS pixels
const LEAST_SHARE = 0.8; // of its size that a picture keeps where it gives way to bands
const MORE_ROWS = 1.05; // times as much of the room is filled for another row: in one they are beside each other
const ONE_MORE = 0.9; // of the room of the bands that they fill with the residual among them
const NO_STRIP = { panels: 0, band: 0, bandColumns: 0 };

/** Fit the bands, and the residual where it fills an empty place, into the room that a picture leaves. */
function fitStrip({ width, height, bands }) {
  let best = NO_STRIP;
  for (const panels of [bands > 1 ? bands : 0, (bands > 1 ? bands : 0) + 1]) {
    for (let columns = 1; columns <= panels; columns++) {
      const band = Math.floor(Math.min((width + GAP) / columns, (height + GAP) / Math.ceil(panels / columns)) - GAP);
      const more = panels > best.panels ? ONE_MORE : 1;
      if (band >= LEAST_BAND && panels * band * band > more * best.panels * best.band ** 2) best = { panels, band, bandColumns: columns };
    }
  }
  return best;
}

/** Fit one picture and its bands, below it or beside it, into its part of the room. */
function fitOne({ across, down, bands }) {
  const whole = Math.min(across, down), less = down - GAP - LEAST_BAND, fits = [];
  for (const cell of less >= LEAST_SHARE * whole && less < whole ? [whole, less] : [whole]) {
    const below = fitStrip({ width: across - 2 * INSET, height: down - cell - GAP, bands });
    const beside = fitStrip({ width: across - cell - GAP - INSET, height: cell, bands });
    for (const [strip, isBeside] of [[below, false], [beside, true]]) {
      fits.push({ cell, ...strip, isBeside, filled: cell * cell + strip.panels * strip.band ** 2 });
    }
  }
  const [first] = fits.filter(({ band }) => band).sort((one, other) => other.filled - one.filled);
  return first ?? fits[0];
}

/**
 * Return how `count` pictures are as large as they fit, with a card below each and its bands where these have room too:
 * {columns, rows, across, cell, panels, band, bandColumns, below, left, stripLeft, stripTop}, the last three within a tile.
 */
export function fitFew({ width, height, gap, count, bands }) {
  let best = null;
  for (let rows = 1; rows <= count; rows++) {
    const columns = Math.ceil(count / rows), across = Math.floor((width + gap) / columns - gap);
    const fit = fitOne({ across, down: Math.floor((height + gap) / rows - gap) - CARD_HEIGHT, bands });
    if (!best || fit.filled > MORE_ROWS * best.filled) best = { columns, rows, across, ...fit };
  }
  const { across, cell, band, bandColumns, panels, isBeside } = best, stripWidth = bandColumns * (band + GAP) - GAP;
  const stripHeight = band ? Math.ceil(panels / bandColumns) * (band + GAP) : 0;
  const left = Math.floor((across - cell - (isBeside && band ? GAP + stripWidth : 0)) / 2);
  return {
    ...best, left, below: CARD_HEIGHT + (isBeside ? 0 : stripHeight),
    stripLeft: isBeside ? left + cell + GAP : Math.floor((across - stripWidth) / 2), stripTop: isBeside ? 0 : cell + GAP,
  };
}

/** The pictures and cards of those that are compared: name, score, position, votes, and a button for each grade. */
export class Cards {
  /**
   * @param stage in which the grid of tiles is
   * @param onGrade(index, letter), @param onStar(index) for the candidate at a place
   * @param values fetches the values of a candidate's pixels
   */
  constructor(stage, { data, onGrade, onStar, values }) {
    Object.assign(this, { data, onGrade, onStar, cards: new Map() });
    this.grid = stage.querySelector('.grid');
    this.zoom = new Zoom(this.grid, { onChange: () => this.drawOver(), onSwipe() {} });
    this.readout = new Readout(this.grid, { data, zoom: this.zoom, values, candidate: (figure) => this.candidateOf(figure) });
    const letters = data.grades.map(({ letter }) => letter);
    const key = (names, meaning) => element('span', {}, ...names.map((textContent) => element('kbd', { textContent })), ` ${meaning}`);
    this.keys = element('p', { className: 'compared-keys' }, key(['←', '→'], 'choose'), key(letters, 'grade'), key(['*'], 'star'), key(['+', '−'], 'zoom, as the wheel'), key(['Enter'], 'large'), key(['[', ']'], 'stretch'), key(['Esc'], 'back to all'));
    stage.append(element('div', { className: 'compared-foot' }, this.keys, this.readout.root));
  }

  /** Begin with others, all seen so much larger about their middle. */
  begin(scale) {
    this.cards.clear();
    this.zoomTo(scale);
  }

  zoomTo(scale) {
    this.zoom.reset();
    this.zoom.by(scale);
  }

  cardOf(tile, index) {
    if (!this.cards.has(tile)) {
      const part = (className, ...children) => element('span', { className }, ...children);
      const canvas = () => element('canvas', { role: 'img' });
      const card = { name: element('b'), position: element('span'), measure: part('measure'), said: part('said'), strip: part('band-strip'), overlay: new Overlay(), picture: canvas(), bands: [] };
      card.figure = element('figure', { className: 'view compared-picture' }, card.picture, card.overlay.moving, card.overlay.fixed);
      card.star = element('button', { type: 'button', className: 'icon star', title: 'Star (*)', 'aria-label': 'Star', innerHTML: '<i>star</i>', tabIndex: -1, onclick: () => this.onStar(index) });
      card.buttons = this.data.grades.map(({ letter, meaning, colour }) => element('button', {
        type: 'button', textContent: letter, title: meaning, 'aria-label': `Grade ${letter}: ${meaning}`, tabIndex: -1, '--grade': colour,
        onclick: () => this.onGrade(index, letter),
      }));
      tile.append(card.figure, card.strip, element('div', { className: 'card' },
        element('div', {}, card.name, part('whole-or-none', card.position), card.star),
        element('div', {}, card.measure, card.said, part('grades', ...card.buttons))));
      this.cards.set(tile, card);
    }
    return this.cards.get(tile);
  }

  candidateOf(figure) {
    const card = this.cards.get(figure.closest('.tile'));
    return card?.facts ? { id: card.id, facts: card.facts } : null;
  }

  /** Show facts and vote of the candidate `id` at a place: `side` of its picture. */
  mark(tile, index, { id, facts, vote, note, side, marks }) {
    const card = this.cardOf(tile, index), { name, position, measure, said, star, buttons } = card, { ra, dec, score, probability } = facts;
    Object.assign(card, { id, facts, side, marks });
    writeName(name, facts.name ?? '');
    const [place, degrees] = ra == null || dec == null ? ['', ''] : [positionText(facts), positionText(facts, ['', ''])];
    Object.assign(position, { title: place, textContent: degrees });
    measure.textContent = score == null ? '' : `score ${scoreText(score)}`;
    const votes = Object.entries(facts.others ?? {}).map(([letter, count]) => `${count} × ${letter}`);
    said.textContent = said.title = [
      probability == null ? '' : `P ${scoreText(probability)}`, votes.length ? `votes ${votes.join(', ')}` : '', note.comment ?? '',
    ].filter(Boolean).join(' · ');
    star.setAttribute('aria-pressed', String(note.starred));
    buttons.forEach((button, place) => {
      const { letter } = this.data.grades[place], pressed = vote?.grade === letter;
      button.setAttribute('aria-pressed', String(pressed));
      button.textContent = pressed && vote.contaminant ? `${letter} ${vote.contaminant}` : letter;
    });
    this.drawOverlay(card);
  }

  /** Draw a candidate as large as it is, and in the room left its bands and, for one more of `panels`, its residual. */
  draw(tile, index, raw, { display, shown, view, panels }) {
    const card = this.cardOf(tile, index), painter = new PanelPainter(raw, { display, ...shown, optics: this.data, view });
    if (card.painter?.raw === raw && card.painter.view.model === view.model) painter.residuals = card.painter.residuals;
    card.painter = painter;
    this.grid.toggleAttribute('data-pixels', view.pixels);
    put(card.picture, painter, 'colour', `Picture: ${card.name.title}`);
    card.figure.toggleAttribute('data-drawn', true);
    const bands = this.data.bands.length > 1 ? this.data.bands : [];
    const kinds = [...bands.map((label, band) => [`band ${band}`, label]), ['residual', 'residual']].slice(0, panels);
    if (card.bands.length !== kinds.length) {
      card.bands = kinds.map(() => element('canvas', { role: 'img' }));
      card.strip.replaceChildren(...card.bands.map((canvas, place) => element('figure', { className: 'view' }, canvas, element('figcaption', {}, element('span', { textContent: kinds[place][1] })))));
    }
    kinds.forEach(([id, label], place) => put(card.bands[place], painter, id, id === 'residual' ? 'Residual' : `Band ${label}`));
  }

  drawOver() {
    this.readout.refresh();
    this.cards.forEach((card) => { if (card.facts) this.drawOverlay(card); });
  }

  drawOverlay({ overlay, facts, side, marks }) {
    const { pixel_scale_arcsec: scale, width, height } = this.data;
    overlay.draw({ side, scale: this.zoom.scale, field: scale ? scale * Math.max(width, height) : null, facts, shown: marks });
  }
}

/** Write a name, and only where it has no room in two pieces: a whole one is copied as it is. */
function writeName(root, name) {
  Object.assign(root, { title: name, textContent: name, className: '' });
  if (root.scrollWidth > root.clientWidth) writeEnds(root, name);
}

/** Paint a panel; where there is none, such as the residual of masked pixels, its place is black. */
function put(canvas, painter, id, label) {
  canvas.setAttribute('aria-label', label);
  const context = canvas.getContext('2d', { alpha: false });
  try {
    const image = painter.paint(id);
    if (canvas.width !== image.width || canvas.height !== image.height) Object.assign(canvas, { width: image.width, height: image.height });
    context.putImageData(image, 0, 0);
  } catch (error) {
    if (!(error instanceof NoPicture)) console.error(error);
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
}
