// Saves a figure for a paper: as SVG, PNG or PDF on white ground, its title above and its caption below.

import { fetchPlotly, loadPlotly } from './plotly.js';

const FONT = 'DejaVu Sans'; // sent by the server, so that widths are the same in all three
const FONTS = { normal: 'DejaVuSans.ttf', bold: 'DejaVuSans-Bold.ttf' };
const WIDTHS = [520, 900]; // wider ones have small letters in a column of a paper
const MARGIN = 14;
const TITLE = { size: 15, line: 20, weight: 'bold', fill: '#1a1e23' };
const CAPTION = { size: 11, line: 15, weight: 'normal', fill: '#59626c' };
const PNG_SCALE = 3;
const MOST_MARKS = 20000; // more dots are kept as a picture within the figure
const UNCOLOURED = new Set(['x', 'y', 'customdata', 'ids', 'bdata', 'text', 'name']);

const once = new Map();

/** Fetches something once; a fetch that failed is tried again. */
function kept(key, make) {
  if (!once.has(key)) once.set(key, make().catch((error) => { once.delete(key); throw error; }));
  return once.get(key);
}

/** @param {string} address @param {RequestInit} [options] */
async function fetched(address, options) {
  const answer = await fetch(address, options).catch(() => {
    throw new Error('The server does not answer. Try again when it is back.');
  });
  if (!answer.ok) throw new Error((await answer.text()) || `The server answers ${answer.status}.`);
  return answer;
}

/** Loads the font into the page, where figures are measured; returns it as a style for pictures of SVG. */
function loadFont(api) {
  return kept('font', async () => {
    const rules = await Promise.all(Object.entries(FONTS).map(async ([weight, file]) => {
      const bytes = new Uint8Array(await (await fetched(`${api}/${file}`)).arrayBuffer());
      document.fonts.add(await new FontFace(FONT, bytes, { weight }).load());
      let text = '';
      for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
      return `@font-face{font-family:'${FONT}';font-weight:${weight};src:url(data:font/ttf;base64,${btoa(text)})}`;
    }));
    return `<style>${rules.join('')}</style>`;
  });
}

/** Returns a colour of the dark theme as the one it has on white ground. */
function onWhite(colour, colours) {
  const parts = /^rgba?\((\d+), ?(\d+), ?(\d+)(.*)\)$/.exec(colour);
  const hex = parts
    ? `#${parts.slice(1, 4).map((part) => Number(part).toString(16).padStart(2, '0')).join('')}`
    : colour.toLowerCase();
  const found = colours[hex];
  if (!found || !parts) return found ?? colour;
  return `rgba(${[1, 3, 5].map((at) => parseInt(found.slice(at, at + 2), 16)).join(',')}${parts[4]})`;
}

/** Copies a part of a figure with its colours changed and without what Plotly has noted in it. */
function copied(part, colours) {
  if (typeof part === 'string') return onWhite(part, colours);
  if (Array.isArray(part)) return part.map((one) => copied(one, colours));
  if (part === null || typeof part !== 'object' || ArrayBuffer.isView(part)) return part;
  const own = Object.entries(part).filter(([key]) => !key.startsWith('_'));
  return Object.fromEntries(own.map(([key, value]) => [
    key, UNCOLOURED.has(key) && typeof value !== 'string' && Array.isArray(value) ? value : copied(value, colours),
  ]));
}

/** Draws the marks of WebGL as vectors where they are not too many. */
function asVectors(trace) {
  const count = trace.x?.length ?? trace.x?.shape ?? 0;
  return trace.type === 'scattergl' && Number(count) <= MOST_MARKS ? { ...trace, type: 'scatter' } : trace;
}

const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** Breaks a text into lines of a width in pixels. */
function broken(text, style, width) {
  const pen = document.createElement('canvas').getContext('2d');
  pen.font = `${style.weight} ${style.size}px '${FONT}'`;
  const lines = [''];
  for (const word of text.split(' ')) {
    const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
    if (pen.measureText(longer).width <= width || !lines.at(-1)) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

const written = (lines, style, top) => lines.map((line, index) => (
  `<text x="${MARGIN}" y="${top + index * style.line + style.size}" font-family="'${FONT}', sans-serif" `
  + `font-size="${style.size}" font-weight="${style.weight}" fill="${style.fill}">${escaped(line)}</text>`
)).join('');

/** Lays the drawing between title and caption on white ground. */
function framed(drawing, { title, caption, width, height }) {
  const above = broken(title, TITLE, width - 2 * MARGIN);
  const below = broken(caption, CAPTION, width - 2 * MARGIN);
  const top = MARGIN + above.length * TITLE.line;
  const foot = top + height + 4;
  const whole = foot + below.length * CAPTION.line + MARGIN;
  const inner = drawing.replace(/^<svg /, `<svg y="${top}" `);
  return {
    width,
    height: whole,
    svg: '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
      + `width="${width}" height="${whole}" viewBox="0 0 ${width} ${whole}">`
      + `<title>${escaped(title)}</title><desc>${escaped(caption)}</desc>`
      + `<rect width="100%" height="100%" fill="#ffffff"/>${written(above, TITLE, MARGIN)}${inner}`
      + `${written(below, CAPTION, foot)}</svg>`,
  };
}

/** Returns a figure of the page as it stands, with its zoom and what the legend hides, for white ground. */
async function drawn(api, plot, words) {
  const app = document.querySelector('.stApp');
  const light = getComputedStyle(app).colorScheme.includes('light');
  const [paper] = await Promise.all([
    kept('paper', async () => (await fetched(`${api}/paper.json`)).json()),
    loadFont(api),
  ]);
  const colours = light ? {} : paper.colours;
  const shown = plot._fullLayout;
  const width = Math.round(Math.min(Math.max(shown.width, WIDTHS[0]), WIDTHS[1]));
  const size = { width, height: Math.round(shown.height) };
  const layout = {
    ...copied(plot.layout, colours),
    ...size,
    autosize: false,
    template: paper.template,
    paper_bgcolor: '#ffffff',
    plot_bgcolor: '#ffffff',
  };
  layout.font = { ...layout.font, family: `'${FONT}', sans-serif` };
  const data = plot.data.map((trace) => asVectors(copied(trace, colours)));
  const drawing = await window.Plotly.toImage({ data, layout }, { ...size, format: 'svg', imageDataOnly: true });
  return framed(drawing, { ...words, ...size });
}

async function asPng(figure, style) {
  const picture = new Image();
  const text = figure.svg.replace('<rect ', `${style}<rect `);
  picture.src = URL.createObjectURL(new Blob([text], { type: 'image/svg+xml' }));
  await picture.decode();
  URL.revokeObjectURL(picture.src);
  const canvas = document.createElement('canvas');
  canvas.width = PNG_SCALE * figure.width;
  canvas.height = PNG_SCALE * figure.height;
  canvas.getContext('2d').drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => { canvas.toBlob(resolve, 'image/png'); });
}

const MAKERS = {
  svg: async (figure) => new Blob([figure.svg], { type: 'image/svg+xml' }),
  png: async (figure, api) => asPng(figure, await loadFont(api)),
  pdf: async (figure, api) => (
    await fetched(`${api}/pdf`, { method: 'POST', body: figure.svg, headers: { 'content-type': 'image/svg+xml' } })
  ).blob(),
};

/** Finds the figure above a row of buttons. */
function plotAbove(node) {
  for (let at = node; at; at = at.parentElement) {
    for (let before = at.previousElementSibling; before; before = before.previousElementSibling) {
      const plot = before.querySelector('.js-plotly-plot');
      if (plot) return plot;
    }
  }
  return null;
}

async function save(api, button) {
  const row = button.closest('.figure-files');
  const status = row.querySelector('[role="status"]');
  const plot = plotAbove(row);
  if (!plot || button.disabled) return;
  button.disabled = true;
  status.textContent = '';
  try {
    const figure = await drawn(api, plot, { title: row.dataset.title, caption: row.dataset.caption });
    const { format } = button.dataset;
    const link = document.createElement('a');
    link.href = URL.createObjectURL(await MAKERS[format](figure, api));
    link.download = `${row.dataset.name}.${format}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  } catch (error) {
    status.textContent = error.message;
  } finally {
    button.disabled = false;
  }
}

const whenIdle = window.requestIdleCallback ?? ((work) => setTimeout(work, 1000)); // Safari has none

/** Streamlit calls this once a page; a page without figures loads what the next ones need. */
export default function listen({ data }) {
  fetchPlotly(data.plotly);
  whenIdle(() => loadPlotly(data.plotly).catch(() => {})); // the first figure tries again, and tells
  const onClick = (event) => {
    const button = event.target.closest?.('.figure-files button');
    if (button) save(new URL(data.api, document.baseURI).href, button);
  };
  document.addEventListener('click', onClick);
  return () => document.removeEventListener('click', onClick);
}
