/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -display curses: the screen on the terminal the program was started from
 *
 * Text modes are shown as text; a picture only says how large it is. Alt-1 and up choose what is shown: graphics cards
 * first, then text consoles (monitor, ports). Follows: X/Open Curses, Issue 7; code page 437 as IBM's registry (GCSGID
 * 919) and Unicode's mapping table CP437.TXT have it, with the pictures a PC has for control codes.
 * Left out: mouse, keyboards other than US, redefined fonts and palettes.
 */
#define NCURSES_WIDECHAR 1
#include "qemu/osdep.h"
#include <locale.h>
#include "hw/i386/pc.h"
#include "hw/input/i8042.h"
#undef KEY_PRINT        /* curses has one of its own */
#include <curses.h>
#include "curses-keys.h"
#include "qemu/main-loop.h"
#include "qemu/terminal.h"
#include "qemu/timer.h"
#include "ui/console.h"
#include "ui/display.h"
#include "ui/vc.h"

#define TICK_NS         (30 * 1000000ll)
#define ESC_WAIT_MS     25      /* how long after ESC the rest of a key's sequence may come */
#define PAIRS_8         (8 * 8 + 1)
#define PAIRS_16        (16 * 16 + 1)

static const wchar_t cp437[256] =
    L" ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼"
    L" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~⌂"
    L"ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐"
    L"└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ";
/* What looks most alike in ASCII, for terminals that have nothing else: 80h and above. */
static const char ascii437[128 + 1] =
    "CueaaaaceeeiiiAAEaAooouuyOUc$YPfaiounNao?--%%!<>:%#|++++++|+++++++++-++++++++=+++++++++++++"
    "#_||^aBGpSsutFOOd8fe^=+><()/~o..vn2o ";

/* Main thread, big lock. */
static struct {
    Timer timer;
    TextScreen text, shown;
    bool redraw, wide, bright;  /* wide: the terminal has other characters than ASCII; bright: and 16 colours */
    bool noted;                 /* what is shown is a note, about something of shown's size */
    unsigned console;           /* graphics cards, then text consoles */
    char goodbye[256];
} ui;

/* ---- what is shown ----------------------------------------------------------------------------------------------- */

static Console *card_nth(unsigned n, unsigned *cards)
{
    Console *found = NULL;

    *cards = 0;
    for (Console *c = console_first(); c; c = console_next(c)) {
        found = (*cards)++ == n ? c : found;
    }
    return found;
}

/* NULL: it is a graphics card that is shown, or nothing. */
static Vc *vc_shown(void)
{
    unsigned cards;

    return card_nth(ui.console, &cards) ? NULL : vc_nth(ui.console - cards);
}

/* False: a picture, with its size in t, or nothing at all: then there is no size. */
static bool take_text(TextScreen *t)
{
    unsigned cards;
    Console *card = card_nth(ui.console, &cards);
    Vc *vc = vc_shown();

    t->width = t->height = 0;
    if (card) {
        return console_text(card, t);
    }
    if (vc) {
        vc_text(vc, t);
    }
    return vc;
}

static void show(unsigned n)
{
    unsigned cards;

    if (card_nth(n, &cards) || vc_nth(n - cards)) {
        ui.console = n;
        ui.redraw = true;
    }
}

/* ---- drawing ----------------------------------------------------------------------------------------------------- */

static short pair_of(unsigned fg, unsigned bg)
{
    return (short)(1 + (ui.bright ? fg | bg << 4 : (fg & 7) | (bg & 7) << 3));
}

/* The bits of a VGA colour are blue, green, red; a terminal's the other way round. */
static short terminal_color(unsigned vga)
{
    return (short)((vga & 0xa) | (vga & 1) << 2 | (vga & 4) >> 2);
}

static void make_pairs(void)
{
    unsigned n;

    if (!has_colors()) {
        return;
    }
    start_color();
    ui.bright = COLORS >= 16 && COLOR_PAIRS >= PAIRS_16;
    n = ui.bright ? 16 : 8;
    for (unsigned i = 0; COLOR_PAIRS >= PAIRS_8 && i < n * n; i++) {
        init_pair(pair_of(i % n, i / n), terminal_color(i % n), terminal_color(i / n));
    }
}

static attr_t attributes(uint8_t attr, bool blinks)
{
    attr_t a = A_NORMAL;

    if (!has_colors()) {        /* what is dark on light is all that can be said */
        return (attr & 0x70) > (attr & 7) << 4 ? A_REVERSE : A_NORMAL;
    }
    a |= !ui.bright && attr & 8 ? A_BOLD : 0;
    a |= attr & 0x80 && (blinks || !ui.bright) ? A_BLINK : 0;
    return a;
}

static void put_cell(int y, int x, uint16_t cell, bool blinks)
{
    uint8_t c = cell, attr = cell >> 8, bg = attr >> 4 & (blinks ? 7 : 15);
    wchar_t text[2] = { cp437[c], 0 };
    cchar_t cc;

    if (!ui.wide && (c < 0x20 || c >= 0x7f)) {
        text[0] = c >= 0x80 ? ascii437[c - 0x80] : c ? '.' : ' ';
    }
    setcchar(&cc, text, attributes(attr, blinks), has_colors() ? pair_of(attr & 15, bg) : 0, NULL);
    mvadd_wch(y, x, &cc);
}

/* Where the screen begins: in the middle when there is room, else so that the cursor is in sight. */
static int first_shown(int have, int room, int cursor)
{
    if (have <= room) {
        return -(room - have) / 2;
    }
    return CLAMP(cursor + 1 - room, 0, have - room);
}

static void draw_text(const TextScreen *t)
{
    int columns = (int)t->columns, rows = (int)t->rows, cursor = MAX(t->cursor, 0);
    int left = first_shown(columns, COLS, cursor % columns), top = first_shown(rows, LINES, cursor / columns);

    erase();
    for (int y = MAX(top, 0); y < MIN(rows, top + LINES); y++) {
        for (int x = MAX(left, 0); x < MIN(columns, left + COLS); x++) {
            put_cell(y - top, x - left, t->cells[y * columns + x], t->blinks);
        }
    }
    if (t->cursor >= 0) {
        move(cursor / columns - top, cursor % columns - left);
    }
    curs_set(t->cursor >= 0);
}

static void draw_note(const TextScreen *t)
{
    g_autofree char *note = t->width ? g_strdup_printf("%u x %u Graphic mode", t->width, t->height) :
                                       g_strdup("nothing to show");

    erase();
    mvaddstr(LINES / 2, MAX((COLS - (int)strlen(note)) / 2, 0), note);
    curs_set(0);
}

static bool same_text(const TextScreen *a, const TextScreen *b)
{
    return a->columns == b->columns && a->rows == b->rows && a->blinks == b->blinks && a->cursor == b->cursor &&
           !memcmp(a->cells, b->cells, sizeof(*a->cells) * a->columns * a->rows);
}

static void draw(void)
{
    bool is_text = take_text(&ui.text);

    if (is_text && (ui.redraw || ui.noted || !same_text(&ui.text, &ui.shown))) {
        draw_text(&ui.text);
        text_screen_resize(&ui.shown, ui.text.columns, ui.text.rows);
        memcpy(ui.shown.cells, ui.text.cells, sizeof(*ui.text.cells) * ui.text.columns * ui.text.rows);
        ui.shown.cursor = ui.text.cursor;
        ui.shown.blinks = ui.text.blinks;
        ui.noted = false;
    } else if (!is_text && (ui.redraw || !ui.noted || ui.text.width != ui.shown.width ||
                            ui.text.height != ui.shown.height)) {
        draw_note(&ui.text);
        ui.shown.width = ui.text.width;
        ui.shown.height = ui.text.height;
        ui.noted = true;
    }
    ui.redraw = false;
    refresh();
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static void press(const CursesKey *key, bool down)
{
    static const struct {
        uint8_t mod, code;
    } mods[] = { { KEY_MOD_SHIFT, 0x2a }, { KEY_MOD_CTRL, 0x1d }, { KEY_MOD_ALT, 0x38 } };

    if (!down) {
        kbd_put_key(pc_state.kbd, key->code, false);
    }
    for (size_t i = 0; i < ARRAY_SIZE(mods); i++) {
        if (key->mods & mods[i].mod) {
            kbd_put_key(pc_state.kbd, mods[i].code, down);
        }
    }
    if (down) {
        kbd_put_key(pc_state.kbd, key->code, true);
    }
}

static void type_into(Vc *vc, const CursesKey *key, bool is_function, wint_t n)
{
    char c[2] = { key->mods & KEY_MOD_ALT ? 0x1b : (char)n, (char)n };

    if ((key->code == 0xc9 || key->code == 0xd1) && key->mods == KEY_MOD_SHIFT) {
        vc_scroll(vc, key->code == 0xc9 ? VC_ROWS / 2 : -(VC_ROWS / 2));
        ui.redraw = true;
    } else if (is_function && key->bytes) {
        vc_type(vc, key->bytes, strlen(key->bytes));
    } else if (!is_function && n < 0x80) {
        vc_type(vc, c, key->mods & KEY_MOD_ALT ? 2 : 1);
    }
}

static void on_key(bool is_function, wint_t n, uint8_t mods)
{
    CursesKey key = curses_key(is_function, n);
    Vc *vc = vc_shown();

    key.mods |= mods;
    if (is_function && n == KEY_RESIZE) {
        ui.redraw = true;
    } else if (!is_function && mods & KEY_MOD_ALT && n >= '1' && n <= '9') {
        show(n - '1');
    } else if (vc) {
        type_into(vc, &key, is_function, n);
    } else if (key.code && pc_state.kbd) {
        press(&key, true);
        press(&key, false);
    }
}

static void read_keys(void *opaque)
{
    uint8_t mods = 0;
    wint_t n;
    int kind;

    while ((kind = get_wch(&n)) != ERR) {
        bool is_function = kind == KEY_CODE_YES;

        if (!is_function && n == 0x1b && !mods) {
            mods = KEY_MOD_ALT;
            continue;
        }
        on_key(is_function, n, mods);
        mods = 0;
    }
    if (mods) {
        on_key(false, 0x1b, 0);
    }
    draw();
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

/* A signal for a new size only interrupts system calls: keys are asked for as often as the screen is. */
static void tick(void *opaque)
{
    Vc *vc = vc_shown();

    if (vc) {
        vc_type(vc, "", 0);     /* what the other side had no room for */
    }
    read_keys(NULL);
    timer_arm(&ui.timer, clock_get_ns(CLOCK_RT) + TICK_NS);
}

static void leave(void)
{
    if (!isendwin()) {
        endwin();
    }
    host_terminal_release();
}

bool curses_init(Error **errp)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        error_set(errp, "-display curses: standard input and output are not a terminal");
        return false;
    }
    if (!host_terminal_claim("-display curses", errp)) {
        error_prepend(errp, "-display curses: ");
        error_append_hint(errp, "With curses, monitor and ports have screens of their own (Alt-2 and up): leave "
                          "'stdio' out.");
        return false;
    }
    setlocale(LC_CTYPE, "");
    ui.wide = MB_CUR_MAX > 1;
    host_terminal_set_goodbye(ui.goodbye);
    if (!newterm(NULL, stdout, stdin)) {
        host_terminal_release();
        error_set(errp, "-display curses: terminal type '%s' is unknown", g_getenv("TERM") ? g_getenv("TERM") : "");
        return false;
    }
    curses_goodbye(ui.goodbye, sizeof(ui.goodbye));
    atexit(leave);
    raw();
    noecho();
    nonl();
    set_escdelay(ESC_WAIT_MS);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    make_pairs();
    ui.redraw = true;
    fd_set_handler(STDIN_FILENO, NULL, read_keys, NULL, NULL);
    timer_init(&ui.timer, CLOCK_RT, tick, NULL);
    timer_arm(&ui.timer, clock_get_ns(CLOCK_RT));
    return true;
}
