// How long a candidate is really looked at: idle time is cut, and so is a hidden tab.

const IDLE_SECONDS = 60;
const SIGNS_OF_LIFE = ['keydown', 'pointerdown', 'pointermove', 'wheel'];

/** Counts the seconds since the last call of `look`; a pause longer than a minute counts as one. */
export class Stopwatch {
  constructor() {
    this.look();
    this.onLife = () => this.tick();
    SIGNS_OF_LIFE.forEach((name) => addEventListener(name, this.onLife, { capture: true, passive: true }));
    this.onVisibility = () => { if (document.hidden) this.tick(); else this.last = performance.now(); };
    document.addEventListener('visibilitychange', this.onVisibility);
  }

  close() {
    SIGNS_OF_LIFE.forEach((name) => removeEventListener(name, this.onLife, { capture: true }));
    document.removeEventListener('visibilitychange', this.onVisibility);
  }

  /** Begin anew: another candidate is looked at. */
  look() {
    this.active = 0;
    this.last = performance.now();
  }

  tick() {
    const now = performance.now();
    if (!document.hidden || now > this.last) this.active += Math.min(IDLE_SECONDS, (now - this.last) / 1000);
    this.last = now;
  }

  get seconds() {
    this.tick();
    return this.active;
  }
}

/** Say how much time is left, in units that suit: "3 min", "2.4 h". */
export function spokenTime(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(seconds < 36000 ? 1 : 0)} h`;
}
