/* Colours as numbers and back. Figures are made with the light palette; in the dark theme each of its colours
   becomes the dark one of the same meaning, and every other colour stays. */

/* "#" and six digits, or rgb(…) or rgba(…) of numbers → [red, green, blue, alpha], else null. */
export function channels(colour) {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(colour);
  if (hex) return [...hex.slice(1).map((pair) => parseInt(pair, 16)), 1];
  if (!/^rgba?\(/.test(colour)) return null;
  const numbers = colour.match(/[\d.]+/g).map(Number);
  return numbers.length < 3 ? null : [...numbers.slice(0, 3), numbers[3] ?? 1];
}

export function faint(colour, share) {
  const [red, green, blue] = channels(colour);
  return `rgba(${red},${green},${blue},${share})`;
}

export function isDarkColour(colour) {
  const [red, green, blue] = channels(colour) ?? [255, 255, 255];
  return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
}

/* A part of a figure with its colours turned to the dark theme's: all that lies under a key of colour, no data. */
export function darkened(part, palette) {
  const { light, dark } = palette, pairs = new Map();
  for (const role of Object.keys(light).filter((name) => name !== "page" && name !== "grid")) {
    [light[role]].flat().forEach((colour, i) => pairs.set(channels(colour).slice(0, 3).join(), [dark[role]].flat()[i]));
  }
  const turn = (colour) => {
    const found = channels(colour), other = found && pairs.get(found.slice(0, 3).join());
    if (!other) return colour;
    return found[3] === 1 ? other : faint(other, found[3]);
  };
  const visit = (value, isColour) => {
    if (typeof value === "string") return isColour ? turn(value) : value;
    if (Array.isArray(value)) {
      const isOfNumbers = !isColour && !value.some((inner) => inner && typeof inner === "object");
      return isOfNumbers ? value : value.map((inner) => visit(inner, isColour));
    }
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, visit(inner, isColour || /color/i.test(key))]));
  };
  return visit(part, false);
}
