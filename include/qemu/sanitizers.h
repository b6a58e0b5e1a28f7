/* SPDX-License-Identifier: GPL-2.0-or-later */
/* QEMU_ASAN, QEMU_TSAN: defined when that sanitizer of gcc or clang is part of the build. */
#ifndef QEMU_SANITIZERS_H
#define QEMU_SANITIZERS_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define QEMU_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define QEMU_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define QEMU_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__)
#define QEMU_TSAN 1
#endif

#endif
