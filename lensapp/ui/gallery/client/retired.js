// Candidates that the team's votes have settled: they are left out of the pages still to come.

const REFRESH_MS = 20000;

/** Keeps a shelf in step with what has retired; a review that retires nothing asks for nothing. */
export class Retired {
  constructor({ remote, shelf, retires }) {
    Object.assign(this, { remote, shelf, retires });
    this.asked = 0;
  }

  async load() {
    if (!this.retires) return;
    this.asked = Date.now();
    this.shelf.retired = new Set(await this.remote.retired());
  }

  /** Ask again after a while; the page that is shown, and those before, stay as they are. */
  async refresh() {
    if (Date.now() - this.asked < REFRESH_MS) return;
    try {
      await this.load();
      this.shelf.leaveOutAhead();
    } catch {
      // The pages stay as they were until the server answers again.
    }
  }
}
