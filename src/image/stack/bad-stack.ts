/** What is said of metadata that cannot be, or that is not read here. */

/** Thrown by whoever reads metadata and does not know of what; whoever does makes a HostError of it. */
export class MetadataError extends Error {
  override readonly name = 'MetadataError';
}
