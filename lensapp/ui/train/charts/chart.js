// One chart: its lines, axes, marks and what is read under the pointer.

import { element, parts, put, say, svg } from './dom.js';
import { isNumber, linearTicks, logTicks, nearest, positions, rangeOf, rateSteps, readable, smoothed, timeUnit } from './scales.js';

const MARGIN = { right: 10, top: 16, bottom: 30 };
const LETTER = 6.4; // pixels

const MARKS = { best: '★', pause: '‖', rate: '↓' };
const MARK_WORDS = { best: 'best epoch', pause: 'paused and resumed', rate: 'learning rate lowered' };
const bestWords = (run) => `${MARK_WORDS.best}${run.bestBy ? ` by ${run.bestBy}` : ''}`;
export const bestMark = (run) => `${MARKS.best} ${bestWords(run)}`;
const DASHES = [null, '6 3', '2 3', '6 3 2 3'];

/** How the lines of a run are broken: as on all pages, or of those number 9 to 16, and of later ones. */
export const dashOf = (run, index, count) => DASHES[Math.min(run.dash ?? Math.floor(index / count), DASHES.length - 1)];

/** Which colour a run has beside others. */
export const colourOf = (run, index, count) => (run.colour ?? index) % count;

/** Which colour a figure of a run has that is alone: its first that of the run everywhere, further ones the next. */
export const ownColour = (run, number, count) => (colourOf(run, 0, count) + number) % count;

/**
 * The lines of a panel: training faint, validation strong; of several runs a colour each.
 *
 * @param {object} panel
 * @param {object} board the view that all charts share
 */
export function linesOf(panel, board) {
  const { runs, view, colours } = board;
  const alone = runs.length === 1;
  return runs.flatMap((run, index) => {
    if (board.hidden.has(run.name)) return [];
    const holds = (name) => run.columns[name]?.some(isNumber);
    const inParts = panel.parted && Object.keys(run.columns).some((name) => name.startsWith('val_') && holds(name));
    return panel.figures.flatMap(({ name, key }, number) => {
      const colour = alone ? ownColour(run, number, colours.length) : colourOf(run, index, colours.length);
      const base = { run, index, colour, dash: alone ? null : dashOf(run, index, colours.length) };
      const validated = holds(`val_${key}`);
      const made = [];
      if (run.columns[key] && (!validated || board.withTraining)) {
        const words = panel.parted ? `${name}, training` : name;
        made.push({ ...base, key, label: words, faint: inParts });
      }
      if (validated) made.push({ ...base, key: `val_${key}`, label: panel.parted ? `${name}, validation` : name, faint: false });
      return made;
    });
  }).map((line) => {
    const measured = line.run.columns[line.key];
    const share = panel.logarithmic ? 0 : view.smoothing;
    return { ...line, xs: positions(line.run, view.x), measured, values: share ? smoothed(measured, share) : measured, smooth: share > 0 };
  });
}

export class Chart {
  constructor(panel, board) {
    this.board = board;
    this.grid = svg('g', { class: 'grid' });
    this.marks = svg('g', { class: 'marks' });
    this.raw = svg('g', { class: 'raw', fill: 'none' });
    this.drawn = svg('g', { class: 'drawn', fill: 'none', 'stroke-linejoin': 'round' });
    this.dots = svg('g', { class: 'dots' });
    this.xTitle = svg('text', { 'text-anchor': 'middle', 'font-size': 11 });
    this.yTitle = svg('text', { 'text-anchor': 'middle', 'font-size': 11 });
    this.clip = svg('clipPath', { id: `clip-${board.id}-${panel.id}` }, svg('rect'));
    this.cursor = svg('line', { stroke: 'currentColor', 'stroke-opacity': 0.45, visibility: 'hidden' });
    this.read = svg('g', { class: 'read' });
    this.chosen = svg('rect', { fill: 'currentColor', 'fill-opacity': 0.12, visibility: 'hidden' });
    const inside = svg('g', { 'clip-path': `url(#${this.clip.id})` }, this.raw, this.drawn, this.dots);
    this.svg = svg('svg', { role: 'img', 'font-size': 11 }, svg('defs', {}, this.clip), this.grid, this.marks, inside,
      this.xTitle, this.yTitle, this.cursor, this.read, this.chosen);
    this.title = element('h4');
    this.readout = element('span', { className: 'readout' });
    this.legend = element('div', { className: 'figures' });
    this.caption = element('span', { className: 'caption' });
    this.keep = element('button', { type: 'button', className: 'keep', title: 'Download values or picture', 'aria-label': 'Download', textContent: '⤓' });
    this.tip = element('div', { className: 'tip', hidden: true });
    this.root = element('figure', { className: 'chart' }, element('header', {}, this.title, this.readout), this.legend,
      this.svg, element('figcaption', {}, this.caption, this.keep), this.tip);
    this.listen();
  }

  get width() {
    return this.board.wide === this ? this.board.arranged : this.board.chartWidth;
  }

  get height() {
    return this.board.chartHeight;
  }

  listen() {
    let from = null;
    const at = (event) => Math.min(Math.max(event.clientX - this.svg.getBoundingClientRect().left, this.left), this.width - MARGIN.right);
    this.svg.addEventListener('pointerdown', (event) => {
      from = at(event);
      this.svg.setPointerCapture(event.pointerId);
    });
    this.svg.addEventListener('pointermove', (event) => {
      const x = at(event);
      if (from !== null && Math.abs(x - from) > 5) {
        put(this.chosen, { x: Math.min(from, x), width: Math.abs(x - from), y: MARGIN.top, height: this.height - MARGIN.top - MARGIN.bottom, visibility: 'visible' });
      }
      this.board.hover(this, this.valueAt(x), event.clientY - this.svg.getBoundingClientRect().top);
    });
    this.svg.addEventListener('pointerup', (event) => {
      const x = at(event);
      if (from !== null && Math.abs(x - from) > 5) this.board.zoomTo([this.valueAt(Math.min(from, x)), this.valueAt(Math.max(from, x))]);
      from = null;
      put(this.chosen, { visibility: 'hidden' });
    });
    this.svg.addEventListener('pointerleave', () => this.board.hover(null));
    this.svg.addEventListener('dblclick', () => this.board.zoomTo(null));
  }

  valueAt(pixel) {
    const { low, high, log } = this.x;
    const share = (pixel - this.left) / (this.width - this.left - MARGIN.right);
    return log ? low * (high / low) ** share : low + share * (high - low);
  }

  /** Draw what differs from before. */
  update(panel) {
    const { board } = this;
    this.panel = panel;
    this.lines = linesOf(panel, board);
    this.x = board.xAxis();
    const within = (line) => line.values.filter((_, k) => isNumber(line.xs[k]) && line.xs[k] >= this.x.low && line.xs[k] <= this.x.high);
    const log = panel.logarithmic || (board.view.log_values && panel.parted && !panel.share);
    const values = this.lines.flatMap((line) => (line.smooth ? [...within(line), ...within({ ...line, values: line.measured })] : within(line)));
    const [low, high] = rangeOf(values, { share: panel.share, log });
    this.y = { low, high, log };
    const yTicks = log ? logTicks(low, high) : linearTicks(low, high, this.height / 42).filter((tick) => !panel.share || tick <= 1);
    this.yTicks = yTicks.map((tick) => [tick, readable(tick)]);
    this.left = 24 + LETTER * Math.max(...this.yTicks.map(([, text]) => text.length), 3);
    put(this.svg, { width: this.width, height: this.height, viewBox: `0 0 ${this.width} ${this.height}`, 'aria-label': this.words() });
    put(this.clip.firstChild, { x: this.left - 2, y: MARGIN.top - 4, width: Math.max(this.width - this.left - MARGIN.right + 4, 0), height: this.height - MARGIN.top - MARGIN.bottom + 8 });
    this.drawAxes();
    this.drawLines();
    this.drawMarks();
    say(this.title, panel.title);
    say(this.caption, panel.caption);
    this.drawLegend();
  }

  words() {
    const ends = this.lines.map((line) => {
      const k = nearest(line.xs, line.values, Infinity);
      return k < 0 ? null : `${nameOf(this.board, line)} ${readable(line.values[k])}`;
    });
    return `${this.panel.title}. ${ends.filter(Boolean).slice(0, 6).join('; ')}`;
  }

  px(value) {
    const { low, high, log } = this.x;
    const share = log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    return Math.round((this.left + share * (this.width - this.left - MARGIN.right)) * 10) / 10;
  }

  py(value) {
    const { low, high, log } = this.y;
    const share = log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
    return Math.round((this.height - MARGIN.bottom - share * (this.height - MARGIN.top - MARGIN.bottom)) * 10) / 10;
  }

  drawAxes() {
    const { x, yTicks, width, height } = this;
    const bottom = height - MARGIN.bottom;
    const xTicks = x.log ? logTicks(x.low, x.high) : linearTicks(x.low / x.scale, x.high / x.scale, width / 70, { whole: x.whole }).map((tick) => tick * x.scale);
    const made = parts(this.grid, xTicks.length + yTicks.length, () => svg('g', {}, svg('line', { stroke: 'currentColor', 'stroke-opacity': 0.13 }), svg('text', { fill: 'currentColor', 'fill-opacity': 0.75 })));
    xTicks.forEach((tick, k) => {
      const at = this.px(tick);
      put(made[k].firstChild, { x1: at, x2: at, y1: MARGIN.top, y2: bottom });
      put(made[k].lastChild, { x: at, y: bottom + 13, 'text-anchor': 'middle' });
      say(made[k].lastChild, readable(tick / x.scale));
    });
    yTicks.forEach(([tick, text], k) => {
      const at = this.py(tick);
      const part = made[xTicks.length + k];
      put(part.firstChild, { x1: this.left, x2: width - MARGIN.right, y1: at, y2: at });
      put(part.lastChild, { x: this.left - 5, y: at + 4, 'text-anchor': 'end' });
      say(part.lastChild, text);
    });
    const middle = (MARGIN.top + bottom) / 2;
    put(this.xTitle, { x: (this.left + width - MARGIN.right) / 2, y: height - 3, fill: 'currentColor' });
    say(this.xTitle, x.title);
    put(this.yTitle, { transform: `translate(10 ${middle}) rotate(-90)`, fill: 'currentColor' });
    say(this.yTitle, this.panel.axis);
    put(this.cursor, { y1: MARGIN.top, y2: bottom });
  }

  pathOf(xs, values) {
    let path = '';
    values.forEach((value, k) => {
      if (!isNumber(value) || !isNumber(xs[k]) || (this.y.log && value <= 0) || (this.x.log && xs[k] <= 0)) return;
      path += `${path ? 'L' : 'M'}${this.px(xs[k])} ${this.py(value)}`;
    });
    return path;
  }

  drawLines() {
    const { colours, focus } = this.board;
    const order = [...this.lines].sort((one, other) => Number(other.faint) - Number(one.faint));
    const dimmed = (line) => (focus && focus !== line.run.name ? 0.25 : 1);
    parts(this.drawn, order.length, () => svg('path')).forEach((path, k) => {
      const line = order[k];
      put(path, {
        d: this.pathOf(line.xs, line.values), stroke: colours[line.colour], 'data-colour': line.colour, 'data-label': nameOf(this.board, line),
        'stroke-width': line.faint ? 1.25 : 2, 'stroke-opacity': (line.faint ? 0.5 : 1) * dimmed(line), 'stroke-dasharray': line.dash,
      });
    });
    const smooth = order.filter((line) => line.smooth);
    parts(this.raw, smooth.length, () => svg('path', { 'stroke-width': 1 })).forEach((path, k) => {
      const line = smooth[k];
      put(path, { d: this.pathOf(line.xs, line.measured), stroke: colours[line.colour], 'data-colour': line.colour, 'stroke-opacity': 0.28 * dimmed(line) });
    });
    const lone = order.filter((line) => line.values.filter(isNumber).length === 1);
    parts(this.dots, lone.length, () => svg('circle', { r: 3 })).forEach((dot, k) => {
      const line = lone[k];
      const at = nearest(line.xs, line.values, 0);
      put(dot, { cx: at < 0 ? -9 : this.px(line.xs[at]), cy: at < 0 ? -9 : this.py(line.values[at]), fill: colours[line.colour], 'data-colour': line.colour, 'fill-opacity': line.faint ? 0.5 : 1 });
    });
  }

  /** Mark the best epoch, pauses and steps of the learning rate of a run that is alone. */
  drawMarks() {
    const { runs, view } = this.board;
    const [run] = runs;
    const marks = [];
    if (runs.length === 1 && run) {
      const xs = positions(run, view.x);
      const place = (epoch) => xs[run.columns.epoch.indexOf(epoch)];
      if (run.best) marks.push(['best', place(run.best), run.best]);
      for (const epoch of run.pauses) marks.push(['pause', place(epoch), epoch]);
      for (const epoch of rateSteps(run.columns)) marks.push(['rate', place(epoch), epoch]);
    }
    const inSight = marks.filter(([, x]) => isNumber(x) && x >= this.x.low && x <= this.x.high);
    parts(this.marks, inSight.length, () => svg('g', {}, svg('line', { stroke: 'currentColor', 'stroke-opacity': 0.4 }), svg('text', { 'text-anchor': 'middle', fill: 'currentColor', 'fill-opacity': 0.85 }), svg('title')))
      .forEach((part, k) => {
        const [kind, x, epoch] = inSight[k];
        const [line, sign, title] = part.childNodes;
        put(line, { x1: this.px(x), x2: this.px(x), y1: MARGIN.top, y2: this.height - MARGIN.bottom });
        put(sign, { x: this.px(x), y: MARGIN.top - 4 });
        say(sign, MARKS[kind]);
        say(title, `${kind === 'best' ? bestWords(run) : MARK_WORDS[kind]}: ${epoch}`);
      });
  }

  /** Name the figures of a run that is alone; their names stand there before the first value. */
  drawLegend() {
    const { runs, colours } = this.board;
    const named = runs.length === 1 && this.panel.figures.length > 1 ? this.panel.figures : [];
    parts(this.legend, named.length, () => element('span', {}, element('i'), element('span'))).forEach((part, k) => {
      part.firstChild.style.background = colours[ownColour(runs[0], k, colours.length)];
      say(part.lastChild, named[k].name);
    });
  }

  /** Show what each line has at `x`; the chart under the pointer names all, the others their values. */
  show(x, { own, top = 0 }) {
    const { focus, colours } = this.board;
    const points = x === null ? [] : this.lines.map((line) => ({ line, k: nearest(line.xs, line.values, x) })).filter(({ k }) => k >= 0);
    const near = points.filter(({ line, k }) => this.px(line.xs[k]) >= this.left - 1 && this.px(line.xs[k]) <= this.width - MARGIN.right + 1);
    put(this.cursor, { visibility: near.length ? 'visible' : 'hidden' });
    if (near.length) {
      const at = this.px(near.reduce((best, { line, k }) => (Math.abs(line.xs[k] - x) < Math.abs(best - x) ? line.xs[k] : best), Infinity));
      put(this.cursor, { x1: at, x2: at });
    }
    parts(this.read, near.length, () => svg('circle', { r: 3.2 })).forEach((dot, k) => {
      const { line, k: epoch } = near[k];
      put(dot, { cx: this.px(line.xs[epoch]), cy: this.py(line.values[epoch]), fill: colours[line.colour], 'fill-opacity': line.faint ? 0.6 : 1 });
    });
    const of = near.filter(({ line }) => !line.faint && (!focus || line.run.name === focus));
    say(this.readout, own || !of.length || of.length > 2 ? '' : of.map(({ line, k }) => readable(line.values[k])).join(' · '));
    this.tip.hidden = !own || !near.length;
    if (own && near.length) this.fillTip(near, top);
  }

  /** Name of the run whose line is nearest to the pointer, within a few pixels; null where none is. */
  runNear(x, top) {
    const distances = this.lines
      .map((line) => ({ line, k: nearest(line.xs, line.values, x) }))
      .filter(({ k }) => k >= 0)
      .map(({ line, k }) => [Math.abs(this.py(line.values[k]) - top), line.run.name]);
    const [best] = distances.sort(([one], [other]) => one - other);
    return best && best[0] < 24 ? best[1] : null;
  }

  fillTip(near, top) {
    const { colours, focus, view } = this.board;
    const [{ line: first, k }] = near;
    const heading = view.x === 'epoch' ? `epoch ${first.run.columns.epoch[k]}` : `epoch ${first.run.columns.epoch[k]}, ${this.x.say(first.xs[k])}`;
    const rows = [...near].sort((one, other) => other.line.values[other.k] - one.line.values[one.k]).slice(0, 14).map(({ line, k: at }) => {
      const swatch = element('i');
      swatch.style.background = colours[line.colour];
      swatch.style.opacity = line.faint ? 0.5 : 1;
      const measured = line.smooth ? ` (measured ${readable(line.measured[at])})` : '';
      const row = element('div', { className: focus === line.run.name ? 'focus' : '' }, swatch,
        element('span', { textContent: nameOf(this.board, line) }), element('b', { textContent: `${readable(line.values[at])}${measured}` }));
      return row;
    });
    this.tip.replaceChildren(element('div', { className: 'heading', textContent: heading }), ...rows);
    const at = Number(this.cursor.getAttribute('x1'));
    const right = at > this.width / 2;
    this.tip.style.left = right ? '' : `${at + 12}px`;
    this.tip.style.right = right ? `${this.width - at + 12}px` : '';
    const [box, own] = [this.root.getBoundingClientRect(), this.svg.getBoundingClientRect()];
    this.tip.style.top = `${own.top - box.top + Math.max(top - 20, 0)}px`;
  }
}

/** What a line is called: the run's name, or the figure where one run is alone. */
function nameOf(board, line) {
  if (board.runs.length === 1) return line.label;
  return line.faint ? `${line.run.name}, training` : line.run.name;
}

/** The axis that all charts share. */
export function xAxisOf(runs, view, zoom) {
  const last = (by) => runs.flatMap((run) => positions(run, by)).filter(isNumber).reduce((a, b) => Math.max(a, b), 0);
  const log = Boolean(view.log_epochs);
  let end = last(view.x);
  if (view.x !== 'time') {
    for (const run of runs) if (run.planned) end = Math.max(end, view.x === 'step' ? run.planned * (run.steps ?? 0) : run.planned);
  }
  const [unit, scale] = view.x === 'time' ? timeUnit(end) : ['', 1];
  const first = log ? runs.flatMap((run) => positions(run, view.x)).filter((x) => isNumber(x) && x > 0).reduce((a, b) => Math.min(a, b), end || 1) : 0;
  const [low, high] = zoom ?? [first, end > first ? end : first + 1];
  const title = { epoch: 'epoch', step: 'training step', time: `time of training (${unit})` }[view.x];
  const spoken = (x) => (view.x === 'time' ? `${readable(x / scale, 3)} ${unit}` : `step ${readable(x)}`);
  return { low: log ? Math.max(low, 1e-9) : low, high, log, title, scale, whole: view.x !== 'time', say: spoken };
}
