// SPDX-License-Identifier: GPL-2.0-only
/*
 * A read past the end of a device is an error, never zeros. Linux shortens a
 * request that straddles the end and gives zeros for the rest, so that the last
 * sectors of a device are reached by blocks larger than they are. But a request
 * of readahead is long: of an image that was cut short, whole pages of a file
 * would come out as zeros and nobody be told. Left as it is the request fails
 * (bio_check_eod()), readahead falls back to single pages, and of these only
 * those fail of which something is missing.
 *
 * Linked over the stock function by --wrap.
 */
#include <linux/bio.h>

void __real_guard_bio_eod(struct bio *bio);
void __wrap_guard_bio_eod(struct bio *bio);
void __wrap_guard_bio_eod(struct bio *bio)
{
	if (op_is_write(bio_op(bio)))
		__real_guard_bio_eod(bio);
}
