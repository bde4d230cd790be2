// Shows a picture of a sheet that is no cutout yet large over the page, with the others of the sheet by the arrows.

const STEPS = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

/** @param {EventTarget | null} target */
const tileAt = (target) => (target instanceof Element ? target.closest('.sheet .tile') : null);

/** @param {string} tag @param {Record<string, unknown>} properties @param {...(Node | string)} children */
function made(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** @param {HTMLElement} first */
function enlarge(first) {
  const tiles = [...first.closest('.sheet').querySelectorAll('.tile')];
  const picture = made('div', { className: 'stamp' }), words = made('b', {}), place = made('span', {});
  picture.setAttribute('role', 'img');
  const before = made('button', { type: 'button', textContent: '‹', title: 'Previous (←)', onclick: () => show(at - 1) });
  const after = made('button', { type: 'button', textContent: '›', title: 'Next (→)', onclick: () => show(at + 1) });
  const shut = made('button', { type: 'button', textContent: '×', title: 'Close (Esc)', onclick: () => dialog.close() });
  const dialog = made('dialog', { className: 'stamp-view' }, made('div', { className: 'stamp-bar' }, before, place, after, words, shut), picture);
  dialog.setAttribute('aria-label', 'Picture');
  let at = 0;

  /** @param {number} index */
  function show(index) {
    at = Math.min(tiles.length - 1, Math.max(0, index));
    const tile = tiles[at], { backgroundImage, backgroundSize, backgroundPosition, aspectRatio } = getComputedStyle(tile);
    const width = `min(100%, calc((95vh - 66px) * ${aspectRatio}))`; // a tall one is whole, too
    Object.assign(picture.style, { backgroundImage, backgroundSize, backgroundPosition, aspectRatio, width });
    picture.setAttribute('aria-label', tile.title);
    words.textContent = tile.title;
    place.textContent = `${at + 1} / ${tiles.length}`;
    [before.disabled, after.disabled] = [at === 0, at === tiles.length - 1];
  }

  dialog.addEventListener('keydown', (event) => {
    const step = STEPS[event.key];
    if (step) { event.preventDefault(); event.stopPropagation(); show(at + step); }
  });
  dialog.addEventListener('click', ({ target }) => { if (target === dialog) dialog.close(); });
  dialog.addEventListener('close', () => { dialog.remove(); (tiles[at].isConnected ? tiles[at] : first).focus({ preventScroll: true }); });
  document.body.append(dialog);
  show(tiles.indexOf(first));
  dialog.showModal();
}

if (!window.lensappStamps) {
  window.lensappStamps = true; // once per page, however often the module is loaded
  document.addEventListener('click', ({ target }) => { const tile = tileAt(target); if (tile) enlarge(tile); });
  document.addEventListener('keydown', (event) => {
    const tile = tileAt(event.target);
    if (tile && /^(Enter| )$/.test(event.key)) { event.preventDefault(); enlarge(tile); }
  });
}

export default function showStamps() {}
