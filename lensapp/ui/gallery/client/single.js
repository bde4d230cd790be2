// One candidate: the colour composite beside every band.

import { Painter } from "./stretch.js";

const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8];
const SHARP_BELOW_PIXELS = 3; // screen pixels per image pixel above which squares are shown as such
const GAP = 4;

const text = (tag, className, content) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = content;
  return made;
};

/** Shows pixels at full resolution; the bands share the stretch of the mosaic. */
export class SingleView {
  constructor(root, { bands, grades, gains, onGrade }) {
    this.root = root;
    this.facts = root.querySelector('.facts');
    this.views = root.querySelector('.views');
    Object.assign(this, { bands, grades, gains, onGrade });
    this.zoom = 0;
    this.build();
  }

  get open() {
    return !this.root.hidden;
  }

  build() {
    this.colour = this.makeView('colour', 'Colour');
    this.bandViews = this.bands.length > 1 ? this.bands.map((band) => this.makeView('band', band)) : [];
    this.bandGrid = text('div', 'bands', '');
    this.bandGrid.append(...this.bandViews.map((view) => view.figure));
    this.views.replaceChildren(this.colour.figure, this.bandGrid);
    this.name = text('b', '', '');
    this.where = text('span', 'where', '');
    this.score = text('span', 'where', '');
    this.buttons = this.grades.map((grade) => this.gradeButton(grade));
    const group = text('span', 'grades', '');
    group.append(...this.buttons);
    this.facts.replaceChildren(this.name, this.where, this.score, group);
  }

  gradeButton(grade) {
    const button = text('button', '', grade.letter);
    button.type = 'button';
    button.title = `${grade.meaning} (${grade.keys.join(' or ')})`;
    button.style.setProperty('--grade', grade.colour);
    button.addEventListener('click', () => this.onGrade(grade.letter));
    return button;
  }

  makeView(kind, caption) {
    const figure = text('figure', `view ${kind}`, '');
    const canvas = document.createElement('canvas');
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', caption);
    const label = text('figcaption', '', caption);
    figure.append(canvas, label);
    return { figure, context: canvas.getContext('2d', { alpha: false }), label };
  }

  /** Give the composite the full height and the bands the rest of the width. */
  layout({ width, height }) {
    const side = height - 38;
    const across = this.bandViews.length ? Math.min(side, width * 0.62) : side;
    Object.assign(this.colour.figure.style, { width: `${across}px`, height: `${across}px` });
    const room = width - across - GAP;
    let best = { columns: 1, cell: 0 };
    for (let columns = 1; columns <= this.bands.length; columns++) {
      const rows = Math.ceil(this.bands.length / columns);
      const cell = Math.min((room - GAP * (columns - 1)) / columns, (side - GAP * (rows - 1)) / rows);
      if (cell > best.cell) best = { columns, cell: Math.floor(cell) };
    }
    this.bandGrid.style.gridTemplateColumns = `repeat(${best.columns}, ${best.cell}px)`;
    this.bandGrid.style.gridAutoRows = `${best.cell}px`;
    this.side = across;
  }

  draw(raw, display, chosen) {
    const names = chosen.map((band) => this.bands[band]);
    this.colour.label.textContent = names.length > 1 ? `${names.join(' ')}  as red green blue` : names[0];
    if (names.length === 2) this.colour.label.textContent = `${names.join(' and ')}  as red and blue`;
    this.put(this.colour, raw, new Painter(raw, display, chosen, this.gains));
    this.bandViews.forEach((view, band) => this.put(view, raw, new Painter(raw, display, [band], this.gains)));
  }

  put(view, raw, painter) {
    const { context } = view, { canvas } = context;
    if (canvas.width !== raw.width || canvas.height !== raw.height) {
      Object.assign(canvas, { width: raw.width, height: raw.height });
    }
    context.putImageData(painter.paint(0), 0, 0);
    const scale = ZOOMS[this.zoom];
    canvas.style.transform = scale === 1 ? '' : `scale(${scale})`;
    canvas.classList.toggle('sharp', (this.side * scale) / raw.width > SHARP_BELOW_PIXELS * 2);
  }

  /** Zoom by one step; return whether anything changed. */
  zoomBy(step) {
    const before = this.zoom;
    this.zoom = Math.min(ZOOMS.length - 1, Math.max(0, this.zoom + step));
    return this.zoom !== before;
  }

  tell({ name, ra, dec, score }, vote) {
    this.name.textContent = name ?? '';
    this.where.textContent = ra == null || dec == null ? '' : `RA ${ra.toFixed(5)}°  Dec ${dec.toFixed(5)}°`;
    this.score.textContent = score == null ? '' : `score ${score.toFixed(3)}`;
    this.buttons.forEach((button, place) => {
      button.setAttribute('aria-pressed', String(vote?.grade === this.grades[place].letter));
    });
    this.buttons.at(-1).textContent = vote?.contaminant ? `X ${vote.contaminant}` : 'X';
  }
}
