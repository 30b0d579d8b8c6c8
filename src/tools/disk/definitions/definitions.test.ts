import { describe, expect, it } from 'vitest';
import { genimagePlan } from './genimage.ts';
import { repartPlan } from './repart.ts';

const repart = (...texts: readonly string[]) =>
  repartPlan(
    texts.map((text, i) => ({ name: `${i}.conf`, text: `[Partition]\n${text}` })),
    'x86-64',
  );

describe('definitions of systemd', () => {
  it('are partitions in the order of their names, with what each says', () => {
    const { partitions, ignored } = repartPlan(
      [
        {
          name: '20-root.conf',
          text: '# root\n[Partition]\nType = root-arm64\nFormat=erofs\nCopyFiles=/\nMakeDirectories=/proc "/a b"\nReadOnly=yes\nPriority=5\n',
        },
        { name: '10-esp.conf', text: '[Partition]\r\nType=esp\r\nSizeMinBytes=64M\r\nCopyFiles=/efi:/\r\n' },
      ],
      'x86-64',
    );
    const [esp, root] = partitions;
    expect(esp).toMatchObject({
      label: 'esp',
      minBytes: 64 * 2 ** 20,
      content: { type: 'vfat', sources: [{ from: '/efi', to: '' }] },
    });
    expect(root).toMatchObject({
      typeGuid: 'b921b045-1df0-41c3-af44-4c6f280d3fae',
      attributes: ['GUID:60'],
      content: { type: 'erofs', directories: ['proc', 'a b'], sources: [{ from: '/', to: '' }] },
    });
    expect(ignored).toEqual(['20-root.conf: Priority= changes nothing here']);
  });

  it('take back what an empty value follows, and hashes find their data', () => {
    const { partitions } = repart(
      'Type=root\nCopyFiles=/a\nCopyFiles=\nCopyFiles=/b:/c\nFormat=squashfs\nVerity=data\nVerityMatchKey=k',
      'Type=root-verity\nVerity=hash\nVerityMatchKey=k',
    );
    expect(partitions[0]?.content).toMatchObject({ sources: [{ from: '/b', to: 'c' }] });
    expect(partitions[1]?.content).toEqual({ kind: 'verity', of: 0 });
  });

  it.each([
    ['', /Type= is missing/],
    ['Type=nothing', /Type=nothing is no type/],
    ['Type=root\nFormat=zfs', /Format=zfs is no file system/],
    ['Type=root\nSizeMinBytes=lots', /no size/],
    ['Type=root\nSizeMinBytes=2M\nSizeMaxBytes=1M', /larger than SizeMaxBytes/],
    ['Type=root\nEncrypt=tpm2', /Encrypt=tpm2 is not done here: key-file is/],
    ['Type=root\nFormat=ext4\nVerity=data\nEncrypt=key-file', /not for one partition/],
    ['Type=root\nEncrypt=key-file', /wants something that is in it/],
    ['Type=root\nVerity=hash', /VerityMatchKey/],
    ['Type=root\nVerity=signature', /is not done here/],
    ['Type=root\nLabel=%m', /running machine/],
    ['Type=root\nnonsense', /no KEY=VALUE/],
    ['Type=root\n[Other]\nA=b', /stands in \[Other\]/],
    [`Type=root\nLabel=${'x'.repeat(37)}`, /36 characters/],
    ['Type=root\nReadOnly=perhaps', /neither yes nor no/],
    ['Type=root-verity\nVerity=hash\nVerityMatchKey=k', /no definition has Verity=data/],
  ])('%# is refused, naming the file', (text, words) => {
    expect(() => repart(text)).toThrow(words);
    expect(() => repart(text)).toThrow(words.source.includes('no definition') ? /k/ : /^0\.conf: /);
  });

  it('of a file without [Partition] are refused', () => {
    expect(() => repartPlan([{ name: 'a.conf', text: 'Type=root' }], 'x86-64')).toThrow(/not in \[Partition\]/);
    expect(() => repartPlan([], 'x86-64')).toThrow(/no definition/);
  });
});

describe('a configuration of genimage', () => {
  const card = 'image d { hdimage { } partition a { image = "x" } }';
  it('is the partitions of its disk, with the images that they name', () => {
    const { plan } = genimagePlan(
      `# comment\nimage b.vfat { vfat { label = 'B' files = { "a/b", c, } file d/e { image = "f" } } size = 16M }
       image disk { hdimage { partition-table-type = "gpt" align = 2M } // more
         partition one { image = "b.vfat" partition-type-uuid = "U" offset = 0x100000 }
         partition two { size = 1G in-partition-table = false } }`,
      undefined,
    );
    expect(plan).toMatchObject({ table: 'gpt', alignBytes: 2 ** 21 });
    expect(plan.partitions[0]).toMatchObject({
      typeGuid: 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b',
      offset: 2 ** 20,
      content: {
        type: 'vfat',
        bytes: 2 ** 24,
        sources: [
          { from: 'a/b', to: 'b' },
          { from: 'c', to: 'c' },
          { from: 'f', to: 'd/e' },
        ],
      },
    });
    expect(plan.partitions[1]).toMatchObject({ inTable: false, minBytes: 2 ** 30, content: { kind: 'empty' } });
  });

  it('has the text of what it includes, and a hybrid table the codes that it says', () => {
    const included = new Map([
      ['a.cfg', 'partition a { image = "x" partition-type = 0xC bootable = true }\ninclude ("b.cfg")'],
      ['b.cfg', 'partition b { size = 1M }'],
    ]);
    const text = 'image d { hdimage { partition-table-type = hybrid }\n include("a.cfg") }';
    const { plan } = genimagePlan(text, undefined, included);
    expect(plan).toMatchObject({ table: 'gpt', isHybrid: true });
    expect(plan.partitions).toMatchObject([{ label: 'a', typeCode: 'c', bootable: true }, { label: 'b' }]);
    expect(plan.partitions[1]?.typeCode).toBeUndefined();
    expect(() => genimagePlan(text, undefined)).toThrow(/line 2: include\("a\.cfg"\)/);
    expect(() => genimagePlan('include("c")', undefined, new Map([['c', 'include("c")']]))).toThrow(/includes itself/);
  });

  it.each([
    ['image d {', /line 1: the end/],
    ['image d { } }', /line 1: "}"/],
    ['image d { a = }', /line 1: "}"/],
    ['\n\nimage d { a = { b c } }', /line 3: "c"/],
    ['image d { vfat { } }', /no image with hdimage/],
    [`${card} ${card.replace('d', 'e')}`, /several disks/],
    [card.replace('hdimage { }', 'hdimage { align = big }'), /d: align = big is no size/],
    [card.replace('hdimage { }', 'hdimage { fill = true }'), /fill is not done here/],
    [
      'image x { android-sparse { } } image d { hdimage { } partition a { image = "x" } }',
      /android-sparse { } is not made here/,
    ],
    [
      card
        .replace('hdimage { }', 'hdimage { partition-table-type = hybrid }')
        .replace(
          'partition a',
          `${[1, 2, 3, 4].map((i) => `partition p${i} { partition-type = 1 size = 1M } `).join('')}partition a`,
        ),
      /hybrid table has 3/,
    ],
    ['include(x)', /line 1: the end/],
    ['{'.repeat(100_000), /line 1/],
    ['a {'.repeat(1000), /line 1/],
    ['image d { hdimage { } }', /no partitions/],
  ])('%# is refused in words', (text, words) => {
    expect(() => genimagePlan(text, undefined)).toThrow(words);
  });
});
