// One candidate: a large picture beside as many smaller ones as are asked for, its facts, and links to its position.

import { aroundFigure } from "./around.js";
import { element, select, svg } from "./dom.js";
import { Zoom } from "./gestures.js";
import { MODELS, NoPicture, PanelPainter, panelsOf } from "./panels.js";
import { READOUT_HEIGHT, Readout, canHover, positionText } from "./readout.js";
import { scoreText } from "./record.js";
import { directions } from "./sky.js";

const GAP = 4;
const FACTS_HEIGHT = 38;
const LEAST_PANEL = 84;
const WITH_CONTROLS = 170; // a panel with a slider, at least
const BAR_SHARE = 0.3; // longest scale bar, of the view
const BAR_LENGTHS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600]; // arcseconds
const SITES = [ // where else a position can be looked at; nothing is sent before a link is opened
  ['Legacy', 'Legacy Survey viewer', ({ ra, dec }) => `https://www.legacysurvey.org/viewer?ra=${ra}&dec=${dec}&layer=ls-dr10&zoom=16&mark=${ra},${dec}`],
  ['ESASky', 'ESASky', ({ ra, dec, field }) => `https://sky.esa.int/esasky/?target=${ra}%20${dec}&hips=DSS2+color&fov=${field}&cooframe=J2000&sci=true`],
  ['Aladin', 'Aladin Lite', ({ ra, dec, field }) => `https://aladin.cds.unistra.fr/AladinLite/?target=${ra}%20${dec}&fov=${field}`],
];

/** Write a column of the catalogue: its name, its value to six digits, its unit. */
function written([name, value, unit]) {
  const figure = typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
  return `${name} ${figure ?? '–'}${unit && figure != null ? ` ${unit}` : ''}`;
}

/** Fit square cells into a room; so many `leads` take four of them each. */
function bestColumns({ count, leads, width, height }) {
  let best = { columns: 1, cell: 0 };
  const cells = count + 3 * leads;
  for (let columns = leads ? 2 : 1; columns <= cells; columns++) {
    const rows = Math.max(Math.ceil(cells / columns), leads && 2 * Math.ceil(leads / Math.floor(columns / 2)));
    const cell = Math.floor(Math.min((width + GAP) / columns, (height + GAP) / rows) - GAP);
    if (cell > best.cell) best = { columns, cell };
  }
  return best;
}

/** Shows pixels at full resolution; every panel shares zoom and, but for signed ones, the stretch. */
export class SingleView {
  /** @param on {grade(letter), star(), comment(text), view(changes), step(direction), values(id)} */
  constructor(root, { data, settings, on }) {
    Object.assign(this, { root, data, settings, on, panels: [], around: [], views: new Map() });
    this.facts = root.querySelector('.facts');
    this.stage = root.querySelector('.views');
    this.main = this.makeView({ id: 'colour', label: '' }, 'main');
    this.overlay = new Overlay();
    this.main.figure.append(this.overlay.moving, this.overlay.fixed);
    this.panelGrid = element('div', { className: 'panels' });
    this.stage.replaceChildren(this.main.figure, this.panelGrid);
    this.zoom = new Zoom(this.stage, { onChange: () => this.drawOver(), onSwipe: (direction) => on.step(direction) });
    this.readout = new Readout(this.stage, { data, zoom: this.zoom, values: on.values });
    this.root.append(this.readout.root);
    this.panelGrid.addEventListener('click', (event) => this.promote(event));
    this.panelGrid.addEventListener('keydown', (event) => { if (/^(Enter| )$/.test(event.key)) this.promote(event); });
    this.buildFacts();
  }

  get open() {
    return !this.root.hidden;
  }

  buildFacts() {
    this.name = element('b');
    [this.where, this.extent, this.columns, this.score, this.others] = ['place', 'extent', '', 'figure', ''].map((kind) => element('span', { className: `where ${kind}` }));
    this.lens = element('span', { className: 'lens' });
    this.links = element('span', { className: 'links' });
    this.star = element('button', {
      type: 'button', className: 'icon star', title: 'Star (*)', 'aria-label': 'Star', innerHTML: '<i>star</i>', onclick: () => this.on.star(),
    });
    this.comment = element('input', {
      type: 'text', className: 'comment', placeholder: 'Comment (;)', maxLength: 2000, 'aria-label': 'Comment',
      onchange: () => this.on.comment(this.comment.value.trim() || null),
      onkeydown: ({ key }) => { if (/^(Enter|Escape)$/.test(key)) this.comment.blur(); },
    });
    this.buttons = this.data.grades.map(({ letter, meaning, keys, colour }) => element('button', {
      type: 'button', textContent: letter, title: `${meaning} (${keys.join(' or ')})`, 'aria-label': `Grade ${letter}: ${meaning}`,
      '--grade': colour, onclick: () => this.on.grade(letter),
    }));
    const grades = element('span', { className: 'grades' }, ...this.buttons);
    this.facts.replaceChildren(this.name, this.where, this.extent, this.columns, this.score, this.others, this.lens, this.links, this.star, this.comment, grades);
  }

  makeView(panel, kind) {
    const canvas = element('canvas', kind === 'small' ? { role: 'button', tabIndex: 0 } : { role: 'img' });
    const caption = element('figcaption'), none = element('p', { className: 'none' });
    const figure = element('figure', { className: `view ${kind}` }, canvas, none, caption);
    const view = { figure, caption, none, context: canvas.getContext('2d', { alpha: false }) };
    this.label(view, panel);
    return view;
  }

  /** Give a view its caption, and what its panel can be changed by. */
  label(view, { id, label, control }) {
    view.figure.dataset.panel = id;
    view.showFactor = null;
    view.words = element('span', { className: control ? 'by-controls' : '', textContent: label });
    const controls = { model: () => [this.modelControl()], difference: () => this.differenceControls(view) }[control];
    view.caption.replaceChildren(...(controls ? controls() : []), view.words);
  }

  modelControl() {
    const title = 'Model to subtract', models = Object.entries(MODELS).map(([name, { label }]) => [name, label]);
    const list = select(models, { title, 'aria-label': title, onchange: () => { list.blur(); this.on.view({ model: list.value }); } });
    list.value = this.settings.values.model;
    return list;
  }

  differenceControls(view) {
    const bandSelect = (which, title) => {
      const list = select(this.data.bands.map((band, index) => [index, band]), { title, 'aria-label': title, onchange: () => {
        list.blur();
        this.on.view({ difference: { ...this.settings.values.difference, [which]: Number(list.value) }, alpha: null });
      } });
      return list;
    };
    const measure = () => this.on.view({ alpha: null });
    const slider = element('input', {
      type: 'range', min: -2, max: 2, step: 0.01, 'aria-label': 'Factor α',
      title: 'α; double-click or Delete: the value measured in the middle',
      oninput: () => this.on.view({ alpha: 10 ** Number(slider.value) }),
      ondblclick: measure, onkeydown: ({ key }) => { if (key === 'Delete') measure(); },
    });
    const blue = bandSelect('blue', 'Band'), red = bandSelect('red', 'Band to subtract'), factor = element('output');
    view.showFactor = ({ blue: first, red: second, alpha }) => {
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
    const side = height - FACTS_HEIGHT - (canHover() ? READOUT_HEIGHT : 0), count = this.panels.length + this.around.length;
    // A residual is looked into: it is larger than what else stands beside the picture; so is a slider's panel among many.
    const residual = count > 1 && this.views.get('residual'), difference = count > 1 && this.views.get('difference');
    const leads = [residual].filter(Boolean), room = { side, width, count };
    let best = this.fitPanels({ ...room, leads: leads.length });
    if (difference && !(best.cell >= WITH_CONTROLS)) {
      leads.push(difference);
      best = this.fitPanels({ ...room, leads: leads.length });
    }
    const { across = side / 2, columns = Math.max(leads.length ? 2 : 1, Math.floor((width - side / 2) / (LEAST_PANEL + GAP))), cell = LEAST_PANEL } = best;
    Object.assign(this.main.figure.style, { width: `${across}px`, height: `${across}px` });
    Object.assign(this.panelGrid.style, { gridTemplateColumns: `repeat(${columns}, ${cell}px)`, gridAutoRows: `${cell}px` });
    this.panelGrid.querySelectorAll('.lead').forEach((figure) => figure.classList.remove('lead'));
    for (const { figure } of leads) figure.classList.add('lead');
    this.panelGrid.toggleAttribute('data-small', cell < (residual ? 100 : WITH_CONTROLS));
    this.root.style.setProperty('--pictures', `${side}px`);
    this.side = across;
  }

  /** Return how large picture and panels fill the most of the room: {across, columns, cell}, empty where nothing fits. */
  fitPanels({ side, width, count, leads }) {
    let best = { filled: -1 };
    for (let across = Math.min(side, width); across >= side / 2; across -= side / 40) {
      const panels = bestColumns({ count, leads, width: width - across - GAP, height: side });
      const weight = count > 1 ? 1.6 : 1; // what is asked for alone, such as a residual, is as large
      const filled = count ? across ** weight * panels.cell : across;
      if (filled > best.filled && (panels.cell >= LEAST_PANEL || !count)) best = { filled, across, ...panels };
    }
    return best;
  }

  /** Make the figures that the settings ask for; keep them while these stay the same. */
  arrange({ rgb, luminance }, stretch) {
    const { values } = this.settings, { bands, composite, given } = this.data;
    const all = panelsOf({ bands, rgb, luminance, composite, given, view: values, stretch });
    this.mainPanel = all.find((panel) => panel.id === values.main) ?? all[0];
    this.panels = all.filter((panel) => panel !== this.mainPanel);
    const signature = JSON.stringify([this.panels, this.mainPanel]);
    if (signature === this.arranged) return;
    this.arranged = signature;
    this.views = new Map(this.panels.map((panel) => [panel.id, this.makeView(panel, 'small')]));
    this.fillPanels();
    this.label(this.main, this.mainPanel);
    if (this.room) this.layout(this.room);
  }

  fillPanels() {
    this.panelGrid.replaceChildren(...this.around, ...[...this.views.values()].map(({ figure }) => figure));
  }

  /** Show pictures of what lies around the candidate, before the panels. */
  showAround(views) {
    this.around = views.map(aroundFigure);
    this.panelGrid.removeAttribute('data-stale');
    this.fillPanels();
    if (this.room) { this.layout(this.room); this.drawOver(); }
  }

  draw(raw, display, shown) {
    const view = this.settings.values;
    this.arrange(shown, display.stretch);
    this.raw = raw;
    this.painter = new PanelPainter(raw, { display, ...shown, optics: this.data, view });
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
    const { canvas } = view.context, missing = this.paint(view, panel.id);
    let { label } = panel;
    if (panel.control === 'difference') {
      const difference = this.painter.difference(), { bands } = this.data;
      label = `${bands[difference.blue]} − ${difference.alpha.toPrecision(2)} ${bands[difference.red]}`;
      view.showFactor(difference);
      view.words.textContent = label;
    }
    canvas.setAttribute('aria-label', `${missing || `Picture: ${label}`}${view === this.main ? '' : '; Enter shows it large'}`);
  }

  /** Paint a panel, or say in its place why there is no picture, which leaves the others theirs; return what is said. */
  paint({ context, figure, none }, id) {
    const { canvas } = context;
    none.textContent = '';
    try {
      const image = this.painter.paint(id);
      if (canvas.width !== image.width || canvas.height !== image.height) Object.assign(canvas, { width: image.width, height: image.height });
      context.putImageData(image, 0, 0);
    } catch (error) {
      none.textContent = error instanceof NoPicture ? error.message : 'This picture cannot be computed.';
      if (!(error instanceof NoPicture)) console.error(error);
    }
    figure.toggleAttribute('data-none', Boolean(none.textContent));
    return none.textContent;
  }

  promote(event) {
    const figure = event.target.closest('.view');
    if (!figure?.dataset.panel || event.target.closest('select, input')) return;
    this.on.view({ main: figure.dataset.panel });
  }

  /** Show the bands one after the other in the large picture, or stop. */
  blink({ rate }) {
    const still = this.blinkBand !== undefined || this.data.bands.length < 2;
    clearInterval(this.blinking);
    this.blinkBand = undefined;
    if (!still) {
      const next = () => { this.blinkBand = ((this.blinkBand ?? -1) + 1) % this.data.bands.length; this.drawMain(); };
      next();
      this.blinking = setInterval(next, 1000 / rate);
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

  /** What the network saw of a larger image, in per cent of the square view: {width, height}; null where it saw all. */
  get seenFrame() {
    const { seen, width, height } = this.data, whole = Math.max(width, height);
    return seen ? { width: (100 * seen[1] * width) / whole, height: (100 * seen[0] * height) / whole } : null;
  }

  drawOver() {
    if (!this.raw) return;
    this.readout.refresh();
    const { scale } = this.zoom;
    this.stage.toggleAttribute('data-pixels', this.settings.values.pixels);
    this.overlay.draw({ side: this.side, scale, field: this.field, facts: this.described ?? {}, shown: this.settings.values.marks, frame: this.seenFrame });
  }

  /** Show a candidate's facts, its vote and its notes. */
  describe(facts, { vote, note }) {
    const { name, ra, dec, score, probability, known, others, earlier, columns } = facts, { pixel_scale_arcsec: scale, height, width } = this.data;
    this.described = facts;
    this.readout.describe(facts);
    const positioned = ra != null && dec != null;
    const extent = (across, down) => `${(scale * width * across).toFixed(1)}″ × ${(scale * height * down).toFixed(1)}″`;
    const { seen } = this.data, size = scale ? `${extent(1, 1)}${seen ? `, framed: ${extent(seen[1], seen[0])} that the network saw` : ''}` : '';
    this.name.textContent = name ?? '';
    this.where.textContent = positioned ? positionText(facts) : '';
    this.extent.textContent = size;
    const calibrated = probability == null ? '' : `, P ${scoreText(probability)} calibrated`;
    this.score.textContent = score == null ? '' : `score ${scoreText(score)}${calibrated}`;
    this.lens.textContent = known ? `known lens ${known.name}, ${known.separation.toFixed(1)}″ away` : '';
    this.columns.textContent = (columns ?? []).map(written).join('  ·  ');
    this.columns.title = (columns ?? []).map(written).join('\n');
    const votes = Object.entries(others ?? {}).map(([letter, count]) => `${count} × ${letter}`);
    const told = [earlier && `earlier ${earlier}`, votes.length && `votes ${votes.join(', ')}`];
    this.others.textContent = told.filter(Boolean).join('  ·  ');
    this.links.replaceChildren(...(positioned && this.data.on_sky ? linksTo({ ra, dec, field: this.field }) : []));
    this.star.setAttribute('aria-pressed', String(note.starred));
    if (this.root.getRootNode().activeElement !== this.comment) this.comment.value = note.comment ?? '';
    this.buttons.forEach((button, index) => {
      const { letter } = this.data.grades[index], pressed = vote?.grade === letter;
      button.setAttribute('aria-pressed', String(pressed));
      button.textContent = pressed && vote.contaminant ? `${letter} ${vote.contaminant}` : letter;
    });
    this.drawOver();
  }
}

/** Return one link per site; `field` is the side of the cutout in arcseconds, or null. */
function linksTo({ ra, dec, field }) {
  const position = { ra: ra.toFixed(6), dec: dec.toFixed(6), field: ((3 * (field ?? 20)) / 3600).toFixed(5) };
  return SITES.map(([textContent, name, address]) => element('a', {
    href: address(position), target: '_blank', rel: 'noopener noreferrer', textContent,
    title: `This position in ${name}, in a new tab`,
  }));
}

/** What lies over the large picture: scale bar, compass, known lens. */
export class Overlay {
  constructor() {
    this.fixed = svg('svg', { class: 'overlay', 'aria-hidden': 'true' });
    this.moving = svg('svg', { class: 'overlay moving', viewBox: '0 0 100 100', 'aria-hidden': 'true' });
  }

  /**
   * @param side of the view in CSS pixels
   * @param scale zoom
   * @param field side of the whole image in arcseconds, or null
   * @param frame what the network saw, in per cent, or null
   */
  draw({ side, scale, field, facts, shown, frame = null }) {
    this.fixed.replaceChildren();
    this.moving.replaceChildren();
    if (!shown) return;
    this.fixed.setAttribute('viewBox', `0 0 ${side} ${side}`);
    const ways = directions(facts);
    if (field) this.drawBar({ side, arcsec: field / scale });
    if (ways) this.drawCompass({ side, ways });
    if (frame) this.drawFrame(frame);
    if (facts.known && field) this.drawKnown({ known: facts.known, field, ways, scale });
  }

  drawBar({ side, arcsec }) {
    const length = BAR_LENGTHS.filter((one) => one <= arcsec * BAR_SHARE).at(-1) ?? BAR_LENGTHS[0];
    const right = side - 14, left = right - (length / arcsec) * side, y = side - 14;
    for (const [colour, width] of [['#000', 5], ['#fff', 2]]) {
      this.fixed.append(svg('path', { d: `M${left} ${y - 4}v8M${left} ${y}H${right}M${right} ${y - 4}v8`, stroke: colour, 'stroke-width': width, fill: 'none' }));
    }
    this.write(length < 60 ? `${length}″` : `${length / 60}′`, { x: (left + right) / 2, y: y - 9 });
  }

  drawFrame({ width, height }) {
    this.moving.append(svg('rect', {
      x: 50 - width / 2, y: 50 - height / 2, width, height, fill: 'none', stroke: '#fff', 'stroke-opacity': 0.5, 'stroke-width': 1,
      'vector-effect': 'non-scaling-stroke',
    }));
    const words = svg('text', { x: 50 - width / 2, y: 50 - height / 2 - 1, class: 'of-frame' });
    words.textContent = 'seen by the network';
    this.moving.append(words);
  }

  drawCompass({ side, ways }) {
    const x = side - 44, y = 52, length = 26;
    for (const [letter, [right, down]] of Object.entries({ N: ways.north, E: ways.east })) {
      for (const [colour, width] of [['#000', 4], ['#fff', 1.6]]) {
        this.fixed.append(svg('path', { d: `M${x} ${y}l${length * right} ${length * down}`, stroke: colour, 'stroke-width': width }));
      }
      this.write(letter, { x: x + (length + 10) * right, y: y + (length + 10) * down + 4 });
    }
  }

  /** A ring at the known position; where only its separation is known, a broken one with that radius. */
  drawKnown({ known, field, ways, scale }) {
    const perArcsec = 100 / field, centre = [50, 50];
    if (ways) {
      for (const axis of [0, 1]) centre[axis] += perArcsec * (known.north * ways.north[axis] + known.east * ways.east[axis]);
    }
    const radius = ways ? 2.5 / scale : Math.max(2.5 / scale, known.separation * perArcsec);
    for (const [colour, width] of [['#000', 4], ['#56b4e9', 2]]) {
      this.moving.append(svg('circle', {
        cx: centre[0], cy: centre[1], r: radius, fill: 'none', stroke: colour, 'stroke-width': width,
        'vector-effect': 'non-scaling-stroke', ...(ways ? {} : { 'stroke-dasharray': '5 5' }),
      }));
    }
  }

  write(words, { x, y }) {
    const made = svg('text', { x, y, 'text-anchor': 'middle' });
    made.textContent = words;
    this.fixed.append(made);
  }
}
