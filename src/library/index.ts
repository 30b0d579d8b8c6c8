/** The library: disk images, kernels and simulated networks, in this process. */

export type { Argument, BatchCall, CallResult } from '../batch/language/types.ts';
export type { PlayedCall } from '../batch/player.ts';
export { LinuxException } from '../errors/exception.ts';
export type { BlockDevice } from '../storage/block-device.ts';
export type { ByteSource } from '../storage/byte-source.ts';
export type { Fs2tarReport } from '../tree/fs2tar/fs2tar.ts';
export { createEngine, Engine, type EngineOptions } from './engine.ts';
export { Dir, Dirent } from './files/dirent.ts';
export { FileHandle, type ReadOptions, type ReadResult } from './files/file-handle.ts';
export type { EncodingOptions, EncodingOrOptions, ImagePath, NameEncoding } from './files/paths.ts';
export type { ReadFileOptions, ReadStreamOptions } from './files/read-options.ts';
export { BigIntStats, type StatOptions, Stats } from './files/stats.ts';
export { Image, type ReaddirOptions, type StatFs, type TarOptions } from './image.ts';
export {
  type BatchOptions,
  type BatchResult,
  type BootOptions,
  bootKernel,
  type CallName,
  type InterfaceOptions,
  type KernelDisk,
  type KernelInterface,
  RunningKernel,
} from './kernel.ts';
export {
  type AskSecret,
  type ImageSource,
  type Locked,
  type OpenImageOptions,
  openImage,
  type Secret,
} from './open/open-image.ts';
export type { ImageInfo } from './open/opened-image.ts';
export type { ProgramModule, Programs } from './programs/modules.ts';
export {
  type ProgramDisk,
  type RunProgramOptions,
  type RunProgramResult,
  runProgram,
} from './programs/run-program.ts';
export type { ProgramOptions, ProgramResult } from './programs/streams.ts';
export {
  type PlannedCapture,
  type Sample,
  type SimulateOptions,
  Simulation,
  type SimulationRequest,
  type SimulationResult,
  simulate,
} from './simulations/simulate.ts';
export { type SweepAxes, type SweepOptions, type SweepResult, sweep } from './simulations/sweep.ts';
export type { TarStream } from './tar-stream.ts';
export { type FileContent, type TimeLike, WritableFileHandle, type WriteFileOptions } from './write/file-handle.ts';
export { type MkdirOptions, type RmOptions, WritableImage, type XattrOptions } from './write/image.ts';
