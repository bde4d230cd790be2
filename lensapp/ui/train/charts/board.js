// All charts of a page: how they are drawn, which runs are in sight, and one pointer for all.

import { mounting } from '../../shared/mounting.js';
import { bestMark, Chart, colourOf, dashOf, xAxisOf } from './chart.js';
import { download, element, parts, put, say, svg } from './dom.js';
import { savePicture } from './save.js';
import { csvOf } from './scales.js';

const WITH_ONE_MORE = 215;
const NARROWEST = 270; // two beside each other on a page 1280 pixels wide
const TOLD_AFTER = 400; // milliseconds: a slider that moves is told once
const GAP = 18;
const AXES = [['epoch', 'epoch'], ['step', 'step'], ['time', 'time']];
let boards = 0;

export class Board {
  constructor(root, data, tell) {
    this.id = boards;
    boards += 1;
    this.tell = tell;
    this.charts = [];
    this.hidden = new Set();
    this.zoom = null;
    this.focus = null;
    this.toolbar = element('div', { className: 'toolbar' });
    this.legend = element('div', { className: 'legend', role: 'group', 'aria-label': 'Lines' });
    this.grid = element('div', { className: 'charts' });
    this.menu = this.makeMenu();
    this.makeToolbar();
    root.replaceChildren(this.toolbar, this.legend, this.grid, this.menu);
    this.root = root;
    this.resizing = new ResizeObserver(() => this.arrange());
    this.resizing.observe(root);
    this.closing = (event) => {
      if (!this.menu.hidden && !event.composedPath().includes(this.menu)) this.menu.hidden = true;
    };
    document.addEventListener('pointerdown', this.closing);
    this.renew(data);
  }

  close() {
    this.resizing.disconnect();
    document.removeEventListener('pointerdown', this.closing);
    clearTimeout(this.telling);
  }

  /** Take over what the page sends: panels, runs, colours and, where the address has changed, the view. */
  renew(data) {
    const asked = JSON.stringify(data.view);
    if (asked !== this.asked) {
      this.asked = asked;
      if (asked !== this.told) this.view = { ...data.view };
    }
    Object.assign(this, { panels: data.panels, runs: data.runs, colours: data.colours, printed: data.printed, tall: data.height, api: data.api });
    for (const name of this.hidden) if (!this.runs.some((run) => run.name === name)) this.hidden.delete(name);
    const { bottom } = this.root.getBoundingClientRect();
    this.draw();
    this.keepBelow(bottom);
  }

  /** Scroll by what the charts have grown or shrunk where the reader works below them, as in the table of runs. */
  keepBelow(bottom) {
    const host = this.root.getRootNode().host ?? this.root;
    const below = host.compareDocumentPosition(document.activeElement ?? document.body) & Node.DOCUMENT_POSITION_FOLLOWING;
    const moved = this.root.getBoundingClientRect().bottom - bottom;
    if (below && moved) host.closest('[data-testid="stMain"]')?.scrollBy({ top: moved, behavior: 'instant' });
  }

  makeToolbar() {
    const change = (changes) => {
      this.view = { ...this.view, ...changes };
      this.draw();
      clearTimeout(this.telling);
      this.telling = setTimeout(() => {
        this.told = JSON.stringify(this.view);
        this.tell(this.view);
      }, TOLD_AFTER);
    };
    this.slider = element('input', { type: 'range', min: 0, max: 0.95, step: 0.05, oninput: () => change({ smoothing: Number(this.slider.value) }) });
    this.slider.title = 'Share that each point keeps of those before it; the measured points stay faintly visible.';
    this.smoothing = element('output');
    this.axes = AXES.map(([name, text]) => element('button', {
      type: 'button', textContent: text, value: name,
      onclick: () => {
        this.zoom = null;
        change({ x: name });
      },
    }));
    const toggle = (name, text, title) => element('button', { type: 'button', textContent: text, title, value: name, onclick: () => change({ [name]: !this.view[name] }) });
    this.toggles = [
      toggle('log_values', 'log values', 'Logarithmic axis of losses and errors; shares between 0 and 1 keep theirs.'),
      toggle('log_epochs', 'log x', 'Logarithmic axis of epochs, steps or time.'),
    ];
    this.training = element('button', {
      type: 'button', textContent: 'training part', value: 'training',
      title: 'Draw the training part too, faintly.', onclick: () => change({ training: !this.withTraining }),
    });
    this.unzoom = element('button', { type: 'button', textContent: 'whole range', hidden: true, onclick: () => this.zoomTo(null) });
    this.toolbar.append(
      element('label', { className: 'slider' }, element('span', { textContent: 'Smoothing' }), this.slider, this.smoothing),
      element('div', { className: 'choice', role: 'group', 'aria-label': 'Horizontal axis' }, ...this.axes),
      element('div', { className: 'choice', role: 'group', 'aria-label': 'Axes and parts' }, ...this.toggles, this.training),
      this.unzoom,
    );
  }

  get withTraining() {
    return this.view.training ?? this.runs.length === 1;
  }

  makeMenu() {
    const entry = (text, act) => element('button', {
      type: 'button', role: 'menuitem', textContent: text,
      onclick: () => {
        this.menu.hidden = true;
        const { chart } = this.menu;
        Promise.resolve(act(chart)).catch((error) => say(chart.caption, `Not saved: ${error.message}`));
      },
    });
    const name = (chart) => chart.panel.title.toLowerCase().replaceAll(/[^\w]+/g, '-');
    const menu = element('div', { className: 'menu', role: 'menu', hidden: true },
      entry('Values (CSV)', (chart) => download(`${name(chart)}.csv`, new Blob([csvOf(chart.panel.figures, this.runs)], { type: 'text/csv' }))),
      entry('Picture (SVG)', (chart) => savePicture(chart, this.printed, 'svg', name(chart))),
      entry('Picture (PNG)', (chart) => savePicture(chart, this.printed, 'png', name(chart))),
      entry('Picture (PDF)', (chart) => savePicture(chart, this.printed, 'pdf', name(chart))));
    menu.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') {
        menu.hidden = true;
        menu.chart.keep.focus();
      }
    });
    return menu;
  }

  openMenu(chart) {
    const [box, own] = [this.root.getBoundingClientRect(), chart.keep.getBoundingClientRect()];
    this.menu.chart = chart;
    this.menu.hidden = false;
    this.menu.style.top = `${own.top - box.top - this.menu.offsetHeight - 2}px`;
    this.menu.style.left = `${own.right - box.left - this.menu.offsetWidth}px`;
    this.menu.firstChild.focus();
  }

  xAxis() {
    return xAxisOf(this.runs.filter((run) => !this.hidden.has(run.name)), this.view, this.zoom);
  }

  arrange() {
    const width = this.root.clientWidth;
    if (!width || !this.panels || width === this.arranged) return;
    this.draw();
  }

  /** Return a copy of the drawing of a chart in another size. */
  drawnAt(width, height, chart) {
    [this.chartWidth, this.chartHeight, this.wide] = [width, height, null];
    chart.update(chart.panel);
    const copy = chart.svg.cloneNode(true);
    this.draw();
    return copy;
  }

  draw() {
    const width = this.root.clientWidth;
    if (!width) return;
    this.arranged = width;
    const count = this.panels.length;
    const fitting = Math.max(1, Math.min(Math.floor((width + GAP) / (NARROWEST + GAP)), count));
    const alone = fitting > 2 && count % fitting === 1 && (width + GAP) / (fitting + 1) - GAP >= WITH_ONE_MORE;
    const columns = alone ? fitting + 1 : fitting; // rather a little narrower than the last one alone in a row
    this.chartWidth = Math.floor((width - GAP * (columns - 1)) / columns);
    this.chartHeight = this.tall;
    const template = `repeat(${columns}, minmax(0, 1fr))`;
    if (this.grid.style.gridTemplateColumns !== template) this.grid.style.gridTemplateColumns = template;
    this.charts = parts(this.grid, this.panels.length, () => {
      const chart = new Chart(this.panels[this.grid.childNodes.length], this);
      chart.root.chart = chart;
      chart.keep.addEventListener('click', () => this.openMenu(chart));
      return chart.root;
    }).map((root) => root.chart);
    this.wide = columns > 1 && count % columns === 1 ? this.charts[count - 1] : null; // it has its row to itself
    this.charts.forEach((chart) => { chart.root.style.gridColumn = chart === this.wide ? '1 / -1' : ''; });
    this.charts.forEach((chart, k) => chart.update(this.panels[k]));
    this.showToolbar();
    this.showLegend();
    if (this.pointed) this.hover(...this.pointed);
  }

  showToolbar() {
    const { view } = this;
    if (Number(this.slider.value) !== view.smoothing) this.slider.value = view.smoothing;
    say(this.smoothing, view.smoothing.toFixed(2));
    for (const button of this.axes) put(button, { 'aria-pressed': view.x === button.value });
    for (const button of this.toggles) put(button, { 'aria-pressed': Boolean(view[button.value]) });
    put(this.training, { 'aria-pressed': this.withTraining });
    if (this.unzoom.hidden !== !this.zoom) this.unzoom.hidden = !this.zoom;
  }

  /** Name the runs, to be hidden by a click and isolated by two; or the parts of a run that is alone, and its star. */
  showLegend() {
    const alone = this.runs.length === 1;
    const entries = alone
      ? [{ name: 'validation', colour: null, dash: null }, ...(this.withTraining ? [{ name: 'training', faint: true, colour: null, dash: null }] : [])]
      : this.runs.map((run, index) => ({ name: run.name, colour: this.colours[colourOf(run, index, this.colours.length)], dash: dashOf(run, index, this.colours.length) }));
    if (alone && this.runs[0].best) entries.push({ name: bestMark(this.runs[0]), colour: null, dash: null, isMark: true });
    parts(this.legend, entries.length, () => element('button', { type: 'button' }, svg('svg', { width: 26, height: 10 }, svg('path', { d: 'M1 5H25', fill: 'none' })), element('span')))
      .forEach((button, k) => {
        const { name, colour, dash, faint, isMark } = entries[k];
        put(button.firstChild, { display: isMark ? 'none' : null });
        put(button.firstChild.firstChild, { stroke: colour ?? 'currentColor', 'stroke-width': faint ? 1.25 : 2.5, 'stroke-opacity': faint ? 0.5 : 1, 'stroke-dasharray': dash });
        say(button.lastChild, name);
        if (button.disabled !== alone) button.disabled = alone;
        put(button, { 'aria-pressed': alone ? null : !this.hidden.has(name), title: alone ? null : `${name}: click hides or shows it, a double click shows it alone` });
        button.onclick = () => {
          if (!this.hidden.delete(name)) this.hidden.add(name);
          this.draw();
        };
        button.ondblclick = () => {
          const others = this.runs.map((run) => run.name).filter((other) => other !== name);
          const isolated = others.every((other) => this.hidden.has(other)) && !this.hidden.has(name);
          this.hidden = new Set(isolated ? [] : others);
          this.draw();
        };
        button.onpointerenter = () => this.light(alone ? null : name);
        button.onpointerleave = () => this.light(null);
      });
  }

  /** Draw the lines of one run strongly, the others faintly; all alike for null. */
  light(name) {
    if (this.focus === name) return;
    this.focus = name;
    for (const chart of this.charts) chart.drawLines();
  }

  /** Show in all charts what lies at `x` of the one under the pointer; nothing for null. */
  hover(chart, x = null, top = 0) {
    this.pointed = chart ? [chart, x, top] : null;
    if (chart && this.runs.length > 1) this.light(chart.runNear(x, top));
    else this.light(null);
    for (const one of this.charts) one.show(chart ? x : null, { own: one === chart, top });
  }

  zoomTo(range) {
    this.zoom = range;
    this.draw();
  }
}

const identity = () => [];

export default mounting('.board', identity, (root, data, { setTriggerValue }) => (
  new Board(root, data, (view) => setTriggerValue('view', view))
));
