// Everything that comes over HTTP: pictures and pixels, of which the newest are kept, votes, names and positions.

import { parseRaw } from "./stretch.js";

export const CACHED_PIXELS = 48e6; // what the cached pictures and pixels may hold together
const CACHED_FACTS = 5000;

const LOG_IN = 401; // the session has ended, as the page that answers a reload says
const FORBIDDEN = 403;

/** An HTTP answer that is not a success. */
export class Refused extends Error {
  constructor(status, message, { taken = null, features = null } = {}) {
    super(message);
    this.status = status;
    this.taken = taken; // running numbers under which other votes are stored
    this.features = features; // {source, run}: features that are missing, and the run that can compute them
  }
}

/** Keeps the newest answers up to a weight; a finished one can be taken without waiting. */
class Cache {
  constructor(limit) {
    this.limit = limit;
    this.weight = 0;
    this.entries = new Map();
  }

  fetch(key, load) {
    let entry = this.entries.get(key);
    if (entry) this.entries.delete(key);
    else entry = this.start(key, load);
    this.entries.set(key, entry);
    return entry.promise;
  }

  start(key, load) {
    const entry = { value: null, weight: 0 };
    entry.promise = load().then(
      (value) => this.finish(key, entry, value),
      (error) => { if (this.entries.get(key) === entry) this.entries.delete(key); throw error; },
    );
    entry.promise.catch(() => {}); // a prefetch nobody waits for
    return entry;
  }

  finish(key, entry, value) {
    entry.value = value;
    entry.weight = value.weight;
    this.weight += value.weight;
    for (const [oldest, other] of this.entries) {
      if (this.weight <= this.limit || oldest === key) break;
      if (other.value) this.drop(oldest, other);
    }
    return value;
  }

  /** Return the finished value, or null. */
  peek(key) {
    return this.entries.get(key)?.value ?? null;
  }

  drop(key, entry) {
    this.entries.delete(key);
    this.weight -= entry.weight;
    entry.value.bitmap?.close();
  }
}

/** The routes of one review, asked with one token. */
export class Remote {
  constructor(data) {
    this.renew(data);
    this.cache = new Cache(CACHED_PIXELS);
    this.onForbidden = () => {}; // called with the token that does not, or no more, allow what was asked
  }

  renew(data) {
    this.api = data.api;
    this.token = data.token;
    this.key = data.picture_key;
  }

  async get(path) {
    const response = await fetch(`${this.api}/${path}`, { headers: { 'x-token': this.token } });
    if (!response.ok) throw await this.refusal(response);
    return response;
  }

  /** Return what is wrong; what is shown goes with the session, and may go with the token. */
  async refusal(response) {
    if (response.status === LOG_IN) location.reload();
    if (response.status === FORBIDDEN) this.onForbidden(this.token);
    const answer = await response.json().catch(() => ({}));
    return new Refused(response.status, answer.error || `The server answered ${response.status}.`, answer);
  }

  /** All cutout ids in order. */
  async queue() {
    return this.ids('queue');
  }

  /** The ids that need no more votes. */
  async retired() {
    return this.ids('retired');
  }

  /** The ids that this inspector is asked to grade. */
  async share() {
    return this.ids('share');
  }

  /** The review that waits for this inspector next: {review, left}, or {}. */
  async task() {
    return (await this.get('task')).json();
  }

  /** The ids that a filter leaves, in order, and whether that tells scores: {ids, tellsScores}. */
  async part(query) {
    const response = await this.get(`part?${query}`);
    return { ids: await idsOf(response), tellsScores: response.headers.get('x-tells-scores') === '1' };
  }

  /** What the review can be filtered and sorted by. */
  async columns() {
    return (await this.get('columns')).json();
  }

  async ids(path) {
    return idsOf(await this.get(path));
  }

  async votes() {
    return (await this.get('labels')).json();
  }

  async candidates(ids, { scores, known, alone }) {
    const asked = Object.entries({ scores, known, alone }).filter(([, wanted]) => wanted).map(([name]) => `&${name}=1`);
    return (await this.get(`candidates?ids=${ids.join('-')}${asked.join('')}`)).json();
  }

  /** What lies around a candidate: {views, note}. */
  around(id, stretch) {
    const path = `around?ids=${id}&stretch=${stretch}`;
    return this.cache.fetch(path, async () => {
      const answer = await (await this.get(path)).json();
      return { ...answer, weight: answer.views.reduce((sum, { picture }) => sum + picture.length, 1) };
    });
  }

  /** How and where this inspector looked last, on any machine. */
  async view() {
    return (await this.get('view')).json();
  }

  /** How far this inspector agrees with the others. */
  async agreement() {
    return (await this.get('agreement')).json();
  }

  async saveView(view) {
    return this.send('view', view, { keepalive: true });
  }

  /** `key` is that of the pictures of the cutouts' source. */
  sheetPath(ids, size, display, key = this.key) {
    const query = new URLSearchParams({ ...display, rgb: display.rgb.join(',') });
    return `sheet?ids=${ids.join('-')}&size=${size}&key=${key}&${query}`;
  }

  rawPath(ids, size) {
    return `raw?ids=${ids.join('-')}&size=${size}&key=${this.key}`;
  }

  /** Fetch pictures: {bitmap, columns, width, height}. */
  sheet(path, count) {
    return this.cache.fetch(path, async () => {
      const bitmap = await createImageBitmap(await (await this.get(path)).blob());
      const columns = Math.ceil(Math.sqrt(count));
      const rows = Math.ceil(count / columns);
      const weight = bitmap.width * bitmap.height;
      return { bitmap, columns, weight, width: bitmap.width / columns, height: bitmap.height / rows };
    });
  }

  /** Fetch pixels, ready to be painted. */
  raw(path) {
    return this.cache.fetch(path, async () => parseRaw(await (await this.get(path)).arrayBuffer()));
  }

  /** The values of the pixels of a cutout as they are told: {bands, height, width, values}, the lowest row first. */
  values(id) {
    return this.cache.fetch(`values?ids=${id}&key=${this.key}`, async () => {
      const buffer = await (await this.get(`values?ids=${id}&key=${this.key}`)).arrayBuffer();
      const [, bands, height, width] = new Int32Array(buffer, 0, 4), values = new Float32Array(buffer, 16);
      return { bands, height, width, values, weight: values.length };
    });
  }

  peek(path) {
    return this.cache.peek(path);
  }

  /** Send votes; `keepalive` lets the request outlive the page. */
  async post(client, ops, { keepalive }) {
    return this.send('labels', { client, ops }, { keepalive });
  }

  /** Make a review of candidates. */
  async reviewOf(ids) {
    return this.send('picked', { ids }, { keepalive: false });
  }

  /** Make a review of the candidates most alike one. */
  async alike(id) {
    return this.send('alike', { id }, { keepalive: false });
  }

  /** Start making the features that the search for those alike one needs: {state, words}. */
  async makeFeatures(id) {
    return this.send('features', { id }, { keepalive: false });
  }

  /** How far they are. */
  async features(id) {
    return (await this.get(`features?ids=${id}`)).json();
  }

  async send(path, body, { keepalive }) {
    const response = await fetch(`${this.api}/${path}`, {
      method: 'POST',
      keepalive,
      headers: { 'content-type': 'application/json', 'x-token': this.token },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw await this.refusal(response);
    return response.json();
  }
}

async function idsOf(response) {
  const halves = new Uint32Array(await response.arrayBuffer()), ids = new Float64Array(halves.length / 2);
  for (let index = 0; index < ids.length; index++) ids[index] = halves[2 * index] + 2 ** 32 * halves[2 * index + 1];
  return ids;
}

/** Names and positions of candidates, scores and known lenses when asked for; remembers whose score was visible. */
export class Facts {
  constructor(remote) {
    this.remote = remote;
    this.cache = new Map();
    this.seen = new Set();
    this.scoresShown = false;
    this.scoresTold = false; // by filter or order, though the scores themselves may be hidden
    this.lensesShown = false;
  }

  name(id) {
    return this.cache.get(id)?.name ?? `Candidate ${id}`;
  }

  /** Return the score, or null while scores are hidden. */
  score(id) {
    return this.scoresShown ? this.cache.get(id)?.score ?? null : null;
  }

  /** Return the probability that the score means where the run is calibrated, or null while scores are hidden. */
  probability(id) {
    return this.scoresShown ? this.cache.get(id)?.probability ?? null : null;
  }

  /** Return the known lens at a candidate, or null while these are hidden. */
  lens(id) {
    return this.lensesShown ? this.cache.get(id)?.known ?? null : null;
  }

  /** The grade that this inspector gave it in another review, where the review may tell. */
  earlier(id) {
    return this.cache.get(id)?.earlier ?? null;
  }

  /** Return everything about a candidate that may be shown. */
  of(id) {
    return { ...this.cache.get(id), score: this.score(id), probability: this.probability(id), known: this.lens(id) };
  }

  isMissing(id) {
    const facts = this.cache.get(id);
    return !facts || (this.scoresShown && facts.score === undefined) || (this.lensesShown && facts.known === undefined);
  }

  /** Fetch what is missing for `ids`; return whether it could be fetched. */
  async fetch(ids) {
    const { scoresShown, scoresTold } = this;
    try {
      if (ids.some((id) => this.isMissing(id))) await this.add(ids);
    } catch {
      return false; // names are a comfort; pictures and votes show when the server is away
    }
    if ((scoresShown && this.scoresShown) || (scoresTold && this.scoresTold)) ids.forEach((id) => this.seen.add(id));
    return true;
  }

  /** Fetch again what others voted on a candidate meanwhile; return whether it could be fetched. */
  async renew(id) {
    try {
      await this.add([id]);
      return true;
    } catch {
      return false;
    }
  }

  /** Why nothing can be shown around a candidate: '' where something can, undefined while the server is away. */
  async alone(id) {
    try {
      if (this.cache.get(id)?.alone === undefined) await this.add([id], { alone: true });
    } catch {
      return undefined;
    }
    return this.cache.get(id)?.alone;
  }

  async add(ids, more = {}) {
    if (this.cache.size > CACHED_FACTS) this.cache.clear();
    const columns = { scores: this.scoresShown, known: this.lensesShown, ...more };
    for (const facts of await this.remote.candidates(ids, columns)) {
      this.cache.set(facts.id, { ...this.cache.get(facts.id), ...facts });
    }
  }
}
