// How an inspector likes to see candidates, remembered per inspector on this machine.

const DEFAULTS = {
  stretch: 'lupton', rgb: [], black: -0.5, softening: 3, white: 3, percentile: 99.5,
  tile: 150, filter: 'all', advance: true,
};
const TILE_RANGE = [64, 480];

/** Read and write settings; the address of the page never holds them. */
export class Settings {
  constructor(inspector, source) {
    this.key = `lensapp.view:${inspector}`;
    this.source = source; // colours are remembered per source, since bands differ
    this.values = { ...DEFAULTS, ...this.stored() };
    this.values.rgb = this.values.colours?.[source] ?? [];
  }

  stored() {
    try {
      return JSON.parse(localStorage.getItem(this.key)) ?? {};
    } catch {
      return {};
    }
  }

  change(changes) {
    Object.assign(this.values, changes);
    this.values.tile = Math.min(TILE_RANGE[1], Math.max(TILE_RANGE[0], this.values.tile));
    this.values.colours = { ...this.values.colours, [this.source]: this.values.rgb };
    try {
      localStorage.setItem(this.key, JSON.stringify(this.values));
    } catch {
      // Nothing is lost but the memory of the settings.
    }
  }

  /** Return how pixels are shown, as /sheet wants it. */
  get display() {
    const { stretch, rgb, black, softening, white, percentile } = this.values;
    return { stretch, rgb, black, softening, white, percentile };
  }

  resetDisplay() {
    const { stretch, black, softening, white, percentile } = DEFAULTS;
    this.change({ stretch, black, softening, white, percentile, rgb: [] });
  }
}
