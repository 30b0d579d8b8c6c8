/** The tables of the boundary are the binary's: each import and export by name, none more and none less. */

import { describe, expect, it } from 'vitest';
import { type ExportRow, kernelExports } from '../../src/abi/exports.ts';
import { kernelImports } from '../../src/abi/imports.ts';
import kernelModule from '../../wasm/dist/kernel.wasm';
import vmlinux from '../../wasm/dist/vmlinux.wasm';

const rows: Record<string, ExportRow> = kernelExports;

describe.each([
  ['vmlinux.wasm', vmlinux, false],
  ['kernel.wasm, the snapshot', kernelModule, true],
] as const)('%s', (_name, module, isSnapshot) => {
  it('imports what the table has, and its memory', () => {
    const functions = WebAssembly.Module.imports(module).filter(({ kind }) => kind === 'function');
    expect(functions.map(({ module: from }) => from).every((from) => from === 'host')).toBe(true);
    expect(functions.map(({ name }) => name).sort()).toEqual(Object.keys(kernelImports).sort());
    const others = WebAssembly.Module.imports(module).filter(({ kind }) => kind !== 'function');
    expect(others).toMatchObject([{ module: 'env', name: 'memory', kind: 'memory' }]);
  });

  it('exports what the table has', () => {
    const expected = Object.keys(rows).filter((name) => isSnapshot || rows[name]?.of !== 'snapshot');
    const functions = WebAssembly.Module.exports(module).filter(({ kind }) => kind === 'function');
    expect(functions.map(({ name }) => name).sort()).toEqual(expected.sort());
  });
});
