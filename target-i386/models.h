/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU models: what CPUID says, and what of it may be used. env->features[] holds the words below, already reduced to
 * what is emulated, so that "may this instruction be used" and "is this bit of CR4 reserved" are one test.
 */
#ifndef TARGET_I386_MODELS_H
#define TARGET_I386_MODELS_H

#include "target-i386/cpu.h"

/* Indexes of env->features[]: CPUID leaf and register (FEAT_ARCH_CAP is MSR 10Ah). */
typedef enum FeatureWord {
    FEAT_1_EDX, FEAT_1_ECX, FEAT_6_EAX, FEAT_7_EBX, FEAT_7_ECX, FEAT_7_EDX, FEAT_D1_EAX,
    FEAT_8000_0001_EDX, FEAT_8000_0001_ECX, FEAT_8000_0007_EDX, FEAT_8000_0008_EBX, FEAT_ARCH_CAP,
    FEAT__COUNT,
} FeatureWord;
_Static_assert(FEAT__COUNT <= 32, "env->features");

/* Leaf 1 EDX */
#define CPUID_FPU (1u << 0)
#define CPUID_VME (1u << 1)
#define CPUID_DE (1u << 2)
#define CPUID_PSE (1u << 3)
#define CPUID_TSC (1u << 4)
#define CPUID_MSR (1u << 5)
#define CPUID_PAE (1u << 6)
#define CPUID_MCE (1u << 7)
#define CPUID_CX8 (1u << 8)
#define CPUID_APIC (1u << 9)
#define CPUID_SEP (1u << 11)
#define CPUID_MTRR (1u << 12)
#define CPUID_PGE (1u << 13)
#define CPUID_MCA (1u << 14)
#define CPUID_CMOV (1u << 15)
#define CPUID_PAT (1u << 16)
#define CPUID_PSE36 (1u << 17)
#define CPUID_CLFLUSH (1u << 19)
#define CPUID_MMX (1u << 23)
#define CPUID_FXSR (1u << 24)
#define CPUID_SSE (1u << 25)
#define CPUID_SSE2 (1u << 26)
#define CPUID_SS (1u << 27)
#define CPUID_HT (1u << 28)
/* Leaf 1 ECX */
#define CPUID_SSE3 (1u << 0)
#define CPUID_PCLMULQDQ (1u << 1)
#define CPUID_MONITOR (1u << 3)
#define CPUID_SSSE3 (1u << 9)
#define CPUID_FMA (1u << 12)
#define CPUID_CX16 (1u << 13)
#define CPUID_PCID (1u << 17)
#define CPUID_SSE41 (1u << 19)
#define CPUID_SSE42 (1u << 20)
#define CPUID_X2APIC (1u << 21)
#define CPUID_MOVBE (1u << 22)
#define CPUID_POPCNT (1u << 23)
#define CPUID_TSC_DEADLINE (1u << 24)
#define CPUID_AES (1u << 25)
#define CPUID_XSAVE (1u << 26)
#define CPUID_OSXSAVE (1u << 27)
#define CPUID_AVX (1u << 28)
#define CPUID_F16C (1u << 29)
#define CPUID_RDRAND (1u << 30)
#define CPUID_HYPERVISOR (1u << 31)
/* Leaf 6 EAX */
#define CPUID_ARAT (1u << 2)
/* Leaf 7 EBX */
#define CPUID_FSGSBASE (1u << 0)
#define CPUID_TSC_ADJUST (1u << 1)
#define CPUID_BMI1 (1u << 3)
#define CPUID_HLE (1u << 4)
#define CPUID_AVX2 (1u << 5)
#define CPUID_SMEP (1u << 7)
#define CPUID_BMI2 (1u << 8)
#define CPUID_ERMS (1u << 9)
#define CPUID_INVPCID (1u << 10)
#define CPUID_RTM (1u << 11)
#define CPUID_NO_FPU_CS_DS (1u << 13)
#define CPUID_MPX (1u << 14)
#define CPUID_RDSEED (1u << 18)
#define CPUID_ADX (1u << 19)
#define CPUID_SMAP (1u << 20)
#define CPUID_CLFLUSHOPT (1u << 23)
#define CPUID_CLWB (1u << 24)
#define CPUID_SHA (1u << 29)
/* Leaf 7 ECX */
#define CPUID_UMIP (1u << 2)
#define CPUID_PKU (1u << 3)
#define CPUID_OSPKE (1u << 4)
#define CPUID_VAES (1u << 9)
#define CPUID_VPCLMULQDQ (1u << 10)
#define CPUID_LA57 (1u << 16)
#define CPUID_RDPID (1u << 22)
/* Leaf 7 EDX */
#define CPUID_FSRM (1u << 4)
#define CPUID_SPEC_CTRL (1u << 26)
#define CPUID_ARCH_CAPABILITIES (1u << 29)
/* Leaf D, sub-leaf 1, EAX */
#define CPUID_XSAVEOPT (1u << 0)
#define CPUID_XSAVEC (1u << 1)
#define CPUID_XGETBV1 (1u << 2)
/* Leaf 80000001 EDX (bits that repeat leaf 1 are filled in by CPUID for AMD vendors) */
#define CPUID_EXT_SYSCALL (1u << 11)
#define CPUID_EXT_NX (1u << 20)
#define CPUID_EXT_MMXEXT (1u << 22)
#define CPUID_EXT_FFXSR (1u << 25)
#define CPUID_EXT_PDPE1GB (1u << 26)
#define CPUID_EXT_RDTSCP (1u << 27)
#define CPUID_EXT_LM (1u << 29)
#define CPUID_EXT_3DNOWEXT (1u << 30)
#define CPUID_EXT_3DNOW (1u << 31)
#define CPUID_EXT_AMD_ALIASES 0x0183f3ffu
/* Leaf 80000001 ECX */
#define CPUID_EXT_LAHF_LM (1u << 0)
#define CPUID_EXT_CMP_LEGACY (1u << 1)
#define CPUID_EXT_SVM (1u << 2)
#define CPUID_EXT_CR8LEG (1u << 4)
#define CPUID_EXT_ABM (1u << 5)
#define CPUID_EXT_SSE4A (1u << 6)
#define CPUID_EXT_MISALIGNSSE (1u << 7)
#define CPUID_EXT_3DNOWPREFETCH (1u << 8)
#define CPUID_EXT_OSVW (1u << 9)
#define CPUID_EXT_XOP (1u << 11)
#define CPUID_EXT_FMA4 (1u << 16)
#define CPUID_EXT_TBM (1u << 21)
#define CPUID_EXT_TOPOEXT (1u << 22)
/* Leaf 80000007 EDX */
#define CPUID_INVARIANT_TSC (1u << 8)
/* MSR 10Ah: speculation flaws this CPU does not have (it does not speculate) */
#define ARCH_CAP_RDCL_NO (1u << 0)
#define ARCH_CAP_IBRS_ALL (1u << 1)
#define ARCH_CAP_SKIP_L1DFL (1u << 3)
#define ARCH_CAP_SSB_NO (1u << 4)
#define ARCH_CAP_MDS_NO (1u << 5)
#define ARCH_CAP_PSCHANGE_MC_NO (1u << 6)
#define ARCH_CAP_TAA_NO (1u << 8)
#define ARCH_CAP_SBDR_SSDP_NO (1u << 13)
#define ARCH_CAP_FBSDP_NO (1u << 14)
#define ARCH_CAP_PSDP_NO (1u << 15)
#define ARCH_CAP_BHI_NO (1u << 20)
#define ARCH_CAP_PBRSB_NO (1u << 24)
#define ARCH_CAP_GDS_NO (1u << 26)
#define ARCH_CAP_RFDS_NO (1u << 27)
#define ARCH_CAP_ITS_NO (1ull << 62)    /* goes with RDCL_NO: the word has 32 bits */

struct CpuModel {
    const char *name, *desc;
    char vendor[13];
    char brand[49];
    uint32_t family, model, stepping;
    uint32_t level, xlevel;         /* highest basic and extended leaf */
    unsigned phys_bits;
    uint32_t features[FEAT__COUNT];
};

static inline bool cpu_has(const CPUX86State *env, FeatureWord w, uint32_t bits)
{
    return (env->features[w] & bits) == bits;
}
#define MISC_ENABLE_MONITOR (1u << 18)              /* MSR 1A0h, Intel: without it, MONITOR is off */
static inline bool model_is_amd(const CpuModel *m) { return !strcmp(m->vendor, "AuthenticAMD"); }
static inline bool cpu_has_monitor(const CPUX86State *env)
{
    return cpu_has(env, FEAT_1_ECX, CPUID_MONITOR) &&
           ((env->misc_enable & MISC_ENABLE_MONITOR) || model_is_amd(env->model));
}
uint32_t model_signature(const CpuModel *m);        /* CPUID 1 EAX */

/*
 * Parses "MODEL[,+feat][,-feat][,feat=on|off][,prop=value]". The result lives as long as the program; the same text
 * gives the same object. NULL or "" is the default model. NULL with an Error that names alternatives when text is
 * wrong.
 */
const CpuModel *model_parse(const char *text, Error **errp);
uint64_t model_tsc_hz(void);                        /* tsc-frequency= of -cpu, or 1 GHz */
void model_print_all(FILE *f);                      /* -cpu help */

#endif
