/** JSON that a command line names, or that comes in. */

import { MAX_JSON_DEPTH, shapeOf } from '../../src/bytes/json-shape.ts';
import { Failure, reasonOf } from '../failure.ts';
import { textOf } from './small-file.ts';

/** `-` is standard input. */
export async function readJson(file: string): Promise<unknown> {
  const name = file === '-' ? 'standard input' : file;
  const text = await textOf(file, 'json');
  if (shapeOf(text).depth > MAX_JSON_DEPTH)
    throw new Failure('usage', `${name} is nested more than ${MAX_JSON_DEPTH} deep`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Failure('usage', `${name} is no JSON: ${reasonOf(cause)}`);
  }
}
