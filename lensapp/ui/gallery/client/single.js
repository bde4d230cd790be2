// One candidate: a large picture beside as many smaller ones as are asked for.

import { linksTo } from "./links.js";
import { Overlay } from "./overlay.js";
import { PanelPainter, panelsOf } from "./panels.js";
import { MODELS } from "./planes.js";
import { Zoom } from "./zoom.js";

const SHARP_FROM = 16; // screen pixels per image pixel from which squares are shown as such
const GAP = 4;
const FACTS_HEIGHT = 38;
const LEAST_PANEL = 84;
const MODEL_NAMES = Object.fromEntries(Object.entries(MODELS).map(([name, { label }]) => [name, label]));

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

/** Shows pixels at full resolution; every panel shares zoom and, but for signed ones, the stretch. */
export class SingleView {
  /** @param on {grade(letter), star(), comment(text), view(changes), step(direction)} */
  constructor(root, { data, settings, on }) {
    Object.assign(this, { root, data, settings, on, panels: [], views: new Map() });
    this.facts = root.querySelector('.facts');
    this.stage = root.querySelector('.views');
    this.main = this.makeView({ id: 'colour', label: '' }, 'main');
    this.overlay = new Overlay();
    this.main.figure.append(this.overlay.moving, this.overlay.fixed);
    this.panelGrid = text('div', 'panels', '');
    this.stage.replaceChildren(this.main.figure, this.panelGrid);
    this.zoom = new Zoom(this.stage, { onChange: () => this.drawOver(), onSwipe: (direction) => on.step(direction) });
    this.panelGrid.addEventListener('click', (event) => this.promote(event));
    this.panelGrid.addEventListener('keydown', (event) => { if (/^(Enter| )$/.test(event.key)) this.promote(event); });
    this.buildFacts();
  }

  get open() {
    return !this.root.hidden;
  }

  buildFacts() {
    this.name = text('b', '', '');
    this.where = text('span', 'where', '');
    this.score = text('span', 'where', '');
    this.others = text('span', 'where', '');
    this.lens = text('span', 'lens', '');
    this.links = text('span', 'links', '');
    this.star = text('button', 'icon', '');
    Object.assign(this.star, { type: 'button', title: 'Star (*)', innerHTML: '<i>star</i>' });
    this.star.setAttribute('aria-label', 'Star');
    this.star.addEventListener('click', () => this.on.star());
    this.comment = Object.assign(document.createElement('input'), { type: 'text', className: 'comment', placeholder: 'Comment (;)', maxLength: 2000 });
    this.comment.setAttribute('aria-label', 'Comment');
    this.comment.addEventListener('change', () => this.on.comment(this.comment.value.trim() || null));
    this.comment.addEventListener('keydown', (event) => { if (/^(Enter|Escape)$/.test(event.key)) this.comment.blur(); });
    this.buttons = this.data.grades.map((grade) => this.gradeButton(grade));
    const group = text('span', 'grades', '');
    group.append(...this.buttons);
    this.facts.replaceChildren(this.name, this.where, this.score, this.others, this.lens, this.links, this.star, this.comment, group);
  }

  gradeButton(grade) {
    const button = text('button', '', grade.letter);
    button.type = 'button';
    button.title = `${grade.meaning} (${grade.keys.join(' or ')})`;
    button.setAttribute('aria-label', `Grade ${grade.letter}: ${grade.meaning}`);
    button.style.setProperty('--grade', grade.colour);
    button.addEventListener('click', () => this.on.grade(grade.letter));
    return button;
  }

  makeView(panel, kind) {
    const figure = text('figure', `view ${kind}`, ''), canvas = document.createElement('canvas');
    canvas.setAttribute('role', kind === 'small' ? 'button' : 'img');
    if (kind === 'small') canvas.tabIndex = 0;
    const made = { figure, context: canvas.getContext('2d', { alpha: false }), caption: text('figcaption', '', '') };
    figure.append(canvas, made.caption);
    this.label(made, panel);
    return made;
  }

  /** Give a view its caption, and what its panel can be changed by. */
  label(view, { id, label, control }) {
    view.figure.dataset.panel = id;
    view.tell = null;
    view.words = text('span', control ? 'by-controls' : '', label);
    const controls = { model: () => [this.modelControl()], difference: () => this.differenceControls(view) }[control];
    view.caption.replaceChildren(...(controls ? controls() : []), view.words);
  }

  modelControl() {
    const select = Object.assign(document.createElement('select'), { title: 'Model that is taken away' });
    select.setAttribute('aria-label', select.title);
    select.append(...Object.entries(MODEL_NAMES).map(([name, label]) => new Option(label, name)));
    select.value = this.settings.values.model;
    select.addEventListener('change', () => { select.blur(); this.on.view({ model: select.value }); });
    return select;
  }

  differenceControls(view) {
    const bandSelect = (which, title) => {
      const select = Object.assign(document.createElement('select'), { title });
      select.setAttribute('aria-label', title);
      select.append(...this.data.bands.map((band, place) => new Option(band, place)));
      select.addEventListener('change', () => {
        select.blur();
        this.on.view({ difference: { ...this.settings.values.difference, [which]: Number(select.value) }, alpha: null });
      });
      return select;
    };
    const slider = Object.assign(document.createElement('input'), { type: 'range', min: -2, max: 2, step: 0.01, title: 'α; double click or Delete: as the middle asks' });
    slider.setAttribute('aria-label', 'Factor α');
    slider.addEventListener('input', () => this.on.view({ alpha: 10 ** Number(slider.value) }));
    slider.addEventListener('dblclick', () => this.on.view({ alpha: null }));
    slider.addEventListener('keydown', ({ key }) => { if (key === 'Delete') this.on.view({ alpha: null }); });
    const blue = bandSelect('blue', 'Band'), red = bandSelect('red', 'Band taken away'), factor = text('output', '', '');
    view.tell = ({ blue: first, red: second, alpha }) => {
      Object.assign(blue, { value: first });
      Object.assign(red, { value: second });
      if (this.root.getRootNode().activeElement !== slider) slider.value = Math.log10(alpha);
      factor.textContent = `− ${alpha.toPrecision(3)}`;
    };
    return [blue, factor, red, slider];
  }

  /** Fit the large picture and the panels into the room so that they fill the most of it. */
  layout({ width, height }) {
    this.room = { width, height };
    const side = height - FACTS_HEIGHT, count = this.panels.length;
    let best = { filled: -1 };
    for (let across = Math.min(side, width); across >= side / 2; across -= side / 40) {
      const panels = bestColumns({ count, width: width - across - GAP, height: side });
      const filled = count ? across ** 1.6 * panels.cell : across;
      if (filled > best.filled && (panels.cell >= LEAST_PANEL || !count)) best = { filled, across, ...panels };
    }
    const { across = side / 2, columns = Math.max(1, Math.floor((width - side / 2) / (LEAST_PANEL + GAP))), cell = LEAST_PANEL } = best;
    Object.assign(this.main.figure.style, { width: `${across}px`, height: `${across}px` });
    Object.assign(this.panelGrid.style, { gridTemplateColumns: `repeat(${columns}, ${cell}px)`, gridAutoRows: `${cell}px` });
    this.panelGrid.toggleAttribute('data-small', cell < 170);
    this.side = across;
  }

  /** Make the figures that the settings ask for; keep them while these stay the same. */
  arrange(chosen, stretch) {
    const { values } = this.settings, { bands } = this.data;
    const all = panelsOf({ bands, chosen, view: values, stretch });
    this.mainPanel = all.find((panel) => panel.id === values.main) ?? all[0];
    this.panels = all.filter((panel) => panel !== this.mainPanel);
    const signature = JSON.stringify([this.panels, this.mainPanel]);
    if (signature === this.arranged) return;
    this.arranged = signature;
    this.views = new Map(this.panels.map((panel) => [panel.id, this.makeView(panel, 'small')]));
    this.panelGrid.replaceChildren(...[...this.views.values()].map(({ figure }) => figure));
    this.label(this.main, this.mainPanel);
    if (this.room) this.layout(this.room);
  }

  draw(raw, display, chosen) {
    const { gains, noise } = this.data, view = this.settings.values;
    this.arrange(chosen, display.stretch);
    this.raw = raw;
    this.painter = new PanelPainter(raw, { display, chosen, gains, noise, view });
    this.drawMain();
    for (const panel of this.panels) this.put(this.views.get(panel.id), panel);
    this.drawOver();
  }

  drawMain() {
    const blinking = this.blinkBand !== undefined;
    const panel = blinking ? { id: `band ${this.blinkBand}`, label: this.data.bands[this.blinkBand] } : this.mainPanel;
    if (blinking !== this.main.figure.hasAttribute('data-blinking') || blinking) this.label(this.main, panel);
    this.main.figure.toggleAttribute('data-blinking', blinking);
    this.put(this.main, panel);
  }

  put(view, panel) {
    const { context } = view, { canvas } = context, image = this.painter.paint(panel.id);
    if (canvas.width !== image.width || canvas.height !== image.height) Object.assign(canvas, { width: image.width, height: image.height });
    context.putImageData(image, 0, 0);
    let { label } = panel;
    if (panel.control === 'difference') {
      const found = this.painter.difference(), { bands } = this.data;
      label = `${bands[found.blue]} − ${found.alpha.toPrecision(2)} ${bands[found.red]}`;
      view.tell(found);
      view.words.textContent = label;
    }
    canvas.setAttribute('aria-label', `Picture: ${label}${view === this.main ? '' : '; Enter shows it large'}`);
  }

  promote(event) {
    const figure = event.target.closest('.view');
    if (!figure || event.target.closest('select, input')) return;
    this.on.view({ main: figure.dataset.panel });
  }

  /** Show the bands one after the other in the large picture, or stop. */
  blink({ rate }) {
    const still = this.blinkBand !== undefined || this.data.bands.length < 2;
    clearInterval(this.blinking);
    this.blinkBand = undefined;
    if (!still) {
      const turn = () => { this.blinkBand = ((this.blinkBand ?? -1) + 1) % this.data.bands.length; this.drawMain(); };
      turn();
      this.blinking = setInterval(turn, 1000 / rate);
    } else if (this.painter) {
      this.drawMain();
    }
    return !still;
  }

  stopBlinking() {
    if (this.blinkBand !== undefined) this.blink({ rate: 1 });
  }

  /** Side of the whole image in arcseconds, or null. */
  get field() {
    const { pixel_scale_arcsec: scale, height, width } = this.data;
    return scale ? scale * Math.max(height, width) : null;
  }

  drawOver() {
    if (!this.raw) return;
    const { scale } = this.zoom;
    this.stage.toggleAttribute('data-sharp', (this.side * scale) / this.raw.width >= SHARP_FROM);
    this.overlay.draw({ side: this.side, scale, field: this.field, facts: this.told ?? {}, shown: this.settings.values.marks });
  }

  tell(facts, { vote, note }) {
    const { name, ra, dec, score, known, others } = facts, { pixel_scale_arcsec: scale, height, width } = this.data;
    this.told = facts;
    const placed = ra != null && dec != null;
    const size = scale ? `${(scale * width).toFixed(1)}″ × ${(scale * height).toFixed(1)}″` : '';
    this.name.textContent = name ?? '';
    this.where.textContent = [placed && `RA ${ra.toFixed(5)}°  Dec ${dec.toFixed(5)}°`, size].filter(Boolean).join('  ·  ');
    this.score.textContent = score == null ? '' : `score ${score.toFixed(3)}`;
    this.lens.textContent = known ? `known lens ${known.name}, ${known.separation.toFixed(1)}″ away` : '';
    const votes = Object.entries(others ?? {}).map(([letter, count]) => `${count} × ${letter}`);
    this.others.textContent = votes.length ? `votes ${votes.join(', ')}` : '';
    this.links.replaceChildren(...(placed ? linksTo({ ra, dec, field: this.field }) : []));
    this.star.setAttribute('aria-pressed', String(note.starred));
    if (this.root.getRootNode().activeElement !== this.comment) this.comment.value = note.comment ?? '';
    this.buttons.forEach((button, place) => {
      const { letter } = this.data.grades[place], given = vote?.grade === letter;
      button.setAttribute('aria-pressed', String(given));
      button.textContent = given && vote.contaminant ? `${letter} ${vote.contaminant}` : letter;
    });
    this.drawOver();
  }
}
