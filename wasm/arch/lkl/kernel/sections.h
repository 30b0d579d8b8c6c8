/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A linker script's job, in C. wasm-ld lays out segments by name in the order
 * in which it first meets the names, and the pieces of one name in link order.
 * So a zero-length array in the first object marks where a table starts, and
 * one in the last object where it ends. No kernel header may come in here:
 * it would bring segments of its own.
 */
#define SECTION_MARK(section_name, symbol) \
	char symbol[0] __attribute__((section(section_name), aligned(4), used))
