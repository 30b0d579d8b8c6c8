/** The formats that wrap a disk, in the order in which they are tried. */

import { cpio, oci, tar } from '../archives/archive.ts';
import { androidSparse } from './android/sparse.ts';
import { androidSuper } from './android/super.ts';
import { cloop } from './cloop.ts';
import { dmg } from './dmg/dmg.ts';
import { ewf } from './ewf/ewf.ts';
import type { Format } from './format.ts';
import { ova } from './machine/ova.ts';
import { xva } from './machine/xva.ts';
import { parallels } from './parallels/parallels.ts';
import { partclone } from './partclone.ts';
import { qcow2 } from './qcow2/qcow2.ts';
import { rawCd } from './raw-cd.ts';
import { vdi } from './vdi/vdi.ts';
import { vhd } from './vhd/vhd.ts';
import { vhdx } from './vhdx/vhdx.ts';
import { vmdk } from './vmdk/vmdk.ts';

export const formats: readonly Format[] = [
  qcow2,
  vmdk,
  vhdx,
  vhd,
  vdi,
  androidSparse,
  androidSuper,
  parallels,
  ewf,
  ova,
  xva,
  dmg,
  cloop,
  partclone,
  rawCd,
  // An OVA and an XVA are tars, too: before it.
  tar,
  oci,
  cpio,
];
