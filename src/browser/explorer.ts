/** One image in a kernel of its own, as a page asks for it: what is on it, its directories, its files, its tar. */

import { type ProxyMarked, proxy } from 'comlink';
import { type Compression, type Decoders, decompress, mayBeginDmg } from '../archive/decompress.ts';
import { HostError } from '../errors/host-error.ts';
import { archiveReport } from '../image/archive-report.ts';
import type { ImageReport, MountedImage, MountRequest } from '../image/mounted-image.ts';
import type { Linux } from '../linux.ts';
import type { BlockDevice } from '../storage/block-device.ts';
import { openDisk } from '../storage/open-disk.ts';
import { compressionOf } from '../storage/sources/compression-of.ts';
import { type OwnProgram, ownProgram, withOwnPrograms } from '../tools/own-programs.ts';
import type { Toolbox } from '../tools/toolbox.ts';
import { openPath, type Page } from '../tree/files.ts';
import { blobSource } from './blob-source.ts';
import { Shell } from './shell.ts';

export interface OpenedImage {
  readonly sizeBytes: number;
  readonly format: string;
  readonly compression?: Compression;
  readonly report: ImageReport;
}

export interface Mounted {
  readonly type: string;
  readonly partition?: number;
}

export type Listing = Page;

export interface Preview {
  readonly sizeBytes: number;
  /** The first bytes from the offset asked for. */
  readonly bytes: Uint8Array;
}

/** Takes bytes as they come, in order; what it answers is awaited. */
export type Taker = (chunk: Uint8Array) => void | Promise<void>;

/** Entries of a directory at a time. */
const PAGE = 1000;

export class Explorer {
  readonly #engine: Linux;
  readonly #decoders: Decoders;
  readonly #toolbox: () => Promise<Toolbox>;
  readonly #own = new Map<string, OwnProgram>();
  #shell: Shell | undefined;
  #device: BlockDevice | undefined;
  #mounted: MountedImage | undefined;
  /** A task makes one call at a time: what is asked for meanwhile waits here. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(engine: Linux, decoders: Decoders, toolbox: () => Promise<Toolbox>) {
    this.#toolbox = toolbox;
    this.#engine = engine;
    this.#decoders = decoders;
  }

  /** Lets go of the image before. `progress` hears the bytes that were decompressed. */
  open(blob: Blob, progress: (bytes: number) => void): Promise<OpenedImage> {
    return this.#inTurn(async () => {
      await this.#leave();
      const compression = await compressionOf(blobSource(blob));
      const outer = compression ? await this.#unpacked(blob, compression, progress) : blob;
      // What is left as it is for its end to tell what it is.
      const inner = compression && outer.size > 0 ? await compressionOf(blobSource(outer)) : undefined;
      const whole = inner && mayBeginDmg(inner) ? await this.#unpacked(outer, inner, progress) : outer;
      if (whole.size === 0) throw new HostError('empty-body', 'the file is empty');
      const { device, format, sizeBytes, archive } = await openDisk(blobSource(whole));
      this.#device = device;
      const report = archiveReport(await this.#engine.inspect(device), archive);
      return { sizeBytes, format, report, ...(compression && { compression }) };
    });
  }

  mount(request: MountRequest): Promise<Mounted> {
    return this.#inTurn(async () => {
      await this.#mounted?.close();
      this.#mounted = undefined;
      if (!this.#device) throw new HostError('no-file-system', 'no image is open');
      this.#mounted = await this.#engine.mount(this.#device, request);
      const { type, partition } = this.#mounted;
      return { type, ...(partition !== undefined && { partition }) };
    });
  }

  /** The entries of a directory after a name, sorted by their bytes, and what of it cannot be read. */
  list(path: Uint8Array, after?: Uint8Array): Promise<Listing> {
    return this.#at(path, async (opened) => {
      if (opened.type !== 'directory') throw new HostError('not-a-file', 'not a directory');
      return opened.list(PAGE, after, 'continue');
    });
  }

  preview(path: Uint8Array, offset: number, length: number): Promise<Preview> {
    return this.#at(path, async (opened) => {
      if (opened.type !== 'file') throw new HostError('not-a-file', 'not a regular file');
      const { sizeBytes } = opened;
      const bytes = new Uint8Array(Math.max(0, Math.min(length, sizeBytes - offset)));
      let at = 0;
      await opened.read(offset, bytes.length, (chunk) => {
        bytes.set(chunk, at);
        at += chunk.length;
      });
      return { sizeBytes, bytes };
    });
  }

  /** All of a file; rejects when it is not whole, whatever `take` has got by then. */
  file(path: Uint8Array, take: Taker): Promise<void> {
    return this.#at(path, async (opened) => {
      if (opened.type !== 'file') throw new HostError('not-a-file', 'not a regular file');
      await opened.read(0, opened.sizeBytes, (chunk) => take(chunk));
    });
  }

  /** The tree below a directory as a tar; rejects when it is not whole. */
  async tar(path: Uint8Array, request: MountRequest, take: Taker): Promise<void> {
    const device = this.#device;
    if (!device) throw new HostError('no-file-system', 'no image is open');
    await this.#engine.fs2tar(device, { ...request, onError: 'stop', ...(path.length > 0 && { path }) }, (chunk) =>
      take(chunk.slice()),
    );
  }

  /** One in the image that is open; it is to be run. */
  async shell(): Promise<Shell & ProxyMarked> {
    const device = this.#device;
    if (!device) throw new HostError('no-file-system', 'no image is open');
    const toolbox = await this.#toolbox();
    this.#shell = new Shell(device, this.#engine, withOwnPrograms(toolbox, [...this.#own.values()]));
    return proxy(this.#shell);
  }

  /**
   * A module of lkl-cc or of WASI, by its file's name without `.wasm`, is a program of the shell that runs and of those to come. Answers that
   * name; rejects with `bad-program` for a module that is none.
   */
  async addProgram(module: Blob, fileName: string): Promise<string> {
    const name = fileName.replace(/\.wasm$/i, '').replaceAll(/[/\0\n]/g, '_');
    const program = ownProgram(name, new Uint8Array(await module.arrayBuffer()));
    this.#own.set(name, program);
    await this.#shell?.add(program);
    return name;
  }

  async #leave(): Promise<void> {
    const mounted = this.#mounted;
    this.#mounted = undefined;
    this.#device = undefined;
    await mounted?.close();
  }

  /** Decompressed into a Blob, which the browser may keep on disk. */
  async #unpacked(blob: Blob, compression: Compression, progress: (bytes: number) => void): Promise<Blob> {
    const parts: Blob[] = [];
    let bytes = 0;
    for await (const chunk of decompress(compression, chunksOf(blob), this.#decoders, { leave: mayBeginDmg })) {
      parts.push(new Blob([chunk.slice()]));
      bytes += chunk.length;
      progress(bytes);
    }
    return new Blob(parts);
  }

  async #at<T>(path: Uint8Array, action: (opened: Awaited<ReturnType<typeof openPath>>) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      const mounted = this.#mounted;
      if (!mounted) throw new HostError('no-file-system', 'nothing is mounted');
      const opened = await openPath(mounted.task, mounted.mountPoint, path, { still: true, log: mounted.log });
      try {
        return await action(opened);
      } finally {
        await opened.close();
      }
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}

/** Bytes read at a time. */
const CHUNK_BYTES = 2 ** 20;

async function* chunksOf(blob: Blob): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < blob.size; at += CHUNK_BYTES) {
    yield new Uint8Array(await blob.slice(at, at + CHUNK_BYTES).arrayBuffer());
  }
}
