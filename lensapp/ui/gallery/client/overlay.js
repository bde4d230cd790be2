// What lies over the picture: scale bar, compass, known lens.

const BAR_SHARE = 0.3; // longest scale bar, of the view
const NICE = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600];

const svg = (tag, attributes) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
};

/** Unit vectors (right, down) to the north and the east, or null where the orientation is not known. */
function directions({ north_deg: turn, east_left: left }) {
  if (turn == null) return null;
  const angle = (turn * Math.PI) / 180, north = [-Math.sin(angle), -Math.cos(angle)];
  const side = left ? 1 : -1;
  return { north, east: [side * north[1], -side * north[0]] };
}

/** Draws over the main picture of the single view. */
export class Overlay {
  constructor() {
    this.fixed = svg('svg', { class: 'overlay', 'aria-hidden': 'true' });
    this.moving = svg('svg', { class: 'overlay moving', viewBox: '0 0 100 100', 'aria-hidden': 'true' });
  }

  /**
   * @param side of the view in CSS pixels
   * @param scale zoom
   * @param field side of the whole image in arcseconds, or null
   */
  draw({ side, scale, field, facts, shown }) {
    this.fixed.replaceChildren();
    this.moving.replaceChildren();
    if (!shown) return;
    this.fixed.setAttribute('viewBox', `0 0 ${side} ${side}`);
    const ways = directions(facts);
    if (field) this.drawBar({ side, arcsec: field / scale });
    if (ways) this.drawCompass({ side, ways });
    if (facts.known && field) this.drawKnown({ known: facts.known, field, ways, scale });
  }

  drawBar({ side, arcsec }) {
    const length = NICE.filter((one) => one <= arcsec * BAR_SHARE).at(-1) ?? NICE[0];
    const right = side - 14, left = right - (length / arcsec) * side, y = side - 14;
    for (const [colour, width] of [['#000', 5], ['#fff', 2]]) {
      this.fixed.append(svg('path', { d: `M${left} ${y - 4}v8M${left} ${y}H${right}M${right} ${y - 4}v8`, stroke: colour, 'stroke-width': width, fill: 'none' }));
    }
    const words = length < 60 ? `${length}″` : `${length / 60}′`;
    this.write(words, { x: (left + right) / 2, y: y - 9 });
  }

  drawCompass({ side, ways }) {
    const x = side - 44, y = 52, length = 26;
    for (const [letter, [right, down]] of Object.entries({ N: ways.north, E: ways.east })) {
      for (const [colour, width] of [['#000', 4], ['#fff', 1.6]]) {
        this.fixed.append(svg('path', { d: `M${x} ${y}l${length * right} ${length * down}`, stroke: colour, 'stroke-width': width }));
      }
      this.write(letter, { x: x + (length + 10) * right, y: y + (length + 10) * down + 4 });
    }
  }

  /** A ring at the known position; where only its separation is known, a broken one with that radius. */
  drawKnown({ known, field, ways, scale }) {
    const perArcsec = 100 / field, centre = [50, 50];
    if (ways) {
      for (const axis of [0, 1]) centre[axis] += perArcsec * (known.north * ways.north[axis] + known.east * ways.east[axis]);
    }
    const radius = ways ? 2.5 / scale : Math.max(2.5 / scale, known.separation * perArcsec);
    for (const [colour, width] of [['#000', 4], ['#56b4e9', 2]]) {
      this.moving.append(svg('circle', {
        cx: centre[0], cy: centre[1], r: radius, fill: 'none', stroke: colour, 'stroke-width': width,
        'vector-effect': 'non-scaling-stroke', ...(ways ? {} : { 'stroke-dasharray': '5 5' }),
      }));
    }
  }

  write(words, { x, y }) {
    const made = svg('text', { x, y, 'text-anchor': 'middle' });
    made.textContent = words;
    this.fixed.append(made);
  }
}
