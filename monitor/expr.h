/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers as monitor users write them: C's operators + - * / % & | ^ ~ and parentheses over 64-bit numbers (decimal, 0x
 * hex, 0 octal), 'c' and $register.
 */
#ifndef MONITOR_EXPR_H
#define MONITOR_EXPR_H

#include "qemu/error.h"

/* The value of a register of the CPU the monitor looks at; false: no such name. */
typedef bool ExprRegFn(void *opaque, const char *name, uint64_t *value);

/* *text moves behind the expression and the blanks after it. False with an Error when there is none. */
bool expr_eval(const char **text, ExprRegFn *reg, void *opaque, uint64_t *value, Error **errp);

#endif
