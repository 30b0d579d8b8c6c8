/** Chunks of disk formats as Node undoes them. */

import zlib from 'node:zlib';
import { zlibChunks } from '../storage/formats/parts/zlib-chunks.ts';

export const nodeChunks = zlibChunks(zlib);
