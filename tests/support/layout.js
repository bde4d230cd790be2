// What of a page is cut off or stands out of line, one text each: for tests.

() => {
  const PIXEL = 1.5; // rounding of what is scaled
  const FIELDS = '.react-aria-ComboBox > [role="group"], [data-testid="stTextInputRootElement"], '
    + '[data-testid="stNumberInputContainer"], [data-testid="stBaseButton-primary"], '
    + '[data-testid="stBaseButton-secondary"], [data-testid="stPopoverButton"]';
  const ROW = '[data-testid="stHorizontalBlock"]';
  const main = document.querySelector('[data-testid="stMain"]');
  const found = [];
  const box = (node) => node.getBoundingClientRect();
  const seen = (node) => box(node).width > 1 && box(node).height > 1 && getComputedStyle(node).visibility === 'visible';

  const named = (field) => field.innerText || field.querySelector('input')?.ariaLabel || field.className;

  /** Whether something between a text and the page hides its end. */
  function isCut(node, text) {
    const range = document.createRange();
    range.selectNodeContents(text);
    const end = box(range).right;
    for (let around = node; around && around !== main; around = around.parentElement) {
      const { overflowX } = getComputedStyle(around);
      if (overflowX === 'auto' || overflowX === 'scroll') return false; // it can be scrolled to
      if (overflowX !== 'visible' && end > box(around).right + PIXEL) return true;
    }
    return false;
  }

  for (const node of main.querySelectorAll('*')) {
    if (node.matches('[data-testid="stIconMaterial"], [data-testid="stIconMaterial"] *') || !seen(node)) continue;
    const texts = [...node.childNodes].filter((one) => one.nodeType === Node.TEXT_NODE && one.data.trim());
    if (node.closest('svg, script, style, [title]')) continue; // told whole under the mouse
    for (const text of texts) if (isCut(node, text)) found.push(`cut: ${text.data.trim()}`);
    if (node.matches('input, textarea') && node.scrollWidth > node.clientWidth + PIXEL && !node.title) {
      found.push(`cut: ${node.value || node.placeholder}`);
    }
  }

  for (const row of main.querySelectorAll(ROW)) {
    const fields = [...row.querySelectorAll(FIELDS)].filter((one) => (
      seen(one) && one.closest(ROW) === row && !one.matches('[data-testid="stNumberInputContainer"] *')
    ));
    const places = fields.map((field) => [...row.children].find((one) => one.contains(field)));
    const own = fields.filter((_, at) => places.indexOf(places[at]) === places.lastIndexOf(places[at])); // no stack
    for (const one of own) {
      for (const other of own) {
        const [first, second] = [box(one), box(other)];
        const sameLine = first.left < second.left && first.top < second.bottom && second.top < first.bottom;
        const apart = Math.abs(first.top + first.bottom - second.top - second.bottom) / 2;
        if (sameLine && apart > PIXEL) found.push(`${Math.round(apart)} px out of line: ${named(one)}, ${named(other)}`);
      }
    }
  }

  for (const icon of document.querySelectorAll('[data-testid="stIconMaterial"]')) {
    if (seen(icon) && !icon.closest('[aria-hidden="true"], [role="img"]')) found.push(`read aloud: ${icon.textContent}`);
  }
  for (const figure of main.querySelectorAll('.figure')) {
    const { title } = figure.dataset;
    if (!title) continue; // it is not there yet
    const headings = [...main.querySelectorAll('h2, h3, h4')].map((one) => one.textContent.trim());
    if (!headings.some((one) => one.startsWith(title))) found.push(`no heading: ${title}`);
  }
  for (const tools of main.querySelectorAll('.js-plotly-plot .modebar')) { // seen under the mouse
    const own = tools.closest('[class*="st-key-figure-"]')?.previousElementSibling;
    for (const node of own?.querySelectorAll('h4, h4 *') ?? []) {
      for (const text of [...node.childNodes].filter((one) => one.nodeType === Node.TEXT_NODE)) {
        const range = document.createRange();
        range.selectNodeContents(text);
        const [bar, lines] = [box(tools), [...range.getClientRects()]];
        const lie = lines.some((line) => line.right > bar.left && line.top < bar.bottom && bar.top < line.bottom);
        if (lie) found.push(`under its tools: ${text.data}`);
      }
    }
  }
  return [...new Set(found)];
}
