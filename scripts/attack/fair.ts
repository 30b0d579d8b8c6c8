/** One owner asks for fifty kernels at once, again and again: another who asks for one has it. */

import { as, call, countsOf, Findings, json } from './client.ts';
import { Figures, type KindFigures } from './figures.ts';
import { ToldToComeBack } from './mixed.ts';
import { asked } from './plateau.ts';
import { sleep } from './wire.ts';

export interface FairReport {
  /** Statuses of the owner who wants all. */
  readonly greedy: Readonly<Record<string, number>>;
  readonly modest: KindFigures;
  readonly findings: readonly string[];
}

export async function fair({
  url,
  atOnce,
  seconds,
}: {
  readonly url: URL;
  readonly atOnce: number;
  readonly seconds: number;
}): Promise<FairReport> {
  const findings = new Findings();
  const [greedy, modest] = [as(url, 'greedy'), as(url, 'modest')];
  const untilMs = performance.now() + 1000 * seconds;
  const statuses: string[] = [];
  const sleepS = { tv_sec: 0, tv_nsec: 300_000_000 };
  const want = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      const answer = await greedy('/v1/syscalls', json({ clock: 'wall', calls: [call('nanosleep', sleepS, null)] }));
      await answer.arrayBuffer();
      statuses.push(String(answer.status));
    }
  };
  const wanting = Array.from({ length: atOnce }, want);
  const figures = new Figures();
  await sleep(500);
  while (performance.now() < untilMs) {
    await asked(async () => {
      const answer = await modest('/v1/syscalls', json({ calls: [call('getpid')] }));
      await answer.arrayBuffer();
      if (answer.status === 503) throw new ToldToComeBack(Number(answer.headers.get('retry-after')));
      if (answer.status !== 200) throw new Error(`the modest one is answered ${answer.status}`);
    }, figures);
    await sleep(200);
  }
  await Promise.all(wanting);
  const { all } = figures;
  findings.must(
    all.answered > 0 && all.toldToComeBack === 0,
    `the modest one was told to come back ${all.toldToComeBack} times`,
  );
  for (const failure of all.failed) findings.must(false, failure);
  return { greedy: countsOf(statuses), modest: all, findings: findings.all };
}
