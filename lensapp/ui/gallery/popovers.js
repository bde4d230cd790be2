// Leads the keyboard into what a button opens: Streamlit leaves it on the button, and has put what was
// opened behind all else of the page. Tab stays within; Escape closes, and leads back to the button.

const BUTTON = '[data-testid="stPopoverButton"]';
const BODY = '[data-testid="stPopoverBody"]';
const STOPS = 'input, select, textarea, button, summary, a[href], [tabindex="0"]';
const WAIT_MS = 50;
const TRIES = 40; // until the page has filled it

const stopsOf = (body) =>
  [...body.querySelectorAll(STOPS)].filter((one) => !one.disabled && one.tabIndex >= 0 && one.getClientRects().length);

function enter(button, tries) {
  if (document.activeElement !== button || button.ariaExpanded === 'false') return;
  const [first] = [...document.querySelectorAll(BODY)].flatMap(stopsOf);
  if (first) first.focus();
  else if (tries > 0) setTimeout(enter, WAIT_MS, button, tries - 1);
}

export default function lead() {
  const pressed = (event) => {
    const button = event.target.closest?.(BUTTON);
    if (button && event.detail === 0) setTimeout(enter, WAIT_MS, button, TRIES); // a mouse's click has a detail
  };
  const tabbed = (event) => {
    const body = event.key === 'Tab' ? event.target.closest?.(BODY) : null;
    if (!body) return;
    const stops = stopsOf(body);
    const [from, to] = event.shiftKey ? [stops[0], stops.at(-1)] : [stops.at(-1), stops[0]];
    if (document.activeElement !== from) return;
    event.preventDefault();
    to.focus();
  };
  document.addEventListener('click', pressed, true);
  document.addEventListener('keydown', tabbed, true);
  return () => {
    document.removeEventListener('click', pressed, true);
    document.removeEventListener('keydown', tabbed, true);
  };
}
