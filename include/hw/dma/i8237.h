/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The PC/AT's DMA: two 8237A controllers and the page registers, device "i8257" (one device is both). Channels 0-3
 * move bytes, 5-7 words, 4 is the cascade. device_new() + device_realize() puts them at 00h, C0h and 81h-8Fh. Big
 * lock held.
 *
 * A device that has data, or wants some, calls i8257_write() or i8257_read() with as much as it has: that is DREQ and
 * the cycles that follow. Fewer bytes than asked for: the channel is masked, disabled, aimed the other way, or
 * reached its terminal count, which *tc then says. The device tries again when its notifier says that the guest set
 * the channel up.
 */
#ifndef HW_DMA_I8237_H
#define HW_DMA_I8237_H

#include "hw/core/device.h"

#define DMA_CHANNELS 8

/* Device to memory ("write transfer"). len and the result are bytes, on word channels even. buf is not kept. */
size_t i8257_write(Device *dma, unsigned channel, const void *buf, size_t len, bool *tc);
/* Memory to device ("read transfer"). */
size_t i8257_read(Device *dma, unsigned channel, void *buf, size_t len, bool *tc);
/* Bytes until terminal count; 0 when the channel does not run. A verify transfer runs but moves nothing. */
size_t i8257_remaining(Device *dma, unsigned channel);
bool i8257_channel_open(Device *dma, unsigned channel);
void i8257_set_notify(Device *dma, unsigned channel, void (*fn)(void *opaque), void *opaque);

#endif
