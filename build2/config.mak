# Written by configure; "make" runs it again when it has changed.
SRC_PATH := /tmp/h-cpu
VERSION := 0.1.0
PREFIX := /usr/local
TARGETS := qemu-system-x86_64 qemu-system-i386
CC := gcc
CC_KIND := gcc
AR := ar
OBJCOPY := objcopy
ROM_CC := gcc -m32
ROM_LD := ld
CFLAGS_CONFIG := -std=gnu11 -g -Wall -Wextra -Wno-unused-parameter -fno-strict-aliasing -fno-common -O2 -Werror -fPIE -I/usr/include/glib-2.0 -I/usr/lib/x86_64-linux-gnu/glib-2.0/include  -I/usr/include/pixman-1    -I/usr/include/libpng16  -I/usr/include/capstone  -pthread
LDFLAGS_CONFIG := -pie -pthread
LIBS_CONFIG := -lglib-2.0  -lpixman-1  -lz  -lzstd  -lpng16  -lcapstone  -lm
EXTRA_CFLAGS := 
EXTRA_LDFLAGS := 
HOST_ARCH := x86_64
TCG_BACKEND := x86_64
CONFIG_CROSS := 
CONFIG_TCG_INTERPRETER := 
CONFIG_TCG_X86_64 := y
CONFIG_CAPSTONE := y
CONFIG_PNG := y
CONFIG_DEBUG := 
CONFIG_SANITIZERS := 
