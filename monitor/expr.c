/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Expressions of the monitor: a parser by precedence, with C's levels of the operators
 *
 * A user, or who speaks to a monitor's socket, can type anything: nesting is bounded, and arithmetic is modulo 2^64.
 */
#include "qemu/osdep.h"
#include "expr.h"

#define DEPTH_MAX   64
#define REG_NAME_MAX 32

typedef struct Parser {
    const char *p;
    ExprRegFn *reg;
    void *opaque;
    unsigned depth;
    Error **errp;
} Parser;

static const struct {
    char op;
    int level;      /* binds tighter the higher */
} operators[] = {
    { '|', 1 }, { '^', 2 }, { '&', 3 }, { '+', 4 }, { '-', 4 }, { '*', 5 }, { '/', 5 }, { '%', 5 },
};

static bool parse_binary(Parser *s, int min_level, uint64_t *v);

static void skip_blanks(Parser *s)
{
    while (g_ascii_isspace(*s->p)) {
        s->p++;
    }
}

static int level_of(char c)
{
    for (size_t i = 0; i < ARRAY_SIZE(operators); i++) {
        if (operators[i].op == c) {
            return operators[i].level;
        }
    }
    return 0;
}

static bool parse_register(Parser *s, uint64_t *v)
{
    char name[REG_NAME_MAX];
    unsigned n = 0;

    while (g_ascii_isalnum(*s->p) || *s->p == '_' || *s->p == '.') {
        if (n < sizeof(name) - 1) {
            name[n++] = *s->p;
        }
        s->p++;
    }
    name[n] = '\0';
    if (!s->reg || !s->reg(s->opaque, name, v)) {
        error_set(s->errp, "unknown register");
        return false;
    }
    return true;
}

static bool parse_char(Parser *s, uint64_t *v)
{
    if (!s->p[0] || s->p[1] != '\'') {
        error_set(s->errp, "character constant expected");
        return false;
    }
    *v = (uint8_t)s->p[0];
    s->p += 2;
    return true;
}

static bool parse_number(Parser *s, uint64_t *v)
{
    char *end;

    if (!*s->p) {
        error_set(s->errp, "unexpected end of expression");
        return false;
    }
    if (!g_ascii_isdigit(*s->p)) {
        error_set(s->errp, "invalid char '%c' in expression", g_ascii_isprint(*s->p) ? *s->p : '?');
        return false;
    }
    errno = 0;
    *v = g_ascii_strtoull(s->p, &end, 0);
    if (errno == ERANGE) {
        error_set(s->errp, "number too large");
        return false;
    }
    s->p = end;
    return true;
}

static bool parse_paren(Parser *s, uint64_t *v)
{
    if (!parse_binary(s, 1, v)) {
        return false;
    }
    if (*s->p != ')') {
        error_set(s->errp, "')' expected");
        return false;
    }
    s->p++;
    return true;
}

static bool parse_unary(Parser *s, uint64_t *v)
{
    bool ok;

    skip_blanks(s);
    if (++s->depth > DEPTH_MAX) {
        error_set(s->errp, "expression is nested too deeply");
        return false;
    }
    switch (*s->p) {
    case '+':
        s->p++;
        ok = parse_unary(s, v);
        break;
    case '-':
        s->p++;
        ok = parse_unary(s, v);
        *v = -*v;
        break;
    case '~':
        s->p++;
        ok = parse_unary(s, v);
        *v = ~*v;
        break;
    case '(':
        s->p++;
        ok = parse_paren(s, v);
        break;
    case '\'':
        s->p++;
        ok = parse_char(s, v);
        break;
    case '$':
        s->p++;
        ok = parse_register(s, v);
        break;
    default:
        ok = parse_number(s, v);
        break;
    }
    s->depth--;
    skip_blanks(s);
    return ok;
}

static bool apply(Parser *s, char op, uint64_t *v, uint64_t r)
{
    if ((op == '/' || op == '%') && !r) {
        error_set(s->errp, "division by zero");
        return false;
    }
    switch (op) {
    case '|': *v |= r; break;
    case '^': *v ^= r; break;
    case '&': *v &= r; break;
    case '+': *v += r; break;
    case '-': *v -= r; break;
    case '*': *v *= r; break;
    case '/': *v /= r; break;
    case '%': *v %= r; break;
    }
    return true;
}

/* "memsave 0 16 /tmp/file": a slash after a blank and before a name begins the next argument. */
static bool starts_a_path(const Parser *s)
{
    return s->p[0] == '/' && g_ascii_isspace(s->p[-1]) && (g_ascii_isalpha(s->p[1]) || s->p[1] == '.');
}

static bool parse_binary(Parser *s, int min_level, uint64_t *v)
{
    *v = 0;
    if (!parse_unary(s, v)) {
        return false;
    }
    for (int level; (level = level_of(*s->p)) >= min_level && level && !starts_a_path(s);) {
        char op = *s->p++;
        uint64_t r = 0;

        if (!parse_binary(s, level + 1, &r) || !apply(s, op, v, r)) {
            return false;
        }
    }
    return true;
}

bool expr_eval(const char **text, ExprRegFn *reg, void *opaque, uint64_t *value, Error **errp)
{
    Parser s = { .p = *text, .reg = reg, .opaque = opaque, .errp = errp };

    if (!parse_binary(&s, 1, value)) {
        return false;
    }
    *text = s.p;
    return true;
}
