/** `lkl df`: how full a file system of an image is. */

import { withTree } from '../look/open.ts';
import { sizeText } from '../look/words.ts';
import type { ImageOptions } from '../options.ts';
import { printing } from '../output/print.ts';
import { textTable } from '../output/table.ts';

export interface DfOptions extends ImageOptions {
  readonly inodes?: true;
  readonly bytes?: true;
  readonly json?: true;
}

export const df = (image: string, options: DfOptions): Promise<void> =>
  withTree(image, options, (tree) =>
    printing(async (out) => {
      const { type, sizeBytes, usedBytes, availableBytes, files, filesFree } = await tree.use();
      if (options.json) {
        return out.json({
          type,
          size_bytes: sizeBytes,
          used_bytes: usedBytes,
          available_bytes: availableBytes,
          files,
          files_free: filesFree,
        });
      }
      const amount = options.bytes || options.inodes ? (value: number) => `${value}` : sizeText;
      const [all, used, free] = options.inodes
        ? [files, files - filesFree, filesFree]
        : [sizeBytes, usedBytes, availableBytes];
      const share = used + free > 0 ? `${Math.ceil((100 * used) / (used + free))} %` : '';
      const titles = options.inodes ? ['INODES', 'USED', 'FREE'] : ['SIZE', 'USED', 'AVAILABLE'];
      const columns = [{ title: 'TYPE' }, ...[...titles, 'USE'].map((title) => ({ title, right: true }))];
      await out.print(`${textTable(columns, [[type, amount(all), amount(used), amount(free), share]])}\n`);
    }),
  );
