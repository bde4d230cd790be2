import assert from 'node:assert/strict';
import { test } from 'node:test';

import { onSky, pixelAt, skyWords, valueText } from '../../../lensapp/ui/gallery/client/readout.js';

const WHOLE = { scale: 1, x: 0, y: 0 };
const OPTICS = { width: 40, height: 30, pixel_scale_arcsec: 0.2 };

test('pixels are counted as in FITS: from 1, upwards, whole at their middles', () => {
  const size = { width: 4, height: 4 };
  assert.deepEqual(pixelAt({ x: 0.125, y: 0.875 }, WHOLE, size), { x: 1, y: 1, column: 0, row: 0 });
  assert.deepEqual(pixelAt({ x: 0.875, y: 0.125 }, WHOLE, size), { x: 4, y: 4, column: 3, row: 3 });
  assert.deepEqual(pixelAt({ x: 0, y: 0 }, WHOLE, size), { x: 0.5, y: 4.5, column: 0, row: 3 });
  assert.equal(pixelAt({ x: 1, y: 0.5 }, WHOLE, size), null);
});

test('the bands beside a picture that is no square are no pixels', () => {
  const size = { width: 4, height: 2 }; // shown in the middle half of the height
  assert.equal(pixelAt({ x: 0.5, y: 0.2 }, WHOLE, size), null);
  assert.deepEqual(pixelAt({ x: 0.125, y: 0.375 }, WHOLE, size), { x: 1, y: 2, column: 0, row: 1 });
});

test('what is zoomed and moved is followed', () => {
  const zoomed = { scale: 2, x: -1, y: 0 }; // the upper right quarter
  assert.deepEqual(pixelAt({ x: 0.25, y: 0.25 }, zoomed, { width: 4, height: 4 }), { x: 3, y: 4, column: 2, row: 3 });
});

// What astropy.wcs 8.0 makes of pixel (31, 6) of a TAN projection about (20.5, 15.5), 0.2 arcsec a pixel.
for (const [facts, ra, dec] of [
  [{ ra: 150, dec: 2, north_deg: 0, east_left: true }, 149.99941631128692, 1.9994722221185697],
  [{ ra: 150, dec: 60, north_deg: 30, east_left: true }, 149.9995174257294, 59.99925126349027],
  [{ ra: 359.9995, dec: -45, north_deg: 30, east_left: false }, 359.999841243722, -45.00074873512165],
]) {
  test(`positions are those of astropy, north at ${facts.north_deg}°, east to the ${facts.east_left ? 'left' : 'right'}`, () => {
    const { position, away } = onSky({ x: 31, y: 6 }, OPTICS, facts);
    assert.ok(Math.abs(position.ra - ra) < 1e-9 && Math.abs(position.dec - dec) < 1e-9, JSON.stringify(position));
    assert.ok(Math.abs(away - 0.2 * Math.hypot(10.5, 9.5)) < 1e-12);
  });
}

test('right ascension goes round at 0°', () => {
  const facts = { ra: 0.0001, dec: 0, north_deg: 0, east_left: true };
  const { position } = onSky({ x: 31, y: 15.5 }, OPTICS, facts);
  assert.ok(Math.abs(position.ra - (360.0001 - 2.1 / 3600)) < 1e-9);
});

test('the line tells as much of the sky as is known, and no position where a candidate has none', () => {
  const facing = { north_deg: 0, east_left: true };
  assert.deepEqual(skyWords(onSky({ x: 25.5, y: 10.5 }, OPTICS, { ra: 150, dec: -2, ...facing })), {
    place: 'RA 149.99972°  Dec −2.00028°', offset: '1.41″ from the centre: 1.00″ W, 1.00″ S',
  });
  assert.deepEqual(skyWords(onSky({ x: 25.5, y: 10.5 }, OPTICS, facing)).place, '');
  assert.deepEqual(skyWords(onSky({ x: 25.5, y: 10.5 }, OPTICS, { ra: 150, dec: 2 })), { place: '', offset: '1.41″ from the centre' });
  assert.deepEqual(skyWords(onSky({ x: 25.5, y: 10.5 }, { ...OPTICS, pixel_scale_arcsec: null }, {})), { place: '', offset: '' });
});

test('values have five digits, a true minus, and masked pixels say so', () => {
  assert.deepEqual([0.1234567, -12345.67, 0, 1e-9, NaN].map(valueText), ['0.12346', '−12346', '0', '1e−9', 'masked']);
});
