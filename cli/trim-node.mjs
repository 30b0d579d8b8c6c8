/** After an install in a checkout: lets go of a third of the Node that came along, headers for addons that nobody builds. */

import { readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

try {
  const modules = join(dirname(createRequire(import.meta.url).resolve('node/package.json')), 'node_modules');
  for (const name of readdirSync(modules).filter((one) => one.startsWith('node-'))) {
    rmSync(join(modules, name, 'include'), { recursive: true, force: true });
  }
} catch {
  // another version of it lies elsewhere: no harm
}
