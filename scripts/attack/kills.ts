/** A host that is killed again and again while it works: what was answered is there afterwards, and what was deleted is not. */

import type { EmbeddedWorker } from '../../test/embedded/embedded-worker.ts';
import { as, bytes, call, Findings, json } from './client.ts';
import { randomFrom, sleep } from './wire.ts';

export interface KillsOptions {
  /** Starts it on the same storage each time. */
  start(): Promise<EmbeddedWorker>;
  kill(): void;
  readonly kills: number;
  readonly seed: number;
}

export interface KillsReport {
  readonly kills: number;
  readonly stored: number;
  readonly deleted: number;
  readonly suspended: number;
  readonly findings: readonly string[];
}

/** Of a name the bytes are known: a romfs it need not be. */
const bytesOf = (name: string): Uint8Array => {
  const random = randomFrom([...name].reduce((sum, char) => 31 * sum + char.charCodeAt(0), 7));
  return Uint8Array.from({ length: 20_000 + Math.floor(200_000 * random()) }, () => 256 * random());
};

export async function kills({ start, kill, kills: count, seed }: KillsOptions): Promise<KillsReport> {
  const findings = new Findings();
  const random = randomFrom(seed);
  const there = new Set<string>();
  const gone = new Set<string>();
  /** By id, the text that a file in it has. */
  const suspended = new Map<string, string>();
  let made = 0;

  async function work(url: URL, alive: () => boolean): Promise<void> {
    const ask = as(url, 'kills');
    while (alive()) {
      const name = `kill-${made++}`;
      try {
        if (random() < 0.6) {
          const stored = await ask(`/v1/images/${name}`, bytes(bytesOf(name)));
          if (stored.status === 201) there.add(name);
          const [other] = there;
          if (other === undefined || random() < 0.6) continue;
          there.delete(other); // whichever way it goes if the answer is lost
          const deleted = await ask(`/v1/images/${other}`, { method: 'DELETE' });
          if (deleted.status === 204) gone.add(other);
        } else if (suspended.size < 12) {
          const { id } = (await (await ask('/v1/sessions', json({ expires_in_s: 3600 }))).json()) as { id: string };
          const calls = [
            { ...call('open', '/told', 'O_RDWR|O_CREAT', 0o600), as: 'file' },
            call('write', { ref: 'file' }, { utf8: name }, name.length),
          ];
          await ask(`/v1/sessions/${id}/syscalls`, json({ calls }));
          const stored = await ask(`/v1/sessions/${id}/suspend`, { method: 'POST' });
          if (stored.status === 200) suspended.set(id, name);
        }
      } catch {
        // its host was killed: nothing was answered
      }
    }
  }

  async function look(url: URL): Promise<void> {
    const ask = as(url, 'kills');
    for (const name of there) {
      const answer = await ask(`/v1/images/${name}/raw`);
      const found = new Uint8Array(await answer.arrayBuffer());
      const right = answer.status === 200 && Buffer.compare(found, bytesOf(name)) === 0;
      findings.must(right, `image ${name} was stored: ${answer.status}, ${found.length} bytes`);
    }
    for (const name of gone) {
      const { status } = await ask(`/v1/images/${name}`, { method: 'HEAD' });
      findings.must(status === 404, `image ${name} was deleted: ${status}`);
    }
    for (const [id, text] of suspended) {
      const answer = await ask(`/v1/sessions/${id}/files/told`);
      const found = await answer.text();
      findings.must(found === text, `session ${id} was suspended: ${answer.status} ${found.slice(0, 100)}`);
    }
  }

  let worker = await start();
  for (let killed = 0; killed < count; killed++) {
    let alive = true;
    const working = Array.from({ length: 4 }, () => work(worker.url, () => alive));
    await sleep(500 + 1500 * random());
    kill();
    alive = false;
    await Promise.all(working);
    // What holds a process that is dead takes its time to see that.
    const closed = worker.close();
    worker = await start();
    await closed;
    await look(worker.url);
  }
  await worker.close();
  return { kills: count, stored: there.size, deleted: gone.size, suspended: suspended.size, findings: findings.all };
}
