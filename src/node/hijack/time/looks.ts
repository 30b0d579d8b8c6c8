/** What the machine's kernel tells nobody of is looked for: every so many milliseconds, and before virtual time passes. */

/** Answers whether it has come. */
type Look = () => boolean;

const looks = new Set<Look>();

/** Answers how to end that. */
export function keepLooking(look: Look, everyMs: number): () => void {
  const timer = setInterval(look, everyMs);
  looks.add(look);
  return () => {
    clearInterval(timer);
    looks.delete(look);
  };
}

/** Whether something has come that somebody waits for. */
export function lookNow(): boolean {
  let hasCome = false;
  for (const look of looks) if (look()) hasCome = true;
  return hasCome;
}
