/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text consoles
 *
 * A terminal of 80x24 cells with some hundred lines of history. Cells are those of a VGA text screen (code page 437
 * and an attribute), so that a display draws both alike.
 * Follows: ECMA-48, Control Functions for Coded Character Sets; DEC VT100 User Guide, chapter 3.
 * Left out: other character sets, UTF-8, double-size lines, tab stops that can be moved, insert mode.
 */
#include "qemu/osdep.h"
#include "ui/vc.h"

#define HISTORY         512         /* lines, those on the screen included */
#define PARAMS_MAX      8
#define PARAM_LIMIT     9999u
#define TAB_WIDTH       8
#define LAST_COLUMN     (VC_COLUMNS - 1)
#define LAST_ROW        (VC_ROWS - 1)

typedef enum VcState { VC_TEXT, VC_ESCAPE, VC_CHARSET, VC_CSI, VC_OSC, VC_OSC_ESCAPE } VcState;

typedef struct Look {
    uint8_t fg, bg;             /* as in a VGA attribute */
    bool bold, reverse;
} Look;
static const Look look_plain = { .fg = 7 };

struct Vc {
    VcInput *input;
    void *opaque;
    uint16_t cells[HISTORY][VC_COLUMNS];    /* a ring: the screen's first line is cells[top] */
    unsigned top, older;        /* older: lines above the screen that can be looked at */
    unsigned back;              /* how many of them are in view */
    unsigned x, y, saved_x, saved_y;
    bool wrap;                  /* the last column is written: the next character begins a line */
    bool cursor_off;
    unsigned region_first, region_last;     /* what scrolls */
    Look look, saved_look;
    VcState state;
    unsigned params[PARAMS_MAX], n_params;
    uint8_t private_mark;       /* '?' and the like after CSI */
    Vc *next;
};

static Vc *consoles;            /* big lock; in order of creation */

/* ---- cells ------------------------------------------------------------------------------------------------------- */

static uint16_t *row_at(Vc *vc, unsigned y)
{
    return vc->cells[(vc->top + y) % HISTORY];
}

static uint16_t cell_of(const Look *l, uint8_t c)
{
    uint8_t fg = l->fg | (l->bold ? 8 : 0), bg = l->bg;

    return (l->reverse ? (bg | fg << 4) : (fg | bg << 4)) << 8 | c;
}

static void clear_cells(Vc *vc, unsigned y, unsigned first, unsigned end)
{
    uint16_t *row = row_at(vc, y);

    for (unsigned x = first; x < end; x++) {
        row[x] = cell_of(&vc->look, ' ');
    }
}

static void clear_rows(Vc *vc, unsigned first, unsigned end)
{
    for (unsigned y = first; y < end; y++) {
        clear_cells(vc, y, 0, VC_COLUMNS);
    }
}

/* Lines first..last move up. */
static void shift_up(Vc *vc, unsigned first, unsigned last, unsigned n)
{
    n = MIN(n, last + 1 - first);
    for (unsigned y = first; y + n <= last; y++) {
        memcpy(row_at(vc, y), row_at(vc, y + n), sizeof(vc->cells[0]));
    }
    clear_rows(vc, last + 1 - n, last + 1);
}

/* The same; the whole screen leaves its lines in the history. */
static void scroll_up(Vc *vc, unsigned first, unsigned last, unsigned n)
{
    if (first || last != LAST_ROW) {
        shift_up(vc, first, last, n);
        return;
    }
    n = MIN(n, VC_ROWS);
    vc->top = (vc->top + n) % HISTORY;
    vc->older = MIN(vc->older + n, HISTORY - VC_ROWS);
    vc->back = vc->back ? MIN(vc->back + n, vc->older) : 0;     /* who reads goes on reading */
    clear_rows(vc, VC_ROWS - n, VC_ROWS);
}

static void scroll_down(Vc *vc, unsigned first, unsigned last, unsigned n)
{
    n = MIN(n, last + 1 - first);
    for (unsigned y = last; y >= first + n; y--) {
        memcpy(row_at(vc, y), row_at(vc, y - n), sizeof(vc->cells[0]));
    }
    clear_rows(vc, first, first + n);
}

static void move_to(Vc *vc, unsigned x, unsigned y)
{
    vc->x = MIN(x, LAST_COLUMN);
    vc->y = MIN(y, LAST_ROW);
    vc->wrap = false;
}

static void line_feed(Vc *vc)
{
    vc->wrap = false;
    if (vc->y == vc->region_last) {
        scroll_up(vc, vc->region_first, vc->region_last, 1);
    } else if (vc->y < LAST_ROW) {
        vc->y++;
    }
}

static void reverse_line_feed(Vc *vc)
{
    vc->wrap = false;
    if (vc->y == vc->region_first) {
        scroll_down(vc, vc->region_first, vc->region_last, 1);
    } else if (vc->y) {
        vc->y--;
    }
}

static void put_char(Vc *vc, uint8_t c)
{
    if (vc->wrap) {
        vc->x = 0;
        line_feed(vc);
    }
    row_at(vc, vc->y)[vc->x] = cell_of(&vc->look, c);
    if (vc->x == LAST_COLUMN) {
        vc->wrap = true;
    } else {
        vc->x++;
    }
}

static void reset(Vc *vc)
{
    vc->look = vc->saved_look = look_plain;
    vc->saved_x = vc->saved_y = 0;
    vc->region_first = 0;
    vc->region_last = LAST_ROW;
    vc->cursor_off = false;
    vc->state = VC_TEXT;
    move_to(vc, 0, 0);
    clear_rows(vc, 0, VC_ROWS);
}

/* ---- control sequences ------------------------------------------------------------------------------------------- */

/* A count or position: 1 when missing or 0. */
static unsigned param1(const Vc *vc, unsigned i)
{
    return i < vc->n_params && vc->params[i] ? vc->params[i] : 1;
}

static unsigned param0(const Vc *vc, unsigned i)
{
    return i < vc->n_params ? vc->params[i] : 0;
}

static void csi_up(Vc *vc)
{
    move_to(vc, vc->x, vc->y - MIN(vc->y, param1(vc, 0)));
}

static void csi_down(Vc *vc)
{
    move_to(vc, vc->x, vc->y + param1(vc, 0));
}

static void csi_right(Vc *vc)
{
    move_to(vc, vc->x + param1(vc, 0), vc->y);
}

static void csi_left(Vc *vc)
{
    move_to(vc, vc->x - MIN(vc->x, param1(vc, 0)), vc->y);
}

static void csi_column(Vc *vc)
{
    move_to(vc, param1(vc, 0) - 1, vc->y);
}

static void csi_row(Vc *vc)
{
    move_to(vc, vc->x, param1(vc, 0) - 1);
}

static void csi_position(Vc *vc)
{
    move_to(vc, param1(vc, 1) - 1, param1(vc, 0) - 1);
}

/* 0: from the cursor to the end, 1: from the start to the cursor, 2: all. */
static void csi_erase_line(Vc *vc)
{
    unsigned what = param0(vc, 0);

    clear_cells(vc, vc->y, what == 0 ? vc->x : 0, what == 1 ? vc->x + 1 : VC_COLUMNS);
}

static void csi_erase_screen(Vc *vc)
{
    unsigned what = param0(vc, 0);

    if (what < 2) {
        csi_erase_line(vc);
    }
    clear_rows(vc, what == 0 ? vc->y + 1 : 0, what == 1 ? vc->y : VC_ROWS);
}

static void csi_erase_chars(Vc *vc)
{
    clear_cells(vc, vc->y, vc->x, MIN(vc->x + param1(vc, 0), VC_COLUMNS));
}

static void csi_insert_chars(Vc *vc)
{
    unsigned n = MIN(param1(vc, 0), VC_COLUMNS - vc->x);
    uint16_t *row = row_at(vc, vc->y);

    memmove(row + vc->x + n, row + vc->x, (VC_COLUMNS - vc->x - n) * sizeof(*row));
    clear_cells(vc, vc->y, vc->x, vc->x + n);
}

static void csi_delete_chars(Vc *vc)
{
    unsigned n = MIN(param1(vc, 0), VC_COLUMNS - vc->x);
    uint16_t *row = row_at(vc, vc->y);

    memmove(row + vc->x, row + vc->x + n, (VC_COLUMNS - vc->x - n) * sizeof(*row));
    clear_cells(vc, vc->y, VC_COLUMNS - n, VC_COLUMNS);
}

static bool in_region(const Vc *vc)
{
    return vc->y >= vc->region_first && vc->y <= vc->region_last;
}

static void csi_insert_lines(Vc *vc)
{
    if (in_region(vc)) {
        scroll_down(vc, vc->y, vc->region_last, param1(vc, 0));
    }
}

static void csi_delete_lines(Vc *vc)
{
    if (in_region(vc)) {
        shift_up(vc, vc->y, vc->region_last, param1(vc, 0));
    }
}

static void csi_scroll_up(Vc *vc)
{
    scroll_up(vc, vc->region_first, vc->region_last, param1(vc, 0));
}

static void csi_scroll_down(Vc *vc)
{
    scroll_down(vc, vc->region_first, vc->region_last, param1(vc, 0));
}

static void csi_region(Vc *vc)
{
    unsigned first = param1(vc, 0) - 1, last = (param0(vc, 1) ? param0(vc, 1) : VC_ROWS) - 1;

    if (first < last && last <= LAST_ROW) {
        vc->region_first = first;
        vc->region_last = last;
        move_to(vc, 0, 0);
    }
}

static void csi_mode(Vc *vc, bool on)
{
    if (vc->private_mark == '?' && param0(vc, 0) == 25) {
        vc->cursor_off = !on;
    }
}

static void csi_set_mode(Vc *vc)
{
    csi_mode(vc, true);
}

static void csi_reset_mode(Vc *vc)
{
    csi_mode(vc, false);
}

/* ECMA-48 counts red, green, blue from bit 0; a VGA attribute the other way round. */
static uint8_t vga_color(unsigned ecma)
{
    return (ecma & 2) | (ecma & 1) << 2 | (ecma & 4) >> 2;
}

static void set_look(Look *l, unsigned n)
{
    switch (n) {
    case 0:
        *l = look_plain;
        break;
    case 1:
        l->bold = true;
        break;
    case 7:
    case 27:
        l->reverse = n == 7;
        break;
    case 22:
        l->bold = false;
        break;
    case 30 ... 37:
        l->fg = vga_color(n - 30);
        break;
    case 39:
        l->fg = look_plain.fg;
        break;
    case 40 ... 47:
        l->bg = vga_color(n - 40);
        break;
    case 49:
        l->bg = look_plain.bg;
        break;
    case 90 ... 97:
        l->fg = 8 | vga_color(n - 90);
        break;
    case 100 ... 107:
        l->bg = 8 | vga_color(n - 100);
        break;
    }
}

static void csi_look(Vc *vc)
{
    for (unsigned i = 0; i < MAX(vc->n_params, 1u); i++) {
        set_look(&vc->look, param0(vc, i));
    }
}

static void save_cursor(Vc *vc)
{
    vc->saved_x = vc->x;
    vc->saved_y = vc->y;
    vc->saved_look = vc->look;
}

static void restore_cursor(Vc *vc)
{
    move_to(vc, vc->saved_x, vc->saved_y);
    vc->look = vc->saved_look;
}

static void csi_report(Vc *vc)
{
    char answer[VC_INPUT_MAX];
    int len = 0;

    if (param0(vc, 0) == 5) {
        len = snprintf(answer, sizeof(answer), "\033[0n");
    } else if (param0(vc, 0) == 6) {
        len = snprintf(answer, sizeof(answer), "\033[%u;%uR", vc->y + 1, vc->x + 1);
    }
    if (len) {
        vc->input(vc->opaque, answer, (size_t)len);
    }
}

static void csi_attributes(Vc *vc)
{
    static const char vt102[] = "\033[?6c";

    vc->input(vc->opaque, vt102, sizeof(vt102) - 1);
}

static const struct {
    char final;
    void (*fn)(Vc *vc);
} csi_functions[] = {
    { 'A', csi_up }, { 'B', csi_down }, { 'C', csi_right }, { 'D', csi_left }, { 'G', csi_column },
    { 'H', csi_position }, { 'f', csi_position }, { 'd', csi_row }, { '`', csi_column }, { 'a', csi_right },
    { 'e', csi_down }, { 'J', csi_erase_screen }, { 'K', csi_erase_line }, { 'X', csi_erase_chars },
    { '@', csi_insert_chars }, { 'P', csi_delete_chars }, { 'L', csi_insert_lines }, { 'M', csi_delete_lines },
    { 'S', csi_scroll_up }, { 'T', csi_scroll_down }, { 'r', csi_region }, { 'h', csi_set_mode },
    { 'l', csi_reset_mode }, { 'm', csi_look }, { 's', save_cursor }, { 'u', restore_cursor }, { 'n', csi_report },
    { 'c', csi_attributes },
};

static void csi_end(Vc *vc, uint8_t final)
{
    vc->state = VC_TEXT;
    for (size_t i = 0; i < ARRAY_SIZE(csi_functions); i++) {
        if (csi_functions[i].final == final && (!vc->private_mark || final == 'h' || final == 'l')) {
            csi_functions[i].fn(vc);
            return;
        }
    }
}

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static void control(Vc *vc, uint8_t c)
{
    switch (c) {
    case '\b':
        move_to(vc, vc->x - (vc->x ? 1 : 0), vc->y);
        break;
    case '\t':
        move_to(vc, ROUND_UP(vc->x + 1, TAB_WIDTH), vc->y);
        break;
    case '\n':
    case '\v':
    case '\f':
        line_feed(vc);
        break;
    case '\r':
        move_to(vc, 0, vc->y);
        break;
    case 0x18:      /* CAN, SUB: no sequence after all */
    case 0x1a:
        vc->state = VC_TEXT;
        break;
    case 0x1b:
        vc->state = VC_ESCAPE;
        break;
    }
}

static void escape(Vc *vc, uint8_t c)
{
    vc->state = VC_TEXT;
    switch (c) {
    case '[':
        vc->state = VC_CSI;
        vc->n_params = 0;
        vc->private_mark = 0;
        break;
    case ']':
        vc->state = VC_OSC;
        break;
    case '(':
    case ')':
        vc->state = VC_CHARSET;
        break;
    case '7':
        save_cursor(vc);
        break;
    case '8':
        restore_cursor(vc);
        break;
    case 'D':
        line_feed(vc);
        break;
    case 'E':
        move_to(vc, 0, vc->y);
        line_feed(vc);
        break;
    case 'M':
        reverse_line_feed(vc);
        break;
    case 'c':
        reset(vc);
        break;
    }
}

static void csi(Vc *vc, uint8_t c)
{
    if (c >= '0' && c <= '9') {
        if (!vc->n_params) {
            vc->params[vc->n_params++] = 0;
        }
        if (vc->n_params <= PARAMS_MAX) {
            unsigned *p = &vc->params[vc->n_params - 1];

            *p = MIN(*p * 10 + c - '0', PARAM_LIMIT);
        }
    } else if (c == ';') {
        if (!vc->n_params) {
            vc->params[vc->n_params++] = 0;
        }
        if (vc->n_params < PARAMS_MAX) {
            vc->params[vc->n_params++] = 0;
        }
    } else if (c >= 0x3c && c <= 0x3f) {
        vc->private_mark = c;
    } else if (c >= 0x40 && c <= 0x7e) {
        csi_end(vc, c);
    }
}

static void put_byte(Vc *vc, uint8_t c)
{
    bool in_osc = vc->state == VC_OSC || vc->state == VC_OSC_ESCAPE;

    if (c < 0x20 && !in_osc) {
        control(vc, c);
        return;
    }
    switch (vc->state) {
    case VC_TEXT:
        if (c != 0x7f) {
            put_char(vc, c);
        }
        break;
    case VC_ESCAPE:
        escape(vc, c);
        break;
    case VC_CHARSET:
        vc->state = VC_TEXT;
        break;
    case VC_CSI:
        csi(vc, c);
        break;
    case VC_OSC:        /* a title: ends with BEL or ESC \ */
        vc->state = c == '\a' || c == 0x18 ? VC_TEXT : c == 0x1b ? VC_OSC_ESCAPE : VC_OSC;
        break;
    case VC_OSC_ESCAPE:
        vc->state = c == '\\' ? VC_TEXT : VC_OSC;
        break;
    }
}

void vc_write(Vc *vc, const uint8_t *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        put_byte(vc, buf[i]);
    }
}

/* ---- the user ---------------------------------------------------------------------------------------------------- */

void vc_type(Vc *vc, const char *bytes, size_t len)
{
    vc->back = len ? 0 : vc->back;
    vc->input(vc->opaque, bytes, len);
}

void vc_scroll(Vc *vc, int rows)
{
    vc->back = (unsigned)CLAMP((int)vc->back + rows, 0, (int)vc->older);
}

void vc_text(Vc *vc, TextScreen *t)
{
    text_screen_resize(t, VC_COLUMNS, VC_ROWS);
    for (unsigned y = 0; y < VC_ROWS; y++) {
        memcpy(t->cells + y * VC_COLUMNS, vc->cells[(vc->top + HISTORY - vc->back + y) % HISTORY],
               sizeof(vc->cells[0]));
    }
    t->blinks = false;
    t->cursor = vc->cursor_off || vc->back ? -1 : (int)(vc->y * VC_COLUMNS + vc->x);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

Vc *vc_new(const char *label, VcInput *input, void *opaque)
{
    g_autofree char *title = g_strdup_printf("%s console\r\n", label);
    Vc *vc = g_new0(Vc, 1), **end = &consoles;

    vc->input = input;
    vc->opaque = opaque;
    reset(vc);
    vc_write(vc, (const uint8_t *)title, strlen(title));
    while (*end) {
        end = &(*end)->next;
    }
    *end = vc;
    return vc;
}

void vc_free(Vc *vc)
{
    Vc **p = &consoles;

    if (!vc) {
        return;
    }
    while (*p != vc) {
        p = &(*p)->next;
    }
    *p = vc->next;
    g_free(vc);
}

Vc *vc_nth(unsigned n)
{
    Vc *vc = consoles;

    while (vc && n--) {
        vc = vc->next;
    }
    return vc;
}
