/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A US keyboard: which key a character is on. */
#include "qemu/osdep.h"
#include "us-keyboard.h"

/* Rows by the scan code (set 1) of their first key. */
static const struct {
    uint8_t first;
    const char *plain, *shifted;
} rows[] = {
    { 0x02, "1234567890-=", "!@#$%^&*()_+" },
    { 0x10, "qwertyuiop[]", "QWERTYUIOP{}" },
    { 0x1e, "asdfghjkl;'`", "ASDFGHJKL:\"~" },
    { 0x2b, "\\zxcvbnm,./", "|ZXCVBNM<>?" },
    { 0x39, " ", "" },
};

uint8_t us_key(uint8_t c, bool *shifted)
{
    for (size_t i = 0; c && i < ARRAY_SIZE(rows); i++) {
        const char *plain = strchr(rows[i].plain, c), *upper = strchr(rows[i].shifted, c);

        if (plain || upper) {
            *shifted = !plain;
            return rows[i].first + (plain ? plain - rows[i].plain : upper - rows[i].shifted);
        }
    }
    return 0;
}
