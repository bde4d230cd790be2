// A picture of what lies around a candidate, with the candidate's own field and north marked.

import { element, svg } from "./dom.js";
import { directions } from "./sky.js";

const LINES = [['#000', 3], ['#fff', 1.2]]; // colour and width on the screen
const NORTH_SHARE = 0.12; // length of the line to the north, of the picture's side

/** Return the shapes to draw over a picture: {box: {x, y, side}} in its pixels, {north: [x1, y1, x2, y2]}, where known. */
export function marksOf({ width, height, box, ...facing }) {
  const ways = directions(facing), length = NORTH_SHARE * Math.max(width, height), marks = {};
  if (box) {
    const [right, down, side] = box, middle = [width / 2 + (right - 0.5) * width, height / 2 + (down - 0.5) * width];
    marks.box = { x: middle[0] - (side * width) / 2, y: middle[1] - (side * width) / 2, side: side * width };
  }
  if (ways) {
    const start = [width - 1.8 * length, 1.8 * length];
    marks.north = [...start, start[0] + length * ways.north[0], start[1] + length * ways.north[1]];
  }
  return marks;
}

/** Make the figure of one view: {label, picture, width, height, box, north_deg, east_left}. */
export function aroundFigure(view) {
  const { label, picture, width, height } = view, { box, north } = marksOf(view);
  const overlay = svg('svg', { class: 'overlay', viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true' });
  for (const [stroke, thick] of LINES) {
    const line = { fill: 'none', stroke, 'stroke-width': thick, 'vector-effect': 'non-scaling-stroke' };
    if (box) overlay.append(svg('rect', { x: box.x, y: box.y, width: box.side, height: box.side, ...line }));
    if (north) overlay.append(svg('path', { d: `M${north[0]} ${north[1]}L${north[2]} ${north[3]}`, ...line }));
  }
  if (north) {
    const [x, y, endX, endY] = north, size = 0.08 * Math.max(width, height);
    const at = { x: x + 1.4 * (endX - x), y: y + 1.4 * (endY - y), 'text-anchor': 'middle', 'dominant-baseline': 'central' };
    const letter = svg('text', { ...at, style: `font-size: ${size}px; stroke-width: ${size / 5}px` });
    letter.textContent = 'N';
    overlay.append(letter);
  }
  const image = element('img', { src: picture, alt: `Around the candidate: ${label}` });
  const words = element('span', { textContent: label, title: label });
  return element('figure', { className: 'view around' }, image, overlay, element('figcaption', {}, words));
}
