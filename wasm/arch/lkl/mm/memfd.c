// SPDX-License-Identifier: GPL-2.0-only
/*
 * memfd_create(2) without an MMU. A file in memory that may be mapped lies in
 * one block there, which is allocated when its size is set. A fresh memfd has
 * none, and no block is of size 0: the stock function calls that too large.
 *
 * Linked over the stock function by --wrap.
 */
#include <linux/ramfs.h>

int __real_ramfs_nommu_expand_for_mapping(struct inode *inode, size_t newsize);
int __wrap_ramfs_nommu_expand_for_mapping(struct inode *inode, size_t newsize);
int __wrap_ramfs_nommu_expand_for_mapping(struct inode *inode, size_t newsize)
{
	return newsize ? __real_ramfs_nommu_expand_for_mapping(inode, newsize) : 0;
}
