/** What a caller may say in a batch, as data: every call, struct and constant, from the tables that encode them. */

import { isAbsent } from '../../abi/absent-calls.ts';
import { groupOf, isGroup } from '../../abi/constants.ts';
import { type Amount, type Kind, parametersOf } from '../../abi/kinds.ts';
import { type Field, layoutOf, structName } from '../../abi/layout.ts';
import { type SyscallName, syscalls } from '../../abi/syscalls.ts';
import { type ConstantGroup, constantGroups } from '../../abi/uapi/constants.ts';
import { type StructName, structs } from '../../abi/uapi/structs.ts';
import { aliases } from './aliases.ts';

export interface KindDescription {
  /** A number's type, `words`, `string`, `struct`, `bytes` or another type of the language. */
  readonly type: string;
  /** For a pointer: whether the call reads there, writes there, or both. */
  readonly direction?: 'in' | 'out' | 'inout';
  /** For `struct`: which. */
  readonly struct?: StructName;
  /** For `words`: the group of constants. */
  readonly constants?: ConstantGroup;
  /** How much is there: "count bytes", "vlen elements". */
  readonly length?: string;
}

export interface NamedKind extends KindDescription {
  readonly name: string;
}

export interface CallDescription {
  readonly name: SyscallName;
  readonly number: number;
  /** Left out for a number that Linux only reserves: the call answers ENOSYS. */
  readonly args?: readonly NamedKind[];
  /** The kernel was built without it: it answers ENOSYS, whatever it is asked. */
  readonly absent?: true;
  /** Other names that a batch may use for it. */
  readonly aliases?: readonly string[];
}

export interface StructDescription {
  readonly name: StructName;
  readonly size: number;
  readonly fields: readonly (NamedKind & { readonly offset: number })[];
}

export interface Description {
  readonly calls: readonly CallDescription[];
  readonly structs: readonly StructDescription[];
  /** Group → word → value. */
  readonly constants: Readonly<Record<ConstantGroup, Readonly<Record<string, number>>>>;
}

export function describe(): Description {
  return {
    calls: (Object.keys(syscalls) as SyscallName[]).map(describeCall),
    structs: (Object.keys(structs) as StructName[]).map(describeStruct),
    constants: Object.fromEntries(
      (Object.keys(constantGroups) as ConstantGroup[]).map((name) => [name, Object.fromEntries(groupOf(name).values)]),
    ) as Record<ConstantGroup, Record<string, number>>,
  };
}

function describeCall(name: SyscallName): CallDescription {
  const parameters = parametersOf(name);
  const others = [...aliases].filter(([, call]) => call === name).map(([alias]) => alias);
  return {
    name,
    number: syscalls[name][0],
    ...(parameters && { args: parameters.map(({ name, kind }) => ({ name, ...describeKind(kind) })) }),
    ...(isAbsent(name) && { absent: true }),
    ...(others.length > 0 && { aliases: others }),
  };
}

function describeStruct(name: StructName): StructDescription {
  const { size, fields } = layoutOf(name);
  return {
    name,
    size,
    fields: fields.map((field) => ({ name: field.name, offset: field.offset, ...describeField(field) })),
  };
}

function describeField({ kind, group }: Field): KindDescription {
  return { ...describeKind(kind), ...(group !== undefined && isGroup(group) && { constants: group }) };
}

const directions = { '<': 'in', '>': 'out', '<>': 'inout' } as const;
const types: Record<string, string> = { str: 'string', strs: 'strings', cstr: 'bytes', sockval: 'bytes', any: 'any' };

function describeKind({ direction, type, length, unit }: Kind): KindDescription {
  const struct = structName(type);
  const pointer = direction !== '';
  return {
    ...(pointer && { direction: directions[direction] }),
    ...(!pointer && isGroup(type)
      ? { type: 'words', constants: type }
      : struct
        ? { type: 'struct', struct }
        : { type: types[type] ?? type }),
    ...(length && { length: `${amount(length)} ${unit}` }),
  };
}

function amount({ of, pointed, divide, add }: Amount): string {
  if (of === '') return Number.isFinite(add) ? String(add) : 'any number of';
  return `${pointed ? '*' : ''}${of}${divide > 1 ? `/${divide}` : ''}${add > 0 ? `+${add}` : ''}`;
}
