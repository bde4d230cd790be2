// What a reader does is one step of the browser's Back, and leads back to what was there.
//
// Streamlit writes what the address of the next page says into that of the page which is left, a moment before it
// changes the page: Back would lead to a page with the address of another. And what a page adds to its address while
// it is drawn for the first time would be a step of its own. So an address of the same page becomes a step a moment
// later, unless a page has followed it by then.

const FOLLOWS = 150; // ms, within which the page follows its address

/**
 * Have `history` take such steps from now on; returns what to call when the reader does something, and goes back;
 * `opened` is called when another page is, though not by Back.
 * @param {History} history
 * @param {Location} location
 * @param {{later?: (call: () => void, ms: number) => unknown, opened?: () => void}} ways
 */
export function inSteps(history, location, { later = setTimeout, opened = () => {} } = {}) {
  const push = history.pushState.bind(history);
  const replace = history.replaceState.bind(history);
  let begins = null; // where a step begins that is to be taken, and whose end the address says already
  let asked = 0;
  let untouched = true; // the reader has done nothing on this page

  const take = () => {
    if (begins === null) return;
    const [from, to] = [begins, location.href];
    begins = null;
    replace({}, '', from);
    push({}, '', to);
  };

  history.pushState = (state, title, url) => {
    if (url === undefined || url === null) { push(state, title); return; }
    if (new URL(url, location.href).pathname !== location.pathname) {
      if (begins !== null) replace({}, '', begins);
      begins = null;
      push(state, title, url);
      opened();
      untouched = true;
      return;
    }
    if (!untouched) {
      begins ??= location.href;
      asked += 1;
      const mine = asked;
      later(() => { if (mine === asked) take(); }, FOLLOWS);
    }
    replace(state, title, url);
  };

  return {
    acted: () => { take(); untouched = false; },
    wentBack: () => { begins = null; },
  };
}

/** Show the top of a page that is opened anew: the one before may have been scrolled down. */
function toTheTop() {
  for (const box of document.querySelectorAll('[data-testid="stMain"], [data-testid="stAppViewContainer"]')) box.scrollTop = 0;
}

export default function stepsBack() {
  if (window.lensappSteps) return;
  window.lensappSteps = true; // once per page, however often the module is loaded
  const { acted, wentBack } = inSteps(window.history, window.location, { opened: toTheTop });
  for (const event of ['pointerdown', 'keydown', 'change', 'beforeunload']) addEventListener(event, acted, true);
  addEventListener('popstate', wentBack, true);
}
