// Puts the keyboard into the field that a page begins with, unless the reader has gone elsewhere.

const PATIENCE = 3000; // ms in which a page that is still being drawn may replace the field
const PAUSE = 50;

/** @param {{data: {field: string}}} component */
export default function focusField({ data }) {
  const until = performance.now() + PATIENCE;
  let timer = 0;
  const stop = () => clearTimeout(timer);
  const look = () => {
    const field = /** @type {HTMLInputElement | null} */ (document.querySelector(`.st-key-${data.field} input`));
    if (document.activeElement === document.body) field?.focus({ preventScroll: true });
    if (performance.now() < until) timer = window.setTimeout(look, PAUSE);
  };
  addEventListener('pointerdown', stop, { once: true, capture: true });
  look();
  return () => {
    stop();
    removeEventListener('pointerdown', stop, { capture: true });
  };
}
