"""Contrast of text by WCAG 2.1 (1.4.3): of two colours, and of everything a page shows."""

import re

TEXT, MARK = 4.5, 3.0  # least ratio; marks are icons, lines, and text from 24 px, or from 18.66 px if bold

# Returns [{text, ratio, wanted, colours, where}] of what is too faint, shadow roots included. The
# ground is the nearest opaque background; what is disabled, hidden or no text is left out, as WCAG does.
FAINT_TEXT = """
() => {
  const parse = (colour) => {
    const numbers = (colour.match(/-?[0-9.]+(e-?[0-9]+)?/g) ?? []).map(Number);
    const scale = colour.startsWith('color(') ? 255 : 1;
    return { rgb: numbers.slice(0, 3).map((one) => one * scale), alpha: numbers[3] ?? 1 };
  };
  const over = ({ rgb, alpha }, ground) => rgb.map((one, place) => alpha * one + (1 - alpha) * ground[place]);
  const light = (rgb) => rgb.map((one) => one / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, place) => sum + [0.2126, 0.7152, 0.0722][place] * one, 0);
  const parentOf = (node) => node.parentElement ?? node.getRootNode().host ?? null;
  const groundOf = (node) => {
    const layers = [];
    for (let at = node; at; at = parentOf(at)) {
      const layer = parse(getComputedStyle(at).backgroundColor);
      if (layer.alpha) layers.push(layer);
      if (layer.alpha === 1) break;
    }
    return layers.reverse().reduce((ground, layer) => over(layer, ground), [255, 255, 255]);
  };
  const found = [], roots = [document.body];
  const look = (node, text) => {
    const style = getComputedStyle(node), box = node.getBoundingClientRect();
    const visible = node.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    if (!visible || box.width < 3 || box.height < 3) return;
    if (node.closest('[disabled], [aria-disabled="true"], [type="range"], .unseen, svg')) return;
    const ground = groundOf(node), ink = over(parse(style.color), ground);
    const [dim, bright] = [light(ink), light(ground)].sort((one, other) => one - other);
    const ratio = (bright + 0.05) / (dim + 0.05), size = parseFloat(style.fontSize);
    const icon = style.fontFamily.includes('Material Symbols');
    const wanted = icon || size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    const where = [node.tagName.toLowerCase(), ...node.classList].join('.');
    const colours = `${style.color} on ${ground.map(Math.round)}`;
    if (ratio < wanted) found.push({ text: text.slice(0, 40), ratio, wanted, colours, where });
  };
  while (roots.length) {
    const root = roots.pop();
    for (const node of [...root.querySelectorAll('*')]) {
      if (node.shadowRoot) roots.push(node.shadowRoot);
      if (/^(STYLE|SCRIPT|OPTION|NOSCRIPT)$/.test(node.tagName)) continue;
      const own = [...node.childNodes].map((one) => (one.nodeType === 3 ? one.data.trim() : '')).join('');
      const text = own || node.selectedOptions?.[0]?.text || node.placeholder || node.value;
      if (typeof text === 'string' && text) look(node, text);
    }
  }
  return found;
}
"""


def contrast(one: str, other: str) -> float:
    """Return the ratio of two opaque colours given as "#rrggbb"."""
    dim, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dim + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of "#rrggbb"."""
    parts = [int(part, 16) / 255 for part in re.findall("[0-9a-fA-F]{2}", colour)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
