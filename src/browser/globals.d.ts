/** What TypeScript's library has for Web Workers alone, while the folder is checked with that of pages. */

declare class FileReaderSync {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}
