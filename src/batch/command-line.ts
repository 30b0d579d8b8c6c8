/** Words of a kernel command line that still mean something after boot: each is a file under /proc/sys or /sys/module. */

import { HostError } from '../errors/host-error.ts';
import { sysctlPath } from '../kernel/syscalls/sysctl.ts';

/** One file to write. */
export interface Setting {
  /** The word that asks for it. */
  readonly word: string;
  readonly path: string;
  readonly value: string;
}

/** Documentation/admin-guide/kernel-parameters.txt: what each stands for. kernel.printk begins with the console's level. */
const known: Readonly<Record<string, (value: string) => readonly [key: string, value: string]>> = {
  loglevel: (value) => ['kernel.printk', value],
  quiet: () => ['kernel.printk', '4'],
  debug: () => ['kernel.printk', '10'],
  hostname: (value) => ['kernel.hostname', value],
  panic: (value) => ['kernel.panic', value],
  panic_on_warn: (value) => ['kernel.panic_on_warn', value || '1'],
};

/** Words are separated by blanks; double quotes hold blanks (lib/cmdline.c: next_arg). */
const WORD = /(?:"[^"]*"|[^\s"])+/g;

export const wordsOf = (text: string): string[] => (text.match(WORD) ?? []).map((quoted) => quoted.replaceAll('"', ''));

/** Throws `bad-option` for a word that means nothing any more. */
export function settingOf(word: string): Setting {
  const equals = word.indexOf('=');
  const [name, value] = equals < 0 ? [word, ''] : [word.slice(0, equals), word.slice(equals + 1)];
  const make = Object.hasOwn(known, name) ? known[name] : undefined;
  if (make) return sysctl(word, ...make(value));
  if (name.startsWith('sysctl.')) return sysctl(word, name.slice('sysctl.'.length), value);
  const [, module, parameter] = /^([\w-]+)\.([\w-]+)$/.exec(name) ?? [];
  if (module !== undefined && parameter !== undefined) {
    const path = `/sys/module/${underscored(module)}/parameters/${underscored(parameter)}`;
    return { word, path, value: value || 'Y' };
  }
  throw new HostError('bad-option', `${word}: the kernel reads ${name} while it boots, and starts here after that`, {
    members: { option: 'cmdline', word },
  });
}

export const sysctl = (word: string, key: string, value: string): Setting => ({ word, path: sysctlPath(key), value });

/** Dashes and underscores are the same in parameters. */
const underscored = (name: string): string => name.replaceAll('-', '_');
