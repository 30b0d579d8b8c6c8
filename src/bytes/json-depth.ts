/** How deep JSON text is nested, told before anybody parses it. */

/** Deeper than anything that is asked for here: whoever walks through a value walks as deep. */
export const MAX_JSON_DEPTH = 256;

/** How deep arrays and objects of JSON text lie in each other, or MAX_JSON_DEPTH and one more. */
function depthOf(text: string): number {
  let [depth, most] = [0, 0];
  let inString = false;
  for (let at = 0; at < text.length && most <= MAX_JSON_DEPTH; at++) {
    const code = text.charCodeAt(at);
    if (inString) {
      if (code === 0x5c) at++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x5b || code === 0x7b) most = Math.max(most, ++depth);
    else if (code === 0x5d || code === 0x7d) depth--;
  }
  return most;
}

export const isTooDeep = (text: string): boolean => text.length > MAX_JSON_DEPTH && depthOf(text) > MAX_JSON_DEPTH;
