import { expect, test } from 'vitest';
import { HostedTask } from './hosted-task.ts';
import { KernelMemory, type Ptr } from './memory.ts';
import { TaskTable } from './tasks/task-table.ts';

const TASKS = 5;

/** What the counts stand for, found by looking at each task. */
function looked(table: TaskTable) {
  const tasks = [...table.all];
  return {
    thinking: tasks.filter((task) => task.thinking).length,
    inCall: tasks.filter((task) => task.inCall).length,
    waitOutside: tasks.filter((task) => task.waitsOutside).length,
  };
}

function tasks() {
  const memory = new KernelMemory(new WebAssembly.Memory({ initial: 1, maximum: 1 }));
  const table = new TaskTable();
  const make = (i: number) => {
    const regs = (1024 * (i + 1)) as Ptr;
    const nothing = () => {};
    const task = new HostedTask(i + 1, i, regs, memory, {
      counts: table.counts,
      submitted: nothing,
      changed: nothing,
      timerSet: nothing,
    });
    table.add(task);
    return task;
  };
  return { table, tasks: Array.from({ length: TASKS }, (_, i) => make(i)) };
}

/** Numbers that are the same in each run. */
function* numbers(): Generator<number, never> {
  for (let x = 1; ; x = (x * 48271) % 2147483647) yield x;
}

test('the counts of tasks are what one finds who looks at each, whatever they do', async () => {
  const { table, tasks: all } = tasks();
  const random = numbers();
  const waits: (() => void)[] = [];
  let severalAtOnce = 0;
  for (let step = 0; step < 3000; step++) {
    const task = all[random.next().value % TASKS];
    if (!task) throw new Error('no such task');
    const doings = {
      attach: () => task.attach(),
      detach: () => task.detach(),
      call: () => void task.syscall('getpid').catch(() => {}),
      take: () => task.inCall && task.runningCall === undefined && task.take(),
      finish: () => task.runningCall !== undefined && task.finish(task.regs),
      waitFor: () => void task.waitFor(new Promise<void>((resolve) => waits.push(resolve))),
      outside: () => void task.waitForOutside(new Promise<void>((resolve) => waits.push(resolve))),
      pause: () => waits.push(task.pause()),
      over: () => waits.splice(random.next().value % (waits.length + 1), 1)[0]?.(),
      end: () => step > 2500 && task.end(new Error('no more')),
    };
    const names = Object.keys(doings) as (keyof typeof doings)[];
    const name = names[random.next().value % names.length] ?? 'attach';
    doings[name]();
    for (let i = 0; i < 6; i++) await Promise.resolve();
    for (const one of all.filter((one) => one.gone)) if (table.get(one.address)) table.remove(one.address);
    if (Object.values(table.counts).filter((count) => count > 0).length > 1) severalAtOnce++;
    expect(table.counts, `${step}: ${name}`).toEqual(looked(table));
  }
  expect(severalAtOnce).toBeGreaterThan(100);
  for (const one of all) one.end(new Error('no more'));
  expect(table.counts).toEqual({ thinking: 0, inCall: 0, waitOutside: 0 });
});
