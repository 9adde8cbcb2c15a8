// Elements, made and changed by text and attributes only: nothing here takes HTML.

/** An element. `attributes`: `class`, `on` (listeners by event), anything else an attribute; null is left out. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") Object.entries(value).forEach(([event, listener]) => node.addEventListener(event, listener));
    else if (value != null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** Sets a node's text if it differs; a write that changes nothing would still cost a layout. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setAttribute(node, name, value) {
  if (value == null || value === false) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** Sets a custom property through the style object, which a strict Content-Security-Policy allows. */
export function setStyle(node, name, value) {
  if (node.style.getPropertyValue(name) !== value) node.style.setProperty(name, value);
}

/** Makes `parent`'s children those of `items`, in order; rows that stay are changed in place and keep their focus. */
export function keyed(parent, items, key, create, update) {
  const old = parent.keyedRows ?? new Map();
  const rows = new Map();
  let next = parent.firstElementChild;
  for (const item of items) {
    const id = key(item);
    const row = old.get(id) ?? create(item);
    update(row, item);
    rows.set(id, row);
    if (row === next) next = next.nextElementSibling;
    else parent.insertBefore(row, next);
  }
  for (const [id, row] of old) if (!rows.has(id)) row.remove();
  parent.keyedRows = rows;
}

/** A link to a page that was fetched; text where it is no web address. */
export function outward(url, text = url) {
  let known = false;
  try {
    known = ["http:", "https:"].includes(new URL(url).protocol);
  } catch {
    // not an address: shown as text
  }
  return known
    ? el("a", { href: url, rel: "noopener noreferrer", target: "_blank", title: url }, text)
    : el("span", { title: url }, text);
}
