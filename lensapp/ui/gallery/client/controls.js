// What keys and buttons do to a gallery.

import { actionOf, isElsewhere } from "./keys.js";

const ZOOM_STEP = 1.2;
const DISPLAY_SETTINGS = new Set(['stretch', 'rgb', 'black', 'softening', 'white', 'percentile']);

const KEY_ACTIONS = {
  grade: (gallery, vote) => gallery.grade(vote),
  withdraw: (gallery) => gallery.grade(null),
  undo: (gallery) => gallery.undo(),
  move: (gallery, step) => gallery.moveTo(gallery.cursor + step),
  row: (gallery, step) => gallery.moveTo(gallery.cursor + step * (gallery.single.open ? 1 : gallery.mosaic.columns)),
  page: (gallery, step) => gallery.moveTo((gallery.page + step) * gallery.perPage),
  edge: (gallery, last) => gallery.moveTo(last * (gallery.view.length - 1)),
  next: (gallery) => gallery.nextUngraded(),
  open: (gallery) => (gallery.single.open ? gallery.closeSingle() : gallery.openSingle()),
  back: (gallery) => goBack(gallery),
  zoom: (gallery, step) => zoom(gallery, step),
  fullscreen: ({ root }) => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()),
  help: (gallery) => toggleHelp(gallery),
  none: () => {},
};

const BUTTON_ACTIONS = {
  create: (gallery) => gallery.tell('create', true),
  back: (gallery) => gallery.moveTo((gallery.page - 1) * gallery.perPage),
  forward: (gallery) => gallery.moveTo((gallery.page + 1) * gallery.perPage),
  reset: (gallery) => { gallery.settings.resetDisplay(); gallery.showSettings(); gallery.restretch({ live: false }); },
  scores: (gallery) => gallery.toggleScores(),
  help: (gallery) => toggleHelp(gallery),
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

/** Take a click on a button of the bar. */
export function takeButton(gallery, name) {
  BUTTON_ACTIONS[name](gallery);
}

/** Take a changed control of the bar; `live` while a slider is still held. */
export function takeSetting(gallery, name, value, { live }) {
  if (name === 'review') { gallery.tell('open', value); return; }
  gallery.settings.change({ [name]: value });
  gallery.showSettings();
  if (name === 'filter') gallery.filter();
  else if (name === 'tile') gallery.layout();
  else if (DISPLAY_SETTINGS.has(name)) gallery.restretch({ live });
}

function zoom(gallery, step) {
  if (!gallery.single.open) {
    takeSetting(gallery, 'tile', gallery.settings.values.tile * ZOOM_STEP ** step, { live: false });
  } else if (gallery.single.zoomBy(step)) {
    gallery.showSingle();
  }
}

function goBack(gallery) {
  const levels = gallery.root.querySelector('.levels');
  if (levels.open) levels.open = false;
  else gallery.closeSingle();
}

function toggleHelp({ root }) {
  const help = root.querySelector('.help');
  help.hidden = !help.hidden;
}
