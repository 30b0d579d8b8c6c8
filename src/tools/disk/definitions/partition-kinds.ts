/** Types of partitions by the names that systemd's definitions have for them, as GPT and as DOS tables write them. */

/** Discoverable Partitions Specification: what there is once for each architecture. */
const perArchitecture: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  root: {
    'x86-64': '4f68bce3-e8cd-4db1-96e7-fbcaf984b709',
    x86: '44479540-f297-41b2-9af7-d131d5f0458a',
    arm64: 'b921b045-1df0-41c3-af44-4c6f280d3fae',
    arm: '69dad710-2ce4-4e3c-b16c-21a1d49abed3',
    riscv64: '72ec70a6-cf74-40e6-bd49-4bda08e8f224',
  },
  usr: {
    'x86-64': '8484680c-9521-48c6-9c11-b0720656f69e',
    arm64: 'b0e01050-ee5f-4390-949a-9101b17104e9',
  },
  'root-verity': {
    'x86-64': '2c7357ed-ebd2-46d9-aec1-23d437ec2bf5',
    arm64: 'df3300ce-d69f-4c92-978c-9bfb0f38d820',
  },
  'usr-verity': {
    'x86-64': '77ff5f63-e7b6-4633-acf4-1565b864c0e6',
    arm64: '6e11a4e7-fbca-4ded-b9e9-e1a512bb664e',
  },
};

const plain: Readonly<Record<string, string>> = {
  esp: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
  xbootldr: 'bc13c2ff-59e6-4262-a352-b275fd6f7172',
  swap: '0657fd6d-a4ab-43c4-84e5-0933c84b4f4f',
  home: '933ac7e1-2eb4-4f13-b844-0e14e2aef915',
  srv: '3b8f8425-20e0-4f3b-907f-1a25a76f98e8',
  var: '4d21b016-b534-45c2-a9fb-5c16e091fd2d',
  tmp: '7ec6f557-3bc5-4aca-b293-16ef5df639d1',
  'user-home': '773f91ef-66d4-49b5-bd83-d683bf40ad16',
  'linux-generic': '0fc63daf-8483-4772-8e79-3d69d8477de4',
};

export const architectures: readonly string[] = Object.keys(perArchitecture.root ?? {});

/** One table with all names: root, root-arm64, root-arm64-verity, esp … `root` alone is that of `architecture`. */
function named(architecture: string): ReadonlyMap<string, string> {
  const names = new Map(Object.entries(plain));
  for (const [kind, guids] of Object.entries(perArchitecture)) {
    const [base = '', suffix] = kind.split('-');
    for (const [one, guid] of Object.entries(guids)) {
      names.set([base, one, suffix].filter((word) => word !== undefined).join('-'), guid);
      if (one === architecture) names.set(kind, guid);
    }
  }
  return names;
}

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The GUID of a name, or of itself. Undefined: it is neither. */
export function partitionGuid(name: string, architecture: string): string | undefined {
  const lower = name.toLowerCase();
  return GUID.test(lower) ? lower : named(architecture).get(lower);
}

/** The code of a DOS table that says the same; 0x83, Linux, where there is none. */
export function dosCode(guid: string): string {
  if (guid === plain.esp) return 'ef';
  return guid === plain.swap ? '82' : '83';
}

export const isSwap = (guid: string): boolean => guid === plain.swap;
export const isEsp = (guid: string): boolean => guid === plain.esp || guid === plain.xbootldr;
