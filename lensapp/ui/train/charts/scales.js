// Numbers of learning curves: smoothing, axes and their ticks, what lies under the pointer, values to keep.

const THIN_SPACE = '\u202f';
const RAISED = { '-': '⁻', 0: '⁰', 1: '¹', 2: '²', 3: '³', 4: '⁴', 5: '⁵', 6: '⁶', 7: '⁷', 8: '⁸', 9: '⁹' };

/** @typedef {{epoch: number[], [figure: string]: (number|null)[]}} Columns */
/** @typedef {{name: string, columns: Columns, steps: number|null}} Run */

/** Whether a value of a column is a number. */
export const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);

/**
 * The running mean that keeps `share` of the mean before, with the sum of the weights divided out, as
 * TensorBoard draws it; null where there is no value.
 *
 * @param {(number|null)[]} values
 * @param {number} share
 */
export function smoothed(values, share) {
  let mean = 0;
  let weight = 0;
  return values.map((value) => {
    if (!isNumber(value)) return null;
    mean = share * mean + (1 - share) * value;
    weight = share * weight + (1 - share);
    return mean / weight;
  });
}

/** Round values of a linear axis: multiples of 1, 2 or 5 times a power of ten, about `count` of them. */
export function linearTicks(low, high, count, { whole = false } = {}) {
  const rough = (high - low) / Math.max(count, 1) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  if (whole) step = Math.max(1, Math.round(step));
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k += 1) {
    ticks.push(Number((k * step).toPrecision(12)));
  }
  return ticks;
}

/** Values of a logarithmic axis: powers of ten, and 2 and 5 times them where there are few of these. */
export function logTicks(low, high) {
  const powers = [];
  for (let k = Math.floor(Math.log10(low)); k <= Math.ceil(Math.log10(high)); k += 1) powers.push(k);
  const within = (value) => value >= low * 0.999 && value <= high * 1.001;
  const whole = powers.map((k) => 10 ** k).filter(within);
  const every = Math.ceil(whole.length / 6);
  if (whole.length > 2) return whole.filter((_, k) => k % every === 0);
  return powers.flatMap((k) => [1, 2, 5].map((factor) => factor * 10 ** k)).filter(within);
}

/** A number for readers: four digits, thin spaces between thousands, a true minus, 10ⁿ far from 1. */
export function readable(value, digits = 4) {
  if (!isNumber(value)) return '–';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    const power = Math.floor(Math.log10(size * 1.0000001));
    const factor = Number((value / 10 ** power).toPrecision(digits));
    const ten = `10${[...String(power)].map((sign) => RAISED[sign]).join('')}`;
    return factor === 1 ? ten : `${String(factor).replace('-', '−')}·${ten}`;
  }
  const [whole, rest] = String(Number(value.toPrecision(Math.max(digits, Math.ceil(Math.log10(size + 1)))))).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, THIN_SPACE).replace('-', '−');
  return rest ? `${grouped}.${rest}` : grouped;
}

/** Unit in which seconds are read, and how many of them it has. */
export function timeUnit(seconds) {
  if (seconds < 180) return ['s', 1];
  return seconds < 3 * 3600 ? ['min', 60] : ['h', 3600];
}

/**
 * Where each epoch of a run lies on the axis `by`: its number, the steps until its end, or seconds of training.
 *
 * @param {Run} run
 * @param {"epoch"|"step"|"time"} by
 */
export function positions(run, by) {
  const { columns } = run;
  if (by === 'time') return columns.seconds ?? columns.epoch.map(() => null);
  return by === 'step' ? columns.epoch.map((epoch) => (run.steps ? epoch * run.steps : null)) : columns.epoch;
}

/** Index of the position nearest to `x` that has a value; -1 where none has. */
export function nearest(xs, values, x) {
  let best = -1;
  xs.forEach((at, k) => {
    if (isNumber(at) && isNumber(values[k]) && (best < 0 || Math.abs(at - x) < Math.abs(xs[best] - x))) best = k;
  });
  return best;
}

/** Epochs after which the learning rate falls by a third or more, having been constant. */
export function rateSteps(columns) {
  const rates = columns.learning_rate ?? [];
  return columns.epoch.filter((_, k) => k > 1 && rates[k] < 0.7 * rates[k - 1] && rates[k - 1] === rates[k - 2]);
}

const LEAST_SPREAD = 0.02;

/** Range of an axis around values: with a margin, or for shares up to 1. */
export function rangeOf(values, { share = false, log = false } = {}) {
  const usable = values.filter((value) => isNumber(value) && (!log || value > 0));
  if (!usable.length) return log ? [1e-4, 1] : [0, 1];
  const low = usable.reduce((a, b) => Math.min(a, b));
  const high = usable.reduce((a, b) => Math.max(a, b));
  if (log) return high / low < 1.5 ? [low / 2, high * 2] : [low / 1.2, high * 1.2];
  if (share) {
    const margin = Math.max(0.04 * (1 - low), 0.005);
    return [Math.max(low - margin, -0.02), Math.max(high, 1) + Math.min(margin, 0.02)];
  }
  const least = Math.abs(high) * LEAST_SPREAD; // as the two values of a first epoch: no axis of their last digits
  const margin = high - low > least ? (high - low) * 0.06 : Math.abs(high) * 0.05 || 1;
  return [low >= 0 ? Math.max(low - margin, 0) : low - margin, high + margin];
}

/** Values of a panel as CSV: run, epoch, steps, seconds, and each figure of both parts. */
export function csvOf(figures, runs) {
  const keys = figures.flatMap(({ key }) => [key, `val_${key}`]);
  const present = keys.filter((key) => runs.some(({ columns }) => key in columns));
  const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const rows = runs.flatMap((run) =>
    run.columns.epoch.map((epoch, k) => [
      quoted(run.name), epoch, run.steps ? epoch * run.steps : '', run.columns.seconds?.[k] ?? '',
      ...present.map((key) => run.columns[key]?.[k] ?? ''),
    ]),
  );
  return `${[['run', 'epoch', 'steps', 'seconds', ...present], ...rows].map((row) => row.join(',')).join('\n')}\n`;
}
