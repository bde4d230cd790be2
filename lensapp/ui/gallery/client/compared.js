// A few candidates side by side: what stands below each picture, and what lies over it.

import { element } from "./dom.js";
import { PanelPainter } from "./panels.js";
import { scoreText } from "./record.js";
import { Overlay } from "./single.js";

export const CARD_HEIGHT = 40, KEYS_HEIGHT = 26; // CSS pixels
const GAP = 4, INSET = 6; // the frame of the one that is chosen
const LEAST_BAND = 72; // CSS pixels
const MORE_ROWS = 1.1; // times as large have pictures to be for another row: in one they are beside each other

/** Return how `count` pictures are as large as they fit, with a card below each and its bands where these have room too. */
export function fitFew({ width, height, gap, count, bands }) {
  let best = null;
  for (let rows = 1; rows <= count; rows++) {
    const columns = Math.ceil(count / rows);
    const cell = Math.floor(Math.min((width + gap) / columns - gap, (height + gap) / rows - gap - CARD_HEIGHT));
    if (!best || cell > MORE_ROWS * best.cell) best = { columns, rows, cell };
  }
  const left = Math.floor((height + gap) / best.rows) - gap - best.cell - CARD_HEIGHT - GAP;
  const band = Math.min(left, Math.floor((best.cell - 2 * INSET + GAP) / bands) - GAP);
  const shown = bands > 1 && band >= LEAST_BAND ? band : 0;
  return { ...best, band: shown, below: CARD_HEIGHT + (shown ? shown + GAP : 0) };
}

/** The cards of those that are compared: name, score, votes, and a button for each grade. */
export class Cards {
  /** @param onGrade(index, letter), @param onStar(index) for the candidate at a place */
  constructor(stage, { data, onGrade, onStar }) {
    Object.assign(this, { data, onGrade, onStar, cards: new WeakMap() });
    const letters = data.grades.map(({ letter }) => letter);
    const key = (names, meaning) => element('span', {}, ...names.map((textContent) => element('kbd', { textContent })), ` ${meaning}`);
    this.keys = element('p', { className: 'compared-keys' }, key(['←', '→'], 'choose'), key(letters, 'grade'), key(['*'], 'star'), key(['Enter'], 'large'), key(['[', ']'], 'stretch'), key(['Esc'], 'back to all'));
    stage.append(this.keys);
  }

  cardOf(tile, index) {
    if (!this.cards.has(tile)) {
      const part = (className) => element('span', { className });
      const card = { name: element('b'), said: part('said'), bands: part('band-strip'), overlay: new Overlay() };
      card.star = element('button', { type: 'button', className: 'icon star', title: 'Star (*)', 'aria-label': 'Star', innerHTML: '<i>star</i>', tabIndex: -1, onclick: () => this.onStar(index) });
      card.buttons = this.data.grades.map(({ letter, meaning, colour }) => element('button', {
        type: 'button', textContent: letter, title: meaning, 'aria-label': `Grade ${letter}: ${meaning}`, tabIndex: -1, '--grade': colour,
        onclick: () => this.onGrade(index, letter),
      }));
      const line = element('div', { className: 'card' }, card.name, card.said, card.star, element('span', { className: 'grades' }, ...card.buttons));
      tile.append(card.overlay.moving, card.overlay.fixed, card.bands, line);
      this.cards.set(tile, card);
    }
    return this.cards.get(tile);
  }

  /** Show facts and vote of the candidate at a place: `side` of its picture, `zoom` of its middle. */
  mark(tile, index, { facts, vote, note, side, zoom, marks }) {
    const { name, said, star, buttons, overlay } = this.cardOf(tile, index);
    const { pixel_scale_arcsec: scale, width, height } = this.data, { score, probability } = facts;
    name.textContent = name.title = facts.name ?? '';
    const votes = Object.entries(facts.others ?? {}).map(([letter, count]) => `${count} × ${letter}`);
    said.textContent = said.title = [
      score == null ? '' : `score ${scoreText(score)}`, probability == null ? '' : `P ${scoreText(probability)}`,
      votes.length ? `votes ${votes.join(', ')}` : '', note.comment ?? '',
    ].filter(Boolean).join(' · ');
    star.setAttribute('aria-pressed', String(note.starred));
    buttons.forEach((button, place) => {
      const { letter } = this.data.grades[place], pressed = vote?.grade === letter;
      button.setAttribute('aria-pressed', String(pressed));
      button.textContent = pressed && vote.contaminant ? `${letter} ${vote.contaminant}` : letter;
    });
    overlay.moving.style.transform = `scale(${zoom})`;
    overlay.draw({ side, scale: zoom, field: scale ? scale * Math.max(width, height) : null, facts, shown: marks });
  }

  /** Draw each band of a candidate in the room below its picture. */
  drawBands(tile, index, raw, { display, shown, view, side }) {
    const { bands } = this.cardOf(tile, index);
    const painter = side ? new PanelPainter(raw, { display, ...shown, optics: this.data, view }) : null;
    bands.replaceChildren(...(side ? this.data.bands : []).map((label, band) => {
      const image = painter.paint(`band ${band}`), canvas = element('canvas', { width: image.width, height: image.height, role: 'img', 'aria-label': `Band ${label}` });
      canvas.getContext('2d', { alpha: false }).putImageData(image, 0, 0);
      return element('figure', {}, canvas, element('figcaption', { textContent: label }));
    }));
  }
}
