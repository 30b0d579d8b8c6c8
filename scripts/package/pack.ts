/**
 * `npm pack` runs this first: the command, the library, the Worker and the page compiled into dist/, with what they depend
 * on in them. They are one build, since two thirds of each is the engine that they share: it is in the package once. The
 * kernel and other data are no part of it: they lie in the package where they lie here.
 */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { versionText } from '../../cli/version.ts';
import { root } from '../pins.ts';
import { describeWorker, workerEntry } from '../worker/pack.ts';
import { writeDeclarations } from './declarations.ts';
import { manPage } from './man.ts';
import { commandEntry, packageBuild } from './package-build.ts';
import { copyPageFiles, pageEntries } from './page-parts.ts';

const target = join(root, 'dist');
rmSync(target, { recursive: true, force: true });

const { metafile } = await build(
  packageBuild(target, {
    ...commandEntry,
    index: join(root, 'src/library/index.ts'),
    'worker/index': workerEntry,
    ...Object.fromEntries(Object.entries(pageEntries).map(([name, path]) => [`page/${name}`, path])),
  }),
);
describeWorker(join(target, 'worker/index.js'), metafile);
// Of `lkl serve`, which adds the kernel and the decoder to it.
copyPageFiles(join(target, 'page'));

mkdirSync(join(target, 'man'));
writeFileSync(join(target, 'man/lkl.1'), manPage(versionText(), new Date().toISOString().slice(0, 10)));

writeDeclarations(join(target, 'types'));
