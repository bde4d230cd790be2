// Directions and positions on the sky in a picture.

const PER_RADIAN = 180 / Math.PI, ARCSEC = 3600;

/** Unit vectors (right, down) to the north and the east, or null where the orientation is not known. */
export function directions({ north_deg: degrees, east_left: left }) {
  if (degrees == null) return null;
  const angle = (degrees * Math.PI) / 180, north = [-Math.sin(angle), -Math.cos(angle)];
  const side = left ? 1 : -1;
  return { north, east: [side * north[1], -side * north[0]] };
}

/** Return an offset in a picture, to the right and downwards, as one to the north and the east. */
export function offsetOnSky({ north, east }, { right, down }) {
  return { north: right * north[0] + down * north[1], east: right * east[0] + down * east[1] };
}

/**
 * Return where a point of the tangent plane at a position lies on the sky, in degrees: {ra, dec}; offsets in arcseconds.
 * Calabretta & Greisen 2002, A&A 395, 1077, equations 12 to 15, 54 and 55 (TAN), as lensapp/core/data/sky.py.
 */
export function offsetPosition({ ra, dec }, { north, east }) {
  const xi = east / ARCSEC / PER_RADIAN, eta = north / ARCSEC / PER_RADIAN;
  const sin0 = Math.sin(dec / PER_RADIAN), cos0 = Math.cos(dec / PER_RADIAN), depth = cos0 - eta * sin0;
  const around = (ra + PER_RADIAN * Math.atan2(xi, depth)) % 360;
  return { ra: around < 0 ? around + 360 : around, dec: PER_RADIAN * Math.atan2(sin0 + eta * cos0, Math.hypot(xi, depth)) };
}
