/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A test that plays the processor: starts the emulator with -accel qtest and speaks its line protocol
 * (docs/qtest.md). A mistake of the emulator (no answer, FAIL, another exit status than 0) fails the test that runs.
 * QEMU names the program.
 */
#ifndef TESTS_QTEST_LIBQTEST_H
#define TESTS_QTEST_LIBQTEST_H

#include "qemu/osdep.h"

typedef struct QTest QTest;

/* args: more of the command line, as a shell would split it. */
QTest *qtest_start(const char *args, ...) G_GNUC_PRINTF(1, 2);
void qtest_quit(QTest *q);          /* SIGTERM, then status 0 */
/* The emulator does not start with these arguments: status 1, and why on its standard error. */
void qtest_refused(const char *args, const char *why);
int qtest_wait_exit(QTest *q);      /* the program ends by itself: its exit status */
/* The answer to a request without its "OK "; caller frees. */
char *qtest_ask(QTest *q, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/* The answer, whatever it is. */
char *qtest_raw(QTest *q, const char *request);
/* Many requests, a line each, sent at once; their answers do not matter, but each must come. A few KiB at most. */
void qtest_batch(QTest *q, const char *requests);
char *qtest_batch_last(QTest *q, const char *requests);     /* the same; gives the last answer, caller frees */
size_t qtest_resident_bytes(QTest *q);      /* of the emulator's process, now */

uint8_t qtest_inb(QTest *q, uint16_t port);
uint16_t qtest_inw(QTest *q, uint16_t port);
uint32_t qtest_inl(QTest *q, uint16_t port);
void qtest_outb(QTest *q, uint16_t port, uint8_t v);
void qtest_outw(QTest *q, uint16_t port, uint16_t v);
void qtest_outl(QTest *q, uint16_t port, uint32_t v);
uint8_t qtest_readb(QTest *q, uint64_t addr);
uint16_t qtest_readw(QTest *q, uint64_t addr);
uint32_t qtest_readl(QTest *q, uint64_t addr);
uint64_t qtest_readq(QTest *q, uint64_t addr);
void qtest_writeb(QTest *q, uint64_t addr, uint8_t v);
void qtest_writew(QTest *q, uint64_t addr, uint16_t v);
void qtest_writel(QTest *q, uint64_t addr, uint32_t v);
void qtest_writeq(QTest *q, uint64_t addr, uint64_t v);
void qtest_memread(QTest *q, uint64_t addr, void *buf, size_t len);
void qtest_memwrite(QTest *q, uint64_t addr, const void *buf, size_t len);
void qtest_memset(QTest *q, uint64_t addr, uint8_t v, size_t len);

int64_t qtest_clock_step(QTest *q, int64_t ns);     /* the new time */
int64_t qtest_clock_step_next(QTest *q);            /* to the next deadline */

void qtest_watch_inputs(QTest *q, const char *device);
bool qtest_irq(QTest *q, unsigned n);               /* its level, as last reported */
unsigned qtest_irq_edges(QTest *q, unsigned n);     /* how often it rose since it was watched */

/* PCI, configuration mechanism 1; devfn is device << 3 | function of bus 0. */
uint32_t qtest_pci_readl(QTest *q, unsigned devfn, unsigned reg);
void qtest_pci_writel(QTest *q, unsigned devfn, unsigned reg, uint32_t v);
unsigned qtest_pci_find(QTest *q, uint16_t vendor, uint16_t device);    /* devfn; fails when there is none */

/* A file of these bytes that is gone when the test program ends. */
const char *qtest_temp_file(const void *data, size_t len);

/*
 * Until cond: gives asynchronous work (disks) its turn, 10 us of the machine's time for each look; fails after many.
 * How many it takes depends on the host, so nothing may be concluded from the time that has passed.
 */
#define qtest_until(q, cond)                                        \
    do {                                                            \
        unsigned tries_ = 0;                                        \
        while (!(cond)) {                                           \
            g_assert_cmpuint(tries_++, <, 200000);                  \
            qtest_clock_step(q, 10000);                             \
        }                                                           \
    } while (0)

#endif
