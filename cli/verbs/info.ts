/** `lkl info`: what is on an image: its format, partitions, file systems, labels, UUIDs, use. */

import { json } from 'node:stream/consumers';
import { archiveReport } from '../../src/image/archive-report.ts';
import { openEngine } from '../engine.ts';
import { openDiskFile, openStackFiles } from '../input/disk.ts';
import { answerOf, describedUrl, secretsOf } from '../look/remote.ts';
import { sizeText } from '../look/words.ts';
import type { ImageOptions } from '../options.ts';
import { printing } from '../output/print.ts';
import { type Description, textOf } from './info-text.ts';

export interface InfoOptions extends ImageOptions {
  readonly bytes?: true;
  readonly json?: true;
}

export async function info(image: string, options: InfoOptions): Promise<void> {
  const description =
    options.url === undefined ? await here(image, options) : await remote(options.url, image, options);
  await printing(async (out) => {
    if (options.json) await out.json(description);
    else await out.print(textOf(description, options.bytes ? (value) => `${value}` : sizeText));
  });
}

async function here(image: string, options: InfoOptions): Promise<Description> {
  const [engine, stack, disk] = await Promise.all([
    openEngine(),
    openStackFiles(options),
    openDiskFile(image, options),
  ]);
  const report = archiveReport(await engine.inspect(disk.device, stack), disk.archive);
  disk.checkUnchanged();
  stack.checkUnchanged();
  const { format, layers, choices, device, sizeBytes } = disk;
  return asJson({ format, layers, choices, cut: device.cut, ...report, sizeBytes }) as Description;
}

const remote = async (base: URL, image: string, options: InfoOptions): Promise<Description> =>
  (await json(await answerOf(describedUrl(base, image, options), await secretsOf(options)))) as Description;

/** Names as JSON has them: size_bytes for sizeBytes. What is undefined is absent. */
function asJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) =>
      member === undefined ? [] : [[name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), asJson(member)]],
    ),
  );
}
