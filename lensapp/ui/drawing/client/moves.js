// While a slider is moved figures show at once what the server draws a moment later.
//
// What they show at each stop of the slider comes with them: `stops` in ascending order, and for each of them
// where the marks of a name lie (`marks`), where its line stands (`lines`), and the text and tint of its cell.

const KEY_LASTS = 400; // milliseconds after a key, within which the slider follows it
const following = new Set();
let [held, pressedAt] = [false, -Infinity];

const sliderOf = (node) => node.closest?.('[data-testid="stSlider"]');

function touched(event) {
  const ours = [...following].some(({ moves }) => sliderOf(event.target)?.closest(`.st-key-${moves.slider}`));
  if (!ours) return;
  if (event.type === 'pointerdown') held = true;
  pressedAt = performance.now();
}

/** Let each of the figures follow its own slider among those that have moved at once. */
export function follow(records, figures) {
  for (const target of new Set(records.map((record) => record.target))) {
    const value = parseFloat(target.getAttribute('aria-valuetext'));
    if (Number.isNaN(value)) continue;
    for (const figure of figures) if (target.closest(`.st-key-${figure.moves.slider}`)) figure.go(value);
  }
}

function moved(records) {
  if (!held && performance.now() - pressedAt > KEY_LASTS) return; // the server has set it, and draws for that
  follow(records, following);
}

function watch() {
  addEventListener('pointerdown', touched, true);
  addEventListener('keydown', touched, true);
  for (const end of ['pointerup', 'pointercancel']) addEventListener(end, () => { held = false; }, true);
  new MutationObserver(moved).observe(document.body, { attributeFilter: ['aria-valuetext'], subtree: true });
}

/** Return what Plotly is to change where the slider says `value`: of traces, of the layout, and which trace. */
export function changes(plot, { stops, marks = {}, lines = {}, cells = {} }, value) {
  const at = Math.max(0, stops.findLastIndex((stop) => stop <= value * (1 + 1e-9)));
  const placed = (list, name) => (list ?? []).findIndex((one) => one.name === name);
  const [trace, layout, traces] = [{ x: [], y: [] }, {}, []];
  for (const [name, { x, y }] of Object.entries(marks)) {
    const index = placed(plot.data, name);
    if (index < 0) continue;
    trace.x.push([x[at]]);
    trace.y.push([y[at]]);
    traces.push(index);
  }
  for (const [name, places] of Object.entries(lines)) {
    const index = placed(plot.layout.shapes, name);
    if (index >= 0) layout[`shapes[${index}].x0`] = layout[`shapes[${index}].x1`] = places[at];
  }
  for (const [name, { text, opacity }] of Object.entries(cells)) {
    layout[`annotations[${placed(plot.layout.annotations, name)}].text`] = text[at];
    layout[`shapes[${placed(plot.layout.shapes, name)}].opacity`] = opacity[at];
  }
  return { trace: traces.length ? trace : {}, layout, traces };
}

/** A figure that follows a slider. */
export class Follower {
  constructor(figure) {
    this.figure = figure;
    if (!watch.begun) watch();
    watch.begun = true;
  }

  /** Follow by these moves from now on, or no longer where there are none. */
  renew(moves) {
    this.moves = moves;
    if (moves) following.add(this);
    else following.delete(this);
  }

  /** The server has drawn the figure. */
  rest() {
    this.last = undefined;
    delete this.figure.root.dataset.at;
  }

  /** Show what belongs to this value, the last one asked for where there are several meanwhile. */
  async go(value) {
    if (value === this.last) return;
    this.last = this.wanted = value;
    if (this.busy) return;
    this.busy = true;
    try {
      while (this.wanted !== undefined) {
        const { root, plot, Plotly, drawn, near } = this.figure;
        const now = this.wanted;
        this.wanted = undefined;
        if (!drawn || !near || !this.moves) break;
        const { trace, layout, traces } = changes(plot, this.moves, now);
        root.dataset.at = `score ≥ ${now}`;
        await Plotly.update(plot, trace, layout, traces);
        await new Promise(requestAnimationFrame);
      }
    } finally {
      this.busy = false; // also where Plotly could not draw one stop: it follows at the next
    }
  }
}
