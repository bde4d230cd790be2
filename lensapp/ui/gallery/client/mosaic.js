// The page of tiles: one canvas for all pictures, above it light tiles with grades and the cursor.

import { fitFew } from "./compared.js";
import { element } from "./dom.js";
import { scoreText } from "./record.js";

const MOST_TILES = 1000;
const GAPS = [[90, 4], [48, 2], [0, 1]]; // tile size from which, gap
const FRAME_COLOUR = 'rgb(255 255 255 / 35%)';
const FEW_DETAILS_BELOW = 76; // CSS pixels: no words on tiles smaller than this

/** Choose the cell near `tile` that leaves the least of the stage empty, with `count` tiles at most. */
function bestFit({ width, height, tile, gap, count = Infinity }) {
  const across = Math.max(1, Math.round((width + gap) / (tile + gap)));
  const down = Math.max(1, Math.round((height + gap) / (tile + gap)));
  const cells = [across, across + 1].map((count) => (width + gap) / count - gap);
  cells.push(...[down, down + 1].map((count) => (height + gap) / count - gap));
  let best = null;
  for (const exact of cells) {
    const cell = Math.floor(Math.min(exact, width, height));
    const columns = Math.floor((width + gap) / (cell + gap)), rows = Math.floor((height + gap) / (cell + gap));
    const filled = (Math.min(count, columns * rows) * cell * cell) / (width * height) - Math.abs(Math.log(cell / tile)) / 12;
    if (columns * rows <= MOST_TILES && (!best || filled > best.filled)) best = { columns, rows, cell, filled };
  }
  return best;
}

/** Shows as many candidates as fit into its stage without scrolling: 1 to 1 000. */
export class Mosaic {
  constructor(grid, { grades, onPick, onOpen }) {
    this.grid = grid;
    this.grades = new Map(grades.map((grade) => [grade.letter, grade]));
    this.tiles = [];
    this.cursor = -1;
    this.zoom = 1; // of the middle of all pictures
    this.canvas = element('canvas', { className: 'pictures', 'aria-hidden': 'true' });
    this.context = this.canvas.getContext('2d'); // the page shows between tiles, in whatever theme it is
    this.scratch = element('canvas').getContext('2d', { alpha: false, willReadFrequently: true });
    grid.addEventListener('click', (event) => this.clicked(event, onPick));
    grid.addEventListener('dblclick', (event) => this.clicked(event, onOpen));
  }

  clicked(event, act) {
    if (event.target.closest('button')) return;
    const index = this.tiles.indexOf(event.target.closest('.tile'));
    if (index >= 0) act(index, event);
  }

  /**
   * Fit tiles of about `tile` CSS pixels into the stage; return how many there are room for.
   * They are as many, in the same rows, as in its `whole` height, of which filter bar and strip of keys take some.
   * Where only `count` are compared they are as large as these fit, in the middle of the height, with a card below each.
   */
  layout({ width, height, whole = height, tile, count, bands = 0 }) {
    const least = 1.02 * Math.sqrt((width * whole) / MOST_TILES);
    const aim = Math.min(Math.max(tile, least), width, whole);
    const gap = GAPS.find(([from]) => aim >= from)[1];
    const room = { width, height: whole, gap };
    const fit = count
      ? fitFew({ width, height, gap, count, bands })
      : { below: 0, panels: 0, ...(bestFit({ ...room, tile: aim }) ?? bestFit({ ...room, tile: 1.1 * aim })) };
    const cell = count ? fit.cell : Math.min(fit.cell, Math.floor((height + gap) / fit.rows) - gap);
    Object.assign(this, { inset: fit.left ?? 0, across: fit.across ?? cell }, fit, { gap, cell });
    const step = cell + fit.below + gap;
    this.left = Math.max(0, Math.floor((width + gap - this.columns * (this.across + gap)) / 2));
    this.top = count ? Math.max(0, Math.floor((height + gap - this.rows * step) / 2)) : 0;
    this.fitCanvas(width, this.rows * step - gap);
    Object.assign(this.grid.style, {
      gridTemplateColumns: `repeat(${this.columns}, ${this.across}px)`, gridAutoRows: `${step - gap}px`,
      gap: `${gap}px`, paddingLeft: `${this.left}px`, paddingTop: `${this.top}px`,
    });
    this.grid.toggleAttribute('data-small', this.cell < FEW_DETAILS_BELOW);
    this.grid.toggleAttribute('data-compared', Boolean(count));
    const lengths = { '--cell': cell, '--inset': fit.left, '--band': fit.band, '--strip-left': fit.stripLeft, '--strip-top': fit.stripTop };
    for (const [name, length] of Object.entries(lengths)) this.grid.style.setProperty(name, `${length ?? 0}px`);
    this.grid.style.setProperty('--band-columns', fit.bandColumns || 1);
    this.build(this.rows * this.columns, Boolean(count));
    return this.tiles.length;
  }

  fitCanvas(width, height) {
    const ratio = globalThis.devicePixelRatio || 1;
    const size = { width: Math.round(width * ratio), height: Math.round(height * ratio) };
    this.emptied = this.canvas.width !== size.width || this.canvas.height !== size.height;
    if (this.emptied) Object.assign(this.canvas, size);
    Object.assign(this.canvas.style, { top: `${this.top}px`, width: `${width}px`, height: `${height}px` });
    this.ratio = ratio;
  }

  build(count, compared) {
    const built = `${count} ${this.columns} ${compared}`;
    if (built === this.built) return;
    this.built = built;
    this.cursor = -1;
    this.tiles = Array.from({ length: count }, (_, index) => element('div', { className: 'tile', id: `tile-${index}`, role: 'gridcell' }));
    const rows = Array.from({ length: this.rows }, (_, row) => element(
      'div', { className: 'row', role: 'row', 'aria-label': `Row ${row + 1} of ${this.rows}` },
      ...this.tiles.slice(row * this.columns, (row + 1) * this.columns),
    ));
    this.grid.replaceChildren(this.canvas, ...rows);
  }

  /** Show the first `count` tiles only, without pictures yet. */
  limit(count, { keepPictures }) {
    this.count = count;
    this.tiles.forEach((tile, index) => { if (tile.hidden !== index >= count) tile.hidden = index >= count; });
    if (!keepPictures || this.emptied || count < this.tiles.length) {
      this.emptied = false;
      this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
      if (this.cell < FEW_DETAILS_BELOW) this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    }
  }

  /** Where a tile's picture goes, in pixels of the canvas; pictures keep their shape. */
  target(index, width, height) {
    const { ratio, cell } = this;
    const x = this.left + (index % this.columns) * (this.across + this.gap) + this.inset;
    const y = Math.floor(index / this.columns) * (cell + this.below + this.gap);
    const scale = cell / Math.max(width, height), wide = width * scale, high = height * scale;
    const left = Math.round((x + (cell - wide) / 2) * ratio), top = Math.round((y + (cell - high) / 2) * ratio);
    return [left, top, Math.round(wide * ratio), Math.round(high * ratio)];
  }

  /** Draw the pictures of one sheet, or by the zoom their middle, into the tiles from `first` on. */
  drawSheet({ bitmap, columns, width, height }, { first, count }) {
    const across = width / this.zoom, down = height / this.zoom, cut = { left: (width - across) / 2, top: (height - down) / 2 };
    for (let index = 0; index < count; index++) {
      const left = (index % columns) * width, top = Math.floor(index / columns) * height;
      const place = this.target(first + index, width, height);
      this.context.drawImage(bitmap, left + cut.left, top + cut.top, across, down, ...place);
      if (this.framed && this.cell >= FEW_DETAILS_BELOW) this.frame(place);
    }
  }

  /** Draw a thin frame about what the network saw of a larger cutout: `framed` holds its shares of height and width. */
  frame([left, top, wide, high]) {
    const { context, ratio, zoom, framed } = this, [down, across] = framed.map((share) => share * zoom);
    if (Math.max(down, across) > 1) return; // it lies outside
    const width = across * wide, height = down * high;
    context.lineWidth = ratio;
    context.strokeStyle = FRAME_COLOUR;
    context.strokeRect(Math.round(left + (wide - width) / 2) + 0.5, Math.round(top + (high - height) / 2) + 0.5, Math.round(width), Math.round(height));
  }

  /** Draw pixels, stretched here, into the tiles from `first` on. */
  drawRaw(painter, { first, count }) {
    const { width, height } = painter.raw, { canvas } = this.scratch, columns = Math.ceil(Math.sqrt(count));
    Object.assign(canvas, { width: columns * width, height: Math.ceil(count / columns) * height });
    for (let index = 0; index < count; index++) {
      this.scratch.putImageData(painter.paint(index), (index % columns) * width, Math.floor(index / columns) * height);
    }
    this.drawSheet({ bitmap: canvas, columns, width, height }, { first, count });
  }

  /** Show a candidate's vote, score and marks on its tile. */
  mark(index, { name, vote, note, score, probability, lens, picked, earlier }) {
    const tile = this.tiles[index], grade = vote && this.grades.get(vote.grade);
    if (picked !== ('picked' in tile.dataset)) tile.toggleAttribute('data-picked', picked);
    if (vote) {
      tile.dataset.grade = vote.grade;
      tile.style.setProperty('--grade', grade?.colour ?? '#5b6472');
      const words = vote.contaminant ? `${vote.grade} ${vote.contaminant}` : vote.grade;
      setText(tile, 'grade', words);
    } else if (tile.dataset.grade) {
      delete tile.dataset.grade;
    }
    setText(tile, 'earlier', vote ? '' : earlier ?? '', 'Your grade in another review');
    setText(tile, 'score', score == null ? '' : scoreText(score));
    setText(tile, 'probability', probability == null ? '' : `P ${scoreText(probability)}`);
    setText(tile, 'flags', [note.starred && 'star', note.comment && 'chat', lens && 'my_location'].filter(Boolean).join(' '));
    const said = vote ? `grade ${[vote.grade, vote.contaminant].filter(Boolean).join(', ')}` : 'not graded';
    const extras = [earlier && `${earlier} in another review`, picked && 'picked', note.starred && 'starred', note.comment && `comment: ${note.comment}`, lens && `known lens ${lens.name}`];
    const label = [`${name}, ${said}`, ...extras, `${index + 1} of ${this.count} on this page`].filter(Boolean).join(', ');
    if (tile.label !== label) tile.setAttribute('aria-label', tile.label = label);
  }

  select(index) {
    this.tiles[this.cursor]?.setAttribute('aria-selected', 'false');
    this.cursor = index;
    const tile = this.tiles[index];
    tile?.setAttribute('aria-selected', 'true');
    if (tile) this.grid.setAttribute('aria-activedescendant', tile.id);
  }
}

/** Write on a tile; what has no words has no element, since a thousand tiles must appear at once. */
function setText(tile, kind, text, title = '') {
  if (!tile[kind] && !text) return;
  tile[kind] ??= tile.appendChild(element('span', { className: kind, title }));
  if (tile[kind].textContent !== text) tile[kind].textContent = text;
}
