/** The tables of the boundary are the binary's: each import and export by name and signature, none more and none less. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { dist } from '../../scripts/pins.ts';
import { readSignatures } from '../../scripts/wasm-signatures.ts';
import { type ExportRow, kernelExports } from '../../src/abi/exports.ts';
import { type ImportRow, kernelImports } from '../../src/abi/imports.ts';

type Row = Pick<ImportRow, 'params' | 'result'>;
const signature = ({ params, result }: Row) => [...params, '->', ...(result === null ? [] : [result])].join(' ');
const signatures = (rows: Readonly<Record<string, Row>>) =>
  Object.fromEntries(Object.entries(rows).map(([name, row]) => [name, signature(row)]));

const exportRows: Readonly<Record<string, ExportRow>> = kernelExports;

describe.each([
  ['vmlinux.wasm', dist.vmlinux, false],
  ['kernel.wasm, the snapshot', dist.snapshot, true],
] as const)('%s', (_name, path, isSnapshot) => {
  const bytes = readFileSync(path);

  it('imports what the table has, and its memory', () => {
    expect(Object.fromEntries(readSignatures(bytes).imports)).toEqual(signatures(kernelImports));
    const imports = WebAssembly.Module.imports(new WebAssembly.Module(bytes));
    const functions = imports.filter(({ kind }) => kind === 'function');
    expect(functions.every(({ module: from }) => from === 'host')).toBe(true);
    expect(imports.filter(({ kind }) => kind !== 'function')).toMatchObject([
      { module: 'env', name: 'memory', kind: 'memory' },
    ]);
  });

  it('exports what the table has', () => {
    const rows = Object.entries(exportRows).filter(([, { of }]) => isSnapshot || of !== 'snapshot');
    expect(Object.fromEntries(readSignatures(bytes).exports)).toEqual(signatures(Object.fromEntries(rows)));
  });
});
