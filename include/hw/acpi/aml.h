/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AML as a stream: each call appends the encoding of one term, so that code reads in the order of the byte code.
 *
 * Terms that contain others (scope, device, method, if, package, ...) are open until aml_end() gives them their length.
 * Operators are prefix, as in AML itself: aml_op(a, AML_STORE), then the source, then the target. Names are ASL paths
 * ("\\_SB.PCI0", "^PRQ0", "_HID"); segments shorter than four characters are padded. Mistakes of the caller assert.
 * Resource templates are opened with aml_resource_template(), hold aml_res_*() descriptors and are closed by aml_end().
 * Follows: ACPI specification 6.4, "AML Specification" (byte code) and "Resource Data Types for ACPI".
 */
#ifndef HW_ACPI_AML_H
#define HW_ACPI_AML_H

#include "qemu/osdep.h"

typedef struct Aml {
    GByteArray *out;
    GArray *open;           /* AmlOpen: terms waiting for their length */
} Aml;

Aml *aml_new(void);
void aml_free(Aml *a);      /* the bytes too, unless taken */
GByteArray *aml_take(Aml *a);   /* all terms must be closed; frees a */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Aml, aml_free)

enum AmlOp {                /* operators that need no more than their operands; 5Bxxh are the extended ones */
    AML_STORE = 0x70, AML_ADD = 0x72, AML_SUBTRACT = 0x74, AML_INCREMENT = 0x75, AML_SHIFT_LEFT = 0x79,
    AML_SHIFT_RIGHT = 0x7a, AML_AND = 0x7b, AML_OR = 0x7d, AML_NOT = 0x80, AML_SIZEOF = 0x87, AML_INDEX = 0x88,
    AML_DEREF = 0x83, AML_NOTIFY = 0x86, AML_LAND = 0x90, AML_LOR = 0x91, AML_LNOT = 0x92, AML_LEQUAL = 0x93,
    AML_LGREATER = 0x94, AML_LLESS = 0x95, AML_RETURN = 0xa4, AML_BREAK = 0xa5, AML_ARG0 = 0x68,
    AML_NO_TARGET = 0x00, AML_ELSE_BRANCH = 0xa1,
};
void aml_op(Aml *a, unsigned op);
void aml_arg(Aml *a, unsigned n);
void aml_path(Aml *a, const char *path);        /* operand, or method call followed by its arguments */
void aml_int(Aml *a, uint64_t v);               /* shortest encoding */
void aml_string(Aml *a, const char *text);
void aml_eisaid(Aml *a, const char *id);        /* "PNP0A03" */
void aml_buffer(Aml *a, const void *data, size_t len);

/* Containers, closed by aml_end(). */
void aml_scope(Aml *a, const char *path);
void aml_device(Aml *a, const char *name);
void aml_processor(Aml *a, const char *name, uint8_t id);
void aml_method(Aml *a, const char *name, unsigned argc, bool serialized);
void aml_if(Aml *a);                            /* the condition is the first term inside */
void aml_package(Aml *a, unsigned count);       /* must be followed by count elements */
void aml_resource_template(Aml *a);
void aml_end(Aml *a);

/* Declarations. */
void aml_name(Aml *a, const char *name);                            /* the value is the next term */
void aml_name_int(Aml *a, const char *name, uint64_t v);
void aml_name_eisaid(Aml *a, const char *name, const char *id);
void aml_name_string(Aml *a, const char *name, const char *text);
void aml_method_return_int(Aml *a, const char *name, uint64_t v);
enum AmlSpace { AML_SYSTEM_MEMORY = 0, AML_SYSTEM_IO = 1, AML_PCI_CONFIG = 2 };
void aml_region(Aml *a, const char *name, enum AmlSpace space, uint64_t offset, uint64_t len);
void aml_mutex(Aml *a, const char *name);
void aml_acquire(Aml *a, const char *mutex);        /* however long it takes */
void aml_release(Aml *a, const char *mutex);
typedef struct AmlField { const char *name; unsigned bits; } AmlField;  /* name NULL: reserved bits */
enum AmlAccess { AML_ANY_ACC = 0, AML_BYTE_ACC = 1, AML_WORD_ACC = 2, AML_DWORD_ACC = 3 };
void aml_field(Aml *a, const char *region, enum AmlAccess access, const AmlField *fields, unsigned count);
/* CreateDWordField(buffer, offset, name): the buffer is a name or an argument. */
void aml_create_dword_field_path(Aml *a, const char *buffer, unsigned offset, const char *name);
void aml_create_dword_field_arg(Aml *a, unsigned arg, unsigned offset, const char *name);

/* Resource descriptors. */
void aml_res_io(Aml *a, uint16_t min, uint16_t max, uint8_t align, uint8_t len);    /* 16-bit decode */
void aml_res_irq(Aml *a, uint16_t mask);                                            /* edge, active high, exclusive */
void aml_res_dma(Aml *a, uint8_t mask);             /* compatibility, no bus master, 8 bit */
void aml_res_memory32_fixed(Aml *a, uint32_t base, uint32_t len, bool writable);
void aml_res_interrupt(Aml *a, const uint32_t *irqs, unsigned count, bool shared);  /* level, active high, consumer */
void aml_res_word_bus(Aml *a, uint16_t min, uint16_t max);
void aml_res_word_io(Aml *a, uint16_t min, uint16_t max);
void aml_res_dword_memory(Aml *a, uint32_t min, uint32_t max, bool cacheable);
void aml_res_qword_memory(Aml *a, uint64_t min, uint64_t max, bool cacheable);

#endif
