/** The page in a real browser: images are looked into by a kernel of its own, and nothing leaves it. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { launchBrowser, newPage } from '../../cli/test/browser.ts';
import { SECTOR } from '../../src/storage/block-device.ts';
import { fixtureDevice } from '../fixtures/load.ts';
import tars from '../fixtures/tars.json' with { type: 'json' };
import { servedPage } from './served.ts';

const folder = mkdtempSync(join(tmpdir(), 'lkl-page-'));
let served: Awaited<ReturnType<typeof servedPage>>;
let browser: Browser;
let page: Page;
const complaints: string[] = [];
const fetched: string[] = [];

/** Writes a fixture as the file it stands for. */
async function imageFile(name: string, pack: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes): Promise<string> {
  const device = await fixtureDevice(name);
  const bytes = new Uint8Array(device.sectors * SECTOR);
  device.read(0, bytes);
  const path = join(folder, name);
  writeFileSync(path, pack(bytes));
  return path;
}

beforeAll(async () => {
  served = await servedPage();
  browser = await launchBrowser();
}, 240_000);

afterAll(async () => {
  await browser?.close();
  served?.close();
  rmSync(folder, { recursive: true });
});

beforeEach(async () => {
  complaints.length = 0;
  fetched.length = 0;
  page = await newPage(browser);
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(`${error}`));
  page.on('request', (request) => fetched.push(request.url()));
  await page.goto(served.url);
});

async function open(...paths: string[]): Promise<void> {
  const input = await page.waitForSelector('input[type=file]', { hidden: true });
  if (!input) throw new Error('the page has no place for a file');
  const place = input as unknown as { uploadFile(...paths: readonly string[]): Promise<void> };
  await place.uploadFile(...paths);
  await page.waitForSelector('.tree tbody tr, [role=alert]');
}

const texts = (selector: string): Promise<string[]> =>
  page.$$eval(selector, (all) => all.map((one) => one.textContent ?? ''));
const names = () => texts('.tree tbody td:first-child');
const clickOn = (selector: string, text: string) =>
  page.evaluate(
    (selector, text) => {
      const found = [...document.querySelectorAll(selector)].find((one) => one.textContent?.startsWith(text));
      (found as HTMLElement | undefined)?.click();
    },
    selector,
    text,
  );

it('opens an ext4, walks by keys, shows a file as text, and fetches nothing but itself', async () => {
  await open(await imageFile('ext4'));
  expect(await texts('.volumes button')).toEqual(['whole image ext4 · 16.8 MB']);
  expect(await names()).toContain('hello.txt');
  await page.focus('.tree table');
  const at = (await names()).indexOf('links/');
  for (let i = 0; i < at; i++) await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelectorAll('.crumbs li').length === 2);
  expect(await names()).toContain('bytes -> new\\012line \\377\\376');
  await page.keyboard.press('Backspace');
  await page.waitForFunction(() => document.querySelectorAll('.crumbs li').length === 1);
  await clickOn('.tree td', 'hello.txt');
  await page.waitForSelector('.file pre');
  expect(await texts('.file pre')).toEqual(['b9620ae1 0000']);
  expect(complaints).toEqual([]);
  expect(fetched.filter((url) => !url.startsWith(served.url) && !url.startsWith('data:'))).toEqual([]);
});

it('undoes gzip', async () => {
  await open(await imageFile('ext4', gzipSync));
  expect(await names()).toContain('hello.txt');
});

it('undoes zstd that was split in pieces, chosen together', async () => {
  const packed = readFileSync(await imageFile('ext4', zstdCompressSync));
  const half = Math.ceil(packed.length / 2);
  const pieces = [packed.subarray(half), packed.subarray(0, half)].map((piece, i) => {
    const path = join(folder, `ext4.zst.00${2 - i}`);
    writeFileSync(path, piece);
    return path;
  });
  await open(...pieces);
  expect(await names()).toContain('hello.txt');
  expect((await texts('.drop strong'))[0]).toBe('ext4.zst.001');
});

it('lists the partitions of a GPT disk, and opens each that has a file system', async () => {
  await open(await imageFile('disk-gpt-several'));
  expect((await texts('.volumes button')).map((text) => text.split(' · ')[0])).toEqual([
    'partition 1 vfat',
    'partition 2 ext4',
    'partition 3 no file system',
    'partition 4 erofs',
  ]);
  await clickOn('.volumes button', 'partition 4');
  await page.waitForSelector('.volumes li:nth-child(4) [aria-pressed=true]');
  await page.waitForSelector('.tree tbody tr');
  expect(await names()).toContain('label');
});

it('saves a squashfs as the tar that any other host makes of it', async () => {
  await page.evaluate(() => {
    Object.assign(globalThis, { showSaveFilePicker: undefined });
    const make = URL.createObjectURL.bind(URL);
    URL.createObjectURL = (blob) => {
      Object.assign(globalThis, { saved: blob });
      return make(blob);
    };
  });
  await open(await imageFile('squashfs-zstd'));
  await clickOn('.tree button', 'Save as tar');
  await page.waitForFunction('globalThis.saved');
  const digest = await page.evaluate(async () => {
    const bytes = await (globalThis as unknown as { saved: Blob }).saved.arrayBuffer();
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
  });
  expect(digest).toBe(tars['squashfs-zstd']);
});

it('says why it cannot open what is no image, and takes the next', async () => {
  const text = join(folder, 'notes.txt');
  writeFileSync(text, 'not an image\n'.repeat(100));
  await open(text);
  expect((await texts('[role=alert]'))[0]).toMatch(/no file system/i);
  await open(await imageFile('squashfs-zstd'));
  await page.waitForSelector('.tree tbody tr');
  expect(await names()).toContain('text');
});

it('simulates a network in the page, draws it as it goes, and says what is wrong with a text by its place', async () => {
  await page.goto(`${served.url}#network`);
  await page.waitForSelector('textarea');
  await clickOn('.network button', 'Run');
  await page.waitForSelector('.network canvas');
  await page.waitForSelector('.network .list tbody tr');
  const cells = await texts('.network .list tbody td:first-child');
  expect(cells).toEqual(['upload, fifo', 'ping, fifo', 'upload, fq_codel', 'ping, fq_codel']);
  const medians = (await texts('.network .list tbody td:nth-child(4)')).map(Number.parseFloat);
  expect(medians[1]).toBeGreaterThan(100);
  expect(medians[3]).toBeLessThan(50);
  expect((await texts('.network h2')).map((title) => title.split(' ')[0])).toContain('Queue');
  await page.$eval('textarea', (area) => {
    area.value = area.value.replace('"20mbit"', '"20 parsecs"');
    area.dispatchEvent(new Event('input', { bubbles: true }));
  });
  await clickOn('.network button', 'Run');
  await page.waitForSelector('[role=alert]');
  expect((await texts('[role=alert]'))[0]).toMatch(/links\[0\]\.rate/);
  expect(complaints).toEqual([]);
});

/** What the terminal shows, line by line. */
const screenText = () =>
  page.$$eval('.terminal .xterm-rows > div', (rows) => rows.map((row) => row.textContent ?? '').join('\n'));
const screenShows = (text: string) =>
  page.waitForFunction(
    (text) =>
      [...document.querySelectorAll('.terminal .xterm-rows > div')].some((row) =>
        row.textContent?.replaceAll('\u00a0', ' ').includes(text),
      ),
    { timeout: 60_000 },
    text,
  );

it('has a shell in the image: what is written there stays in the page, and can be saved', async () => {
  await open(await imageFile('ext4'));
  expect(fetched.filter((url) => /tools|terminal/.test(url))).toEqual([]);
  await clickOn('button', 'Open a shell');
  await screenShows('/mnt #');
  await page.keyboard.type('ls; echo $((6*7)) > new; cat new; stty size\n');
  await screenShows('hello.txt');
  await screenShows('42');
  await page.keyboard.type('mke2fs -q -F -t ext4 /tmp/x 4M && e2fsck -fn /tmp/x | tail -n 1\n');
  await screenShows('/tmp/x: 11/');
  // Only what was run was fetched, from here.
  const tools = fetched.filter((url) => url.includes('/tools/')).map((url) => url.split('/').at(-1));
  expect(tools.toSorted()).toEqual(['busybox.wasm', 'e2fsck.wasm', 'mke2fs.wasm', 'tools.json']);
  await page.keyboard.type('sleep 1000\n');
  await page.keyboard.down('Control');
  await page.keyboard.press('c');
  await page.keyboard.up('Control');
  await page.keyboard.type('exit 3\n');
  await page.waitForFunction(() => document.body.textContent?.includes('The shell ended with 3.'), { timeout: 60_000 });
  expect(await texts('.terminal button')).toEqual(['Close the shell', 'Save the changed image']);
  expect(await screenText()).toContain('42');
  await clickOn('button', 'Close the shell');
  await page.waitForFunction(() => document.querySelector('.terminal') === null);
  // Another begins with the image as it was opened.
  await clickOn('button', 'Open a shell');
  await screenShows('/mnt #');
  await page.keyboard.type('cat new\n');
  await screenShows("can't open 'new'");
  expect(complaints).toEqual([]);
}, 120_000);

it('a module that is dropped is a program of the shell that runs, and of the next', async () => {
  const module = fileURLToPath(new URL('../fixtures/programs/wasi.wasm', import.meta.url));
  await open(await imageFile('ext4'));
  await clickOn('button', 'Open a shell');
  await screenShows('/mnt #');
  await open(module);
  await page.waitForFunction(() => document.body.textContent?.includes('wasi is a program now: type its name.'));
  await page.focus('.terminal textarea');
  // It says much, and sleeps for an hour.
  await page.keyboard.type('wasi given\n');
  await screenShows('unlink: 0');
  await page.keyboard.down('Control');
  await page.keyboard.press('c');
  await page.keyboard.up('Control');
  await page.keyboard.type('echo $((6*7))\n');
  await screenShows('42');
  await clickOn('button', 'Close the shell');
  await clickOn('button', 'Open a shell');
  await screenShows('/mnt #');
  await page.keyboard.type('wasi again\n');
  await screenShows('unlink: 0');
  const cut = join(folder, 'cut.wasm');
  writeFileSync(cut, readFileSync(module).subarray(0, 5000));
  await open(cut);
  await page.waitForFunction(() =>
    document.querySelector('[role=alert]')?.textContent?.includes('cut is no whole WebAssembly module'),
  );
  expect(complaints).toEqual([]);
}, 120_000);

it('a shell that cannot be had says why', async () => {
  await open(await imageFile('ext4'));
  served.hide(/tools/);
  await clickOn('button', 'Open a shell');
  await page.waitForFunction(() =>
    document.querySelector('.terminal [role=status]')?.textContent?.includes('without the tools'),
  );
  served.hide(undefined);
  await clickOn('button', 'Close the shell');
  await clickOn('button', 'Open a shell');
  await screenShows('/mnt #');
}, 60_000);
