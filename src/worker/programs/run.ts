/** Programs that are run for one request: a kernel of their own, stored images as their disks. */

import { HostError } from '../../errors/host-error.ts';
import type { MountRequest } from '../../image/mounted-image.ts';
import type { ClockPolicy, Host } from '../../kernel/host.ts';
import { seededHost } from '../../kernel/snapshot/seed.ts';
import type { Linux } from '../../linux.ts';
import { type BlockDevice, SECTOR, sizeOf } from '../../storage/block-device.ts';
import { overlay } from '../../storage/layers/overlay.ts';
import { memoryDevice } from '../../storage/memory.ts';
import type { Room } from '../../storage/room.ts';
import { zeros } from '../../storage/volume/fitted.ts';
import { isWasm } from '../../tools/is-wasm.ts';
import { type OrderedDisk, type ProgramOrder, type ProgramReport, runOrder } from '../../tools/program-order.ts';
import { type Streams, Workshop } from '../../tools/workshop.ts';
import type { ImageDisks } from '../images/disks.ts';
import { mustMeet, named } from '../images/images.ts';
import { openStored } from '../images/stored-images.ts';
import type { Unpack } from '../images/undone.ts';
import type { Condition } from '../storage/image-entry.ts';
import type { ImageStore } from '../storage/image-store.ts';
import { workerToolbox } from './toolbox.ts';

const NEW: Condition = { ifNoneMatch: '*' };

export interface DiskOrder {
  /** One of three: a stored image, a new disk of so many bytes, or the image itself. */
  readonly image?: string | undefined;
  readonly sizeBytes?: number | undefined;
  readonly bytes?: Uint8Array | undefined;
  readonly version?: string | undefined;
  readonly ifMatch?: string | undefined;
  /** What is written to the image is a new version of it. */
  readonly write: boolean;
  /** The new disk is the image of this name. */
  readonly saveAs?: string | undefined;
  readonly readOnly: boolean;
  readonly mount?: (MountRequest & { readonly at: string }) | undefined;
}

export interface RunOrder extends Omit<ProgramOrder, 'disks'> {
  readonly disks: readonly DiskOrder[];
  readonly memoryMib: number;
  readonly programMib: number;
  readonly clock: ClockPolicy;
  readonly seed?: string | undefined;
}

/** What became of a disk. */
export interface DiskReport {
  readonly disk: string;
  readonly image?: string | undefined;
  readonly etag?: string | undefined;
  readonly version?: string | undefined;
  readonly sizeBytes?: number | undefined;
  /** As it is now, of what is nowhere else. */
  readonly device?: BlockDevice | undefined;
}

export interface RunReport extends ProgramReport {
  readonly disks: readonly DiskReport[];
}

export interface RunJobs {
  /** `taken` gets the report while what is on disks in memory is still there. */
  run<T>(order: RunOrder, streams: Streams, taken: (report: RunReport) => Promise<T>): Promise<T>;
}

export interface RunNeeds {
  readonly images: ImageStore;
  readonly disks: ImageDisks;
  readonly engine: Pick<Linux, 'newKernel'>;
  readonly host: Host;
  readonly room: Room;
  /** What is compressed inside of images, undone as long as the request lasts. */
  readonly unpack: Unpack;
  readonly maxImageBytes: number;
}

/** What the writes to one disk in memory may add up to. */
const OVERLAY_MIB = 32;
/** A new disk that is kept in memory. */
const SMALL_BYTES = 8 * 2 ** 20;
const MIB = 2 ** 20;

interface OpenedDisk {
  readonly device: BlockDevice;
  /** What it is then, stored where it is to be. */
  finish(): Promise<Omit<DiskReport, 'disk'>>;
  close(): Promise<void>;
}

export function runJobs(needs: RunNeeds): RunJobs {
  const { images, disks, engine, host, room, unpack, maxImageBytes } = needs;

  async function open({
    image,
    sizeBytes,
    bytes,
    version,
    ifMatch,
    write,
    saveAs,
    readOnly,
  }: DiskOrder): Promise<OpenedDisk> {
    if (image !== undefined && write) {
      const disk = await disks.open(image, { ifMatch });
      return { device: disk.device, close: disk.close, finish: async () => ({ image, ...(await disk.commit()) }) };
    }
    if (image !== undefined) {
      const stored = await named(image, images.source(image, version));
      const { etag } = stored;
      if (ifMatch !== undefined && ifMatch !== etag) throw new HostError('precondition-failed');
      const { device } = await openStored(stored, room, {}, unpack);
      return { ...inMemory(device, readOnly), finish: async () => ({ image, etag }) };
    }
    if (sizeBytes !== undefined && sizeBytes > maxImageBytes) {
      throw new HostError('too-large', `a disk has at most ${maxImageBytes} bytes`, {
        members: { max_bytes: maxImageBytes },
      });
    }
    if (saveAs !== undefined && sizeBytes !== undefined) {
      await mustMeet(images, saveAs, NEW);
      const disk = await disks.create(saveAs, sizeBytes);
      return {
        device: disk.device,
        close: disk.close,
        finish: async () => ({ image: saveAs, ...(await disk.keep(NEW)) }),
      };
    }
    if (sizeBytes !== undefined && sizeBytes > SMALL_BYTES) {
      const disk = await disks.scratch(sizeBytes);
      return { ...disk, finish: async () => ({}) };
    }
    return inMemory(bytes === undefined ? zeros(sizeBytes ?? 0) : inlineDisk(bytes), readOnly);
  }

  function inlineDisk(bytes: Uint8Array): BlockDevice {
    if (bytes.length < SECTOR) throw new HostError('invalid-request', 'an image has one sector at least');
    if (!room.tryTake(bytes.length)) throw new HostError('service-busy');
    return memoryDevice(bytes);
  }

  function inMemory(lower: BlockDevice, readOnly: boolean): OpenedDisk {
    const device = readOnly
      ? { ...sizeOf(lower), read: lower.read.bind(lower) }
      : overlay(lower, { limitMib: OVERLAY_MIB, room });
    return { device, close: async () => {}, finish: async () => ({ device }) };
  }

  return {
    async run(order, streams, taken) {
      const { seed, clock, memoryMib, programMib } = order;
      const [program = ''] = order.argv;
      mustNotBeSent(program, order.files);
      const toolbox = await workerToolbox(program.includes('/') ? undefined : order.argv);
      const opened: OpenedDisk[] = [];
      try {
        for (const disk of order.disks) opened.push(await open(disk));
        const kernel = await engine.newKernel({
          host: seed === undefined ? host : seededHost(host, seed),
          memoryMib,
          programMib,
          clock,
        });
        let report: ProgramReport;
        try {
          const shop = await Workshop.open(kernel, toolbox, programMib * MIB);
          const all = opened.map(({ device }, i): OrderedDisk => {
            const { mount, readOnly = false } = order.disks[i] ?? {};
            return mount ? { device, mount: { ...mount, readOnly } } : { device };
          });
          report = await runOrder(shop, { ...order, disks: all }, streams, host);
        } finally {
          kernel.kill();
        }
        const reports: DiskReport[] = [];
        for (const [i, disk] of opened.entries()) reports.push({ disk: nameOf(i), ...(await disk.finish()) });
        return await taken({ ...report, disks: reports });
      } finally {
        for (const disk of opened) await disk.close();
      }
    },
  };
}

/** A Worker compiles no WebAssembly while it runs. */
function mustNotBeSent(program: string, files: RunOrder['files']): void {
  if (files.some(({ path, bytes }) => path === program && isWasm(bytes)))
    throw new HostError('bad-program', `${program}: a Worker cannot compile a module that is sent to it; lkl run can`);
}

/** As the kernel names its disks: there are no more than letters. */
const nameOf = (index: number): string => `/dev/vd${String.fromCharCode(0x61 + index)}`;
