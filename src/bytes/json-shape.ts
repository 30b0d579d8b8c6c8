/** How deep JSON text is nested, and how much is in it, told before anybody parses it. */

/** Deeper than anything that is asked for here: whoever walks through a value walks as deep. */
export const MAX_JSON_DEPTH = 256;

export interface JsonShape {
  /** How deep arrays and objects lie in each other, or MAX_JSON_DEPTH and one more: then nobody has looked further. */
  readonly depth: number;
  /** About how many values there are, objects and arrays among them: each takes far more memory than its text, `[]` ten times as much. */
  readonly values: number;
}

/** Of what may be no JSON at all. */
export function shapeOf(text: string): JsonShape {
  let [depth, most, values] = [0, 0, 1];
  let inString = false;
  for (let at = 0; at < text.length && most <= MAX_JSON_DEPTH; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === 0x5c) at++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x2c) values++;
    else if (code === 0x5b || code === 0x7b) {
      most = Math.max(most, ++depth);
      values++;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return { depth: most, values };
}
