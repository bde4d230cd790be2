// Scrolls what unfolds at the lower edge of a list that scrolls to the top of it, where its content is seen.

const DRAWN = 300; // ms until it has its height,
const SENT = 3_000; // and at most, where its content is sent only then
const LEAST = 160; // px of it that are to be seen

/** @param {Element} part */
function scroller(part) {
  for (let box = part.parentElement; box && box.dataset.testid !== 'stMain'; box = box.parentElement) {
    if (box.scrollHeight > box.clientHeight + 1 && /auto|scroll/.test(getComputedStyle(box).overflowY)) return box;
  }
  return null;
}

/** @param {MouseEvent} event */
function bringIntoView({ target }) {
  const part = target instanceof Element ? target.closest('summary')?.closest('details') : null;
  if (!part) return;
  const grows = new ResizeObserver(look);
  function look() {
    const box = part.open ? scroller(part) : null;
    if (!box) return;
    const [inner, outer] = [part.getBoundingClientRect(), box.getBoundingClientRect()];
    if (outer.bottom - inner.top >= Math.min(inner.height, LEAST)) return;
    grows.disconnect();
    box.scrollTo({ top: box.scrollTop + inner.top - outer.top - 4, behavior: 'smooth' });
  }
  setTimeout(() => grows.observe(part), DRAWN); // which looks at once, too
  setTimeout(() => grows.disconnect(), SENT);
}

if (!window.lensappUnfolded) {
  window.lensappUnfolded = true; // once per page, however often the module is loaded
  document.addEventListener('click', bringIntoView);
}

export default function showUnfolded() {}
