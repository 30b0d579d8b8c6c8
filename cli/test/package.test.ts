/** The package as people get it: packed, installed in an empty folder without a network, run by somebody else than its owner. */

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openAsBlob,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ElementHandle } from 'puppeteer-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { obstacle } from '../../src/node/hijack/host/launch.ts';
import { launchBrowser, newPage } from './browser.ts';
import { lkl, unpackFixture } from './command.ts';
import { checkoutLauncher } from './launcher.ts';

const MB = 1e6;
const NOBODY = 65_534;
const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'lkl-package-'));
const installed = join(folder, 'installed');
const image = join(folder, 'ext4.img');
const written = join(folder, 'written.img');
let tarball: string;

beforeAll(async () => {
  chmodSync(folder, 0o755);
  mkdirSync(installed);
  await unpackFixture('ext4', image);
  await unpackFixture('ext4', written);
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root, encoding: 'utf8' });
  tarball = join(folder, JSON.parse(packed.slice(packed.indexOf('[\n')))[0].filename);
  execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], { cwd: installed });
}, 600_000);
afterAll(() => rmSync(folder, { recursive: true }));

/** As whoever owns nothing here, if this is root; else as oneself. */
function run(args: readonly string[], launcher = join(installed, 'node_modules/lkl-linux/cli/lkl.mjs')) {
  return spawnSync(process.execPath, [launcher, ...args], {
    cwd: '/',
    env: { PATH: process.env.PATH, HOME: '/nonexistent' },
    maxBuffer: 1 << 30,
    ...(process.getuid?.() === 0 && { uid: NOBODY, gid: NOBODY }),
  });
}

describe('the package', () => {
  it('is 6 MB at most to fetch (the kernel is 4.7 of them), and 25 MB installed with all that it needs', () => {
    expect(statSync(tarball).size).toBeLessThan(6 * MB);
    const files = readdirSync(installed, { recursive: true, encoding: 'utf8' }).map((name) =>
      statSync(join(installed, name)),
    );
    expect(files.reduce((sum, { size }) => sum + size, 0)).toBeLessThan(25 * MB);
  });

  it('runs nothing when it is installed, has native code for mounts and hijacked programs alone, and the kernel once', () => {
    const files = readdirSync(join(installed, 'node_modules'), { recursive: true, encoding: 'utf8' });
    const manifests = files.filter((name) => /(^|\/)package\.json$/.test(name));
    for (const name of manifests) {
      const { scripts = {} } = JSON.parse(readFileSync(join(installed, 'node_modules', name), 'utf8'));
      expect(Object.keys(scripts).filter((script) => /^(pre|post)?install$|^prepare$/.test(script))).toEqual([]);
    }
    expect(files.filter((name) => /\.(node|ts|gyp)$/.test(name) && !name.endsWith('.d.ts')).sort()).toEqual([
      'lkl-linux/src/node/native/linux-arm64.node',
      'lkl-linux/src/node/native/linux-x64.node',
    ]);
    expect(files.filter((name) => /(kernel|vmlinux).*\.wasm$/.test(name))).toEqual(['lkl-linux/wasm/dist/kernel.wasm']);
  });

  it('brings the command and its man page where npm installs for all', () => {
    const prefix = join(folder, 'prefix');
    execFileSync('npm', ['install', '--global', '--offline', '--no-audit', '--no-fund', '--prefix', prefix, tarball]);
    expect(readFileSync(join(prefix, 'share/man/man1/lkl.1'), 'utf8')).toMatch(/^\.TH LKL 1 /);
    const { stdout } = run(['--version'], join(prefix, 'bin/lkl'));
    expect(stdout.toString()).toMatch(/^lkl \d/);
  });

  it('gives the tar that a checkout gives, to somebody without a home', async () => {
    const { status, stdout } = run(['fs2tar', image]);
    expect(status).toBe(0);
    expect(stdout.equals((await lkl(['fs2tar', image])).stdout)).toBe(true);
  });

  it.skipIf(obstacle() !== undefined)(
    'runs programs of this machine on its kernel, as somebody without privileges',
    () => {
      const { status, stdout, stderr } = run(['hijack', 'sh', '-c', 'cat /proc/net/if_inet6; exit 5']);
      expect({ status, stdout: stdout.toString(), stderr: stderr.toString() }).toEqual({
        status: 5,
        stdout: `${'0'.repeat(31)}1 01 80 10 80       lo\n`,
        stderr: '',
      });
    },
  );

  it('asks for the package of the tools, and finds it when it is beside it', () => {
    const disk = join(folder, 'out-of-tools.img');
    const make = ['mkfs', '-t', 'ext4', '-s', '16M', disk];
    const without = spawnSync(process.execPath, [join(installed, 'node_modules/lkl-linux/cli/lkl.mjs'), ...make]);
    expect(without.stderr.toString()).toBe(
      'lkl: this needs the package lkl-linux-tools: npm install lkl-linux-tools (a checkout of the source makes it: npm pack -w wasm/dist/tools)\n',
    );
    expect(existsSync(disk)).toBe(false);
    const both = join(folder, 'both');
    mkdirSync(both);
    const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
      cwd: join(root, 'wasm/dist/tools'),
      encoding: 'utf8',
    });
    const tools = join(folder, JSON.parse(packed.slice(packed.indexOf('[\n')))[0].filename);
    expect(statSync(tools).size).toBeLessThan(6.8 * MB);
    execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball, tools], { cwd: both });
    const made = spawnSync(process.execPath, [join(both, 'node_modules/lkl-linux/cli/lkl.mjs'), ...make]);
    expect({ status: made.status, stderr: made.stderr.toString() }).toEqual({ status: 0, stderr: '' });

    // A Worker of one's own is made of both.
    cpSync(join(root, 'examples/worker'), both, { recursive: true });
    const dryRun = [join(root, 'node_modules/wrangler/bin/wrangler.js'), 'deploy', '--dry-run', '--outdir', 'out'];
    const built = spawnSync(process.execPath, dryRun, { cwd: both, encoding: 'utf8' });
    expect(built.stdout).toContain('env.SESSIONS (Session)');
    expect(built.status).toBe(0);
    expect(
      readdirSync(join(both, 'out')).filter((name) => /-(kernel|mke2fs|xz-embedded)\.wasm$/.test(name)),
    ).toHaveLength(3);
  }, 120_000);

  it('runs simulations, with their page', () => {
    const network = join(root, 'examples/simulations/bufferbloat.json');
    mkdirSync(join(folder, 'out'));
    chmodSync(join(folder, 'out'), 0o777);
    const page = join(folder, 'out/page.html');
    cpSync(network, join(folder, 'network.json'));
    const { status, stdout, stderr } = run(['sim', join(folder, 'network.json'), '--html', page]);
    expect(stderr.toString()).toBe('');
    expect(status).toBe(0);
    expect(stdout.toString()).toContain('upload, fq_codel');
    expect(readFileSync(page, 'utf8')).toContain('uPlot');
  });
});

describe('the library of the package', () => {
  const user = join(folder, 'user');
  const examples = readdirSync(join(root, 'examples/library'));

  beforeAll(() => {
    cpSync(join(root, 'examples/library'), user, { recursive: true });
    writeFileSync(join(user, 'package.json'), '{ "type": "module" }');
    mkdirSync(join(user, 'node_modules'));
    symlinkSync(join(installed, 'node_modules/lkl-linux'), join(user, 'node_modules/lkl-linux'));
  });

  it.each(['nodenext', 'bundler'])('has types that a strict program is checked with: %s', (moduleResolution) => {
    const options = { strict: true, noEmit: true, target: 'es2024', lib: ['es2024', 'esnext.disposable'] };
    const module = moduleResolution === 'bundler' ? 'esnext' : moduleResolution;
    const types = { types: ['node'], typeRoots: [join(root, 'node_modules/@types')] };
    const config = { compilerOptions: { ...options, ...types, module, moduleResolution }, include: ['*.ts'] };
    writeFileSync(join(user, 'tsconfig.json'), JSON.stringify(config));
    const { status, stdout } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', user], { encoding: 'utf8' });
    expect(stdout).toBe('');
    expect(status).toBe(0);
  });

  const outputs: Readonly<Record<string, { readonly args?: readonly string[]; readonly prints: string }>> = {
    'read.ts': { args: [image], prints: 'hello.txt' },
    'errors.ts': { args: [image], prints: 'ENOENT -2 open /no/such/file\nERR_NO_FILE_SYSTEM' },
    'tar.ts': { args: [image, join(folder, 'example.tar')], prints: ' entries, ' },
    'write.ts': { args: [written], prints: "motd: 'Welcome.\\nBack soon.\\n' 640 2026-01-01T00:00:00.000Z" },
    'info.ts': { args: [image], prints: 'the whole image: ext4' },
    'kernel.ts': { prints: '3600 s of virtual time' },
    'program.ts': {
      args: [join(root, 'test/fixtures/programs/wasi.wasm'), 'word'],
      prints: 'argv[0]: mine\nargv[1]: word\n',
    },
    'simulate.ts': { prints: '2.00 s  cwnd' },
  };

  it.each(examples)('example %s', (name) => {
    const { args = [], prints } = outputs[name] ?? { prints: 'an example that this test does not know' };
    const { status, stdout, stderr } = spawnSync(process.execPath, [name, ...args], { cwd: user, encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(stdout).toContain(prints);
    expect(status).toBe(0);
  });
});

it('npm ci --omit=dev brings all that the command imports', () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'cli/package.json'), 'utf8'));
  const sources = ['cli', 'src'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !/\.test\.ts$|^test\/|^browser\/|\.d\.ts$/.test(name))
      .map((name) => readFileSync(join(root, folder, name), 'utf8')),
  );
  const imported = sources.flatMap((text) =>
    [...text.matchAll(/(?:from|import\() ?'((?:@[\w.-]+\/)?[a-z][\w.-]*)[^':]*'/g)].map(([, name = '']) => name),
  );
  // Node's own, the platform's, and what `lkl serve` looks for when it runs.
  const own = new Set(imported.filter((name) => !/^(node|cloudflare|miniflare|rapidoc)$/.test(name)));
  expect(own.size).toBeGreaterThan(5);
  expect([...own].filter((name) => !(name in dependencies))).toEqual([]);
});

it('a checkout serves others than its owner', () => {
  const { status, stdout, stderr } = run(['fs2tar', image], checkoutLauncher);
  expect(stderr.toString()).toContain('socket');
  expect(status).toBe(0);
  expect(stdout.length).toBeGreaterThan(10_000);
});

/** What the page at `url` shows of the image, in a browser. */
async function namesInPage(url: string): Promise<string[]> {
  const browser = await launchBrowser();
  try {
    const page = await newPage(browser);
    await page.goto(url);
    const input = await page.waitForSelector('input[type=file]', { hidden: true });
    await (input as ElementHandle & { uploadFile(path: string): Promise<void> }).uploadFile(image);
    await page.waitForSelector('.tree tbody tr');
    return await page.$$eval('.tree tbody td:first-child', (all) => all.map((one) => one.textContent ?? ''));
  } finally {
    await browser.close();
  }
}

describe('lkl serve', () => {
  const launcher = join(installed, 'node_modules/lkl-linux/cli/lkl.mjs');

  it('says what is missing where miniflare is', () => {
    const { status, stderr } = run(['serve']);
    expect(status).toBe(4);
    expect(stderr.toString()).toMatch(
      /^lkl: serve needs another package beside this one: npm install "miniflare@.*"\n$/,
    );
  });

  it('in a checkout names its command', () => {
    const { status, stderr } = run(['serve', '--port', '0'], checkoutLauncher);
    expect({ status, stderr: stderr.toString() }).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('npm run dev'),
    });
  });

  it('serves the HTTP interface and its pages, which the verbs look through', async () => {
    symlinkSync(join(root, 'node_modules/miniflare'), join(installed, 'node_modules/miniflare'));
    const child = spawn(process.execPath, [launcher, 'serve', '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const said = await new Promise<string>((resolve) => child.stdout.on('data', (chunk) => resolve(`${chunk}`)));
      const [url = ''] = /http:\/\/127\.0\.0\.1:\d+/.exec(said) ?? [];
      expect(await (await fetch(`${url}/healthz`)).json()).toMatchObject({ ok: true });
      expect(await namesInPage(url)).toContain('hello.txt');
      expect((await fetch(`${url}/kernel.wasm`)).headers.get('content-type')).toBe('application/wasm');
      await fetch(`${url}/v1/images/fixture`, { method: 'PUT', body: await openAsBlob(image) });
      for (const [verb = '', ...words] of [
        ['ls', '-R'],
        ['cat', 'hello.txt'],
        ['find', '--name', '*.txt'],
        ['sha256', '-R', '/dir'],
        ['tree', '/dir'],
        ['df', '--json'],
      ]) {
        const remote = await lkl([verb, 'fixture', ...words, '--url', url]);
        expect(remote).toMatchObject({ exitCode: 0, stderr: '' });
        if (verb !== 'df') expect(remote.stdout.equals((await lkl([verb, image, ...words])).stdout), verb).toBe(true);
      }
      const missing = await lkl(['cat', 'fixture', 'nope', '--url', url]);
      expect(missing).toMatchObject({ exitCode: 2, stderr: 'lkl: nope: no such file or directory (ENOENT)\n' });
      const answered = await lkl(['call', '--url', url], Buffer.from('[{"call":"getpid"}]'));
      expect(answered.stdout.toString()).toBe('getpid() = 1\n');
      // The tools are a package of their own, which is not beside it here.
      const ran = await fetch(`${url}/v1/run`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ argv: ['true'] }),
      });
      expect(await ran.json()).toMatchObject({ type: '/problems/no-tools', status: 409 });
    } finally {
      child.kill('SIGTERM');
      await new Promise((resolve) => child.on('exit', resolve));
    }
  }, 120_000);
});
