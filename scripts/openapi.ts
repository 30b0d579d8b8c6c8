/** Writes openapi/v1.json, the OpenAPI document of the routes. `--check` only compares. */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createApi } from '../src/worker/routes/api.ts';
import { openapiDocument } from '../src/worker/routes/openapi/document.ts';

const target = new URL('../openapi/v1.json', import.meta.url);
const api = createApi(() => {
  throw new Error('only the document is wanted');
});
const text = `${JSON.stringify(openapiDocument(api), null, 2)}\n`;

if (!process.argv.includes('--check')) {
  await mkdir(new URL('.', target), { recursive: true });
  await writeFile(target, text);
} else if ((await readFile(target, 'utf8').catch(() => '')) !== text) {
  console.error('openapi/v1.json is not what the routes say: run npm run openapi');
  process.exitCode = 1;
}
