// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slots for virtio-mmio devices. The host decides later, perhaps only after a
 * restore, what stands in each: it writes the slot's name to the driver's bind
 * file in sysfs. Until then a slot is a platform device without a driver.
 */
#include <linux/init.h>
#include <linux/ioport.h>
#include <linux/platform_device.h>
#include <asm/host.h>

static int __init lkl_virtio_slots(void)
{
	for (int slot = 0; slot < LKL_VIRTIO_SLOTS; slot++) {
		struct resource resources[] = {
			DEFINE_RES_MEM(LKL_VIRTIO_BASE + slot * LKL_VIRTIO_STRIDE, LKL_VIRTIO_STRIDE),
			DEFINE_RES_IRQ(LKL_IRQ_VIRTIO + slot),
		};
		struct platform_device *dev = platform_device_register_simple("virtio-mmio", slot, resources, 2);

		if (IS_ERR(dev))
			return PTR_ERR(dev);
	}
	return 0;
}
device_initcall(lkl_virtio_slots);
