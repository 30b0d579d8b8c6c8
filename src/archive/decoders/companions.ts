/** What people, and macOS, put beside an image into an archive: by its name. */

/** Directories, what macOS adds, and what is no image: texts, checksums, signatures, maps of its blocks. */
const COMPANIONS = [
  /\/$|^__MACOSX\/|(^|\/)\.DS_Store$/,
  /\.(txt|md|rtf|html?|pdf|url|nfo|asc|sig|minisig|bmap|torrent|(sha|md)\d+(sums?)?)$/i,
  /(^|\/)(readme|license|copying|(sha|md)\d+sums?)$/i,
];

export const isCompanion = (name: string): boolean => COMPANIONS.some((pattern) => pattern.test(name));
