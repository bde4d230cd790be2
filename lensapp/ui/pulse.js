// Asks now and then whether a job has begun or ended, so that an idle page need not run again to know it.
// Says so in its own words when the server does not answer, and opens links of notices within the app.

const IDLE = 5_000; // ms between two questions
const AWAY = 2_000; // … while nobody answers
const PATIENCE = 8_000; // ms for an answer
const TRIES = 2; // without an answer, before it is said
const LONGEST = 10_000; // ms that a notice stays, on whatever page
const LOOKED = 500; // ms between two looks at how long notices stay
const LOG_IN = 401; // the session has ended, as the page that answers a reload says
const WORDS =
  'The server of this app does not answer. What you see stays, and this page goes on by itself as soon as '
  + 'the server is back. If it does not come back, start it again with the command it was started with.';

// Streamlit's own dialog asks whether one is connected to the internet, which this app never needs.
const THEIRS = /^\s*Connection error/;
const closing = new MutationObserver(() => {
  for (const box of document.querySelectorAll('[role="dialog"]')) {
    if (THEIRS.test(box.textContent)) box.querySelector('button[aria-label="Close"]')?.click();
  }
});

/** @type {((href: string) => void) | null} */
let open = null; // opens an address within the app
let timer = 0;

/** @param {boolean} away */
function tell(away) {
  const shown = document.querySelector('.server-away');
  // The gallery has words of its own, about votes that wait in the browser.
  if (!away || document.querySelector('[class*="st-key-gallery-"]')) {
    closing.disconnect();
    shown?.remove();
    return;
  }
  if (shown) return;
  closing.observe(document.body, { childList: true, subtree: true });
  const notice = document.createElement('div');
  notice.className = 'server-away';
  notice.setAttribute('role', 'alert');
  notice.textContent = WORDS;
  document.body.append(notice);
}

/** @type {Map<string, number>} */
let firstSeen = new Map(); // words of the notices that are shown, and since when

/** End notices whose time is over: another page would show them from their beginning. */
export function endNotices(notices, now) {
  const seen = new Map();
  for (const notice of notices) {
    const since = firstSeen.get(notice.textContent) ?? now;
    const held = notice.matches(':is(:hover, :focus-within)');
    seen.set(notice.textContent, held ? now : since);
    if (!held && now - since >= LONGEST) notice.querySelector('button[aria-label="Close"], [role="button"]')?.dispatchEvent(new MouseEvent('click', { bubbles: true }));
  }
  firstSeen = seen;
}

/** @param {MouseEvent} event */
function follow(event) {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = /** @type {Element} */ (event.target).closest?.('[data-testid="stToast"] a[href]');
  if (!(link instanceof HTMLAnchorElement) || link.origin !== location.origin || !open) return;
  event.preventDefault();
  event.stopPropagation();
  open(link.pathname + link.search);
}

if (!window.lensappFollows) {
  window.lensappFollows = true; // once per page, however often the module is loaded
  document.addEventListener('click', follow, true);
  const looks = setInterval(() => endNotices(document.querySelectorAll?.('[data-testid="stToast"]') ?? [], Date.now()), LOOKED);
  looks.unref?.(); // outside a browser it would keep the process
}

export default function pulse({ data, setTriggerValue }) {
  let told = data.drawn;
  let failed = 0;
  open = (href) => setTriggerValue('opened', href);

  const ask = async () => {
    clearTimeout(timer);
    if (document.hidden) return; // asked again when it is looked at
    try {
      const answer = await fetch(data.address, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });
      if (answer.status === LOG_IN) { location.reload(); return; } // what is shown is nobody's any more
      if (!answer.ok && answer.status !== 503) throw new Error(String(answer.status)); // 503: the database is away
      failed = 0;
      const { queue } = await answer.json();
      if (queue !== undefined && queue !== told) {
        told = queue;
        setTriggerValue('changed', queue);
      }
    } catch {
      failed += 1;
    }
    tell(failed >= TRIES);
    timer = setTimeout(ask, failed ? AWAY : IDLE);
  };

  clearTimeout(timer);
  timer = setTimeout(ask, IDLE);
  document.addEventListener('visibilitychange', ask);
  return () => {
    clearTimeout(timer);
    document.removeEventListener('visibilitychange', ask);
  };
}
