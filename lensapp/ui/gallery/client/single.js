// One candidate: the colour composite beside every band.

import { Painter } from "./stretch.js";

const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8];
const SHARP_FROM = 16; // screen pixels per image pixel from which squares are shown as such
const GAP = 4;
const FACTS_HEIGHT = 38;
const LEAST_BAND = 100;

const text = (tag, className, content) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.textContent = content;
  return made;
};

function bestColumns({ count, width, height }) {
  let best = { columns: 1, cell: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const cell = Math.floor(Math.min((width + GAP) / columns, (height + GAP) / rows) - GAP);
    if (cell > best.cell) best = { columns, cell };
  }
  return best;
}

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

  /** Choose the sizes of composite and bands that fill the most of the room. */
  layout({ width, height }) {
    const side = height - FACTS_HEIGHT, count = this.bandViews.length;
    let best = { filled: -1 };
    for (let across = Math.min(side, width); across >= side / 2; across -= side / 40) {
      const bands = bestColumns({ count, width: width - across - GAP, height: side });
      const filled = across ** 2 + count * bands.cell ** 2;
      if (filled > best.filled && (bands.cell >= LEAST_BAND || !count)) best = { filled, across, ...bands };
    }
    const { across = side, columns = 1, cell = LEAST_BAND } = best;
    Object.assign(this.colour.figure.style, { width: `${across}px`, height: `${across}px` });
    this.bandGrid.style.gridTemplateColumns = `repeat(${columns}, ${cell}px)`;
    this.bandGrid.style.gridAutoRows = `${cell}px`;
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
    canvas.classList.toggle('sharp', (this.side * scale) / raw.width >= SHARP_FROM);
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
    const { letter } = this.grades.at(-1);
    this.buttons.at(-1).textContent = vote?.contaminant ? `${letter} ${vote.contaminant}` : letter;
  }
}
