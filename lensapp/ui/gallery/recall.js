// Keeps the inspector's name in this tab and browser; tells the page which one was used in it last.

// Loads the page anew where Streamlit has lost its place in it, which leaves a message or nothing at all: its
// address holds what it showed.

const LOST = /Bad delta path index/;
const RELOADED = 'lensapp.reloaded';
const PAUSE = 10_000; // ms between two reloads: a fault that stays is shown
const SOON = 250; // ms after a change: looking at each of the thousands that draw a page would slow it

const isLost = () => !document.querySelector('#root > *')
  || [...document.querySelectorAll('[role="dialog"]')].some((box) => LOST.test(box.textContent));

function reloadWhenLost() {
  let next = 0;
  const lookIn = (wait) => { next ||= setTimeout(look, wait); };
  const watch = new MutationObserver(() => lookIn(SOON));
  function look() {
    next = 0;
    if (!isLost()) return;
    const rest = PAUSE - (Date.now() - Number(sessionStorage.getItem(RELOADED) ?? 0));
    if (rest > 0) { lookIn(rest); return; }
    sessionStorage.setItem(RELOADED, String(Date.now()));
    watch.disconnect();
    location.reload();
  }
  watch.observe(document.body, { childList: true, subtree: true });
}

/** Give the keyboard back to the page once a name is entered: the next letter is a grade, not a part of it. */
function leaveField({ key, target, isComposing }) {
  if (key !== 'Enter' || isComposing || !(target instanceof HTMLInputElement) || !target.closest('.st-key-inspector')) return;
  target.blur(); // which Streamlit takes the name by, if it has not yet
}

if (!window.lensappWatched) {
  window.lensappWatched = true; // once per page, however often the module is loaded
  reloadWhenLost();
  document.addEventListener('keydown', leaveField);
}

const KEY = 'lensapp.inspector';
const AGAIN = 2_000; // ms: a click at the same moment can take the place of what is told

let telling = 0;

/** The name used in this tab, where others may grade in tabs of their own; in a new one the last of the browser. */
const kept = () => sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);

export default function recall({ data, setTriggerValue }) {
  clearInterval(telling);
  if (data.name) {
    for (const storage of [sessionStorage, localStorage]) storage.setItem(KEY, data.name);
  } else if (data.ask) {
    const name = kept();
    const tell = () => setTriggerValue('name', name);
    if (name) { tell(); telling = setInterval(tell, AGAIN); }
  } else {
    for (const storage of [sessionStorage, localStorage]) storage.removeItem(KEY);
  }
  // A page that asks for the name shows its field only where this browser knows none (frame.css).
  document.documentElement.dataset.inspector = kept() === null ? 'unknown' : 'known';
}
