// What keys and buttons do to a gallery.

import { findAlike, goToOrigin } from "./alike.js";
import { gradeRest, starOne, undoLast, writeComment } from "./grading.js";
import { actionOf, isElsewhere } from "./keys.js";

const TILE_STEP = 1.2;
const DISPLAY_SETTINGS = new Set(['stretch', 'rgb', 'black', 'softening', 'white', 'percentile']);
const STRETCHES = ['lupton', 'asinh', 'log', 'sqrt', 'linear', 'zscale', 'percentile'];

const KEY_ACTIONS = {
  grade: (gallery, vote) => gallery.grade(vote),
  withdraw: (gallery) => gallery.grade(null),
  rest: gradeRest,
  undo: undoLast,
  star: starOne,
  comment: writeComment,
  move: (gallery, step) => gallery.moveTo(gallery.shelf.cursor + step),
  row: (gallery, step) => gallery.moveTo(gallery.shelf.cursor + step * (gallery.single.open ? 1 : gallery.mosaic.columns)),
  page: (gallery, step) => gallery.turn(step),
  edge: (gallery, last) => gallery.moveTo(last * (gallery.shelf.view.length - 1)),
  next: (gallery) => gallery.nextUngraded(),
  open: (gallery) => (gallery.single.open ? gallery.closeSingle() : gallery.openSingle()),
  back: (gallery) => goBack(gallery),
  zoom: (gallery, step) => zoom(gallery, step),
  pan: (gallery, by) => gallery.single.zoom.pan(...by),
  panel: (gallery, name) => togglePanel(gallery, name),
  blink: (gallery) => blink(gallery),
  mark: (gallery) => gallery.changeView({ marks: !gallery.settings.values.marks }),
  known: (gallery) => toggleKnown(gallery),
  scores: (gallery) => gallery.data.review.scored && toggleScores(gallery),
  alike: findAlike,
  origin: goToOrigin,
  stretch: (gallery, step) => stepStretch(gallery, step),
  fullscreen: ({ root }) => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()),
  help: (gallery) => toggleHelp(gallery),
  none: () => {},
};

const BUTTON_ACTIONS = {
  create: (gallery) => gallery.tell('create', true),
  back: (gallery) => gallery.turn(-1),
  forward: (gallery) => gallery.turn(1),
  reset: (gallery) => { gallery.settings.resetDisplay(); gallery.showSettings(); gallery.restretch({ live: false }); },
  scores: (gallery) => toggleScores(gallery),
  known: (gallery) => toggleKnown(gallery),
  alike: findAlike,
  origin: goToOrigin,
  help: (gallery) => toggleHelp(gallery),
  mosaic: (gallery) => gallery.closeSingle(),
  open: (gallery) => gallery.openSingle(),
  undo: undoLast,
  blink: (gallery) => blink(gallery),
};

/** Take a key press, unless it is meant for something else. */
export function takeKey(gallery, event) {
  const { root } = gallery;
  if (!root.isConnected || !root.getClientRects().length || isElsewhere(event)) return;
  const found = actionOf(event, gallery.data);
  if (!found) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const helpShown = !root.querySelector('.help').hidden;
  if (helpShown && found.action !== 'none') toggleHelp(gallery);
  else KEY_ACTIONS[found.action](gallery, found.value);
}

/** Take a click on a button. */
export function takeButton(gallery, name) {
  const [action, value] = name.split(' ');
  if (action === 'panel') togglePanel(gallery, value);
  else if (action === 'grade') gallery.grade({ grade: value, contaminant: null });
  else BUTTON_ACTIONS[action](gallery);
}

/** Take a changed control of the bar; `live` while a slider is still held. */
export function takeSetting(gallery, name, value, { live }) {
  if (name === 'review') { gallery.trail.forget(); gallery.tell('open', value); return; }
  if (name === 'contaminant') {
    if (value) gallery.grade({ grade: gallery.data.grades.at(-1).letter, contaminant: value });
    return;
  }
  gallery.settings.change({ [name]: value });
  gallery.showSettings();
  if (name === 'filter') gallery.filter();
  else if (name === 'tile') gallery.layout({ soon: true });
  else if (name === 'blinkRate') gallery.single.stopBlinking();
  else if (DISPLAY_SETTINGS.has(name)) gallery.restretch({ live });
}

function zoom(gallery, step) {
  if (gallery.single.open) gallery.single.zoom.step(step);
  else takeSetting(gallery, 'tile', gallery.settings.values.tile * TILE_STEP ** step, { live: false });
}

function stepStretch(gallery, step) {
  const place = STRETCHES.indexOf(gallery.settings.values.stretch) + step + STRETCHES.length;
  const stretch = STRETCHES[place % STRETCHES.length];
  takeSetting(gallery, 'stretch', stretch, { live: false });
  gallery.notices.say(`Stretch ${stretch}.`);
}

function togglePanel(gallery, name) {
  const { panels } = gallery.settings.values;
  gallery.changeView({ panels: panels.includes(name) ? panels.filter((one) => one !== name) : [...panels, name] });
  gallery.openSingle();
}

function blink(gallery) {
  gallery.openSingle();
  const blinking = gallery.single.blink({ rate: gallery.settings.values.blinkRate });
  gallery.toolbar.pressed('blink', blinking);
}

function toggleScores(gallery) {
  gallery.facts.scoresShown = !gallery.facts.scoresShown;
  gallery.showSettings();
  gallery.show();
}

function toggleKnown(gallery) {
  const { data, facts, notices, settings } = gallery;
  if (!data.known_lenses) {
    notices.toast('No table of known lenses is kept yet: give one on the page Catalogue, under Known.');
    return;
  }
  facts.lensesShown = !facts.lensesShown;
  settings.change({ known: facts.lensesShown });
  gallery.showSettings();
  gallery.show();
}

function goBack(gallery) {
  const levels = gallery.root.querySelector('.levels');
  if (levels.open) levels.open = false;
  else gallery.closeSingle();
}

function toggleHelp({ root, mosaic }) {
  const help = root.querySelector('.help');
  help.hidden = !help.hidden;
  (help.hidden ? mosaic.grid : help).focus({ preventScroll: true });
}
