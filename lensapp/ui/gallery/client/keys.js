// Which key does what, and the page that says so. Letters alone grade; with Shift they change the view.

import { GROUPS } from "./panels.js";

/** Return {action, value} for a key, or null when it is not ours. */
export function actionOf(event, { grades, contaminants }) {
  const isLetter = event.key.length === 1 && event.key.toLowerCase() !== event.key.toUpperCase();
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.shiftKey && isLetter) return SHIFTED[key] ?? null;
  if (event.shiftKey && key.startsWith('Arrow')) return PANS[key] ?? null;
  const grade = grades.find((one) => one.keys.includes(key));
  if (grade) return { action: 'grade', value: { grade: grade.letter, contaminant: null } };
  const contaminant = contaminants.find((one) => one.key === key);
  if (contaminant) return { action: 'grade', value: { grade: grades.at(-1).letter, contaminant: contaminant.name } };
  return ACTIONS[key] ?? null;
}

const ACTIONS = {
  ArrowRight: { action: 'move', value: 1 },
  ArrowLeft: { action: 'move', value: -1 },
  ArrowDown: { action: 'row', value: 1 },
  ArrowUp: { action: 'row', value: -1 },
  PageDown: { action: 'page', value: 1 },
  PageUp: { action: 'page', value: -1 },
  Home: { action: 'edge', value: 0 },
  End: { action: 'edge', value: 1 },
  Enter: { action: 'open' },
  Escape: { action: 'back' },
  Backspace: { action: 'withdraw' },
  z: { action: 'undo' },
  g: { action: 'next' },
  f: { action: 'fullscreen' },
  '+': { action: 'zoom', value: 1 },
  '=': { action: 'zoom', value: 1 },
  '-': { action: 'zoom', value: -1 },
  '*': { action: 'star' },
  ';': { action: 'comment' },
  '[': { action: 'stretch', value: -1 },
  ']': { action: 'stretch', value: 1 },
  '?': { action: 'help' },
  r: { action: 'none' }, // Streamlit would rerun the page
};
const SHIFTED = {
  ...Object.fromEntries(Object.entries(GROUPS).map(([name, { key }]) => [key, { action: 'panel', value: name }])),
  b: { action: 'blink' },
  m: { action: 'mark' },
  k: { action: 'known' },
  l: { action: 'alike' },
  o: { action: 'origin' },
  v: { action: 'scores' },
  x: { action: 'rest' },
};
const PANS = {
  ArrowRight: { action: 'pan', value: [1, 0] },
  ArrowLeft: { action: 'pan', value: [-1, 0] },
  ArrowDown: { action: 'pan', value: [0, 1] },
  ArrowUp: { action: 'pan', value: [0, -1] },
};

const MOVES = [
  [['←', '→'], 'previous, next candidate'],
  [['↑', '↓'], 'a row up, down'],
  [['Page Up', 'Page Down'], 'a page back, on'],
  [['Home', 'End'], 'first, last candidate'],
  [['g'], 'next ungraded candidate'],
];
const VIEWS = [
  [['Enter'], 'single view, and back'],
  [['Esc'], 'back to the mosaic'],
  [['+', '−'], 'larger, smaller; in the single view zoom, as the wheel does'],
  [['[', ']'], 'stretch before, after'],
  [['⇧ V'], 'scores shown or hidden'],
  [['⇧ K'], 'known lenses marked or not'],
  [['⇧ L'], 'find more like this in the whole source'],
  [['⇧ O'], 'back from there'],
  [['f'], 'full screen, and back'],
  [['?'], 'this page'],
];
const SINGLE = [
  ...Object.values(GROUPS).map(({ key, meaning }) => [[`⇧ ${key.toUpperCase()}`], meaning]),
  [['⇧ B'], 'blink between the bands'],
  [['⇧ M'], 'scale bar and marks shown or hidden'],
  [['⇧ ← → ↑ ↓'], 'pan, as dragging does'],
  [['Tab', 'Enter'], 'choose a small picture, show it large'],
  [['Delete'], 'on the slider of α: as the middle asks'],
];

/** Fill the help page. */
export function fillHelp(root, { grades, contaminants }) {
  const least = grades.at(-1).letter;
  const given = grades.map((one) => [one.keys.map((key) => key.toUpperCase()), `${one.letter}: ${one.meaning}`]);
  const rest = [[['⇧ X'], `${least} for the rest of the page`]];
  const not = contaminants.map((one) => [[one.key.toUpperCase()], `${least}: ${one.meaning.toLowerCase()}`]);
  const corrections = [[['z'], 'undo the last vote'], [['Backspace'], 'withdraw the vote of this candidate']];
  const notes = [[['*'], 'star, and no star'], [[';'], 'comment; Enter keeps it']];
  const columns = document.createElement('div');
  columns.append(
    ...section('Grade', [...given, ...rest]), ...section('Not a lens, because', not),
    ...section('Correct', corrections), ...section('Note', notes), ...section('Move', MOVES),
    ...section('Look', VIEWS), ...section('In the single view', SINGLE),
  );
  root.replaceChildren(columns);
}

function section(title, rows) {
  if (!rows.length) return [];
  const heading = document.createElement('h2');
  heading.textContent = title;
  const list = document.createElement('dl');
  for (const [keys, meaning] of rows) {
    const term = document.createElement('dt');
    term.append(...keys.map((key) => Object.assign(document.createElement('kbd'), { textContent: key })));
    list.append(term, Object.assign(document.createElement('dd'), { textContent: meaning }));
  }
  const whole = document.createElement('section');
  whole.append(heading, list);
  return [whole];
}

/** Whether a key press belongs to a field, a dialog or a shortcut of the browser. */
export function isElsewhere(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return true;
  if (document.querySelector('[role="dialog"]')) return true;
  const [target] = event.composedPath();
  if (!(target instanceof Element)) return false;
  if (target.isContentEditable || target.closest('textarea, select, [role="combobox"], [role="listbox"]')) return true;
  if (target.matches('input') && target.type !== 'range') return true;
  if (target.matches('input')) return /^(Arrow|Page|Home|End)/.test(event.key);
  return target.closest('button, summary, a, [role="button"]') !== null && /^(Enter| )$/.test(event.key);
}
