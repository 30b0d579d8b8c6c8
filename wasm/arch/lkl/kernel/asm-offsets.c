// SPDX-License-Identifier: GPL-2.0-only
/* Kbuild wants this file; our assembly knows no structure. */
