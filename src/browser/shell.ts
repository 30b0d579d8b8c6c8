/** A shell in an image: a kernel of its own with the tools, on which the image is mounted; what is written stays in the page. */

import { HostError } from '../errors/host-error.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { installProgram } from '../kernel/program/run/install.ts';
import type { ProgramEnd, RunningProgram } from '../kernel/program/run/run.ts';
import type { TerminalSize } from '../kernel/program/run/terminal.ts';
import type { Linux } from '../linux.ts';
import { type BlockDevice, SECTOR } from '../storage/block-device.ts';
import { type Overlay, overlay } from '../storage/layers/overlay.ts';
import { type OwnProgram, withOwnPrograms } from '../tools/own-programs.ts';
import type { Toolbox } from '../tools/toolbox.ts';
import { Workshop } from '../tools/workshop.ts';
import { browserHost } from './host.ts';

/** MiB of the kernel, of its programs, and of what is written to the image. */
const KERNEL_MIB = 64;
const PROGRAMS_MIB = 256;
const WRITTEN_MIB = 256;
const MIB = 2 ** 20;
const PIECE_BYTES = MIB;

/** Takes bytes as they come, in order; what it answers is awaited. */
type Taker = (bytes: Uint8Array) => void | Promise<void>;

export interface ShellRequest {
  readonly type: string;
  readonly partition: number | undefined;
  readonly size: TerminalSize;
}

export class Shell {
  readonly #image: Overlay;
  readonly #engine: Pick<Linux, 'newKernel'>;
  #toolbox: Toolbox;
  readonly #typed: Uint8Array[] = [];
  #over = false;
  #wake: () => void = () => {};
  #program: RunningProgram | undefined;
  #kernel: Kernel | undefined;

  constructor(image: BlockDevice, engine: Pick<Linux, 'newKernel'>, toolbox: Toolbox) {
    this.#image = overlay(image, { limitMib: WRITTEN_MIB });
    this.#engine = engine;
    this.#toolbox = toolbox;
  }

  /** Runs until the shell ends; then the image is unmounted and can be saved. */
  async run({ type, partition, size }: ShellRequest, shown: Taker): Promise<ProgramEnd> {
    const kernel = await this.#engine.newKernel({
      host: browserHost,
      memoryMib: KERNEL_MIB,
      programMib: PROGRAMS_MIB,
      clock: 'wall',
    });
    this.#kernel = kernel;
    try {
      const shop = await Workshop.open(kernel, this.#toolbox, PROGRAMS_MIB * MIB);
      const end = await shop.mounted(
        await shop.attach(this.#image),
        type,
        (cwd) =>
          shop.run(
            ['sh'],
            { stdin: this.#read, stdout: shown },
            {
              cwd,
              env: ['TERM=xterm-256color', 'PS1=$PWD # '],
              terminal: size,
              started: (program) => {
                this.#program = program;
              },
            },
          ),
        { partition: partition ?? 'whole' },
      );
      await shop.commit();
      return end;
    } finally {
      this.#program = undefined;
      this.#kernel = undefined;
      kernel.kill();
    }
  }

  /** It is /bin/NAME from now on, while a shell runs, too. */
  async add(program: OwnProgram): Promise<void> {
    this.#toolbox = withOwnPrograms(this.#toolbox, [program]);
    const kernel = this.#kernel;
    if (!kernel) return;
    kernel.programs.provide((name) => this.#toolbox.module(name));
    await installProgram(kernel.init, `/bin/${program.name}`, program.name);
  }

  type(text: string): void {
    this.#typed.push(new TextEncoder().encode(text));
    this.#wake();
  }

  async resize(size: TerminalSize): Promise<void> {
    await this.#program?.resize(size);
  }

  /** Whether anything differs from the image that was opened. */
  get isChanged(): boolean {
    return this.#image.usedBytes > 0;
  }

  /** The image as it is now, whole: when no shell runs in it. */
  async save(take: Taker): Promise<void> {
    if (this.#kernel) throw new HostError('image-in-use', 'the shell still runs: exit it first');
    const { sectors, sizeBytes = sectors * SECTOR } = this.#image;
    for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
      const bytes = new Uint8Array(Math.ceil(Math.min(PIECE_BYTES, sizeBytes - at) / SECTOR) * SECTOR);
      await this.#image.read(at / SECTOR, bytes);
      await take(bytes.subarray(0, sizeBytes - at));
    }
  }

  /** Ends it at once, whatever it is doing. */
  end(): void {
    this.#over = true;
    this.#wake();
    this.#kernel?.kill('halt', 'the terminal was closed');
  }

  readonly #read = async (): Promise<Uint8Array | undefined> => {
    while (this.#typed.length === 0 && !this.#over) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#typed.shift();
  };
}
