// One figure of a page: drawn when it comes near to sight, and drawn anew only where it has changed.

import { mounting } from '../../shared/mounting.js';
import { Follower } from './moves.js';
import { loadPlotly } from './plotly.js';

const AHEAD = '500px 0px'; // what is that far below what one sees is drawn already
const FULL = {
  name: 'full-screen',
  title: 'Full screen',
  icon: { width: 24, height: 24, path: 'M5 5h5v2H7v3H5zm9 0h5v5h-2V7h-3zM5 14h2v3h3v2H5zm12 0h2v5h-5v-2h3z' },
  click: (plot) => (document.fullscreenElement ? document.exitFullscreen() : plot.parentElement.requestFullscreen()),
};
const [LOWEST, AROUND] = [300, 340]; // pixels: of a figure that fits the screen, and of what stands about it
const SELECTING = ['lasso2d', 'select2d'];
const CONFIG = { displaylogo: false, displayModeBar: 'hover', modeBarButtonsToAdd: [FULL], plotlyServerURL: '' };
// Files come from the buttons below the figure, and nothing is sent to anybody's cloud.
const REMOVED = ['autoScale2d', 'toImage', 'sendChartToCloud'];
const UNNEEDED = [...SELECTING, 'zoomIn2d', 'zoomOut2d'];

/** Tells apart views of a figure that cannot keep the same zoom: other quantities, or another kind of axis. */
function viewOf(layout) {
  const axes = Object.entries(layout).filter(([key]) => /^[xy]axis\d*$/.test(key));
  return JSON.stringify(axes.map(([key, axis]) => [key, axis.type, axis.title?.text]));
}

class Figure {
  constructor(root, data, tell) {
    this.root = root;
    this.tell = tell;
    this.plot = document.createElement('div');
    root.replaceChildren(this.plot);
    this.near = false;
    this.follower = new Follower(this);
    this.told = '[]';
    this.sight = new IntersectionObserver((entries) => {
      this.near = entries.at(-1).isIntersecting; // the newest of those that have gathered
      this.draw();
    }, { root: root.closest('[data-testid="stMain"]'), rootMargin: AHEAD });
    this.sight.observe(root);
    this.size = new ResizeObserver(() => this.fit());
    this.size.observe(root);
    this.renew(data);
  }

  renew(data) {
    this.data = data;
    const fitting = `min(${data.height}px, max(${LOWEST}px, 100vh - ${AROUND}px))`;
    this.root.style.height = data.aspect ? 'auto' : `${data.height}px`;
    this.root.style.aspectRatio = data.aspect ?? '';
    this.root.style.maxHeight = data.aspect ? fitting : '';
    this.root.dataset.title = data.title;
    this.root.dataset.selectable = data.selectable;
    this.plot.setAttribute('role', 'figure');
    this.plot.setAttribute('aria-label', `${data.title}. ${data.caption}`);
    this.follower.renew(data.moves);
    this.draw();
  }

  async draw() {
    const { data } = this;
    if (!this.near || this.drawn === data.figure) return;
    try {
      this.Plotly ??= await loadPlotly(data.plotly);
    } catch (error) {
      this.root.dataset.failed = error.message;
      return;
    }
    if (this.closed || data !== this.data || this.drawn === data.figure) return; // another call has drawn it
    const first = this.drawn === undefined;
    this.drawn = data.figure;
    delete this.root.dataset.failed;
    const figure = JSON.parse(data.figure);
    figure.layout.uirevision = viewOf(figure.layout);
    if (data.aspect) delete figure.layout.height; // that of its box
    const removed = data.selectable ? REMOVED : [...REMOVED, ...UNNEEDED];
    await this.Plotly.react(this.plot, figure.data, figure.layout, { ...CONFIG, modeBarButtonsToRemove: removed });
    this.follower.rest();
    this.width = this.root.clientWidth;
    this.height = this.root.clientHeight;
    if (first && data.selectable && !this.closed) this.listen();
  }

  listen() {
    this.plot.on('plotly_selected', (event) => this.choose(event?.points ?? []));
    this.plot.on('plotly_deselect', () => this.choose([]));
  }

  choose(points) {
    const chosen = [...new Set(points.map((point) => point.customdata).filter((one) => one !== undefined))];
    const words = JSON.stringify(chosen);
    if (words === this.told) return;
    this.told = words;
    this.tell(chosen);
  }

  fit() {
    const { clientWidth, clientHeight } = this.root;
    const isOther = clientWidth !== this.width || (this.data.aspect && clientHeight !== this.height);
    const changed = isOther || document.fullscreenElement === this.root || this.full;
    if (!changed || clientWidth === 0 || !this.width) return;
    this.full = document.fullscreenElement === this.root;
    this.width = clientWidth;
    this.height = clientHeight;
    this.Plotly.Plots.resize(this.plot);
  }

  close() {
    this.closed = true;
    this.follower.renew(null);
    this.sight.disconnect();
    this.size.disconnect();
    this.Plotly?.purge(this.plot);
  }
}

const identity = () => [];

export default mounting('.figure', identity, (root, data, { setStateValue }) => (
  new Figure(root, data, (chosen) => setStateValue('chosen', chosen))
));
