/** LKL's hijack object on a session's kernel: what its library does to the kernel below the program it is loaded into. */

import { settingOf, wordsOf } from '../../batch/command-line.ts';
import { applySetting } from '../../batch/kernel-setup.ts';
import { HostError } from '../../errors/host-error.ts';
import { mistakes } from '../../errors/mistakes.ts';
import type { UserTask } from '../../kernel/user-task.ts';
import { type Hijack, type HijackNote, planHijack } from '../../simulation/hijack/hijack.ts';
import { applyHijack } from '../../simulation/hijack/hijack-run.ts';
import { type Issue, Place } from '../../simulation/plan/issue.ts';

/** Throws `bad-option` for what LKL would refuse, with the JSON path of each mistake. */
export function readHijack(value: unknown): Hijack {
  const issues: Issue[] = [];
  const hijack = planHijack(new Place({ issues, warnings: [] }, 'hijack'), value, 'session');
  if (hijack && issues.length === 0) return hijack;
  throw mistakes(
    'bad-option',
    issues.map((issue) => ({ in: 'json', ...issue })),
    undefined,
    { option: 'hijack' },
  );
}

/** In LKL's order: the command line, the interfaces, and the rest. Answers what became of each key. */
export async function hijackKernel(task: UserTask, hijack: Hijack): Promise<HijackNote[]> {
  const notes = [...hijack.notes];
  for (const word of wordsOf(hijack.bootCommandLine ?? '')) {
    try {
      await applySetting(task, settingOf(word));
    } catch (cause) {
      if (!(cause instanceof HostError)) throw cause;
      notes.push({ key: 'boot_cmdline', kind: 'warning', message: cause.message });
    }
  }
  return [...notes, ...(await applyHijack(task, 0, hijack))];
}
