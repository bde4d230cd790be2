// A chart as a picture for papers: white ground, title, names of the lines, and what it was measured on.

import { download, svg } from './dom.js';

const INK = '#1a1e23';
const FONT = "'DejaVu Sans', sans-serif"; // what the server writes a PDF in
const SIZE = [560, 340];
const SHARPNESS = 3; // pixels of a PNG for each of the screen

/** Return a chart as it stands, in the size of a paper's column and the colours for white ground. */
export function pictureOf(chart, colours) {
  const [width, height] = SIZE;
  const named = new Map();
  const plot = chart.board.drawnAt(width, height, chart);
  plot.querySelectorAll('.read, [visibility="hidden"]').forEach((part) => part.remove());
  plot.querySelectorAll('[data-colour]').forEach((part) => {
    const colour = colours[Number(part.dataset.colour)];
    part.setAttribute(part.tagName === 'circle' ? 'fill' : 'stroke', colour);
    if (part.dataset.label) named.set(part.dataset.label, part);
  });
  const row = 15;
  const head = 26 + named.size * row;
  const whole = svg('svg', {
    xmlns: 'http://www.w3.org/2000/svg', width, height: height + head + 22, viewBox: `0 0 ${width} ${height + head + 22}`,
    color: INK, 'font-family': FONT, 'font-size': 11,
  }, svg('rect', { width, height: height + head + 22, fill: '#ffffff' }));
  const title = svg('text', { x: 8, y: 17, 'font-size': 13, 'font-weight': 600, fill: INK });
  title.textContent = chart.panel.title;
  const note = svg('text', { x: 8, y: height + head + 15, fill: INK });
  note.textContent = chart.panel.caption;
  [...named.entries()].forEach(([name, part], k) => {
    const y = 33 + k * row;
    const sample = svg('path', { d: `M8 ${y - 4}H34`, fill: 'none' });
    for (const attribute of ['stroke', 'stroke-width', 'stroke-opacity', 'stroke-dasharray']) {
      if (part.hasAttribute(attribute)) sample.setAttribute(attribute, part.getAttribute(attribute));
    }
    const text = svg('text', { x: 40, y, fill: INK });
    text.textContent = name;
    whole.append(sample, text);
  });
  plot.setAttribute('y', head);
  plot.removeAttribute('role');
  whole.append(title, plot, note);
  return whole;
}

/** Let the reader keep a picture as SVG, PNG or PDF, which the server makes of the SVG. */
export async function savePicture(chart, colours, format, name) {
  const picture = pictureOf(chart, colours);
  const text = new XMLSerializer().serializeToString(picture);
  if (format === 'svg') {
    download(`${name}.svg`, new Blob([text], { type: 'image/svg+xml' }));
    return;
  }
  if (format === 'pdf') {
    const answer = await fetch(new URL(`${chart.board.api}/pdf`, location.href), { method: 'POST', body: text });
    if (!answer.ok) throw new Error(await answer.text());
    download(`${name}.pdf`, await answer.blob());
    return;
  }
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = picture.getAttribute('width') * SHARPNESS;
  canvas.height = picture.getAttribute('height') * SHARPNESS;
  canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
  canvas.toBlob((blob) => download(`${name}.png`, blob), 'image/png');
}
