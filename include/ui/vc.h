/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Text consoles: terminals on the screen of the emulator, for monitors and ports. A display that has room for them
 * finds them by number. Big lock held.
 */
#ifndef UI_VC_H
#define UI_VC_H

#include "ui/console.h"

#define VC_COLUMNS  80
#define VC_ROWS     24

typedef struct Vc Vc;
/* Bytes that keys or a question of the other side make; never more than VC_INPUT_MAX in one call. */
typedef void VcInput(void *opaque, const char *bytes, size_t len);
#define VC_INPUT_MAX    32

/* label is shown in the first line. */
Vc *vc_new(const char *label, VcInput *input, void *opaque);
void vc_free(Vc *vc);       /* NULL is fine */
Vc *vc_nth(unsigned n);     /* in order of creation, from 0; NULL when there are fewer */

/* What the other side prints: text and the control sequences of a VT100 (ECMA-48) that line editors and shells use. */
void vc_write(Vc *vc, const uint8_t *buf, size_t len);
/*
 * What the user types; brings the newest lines back into view. Nothing (len 0) only offers what was typed before to the
 * other side again.
 */
void vc_type(Vc *vc, const char *bytes, size_t len);
/* Looks at older lines (rows > 0) or newer ones. */
void vc_scroll(Vc *vc, int rows);
void vc_text(Vc *vc, TextScreen *t);

#endif
