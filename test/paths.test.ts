/** What documents and comments name is there: files, and headings that links lead to. */

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
/** CHANGELOG.md is about what was. */
const files = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((path) => /(\.(md|tsx?|mjs|py|sh|c|h)|Dockerfile)$/.test(path) && path !== 'CHANGELOG.md')
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
const documents = files.filter(({ path }) => path.endsWith('.md'));
const isThere = (path: string) => existsSync(join(root, path));

/** As GitHub makes them of headings. */
const anchorsOf = (text: string): readonly string[] =>
  [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );

it('links in documents lead to files and headings', () => {
  const links = documents.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\((?!https?:|mailto:)([^)\s]+)\)/g)].map(([, link = '']) => {
      const [file = '', heading] = link.split('#');
      return { path, link, target: file === '' ? path : normalize(join(dirname(path), file)), heading };
    }),
  );
  expect(links.length).toBeGreaterThan(100);
  const broken = links.filter(({ target, heading }) => {
    const document = documents.find((one) => one.path === target);
    return !isThere(target) || (heading !== undefined && document && !anchorsOf(document.text).includes(heading));
  });
  expect(broken).toEqual([]);
});

it('paths in documents and comments are those of files', () => {
  const named = files.flatMap(({ path, text }) =>
    [
      ...text.matchAll(
        /(?<![\w./-])(?:src|cli|scripts|test|docs|wasm|examples)\/[\w/.-]*\.(?:tsx?|py|sh|md|c|h|mjs)\b/g,
      ),
    ]
      // NAME stands for one that a reader gives; a libc has folders of these names, too.
      .filter(([name]) => !name.includes('NAME') && !path.startsWith('wasm/userland/libc/'))
      .map(([name]) => ({ path, name })),
  );
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter(({ name }) => !isThere(name))).toEqual([]);
});

it('places in the glossary are there', () => {
  const glossary = documents.find(({ path }) => path === 'docs/glossary.md');
  const places = [...(glossary?.text ?? '').matchAll(/`([\w-]+(?:\/[\w.-]*)+|[\w-]+\.ts)` \|$/gm)].map(
    ([, place = '']) => place,
  );
  expect(places.length).toBeGreaterThan(30);
  expect(places.filter((place) => !isThere(place) && !isThere(`src/${place}`))).toEqual([]);
});
