// Which key does what, and the page that says so. Letters alone grade; with Shift they change the view.

import { element } from "./dom.js";
import { GROUPS } from "./panels.js";

const SMALLEST_HELP = 12, LARGEST_HELP = 20; // CSS pixels

/** Keys without Shift, but for those that grade: each names a method of the gallery and its arguments. */
export const ACTIONS = {
  ArrowRight: ['moveBy', 1],
  ArrowLeft: ['moveBy', -1],
  ArrowDown: ['moveByRow', 1],
  ArrowUp: ['moveByRow', -1],
  PageDown: ['nextPage'],
  PageUp: ['previousPage'],
  Home: ['moveToFirst'],
  End: ['moveToLast'],
  Enter: ['toggleSingle'],
  Escape: ['back'],
  Backspace: ['withdraw'],
  z: ['undo'],
  g: ['moveToUngraded'],
  ' ': ['togglePick'],
  f: ['toggleFullscreen'],
  '+': ['zoom', 1],
  '=': ['zoom', 1],
  '-': ['zoom', -1],
  '*': ['toggleStar'],
  ';': ['writeComment'],
  '[': ['stepStretch', -1],
  ']': ['stepStretch', 1],
  '/': ['openPart'],
  '?': ['toggleHelp'],
  r: ['ignore'], // Streamlit would rerun the page
};
/** Keys with Shift. */
export const SHIFTED = {
  ...Object.fromEntries(Object.entries(GROUPS).map(([name, { key }]) => [key, ['togglePanel', name]])),
  b: ['blink'],
  e: ['toggleExplain'],
  p: ['comparePicked'],
  w: ['toggleAround'],
  y: ['toggleLuminance'],
  m: ['toggleMarks'],
  q: ['togglePixels'],
  z: ['zoomTiles'],
  k: ['toggleKnown'],
  l: ['findAlike'],
  o: ['goToOrigin'],
  v: ['toggleScores'],
  x: ['gradeRest'],
  ArrowRight: ['pan', 1, 0],
  ArrowLeft: ['pan', -1, 0],
  ArrowDown: ['pan', 0, 1],
  ArrowUp: ['pan', 0, -1],
};

const OF_REVIEWS = new Set([
  'grade', 'togglePick', 'comparePicked', 'gradeRest', 'withdraw', 'undo', 'toggleStar', 'writeComment', 'moveToUngraded', 'findAlike', 'goToOrigin', 'toggleScores', 'openPart', 'zoomTiles',
]);

/** Return [method of the gallery, ...arguments] for a key, or null when it is not ours. */
export function actionOf(event, data) {
  const action = anyActionOf(event, data);
  return data.looking && OF_REVIEWS.has(action?.[0]) ? ['ignore'] : action;
}

function anyActionOf(event, { grades, contaminants }) {
  const isLetter = event.key.length === 1 && event.key.toLowerCase() !== event.key.toUpperCase();
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.shiftKey && (isLetter || key.startsWith('Arrow'))) return SHIFTED[key] ?? null;
  const grade = grades.find(({ keys }) => keys.includes(key));
  if (grade) return ['grade', grade.letter];
  const contaminant = contaminants.find((one) => one.key === key);
  if (contaminant) return ['grade', grades.at(-1).letter, contaminant.name];
  return ACTIONS[key] ?? null;
}

/** Return what the help page says: [heading, rows of [keys, meaning]]. */
export function helpSections(data) {
  return data.looking ? lookingSections() : [...gradingSections(data), ...lookingSections(data)];
}

function gradingSections({ grades, contaminants }) {
  const lowest = grades.at(-1).letter;
  return [
    ['Grade', [
      ...grades.map(({ keys, letter, meaning }) => [keys.map((key) => key.toUpperCase()), `${letter}: ${meaning}`]),
      [['⇧ X'], `${lowest} for the rest of the page`],
    ]],
    ['Not a lens, because', contaminants.map(({ key, meaning }) => [[key.toUpperCase()], `${lowest}: ${meaning.toLowerCase()}`])],
    ['Several at once', [
      [['Space'], 'pick, as a click with Ctrl; with Shift all between'],
      [['A … X', '*'], 'grade or star all picked'],
      [['⇧ P'], 'compare 2 to 4 side by side: ← → choose, A … X grade, + − zoom'],
    ]],
    ['Correct', [[['Z'], 'undo the last vote'], [['Backspace'], 'withdraw the vote on this candidate']]],
    ['Note', [[['*'], 'star or unstar'], [[';'], 'comment; Enter saves it']]],
  ].filter(([, rows]) => rows.length);
}

function lookingSections(review) {
  const only = (...rows) => (review ? rows : []);
  return [
    ['Move', [
      [['←', '→'], 'previous, next candidate'],
      [['↑', '↓'], 'up, down a row'],
      [['Page Up', 'Page Down'], 'previous, next page'],
      [['Home', 'End'], 'first, last candidate'],
      ...only([['G'], 'next ungraded candidate']),
    ]],
    ['Look', [
      [['Enter'], 'open or close the single view'],
      [['Esc'], review ? 'back to the mosaic' : 'back to the page'],
      [['+', '−'], review ? 'larger, smaller tiles; in the single view zoom, as with the wheel' : 'zoom, as with the wheel'],
      ...only([['⇧ Z'], 'zoom into all tiles']),
      [['[', ']'], 'previous, next stretch'],
      [['⇧ Y'], 'Euclid: VIS as luminance over the colours of NISP, or not'],
      ...only([['/'], 'filter and sort; Esc shuts the bar'], [['⇧ V'], 'show or hide scores']),
      [['⇧ K'], 'mark known lenses'],
      ...only([['⇧ L'], 'find more like this in the whole source'], [['⇧ O'], 'back to where that search began']),
      [['F'], 'full screen'],
      [['?'], 'this help'],
    ]],
    ['In the single view', [
      ...Object.values(GROUPS).map(({ key, meaning }) => [[`⇧ ${key.toUpperCase()}`], meaning]),
      [['⇧ B'], 'blink between the bands'],
      [['⇧ E'], review ? 'where to see why the network scores it so' : 'why the network scores it so'],
      [['⇧ W'], 'the wider field, and the same sky as other sources show it'],
      [['⇧ Q'], 'pixels as squares, or smooth as in the mosaic'],
      [['⇧ M'], 'show or hide scale bar, compass, marks and the frame of what the network saw'],
      [['⇧ ← → ↑ ↓'], 'pan, as by dragging'],
      [['Tab', 'Enter'], 'choose a small picture, show it large'],
      [['Delete'], 'on the slider of α: back to the value measured'],
    ]],
  ];
}

/** Fill the help page. */
export function fillHelp(root, data) {
  const sections = helpSections(data).map(([heading, rows]) => element(
    'section', {}, element('h2', { textContent: heading }),
    element('dl', {}, ...rows.flatMap(([keys, meaning]) => [
      element('dt', {}, ...keys.map((key) => element('kbd', { textContent: key }))), element('dd', { textContent: meaning }),
    ])),
  ));
  root.replaceChildren(element('div', {}, ...sections));
}

/** Write the help as large as it is seen whole. */
export function fitHelp(root) {
  for (let size = LARGEST_HELP; size >= SMALLEST_HELP; size -= 0.5) {
    root.style.fontSize = `${size}px`;
    if (root.scrollHeight <= root.clientHeight) return;
  }
}

/** Take the keyboard from the link in the sidebar that led here: Enter would follow it again. */
export function leaveNavigation() {
  document.activeElement?.closest('[data-testid="stSidebar"] a')?.blur();
}

/** Whether a key press would mark all words and pictures of the page: Ctrl or ⌘ with A, outside fields and dialogs. */
export function selectsPage(event) {
  return (event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'a' && !isWritten(event);
}

/** Whether a key press goes into a field or a dialog. */
function isWritten(event) {
  if (document.querySelector('[role="dialog"]')) return true;
  const [target] = event.composedPath();
  if (!(target instanceof Element)) return false;
  if (target.isContentEditable || target.closest('textarea, select, [role="combobox"], [role="listbox"]')) return true;
  return target.matches('input') && target.type !== 'range';
}

/** Whether a key press belongs to a field, a dialog or a shortcut of the browser. */
export function isElsewhere(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return true;
  if (isWritten(event)) return true;
  const [target] = event.composedPath();
  if (!(target instanceof Element)) return false;
  if (target.matches('input')) return /^(Arrow|Page|Home|End)/.test(event.key);
  return target.closest('button, summary, a, [role="button"]') !== null && /^(Enter| )$/.test(event.key);
}
