// The page of tiles: canvases, grades, the cursor.

const GAP = 4;
const MOST_TILES = 600; // the server answers at most 1000 at a time

const element = (tag, className) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  return made;
};

/** Choose the cell near `wanted` that leaves the least of the stage empty. */
function bestFit({ width, height, wanted }) {
  const across = Math.max(1, Math.round((width + GAP) / (wanted + GAP)));
  const down = Math.max(1, Math.round((height + GAP) / (wanted + GAP)));
  const cells = [across, across + 1].map((count) => (width + GAP) / count - GAP);
  cells.push(...[down, down + 1].map((count) => (height + GAP) / count - GAP));
  let best = null;
  for (const exact of cells) {
    const cell = Math.floor(Math.min(exact, width, height));
    const columns = Math.floor((width + GAP) / (cell + GAP)), rows = Math.floor((height + GAP) / (cell + GAP));
    const filled = (columns * rows * cell * cell) / (width * height) - Math.abs(Math.log(cell / wanted)) / 12;
    if (!best || filled > best.filled) best = { columns, rows, cell, filled };
  }
  return best;
}

/** Shows as many candidates as fit into its stage without scrolling. */
export class Mosaic {
  constructor(grid, { colours, onPick, onOpen }) {
    this.grid = grid;
    this.colours = colours;
    this.tiles = [];
    this.cursor = -1;
    grid.addEventListener('click', (event) => this.clicked(event, onPick));
    grid.addEventListener('dblclick', (event) => this.clicked(event, onOpen));
  }

  clicked(event, act) {
    const place = this.tiles.indexOf(event.target.closest('.tile'));
    if (place >= 0) act(place);
  }

  /** Fit tiles of about `wanted` CSS pixels into the stage; return how many there are room for. */
  layout({ width, height, wanted }) {
    const least = Math.sqrt((width * height) / MOST_TILES);
    Object.assign(this, bestFit({ width, height, wanted: Math.max(wanted, least) }));
    this.grid.style.gridTemplateColumns = `repeat(${this.columns}, ${this.cell}px)`;
    this.build(this.rows * this.columns);
    return this.tiles.length;
  }

  build(count) {
    if (count === this.tiles.length && this.builtColumns === this.columns) return;
    this.builtColumns = this.columns;
    this.cursor = -1;
    this.tiles = Array.from({ length: count }, (_, place) => this.makeTile(place));
    const rows = Array.from({ length: this.rows }, (_, row) => {
      const made = element('div', 'row');
      made.setAttribute('role', 'row');
      made.append(...this.tiles.slice(row * this.columns, (row + 1) * this.columns));
      return made;
    });
    this.grid.replaceChildren(...rows);
  }

  makeTile(place) {
    const tile = element('div', 'tile');
    tile.id = `tile-${place}`;
    tile.setAttribute('role', 'gridcell');
    const canvas = element('canvas');
    tile.context = canvas.getContext('2d', { alpha: false });
    tile.badge = element('span', 'grade');
    tile.score = element('span', 'score');
    tile.append(canvas, tile.badge, tile.score);
    return tile;
  }

  /** Show the first `count` tiles only. */
  limit(count) {
    this.tiles.forEach((tile, place) => { tile.hidden = place >= count; });
  }

  size(tile, width, height) {
    const { canvas } = tile.context;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  }

  drawSheet({ bitmap, columns, width, height }, count) {
    for (let place = 0; place < count; place++) {
      const tile = this.tiles[place];
      this.size(tile, width, height);
      const left = (place % columns) * width, top = Math.floor(place / columns) * height;
      tile.context.drawImage(bitmap, left, top, width, height, 0, 0, width, height);
    }
  }

  drawRaw(painter, count) {
    for (let place = 0; place < count; place++) {
      const tile = this.tiles[place];
      this.size(tile, painter.raw.width, painter.raw.height);
      tile.context.putImageData(painter.paint(place), 0, 0);
    }
  }

  /** Show the vote of a tile. */
  mark(place, { name, vote }) {
    const tile = this.tiles[place];
    if (vote) {
      tile.dataset.grade = vote.grade;
      tile.style.setProperty('--grade', this.colours[vote.grade]);
      tile.badge.textContent = vote.contaminant ? `${vote.grade} ${vote.contaminant}` : vote.grade;
    } else {
      delete tile.dataset.grade;
    }
    tile.setAttribute('aria-label', `${name}, ${vote ? `grade ${vote.grade}` : 'not graded'}`);
  }

  score(place, value) {
    this.tiles[place].score.textContent = value == null ? '' : value.toFixed(3);
  }

  select(place) {
    this.tiles[this.cursor]?.setAttribute('aria-selected', 'false');
    this.cursor = place;
    const tile = this.tiles[place];
    tile?.setAttribute('aria-selected', 'true');
    if (tile) this.grid.setAttribute('aria-activedescendant', tile.id);
  }
}
