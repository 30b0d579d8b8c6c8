/** Runs the commands of a script on its kernel: sysctl, ip, tc, and the few that look at files. */

import { AT_FDCWD } from '../../abi/uapi/fs.ts';
import type { HostedTask } from '../../kernel/hosted-task.ts';
import { plus } from '../../kernel/memory.ts';
import { close, openat } from '../../kernel/syscalls/file.ts';
import { sysctlPath } from '../../kernel/syscalls/sysctl.ts';
import { ScriptError } from '../language/script-error.ts';
import { defaultSettings } from './defaults.ts';
import { network } from './network.ts';
import { type Command, type Pipeline, parseShell } from './parse.ts';

/** The text of a file that a script names; undefined: there is none. */
export type FileText = (path: string) => string | undefined;

interface Ended {
  readonly ok: boolean;
  readonly output: string;
}

const O_RDONLY = 0;
const O_WRONLY = 1;
const O_CREAT = 0o100;
const O_APPEND = 0o2000;
const SCRIPT_PID = '1000';
const MAX_DEPTH = 8;

export class Shell {
  readonly #task: HostedTask;
  readonly #files: FileText;
  /** Seconds of the kernel's clock. */
  readonly #sleep: (seconds: number) => Promise<void>;
  readonly #variables = new Map([
    ['PPID', SCRIPT_PID],
    ['PACKETDRILL_PID', SCRIPT_PID],
  ]);
  /** What set_sysctls.py changed: path and the value before. */
  readonly #before: [path: string, value: string][] = [];
  #depth = 0;
  #counted: ReadonlyMap<string, number> = new Map();

  constructor(task: HostedTask, files: FileText, sleep: (seconds: number) => Promise<void>) {
    this.#task = task;
    this.#files = files;
    this.#sleep = sleep;
  }

  /** Answers whether the last command succeeded. Throws a `ScriptError` for what is not supported. */
  async run(text: string): Promise<boolean> {
    if (++this.#depth > MAX_DEPTH) throw new ScriptError('scripts call each other without end');
    try {
      let ok = true;
      for (const pipeline of parseShell(text, (name) => this.#variables.get(name) ?? '')) {
        if (pipeline.when === 'success' && !ok) continue;
        if (pipeline.when === 'failure' && ok) continue;
        ok = (await this.#pipeline(pipeline)) !== pipeline.negated;
      }
      return ok;
    } finally {
      this.#depth--;
    }
  }

  async #pipeline({ commands }: Pipeline): Promise<boolean> {
    let input = '';
    let ok = true;
    for (const command of commands) {
      const ended = await this.#command(command, input);
      ok = ended.ok;
      input = ended.output;
      if (command.output && command.output.to !== '/dev/null') {
        ok = (await this.#write(command.output.to, input, command.output.append)) && ok;
        input = '';
      }
    }
    return ok;
  }

  async #command({ words }: Command, input: string): Promise<Ended> {
    const rest = [...words];
    while (/^[A-Za-z_]\w*=/.test(rest[0] ?? '')) {
      const [name = '', ...value] = rest.shift()?.split('=') ?? [];
      this.#variables.set(name, value.join('='));
    }
    const [program, ...args] = rest;
    if (program === undefined) return said(true);
    const base = program.slice(program.lastIndexOf('/') + 1);
    switch (base) {
      case 'sysctl':
        return this.#sysctl(args);
      case 'echo':
      case 'printf':
        return said(true, `${args.filter((word) => word !== '-n').join(' ')}\n`);
      case 'cat':
        return this.#cat(args, input);
      case 'grep':
        return this.#grep(args, input);
      case 'ip':
      case 'tc':
        return said(await network(this.#task, [base, ...args]));
      case 'sleep':
        await this.#sleep(Number(args[0]));
        return said(true);
      case 'true':
      case ':':
      case 'sync':
      case 'set':
      case 'ulimit':
        return said(true);
      case 'false':
        return said(false);
      case 'nstat':
        return this.#nstat(args);
      case 'set_sysctls.py':
        return this.#setSysctls(args);
    }
    if (/^sysctl_restore_\d+\.sh$/.test(base)) return this.#restore();
    return this.#script(program, base);
  }

  async #script(program: string, base: string): Promise<Ended> {
    const text = this.#files(program);
    if (text !== undefined) return said(await this.run(text.replace(/^#![^\n]*/, '')));
    if (base === 'defaults.sh') return this.#defaults();
    throw new ScriptError(`the command ${program} is not supported`);
  }

  /** As the file of that name in the kernel's own suite. */
  async #defaults(): Promise<Ended> {
    await network(this.#task, ['ip', 'tcp_metrics', 'flush', 'all']);
    for (const [key, value] of defaultSettings) await this.#write(sysctlPath(key), value, false);
    return said(await network(this.#task, ['tc', 'qdisc', 'add', 'dev', 'tun0', 'root', 'pfifo']));
  }

  async #sysctl(args: readonly string[]): Promise<Ended> {
    let ok = true;
    let output = '';
    const ignore = args.includes('-e');
    for (const word of args) {
      if (/^-\w+$/.test(word)) continue;
      const [key = '', ...value] = word.split('=');
      // Both "net.ipv4.x" and "net/ipv4/x" are written.
      const path = key.includes('/') && !key.includes('.') ? `/proc/sys/${key}` : sysctlPath(key);
      if (value.length > 0) ok = (await this.#write(path, value.join('=').replace(/^"(.*)"$/, '$1'), false)) && ok;
      else {
        const text = await this.#read(path);
        if (text === undefined) ok = false;
        else output += args.includes('-n') ? text : `${key} = ${text}`;
      }
    }
    return said(ok || ignore, output);
  }

  async #setSysctls(args: readonly string[]): Promise<Ended> {
    let ok = true;
    for (const word of args) {
      const [path = '', ...value] = word.split('=');
      const before = await this.#read(path);
      if (before !== undefined) this.#before.push([path, before.trim()]);
      ok = (await this.#write(path, value.join('='), false)) && ok;
    }
    return said(ok);
  }

  async #restore(): Promise<Ended> {
    let ok = true;
    for (const [path, value] of this.#before.splice(0)) ok = (await this.#write(path, value, false)) && ok;
    return said(ok);
  }

  /** What the kernel counted since this was asked last; with -a since ever, with -z what did not change, too. */
  async #nstat(args: readonly string[]): Promise<Ended> {
    const counters = new Map<string, number>();
    for (const path of ['/proc/net/snmp', '/proc/net/snmp6', '/proc/net/netstat']) {
      for (const [name, value] of countersIn((await this.#read(path)) ?? '')) counters.set(name, value);
    }
    const options = args.filter((word) => word.startsWith('-')).join('');
    const names = args.filter((word) => !word.startsWith('-'));
    let output = '#kernel\n';
    for (const [name, value] of counters) {
      const more = value - (options.includes('a') ? 0 : (this.#counted.get(name) ?? 0));
      if (names.length > 0 && !names.includes(name)) continue;
      if (more !== 0 || options.includes('z')) output += `${name.padEnd(32)}${String(more).padEnd(16)} 0.0\n`;
    }
    this.#counted = counters;
    return said(true, output);
  }

  async #cat(args: readonly string[], input: string): Promise<Ended> {
    if (args.length === 0) return said(true, input);
    const texts = await this.#readAll(args);
    return said(
      texts.every((one) => one !== undefined),
      texts.map((one) => one ?? '').join(''),
    );
  }

  async #readAll(paths: readonly string[]): Promise<(string | undefined)[]> {
    const texts: (string | undefined)[] = [];
    for (const path of paths) texts.push(await this.#read(path));
    return texts;
  }

  async #grep(args: readonly string[], input: string): Promise<Ended> {
    const options = args.filter((word) => /^-\w+$/.test(word)).join('');
    const [pattern = '', ...paths] = args.filter((word) => !/^-\w+$/.test(word));
    const source = options.includes('F') ? pattern.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') : pattern;
    const expression = new RegExp(source, options.includes('i') ? 'i' : '');
    const texts = paths.length === 0 ? [input] : await this.#readAll(paths);
    const inverted = options.includes('v');
    const lines = texts.flatMap((text, i) =>
      (text ?? '')
        .split('\n')
        .filter((line) => line !== '' && expression.test(line) !== inverted)
        .map((line) => (paths.length > 1 ? `${paths[i]}:${line}` : line)),
    );
    return said(lines.length > 0, options.includes('q') ? '' : lines.map((line) => `${line}\n`).join(''));
  }

  async #read(path: string): Promise<string | undefined> {
    const task = this.#task;
    const fd = await openat(task, AT_FDCWD, path, O_RDONLY);
    if (fd < 0) return undefined;
    let text = '';
    for (;;) {
      const bytes = await task.syscall('read', fd, task.scratch, task.scratchBytes);
      if (bytes <= 0) break;
      text += new TextDecoder().decode(task.memory.copy(task.scratch, bytes));
    }
    await close(task, fd);
    return text;
  }

  async #write(path: string, text: string, append: boolean): Promise<boolean> {
    const task = this.#task;
    const flags = O_WRONLY | (path.startsWith('/proc/') ? 0 : O_CREAT) | (append ? O_APPEND : 0);
    const fd = await openat(task, AT_FDCWD, path, flags, 0o644);
    if (fd < 0) return false;
    const bytes = new TextEncoder().encode(`${text.trim()}\n`);
    task.memory.write(task.scratch, bytes);
    const written = await task.syscall('write', fd, plus(task.scratch, 0), bytes.length);
    await close(task, fd);
    return written === bytes.length;
  }
}

/** "Tcp: A B" above "Tcp: 1 2", or "Ip6InReceives 1": by names as nstat(8) has them. */
function countersIn(text: string): [name: string, value: number][] {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  return lines.flatMap(([first = '', ...rest], i): [string, number][] => {
    if (!first.endsWith(':')) return rest.length === 1 ? [[first, Number(rest[0])]] : [];
    const above = lines[i - 1] ?? [];
    if (above[0] !== first) return [];
    return rest.map((value, at) => [`${first.slice(0, -1)}${above[at + 1]}`, Number(value)]);
  });
}

const said = (ok: boolean, output = ''): Ended => ({ ok, output });
