/** The Worker's bindings and limits: named, and parsed once, here. */

/** What wrangler.toml binds. Limits are optional strings, as `[vars]` gives them. */
export interface Bindings {
  readonly IMAGES: R2Bucket;
  /** Bytes an image may have once decompressed. */
  readonly MAX_IMAGE_BYTES?: string;
}
