// Tells the whole of a text that has no room where the mouse is on it: names in fields, chips and buttons.

const TEXTS = 'input, [data-tag] *, button p, a p, .when, .card-detail, .card-caption, figcaption';

/** @param {MouseEvent} event */
function tell({ target }) {
  const text = target instanceof Element ? target.closest(TEXTS) : null;
  if (!(text instanceof HTMLElement)) return;
  const isCut = text.scrollWidth > text.clientWidth + 1 || text.scrollHeight > text.clientHeight + 4;
  const whole = text instanceof HTMLInputElement ? text.value : text.innerText;
  if (isCut && whole && getComputedStyle(text).overflow !== 'visible') {
    text.title = whole;
    text.dataset.whole = '';
  } else if ('whole' in text.dataset) {
    text.removeAttribute('title');
  }
}

if (!window.lensappWholeNames) {
  window.lensappWholeNames = true; // once per page, however often the module is loaded
  document.addEventListener('mouseover', tell);
}

export default function tellWholeNames() {}
