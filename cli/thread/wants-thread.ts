/** Which command lines run in a thread of their own: those whose programs may compute for ever, hearing nothing. */

import { readFileSync, statSync } from 'node:fs';

const always = ['shell', 'fsck', 'resize'];

/** `words` are those behind the command's name. Read before anything else is loaded; where it is mistaken, signals have to wait. */
export function wantsThread(words: readonly string[]): boolean {
  const verb = words.find((word) => !word.startsWith('-'));
  if (verb !== undefined && always.includes(verb)) return true;
  if (verb === 'sim') return simulatesPrograms(words);
  // Without a disk nothing is left behind: the system ends the process.
  const behind = words.indexOf('--');
  const own = behind < 0 ? words : words.slice(0, behind);
  return verb === 'run' && own.some((word) => /^(--disk(=.*)?|-d.*|-[a-z]*d)$/.test(word));
}

/** Longer ones are no networks that somebody wrote, and are not read twice. */
const MOST_BYTES = 16 * 2 ** 20;

/** A network here that has programs on its hosts. Each run of a sweep is a process of its own, which is asked again. */
function simulatesPrograms(words: readonly string[]): boolean {
  if (words.some((word) => /^--(url|sweep)(=|$)/.test(word))) return false;
  return words.some((word) => word !== 'sim' && mayHavePrograms(word));
}

/** Of the file that a word names, if it names one. What can be read once, or is long, may have anything. */
function mayHavePrograms(word: string): boolean {
  if (word === '-') return true;
  if (word.startsWith('-')) return false;
  try {
    const stat = statSync(word);
    if (!stat.isFile() || stat.size > MOST_BYTES) return !stat.isDirectory();
    const text = readFileSync(word, 'utf8');
    return /"(exec|setup)"/.test(text) && !/"sweep"\s*:/.test(text);
  } catch {
    return false; // it is told by who reads it
  }
}
