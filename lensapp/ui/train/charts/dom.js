// Drawing that changes only what differs: an attribute that stays is not written again.

const SVG = 'http://www.w3.org/2000/svg';

/** Make an element of a page; names with a hyphen and `role` are attributes, the rest properties. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes('-') || name === 'role') made.setAttribute(name, value);
    else if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else made[name] = value;
  }
  made.append(...children);
  return made;
}

/** Make a part of a drawing. */
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  put(made, attributes);
  made.append(...children);
  return made;
}

/** Write the attributes of a part that are others than before; null takes one away. */
export function put(part, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null) {
      if (part.hasAttribute(name)) part.removeAttribute(name);
    } else if (part.getAttribute(name) !== String(value)) part.setAttribute(name, value);
  }
}

/** Write a text that is another than before. */
export function say(part, text) {
  if (part.textContent !== text) part.textContent = text;
}

/** Return `count` children of a group, those that are there and others made; what is over is taken away. */
export function parts(group, count, make) {
  while (group.childNodes.length > count) group.lastChild.remove();
  while (group.childNodes.length < count) group.append(make());
  return [...group.childNodes];
}

/** Give a file to the reader to keep. */
export function download(name, blob) {
  const link = element('a', { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
