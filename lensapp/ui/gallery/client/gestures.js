// Zoom and pan by wheel, drag, pinch and keys; a swipe goes on while nothing is zoomed.

const LARGEST = 24;
const STEP = 1.5;
const PAN_STEP = 0.12; // of the view
const CLICK_PIXELS = 6; // a pointer that moved less has clicked
const SWIPE_PIXELS = 60;
const PINCH_STEP = 0.06; // logarithm of the least change of size worth a new layout

/** The part of the image that is seen, the same in every panel. */
export class Zoom {
  /** @param onChange called after each change; @param onSwipe called with 1 or -1 */
  constructor(root, { onChange, onSwipe }) {
    Object.assign(this, { root, onChange, onSwipe });
    this.pointers = new Map();
    this.scale = 1;
    this.x = this.y = 0; // of the image's corner, in sizes of the view
    root.addEventListener('wheel', (event) => this.wheel(event), { passive: false });
    root.addEventListener('pointerdown', (event) => this.press(event));
    root.addEventListener('pointermove', (event) => this.drag(event));
    for (const name of ['pointerup', 'pointercancel']) root.addEventListener(name, (event) => this.release(event));
    root.addEventListener('dblclick', (event) => { if (event.target.closest('.view.main')) this.reset(); });
    root.addEventListener('click', (event) => { if (this.dragged) event.stopImmediatePropagation(); }, true);
  }

  /** Zoom by `factor` about a point of the view, given in shares of its size; return whether it changed. */
  by(factor, at = { x: 0.5, y: 0.5 }) {
    const before = this.scale;
    this.scale = Math.min(LARGEST, Math.max(1, before * factor));
    const change = this.scale / before;
    this.moveTo(at.x - (at.x - this.x) * change, at.y - (at.y - this.y) * change);
    return this.scale !== before;
  }

  step(direction) {
    return this.by(STEP ** direction);
  }

  pan(right, down) {
    this.moveTo(this.x - PAN_STEP * right, this.y - PAN_STEP * down);
  }

  reset() {
    this.scale = 1;
    this.moveTo(0, 0);
  }

  moveTo(x, y) {
    this.x = Math.min(0, Math.max(1 - this.scale, x));
    this.y = Math.min(0, Math.max(1 - this.scale, y));
    this.root.style.setProperty('--zoom', Number(this.scale.toFixed(4)));
    this.root.style.setProperty('--x', Number(this.x.toFixed(5)));
    this.root.style.setProperty('--y', Number(this.y.toFixed(5)));
    this.onChange();
  }

  wheel(event) {
    const view = event.target.closest('.view');
    if (!view) return;
    event.preventDefault();
    this.by(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002)), within(view, event));
  }

  press(event) {
    const view = event.target.closest('.view');
    this.dragged = false;
    if (!view || event.target.closest('select, input, button')) return;
    this.view = view;
    this.pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, startX: event.clientX, startY: event.clientY });
  }

  drag(event) {
    const pointer = this.pointers.get(event.pointerId);
    if (!pointer) return;
    const { width } = this.view.getBoundingClientRect();
    const before = this.spread();
    const moved = { x: (event.clientX - pointer.x) / width, y: (event.clientY - pointer.y) / width };
    Object.assign(pointer, { x: event.clientX, y: event.clientY });
    if (Math.hypot(pointer.x - pointer.startX, pointer.y - pointer.startY) > CLICK_PIXELS) this.dragged = true;
    if (!this.dragged) return;
    if (this.pointers.size === 2) this.by(this.spread() / before, within(this.view, event));
    else if (this.scale > 1) this.moveTo(this.x + moved.x, this.y + moved.y);
  }

  release(event) {
    const pointer = this.pointers.get(event.pointerId);
    this.pointers.delete(event.pointerId);
    if (!pointer || event.pointerType !== 'touch' || this.scale > 1 || event.type === 'pointercancel') return;
    const right = event.clientX - pointer.startX, down = event.clientY - pointer.startY;
    if (Math.abs(right) > SWIPE_PIXELS && Math.abs(right) > 2 * Math.abs(down)) this.onSwipe(right < 0 ? 1 : -1);
  }

  spread() {
    const [one, other] = [...this.pointers.values()];
    return other ? Math.max(1, Math.hypot(one.x - other.x, one.y - other.y)) : 1;
  }
}

function within(view, { clientX, clientY }) {
  const { left, top, width, height } = view.getBoundingClientRect();
  return { x: (clientX - left) / width, y: (clientY - top) / height };
}

/** Calls `onSwipe` with 1 or -1 when a finger swipes over `root`, `onPinch` with a factor when two do. */
export class Fingers {
  constructor(root, { onSwipe, onPinch }) {
    Object.assign(this, { root, onSwipe, onPinch });
    this.down = new Map();
    root.addEventListener('pointerdown', (event) => { if (event.pointerType === 'touch') this.press(event); });
    root.addEventListener('pointermove', (event) => { if (this.down.has(event.pointerId)) this.move(event); });
    for (const name of ['pointerup', 'pointercancel']) {
      root.addEventListener(name, (event) => { if (this.down.has(event.pointerId)) this.release(event); });
    }
  }

  press(event) {
    if (!this.down.size) this.pinching = false;
    this.down.set(event.pointerId, event);
    if (this.down.size !== 2) return;
    this.pinching = true;
    this.spread = this.distance();
    for (const id of this.down.keys()) this.root.setPointerCapture(id); // tiles come and go meanwhile
  }

  move(event) {
    if (!this.pinching) return;
    this.down.set(event.pointerId, event);
    const factor = this.distance() / this.spread;
    if (this.down.size !== 2 || Math.abs(Math.log(factor)) < PINCH_STEP) return;
    this.spread *= factor;
    this.onPinch(factor);
  }

  release(event) {
    const start = this.down.get(event.pointerId);
    this.down.delete(event.pointerId);
    if (this.pinching || event.type === 'pointercancel') return;
    const right = event.clientX - start.clientX, across = event.clientY - start.clientY;
    if (Math.abs(right) > SWIPE_PIXELS && Math.abs(right) > 2 * Math.abs(across)) this.onSwipe(right < 0 ? 1 : -1);
  }

  distance() {
    const [one, other] = [...this.down.values()];
    return other ? Math.max(1, Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY)) : 1;
  }
}
