/** What a text has at its end, taken off from there: a pattern looks for that from every place where it might begin, again and again. */

/** `text` without what it ends in of `characters`. */
export function withoutEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text.charAt(end - 1))) end--;
  return text.slice(0, end);
}
