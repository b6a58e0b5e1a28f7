/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lock order, outermost first. A thread may only take a lock that stands below all it holds.
 *
 *   big lock            device models, machine, run state            qemu/main-loop.h
 *   translation lock    code buffer, block descriptors, page lists    translate-all.c
 *   vCPU work lock      the queue of work for one vCPU                cpus.c
 *   sync lock           who stands, who waits, exclusive sections     cpus.c
 *   worker lock         the queue of blocking calls                   util/worker.c
 *   timer lock          the sorted lists of timers                    util/timer.c
 *   log lock            one write to the log file                     util/log.c
 *
 * Translated code holds none of them. Who waits for a vCPU (pause, exclusive section, run-on-cpu) gives the big lock
 * up for that time, because the vCPU may need it to get to where it is waited for.
 */
#ifndef QEMU_LOCKS_H
#define QEMU_LOCKS_H
#endif
