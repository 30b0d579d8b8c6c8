/** Which command lines run in a thread of their own: those whose programs may compute for ever, hearing nothing. */

const always = ['shell', 'fsck', 'resize'];

/** `words` are those behind the command's name. Read before anything else is loaded; where it is mistaken, signals have to wait. */
export function wantsThread(words: readonly string[]): boolean {
  const verb = words.find((word) => !word.startsWith('-'));
  if (verb !== undefined && always.includes(verb)) return true;
  // Without a disk nothing is left behind: the system ends the process.
  const behind = words.indexOf('--');
  const own = behind < 0 ? words : words.slice(0, behind);
  return verb === 'run' && own.some((word) => /^(--disk(=.*)?|-d.*|-[a-z]*d)$/.test(word));
}
