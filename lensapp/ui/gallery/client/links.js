// Where else on the web a position can be looked at; nothing is sent before a link is opened.

const SITES = {
  Legacy: ({ ra, dec }) => `https://www.legacysurvey.org/viewer?ra=${ra}&dec=${dec}&layer=ls-dr10&zoom=16&mark=${ra},${dec}`,
  ESASky: ({ ra, dec, field }) => `https://sky.esa.int/esasky/?target=${ra}%20${dec}&hips=DSS2+color&fov=${field}&cooframe=J2000&sci=true`,
  Aladin: ({ ra, dec, field }) => `https://aladin.cds.unistra.fr/AladinLite/?target=${ra}%20${dec}&fov=${field}`,
};
const TITLES = { Legacy: 'Legacy Survey viewer', ESASky: 'ESASky', Aladin: 'Aladin Lite' };

/** Return one link per site; `field` is the side of the cutout in arcseconds, or null. */
export function linksTo({ ra, dec, field }) {
  const place = { ra: ra.toFixed(6), dec: dec.toFixed(6), field: ((3 * (field ?? 20)) / 3600).toFixed(5) };
  return Object.entries(SITES).map(([name, address]) => {
    const link = Object.assign(document.createElement('a'), {
      href: address(place), target: '_blank', rel: 'noopener noreferrer', textContent: name,
      title: `This position in the ${TITLES[name]}, in a new tab`,
    });
    return link;
  });
}
