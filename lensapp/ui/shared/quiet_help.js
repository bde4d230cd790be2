// A press on the question mark beside a toggle or a checkbox tells its help and leaves the switch as it is: the mark lies
// within the label, on which Streamlit takes every press for one of the switch.

const MARK = 'label [data-testid="stTooltipIcon"]';
const KEYS = new Set(['Enter', ' ']);

/** @param {Event} event */
function keepToItself(event) {
  const pressed = !(event instanceof KeyboardEvent) || KEYS.has(event.key);
  if (!pressed || !(event.target instanceof Element) || !event.target.closest(MARK)) return;
  event.stopImmediatePropagation();
  if (event.type === 'click') event.preventDefault(); // which the browser hands on to the label's field
}

if (!window.lensappQuietHelp) {
  window.lensappQuietHelp = true; // once per page, however often the module is loaded
  for (const kind of ['pointerdown', 'mousedown', 'touchstart', 'click', 'keydown']) window.addEventListener(kind, keepToItself, true);
}

export default function keepHelpQuiet() {}
