// Directions on the sky in a picture.

/** Unit vectors (right, down) to the north and the east, or null where the orientation is not known. */
export function directions({ north_deg: degrees, east_left: left }) {
  if (degrees == null) return null;
  const angle = (degrees * Math.PI) / 180, north = [-Math.sin(angle), -Math.cos(angle)];
  const side = left ? 1 : -1;
  return { north, east: [side * north[1], -side * north[0]] };
}
