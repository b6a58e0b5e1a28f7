/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CPU models and the text of -cpu.
 *
 * A model lists what the real processor has; emulated[] says what we do; a guest sees the intersection. To make a new
 * instruction set visible, add its bit to emulated[].
 *
 * The default, "max", is everything emulated. It calls itself an Intel Atom of the in-order generation (family 6,
 * model 36h): operating systems know that one as a CPU without speculation, which is what an emulator is, and so leave
 * out page-table isolation, return trampolines and the like. "qemu64" is the AMD-flavoured lowest common denominator.
 */
#include "qemu/osdep.h"
#include "qemu/error.h"
#include "target-i386/models.h"

/* ---- names of features ------------------------------------------------------------------------------------------- */

static const char *const feature_names[FEAT__COUNT][32] = {
    [FEAT_1_EDX] = { "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", NULL, "sep", "mtrr",
                     "pge", "mca", "cmov", "pat", "pse36", "pn", "clflush", NULL, "ds", "acpi", "mmx", "fxsr", "sse",
                     "sse2", "ss", "ht", "tm", "ia64", "pbe" },
    [FEAT_1_ECX] = { "pni", "pclmulqdq", "dtes64", "monitor", "ds-cpl", "vmx", "smx", "est", "tm2", "ssse3", "cid",
                     NULL, "fma", "cx16", "xtpr", "pdcm", NULL, "pcid", "dca", "sse4.1", "sse4.2", "x2apic", "movbe",
                     "popcnt", "tsc-deadline", "aes", "xsave", NULL, "avx", "f16c", "rdrand", "hypervisor" },
    [FEAT_6_EAX] = { [2] = "arat" },
    [FEAT_7_EBX] = { "fsgsbase", "tsc-adjust", "sgx", "bmi1", "hle", "avx2", NULL, "smep", "bmi2", "erms", "invpcid",
                     "rtm", NULL, "zero-fcs-fds", "mpx", NULL, "avx512f", "avx512dq", "rdseed", "adx", "smap",
                     "avx512ifma", NULL, "clflushopt", "clwb", NULL, "avx512pf", "avx512er", "avx512cd", "sha-ni",
                     "avx512bw", "avx512vl" },
    [FEAT_7_ECX] = { NULL, "avx512vbmi", "umip", "pku", NULL, "waitpkg", "avx512vbmi2", NULL, "gfni", "vaes",
                     "vpclmulqdq", "avx512vnni", "avx512bitalg", NULL, "avx512-vpopcntdq", NULL, "la57",
                     [22] = "rdpid" },
    [FEAT_7_EDX] = { [4] = "fsrm", [10] = "md-clear", [14] = "serialize", [26] = "spec-ctrl", [27] = "stibp",
                     [29] = "arch-capabilities", [31] = "ssbd" },
    [FEAT_D1_EAX] = { "xsaveopt", "xsavec", "xgetbv1", "xsaves" },
    [FEAT_8000_0001_EDX] = { [11] = "syscall", [19] = "mp", [20] = "nx", [22] = "mmxext", [25] = "fxsr-opt",
                             [26] = "pdpe1gb", [27] = "rdtscp", [29] = "lm", [30] = "3dnowext", [31] = "3dnow" },
    [FEAT_8000_0001_ECX] = { "lahf-lm", "cmp-legacy", "svm", "extapic", "cr8legacy", "abm", "sse4a", "misalignsse",
                             "3dnowprefetch", "osvw", "ibs", "xop", "skinit", "wdt", NULL, "lwp", "fma4", "tce",
                             NULL, "nodeid-msr", NULL, "tbm", "topoext" },
    [FEAT_8000_0007_EDX] = { [8] = "invtsc" },
    [FEAT_8000_0008_EBX] = { "clzero", NULL, "xsaveerptr" },
    [FEAT_ARCH_CAP] = { "rdctl-no", "ibrs-all", "rsba", "skip-l1dfl-vmentry", "ssb-no", "mds-no", "pschange-mc-no",
                        [8] = "taa-no", [13] = "sbdr-ssdp-no", [14] = "fbsdp-no", [15] = "psdp-no", [20] = "bhi-no",
                        [24] = "pbrsb-no", [26] = "gds-no", [27] = "rfds-no" },
};

/* Other spellings people write. */
static const struct {
    const char *alias, *name;
} feature_aliases[] = {
    { "sse3", "pni" }, { "sse4-1", "sse4.1" }, { "sse4_1", "sse4.1" }, { "sse4-2", "sse4.2" }, { "sse4_2", "sse4.2" },
    { "lzcnt", "abm" }, { "xd", "nx" }, { "i64", "lm" }, { "ffxsr", "fxsr-opt" }, { "sha_ni", "sha-ni" },
    { "sha", "sha-ni" },
};

/* ---- what is emulated -------------------------------------------------------------------------------------------- */

#define NO_FLAWS (ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL | ARCH_CAP_SKIP_L1DFL | ARCH_CAP_SSB_NO | ARCH_CAP_MDS_NO | \
                  ARCH_CAP_PSCHANGE_MC_NO | ARCH_CAP_TAA_NO | ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO | \
                  ARCH_CAP_PSDP_NO | ARCH_CAP_BHI_NO | ARCH_CAP_PBRSB_NO | ARCH_CAP_GDS_NO | ARCH_CAP_RFDS_NO)

static const uint32_t emulated[FEAT__COUNT] = {
    [FEAT_1_EDX] = CPUID_FPU | CPUID_VME | CPUID_DE | CPUID_PSE | CPUID_TSC | CPUID_MSR | CPUID_PAE | CPUID_MCE |
                   CPUID_CX8 | CPUID_APIC | CPUID_SEP | CPUID_MTRR | CPUID_PGE | CPUID_MCA | CPUID_CMOV | CPUID_PAT |
                   CPUID_PSE36 | CPUID_CLFLUSH | CPUID_MMX | CPUID_FXSR | CPUID_SSE | CPUID_SSE2,
    [FEAT_1_ECX] = CPUID_SSE3 | CPUID_PCLMULQDQ | CPUID_MONITOR | CPUID_SSSE3 | CPUID_FMA | CPUID_CX16 | CPUID_PCID |
                   CPUID_SSE41 | CPUID_SSE42 | CPUID_X2APIC | CPUID_MOVBE | CPUID_POPCNT | CPUID_TSC_DEADLINE |
                   CPUID_AES | CPUID_XSAVE | CPUID_AVX | CPUID_F16C | CPUID_RDRAND | CPUID_HYPERVISOR,
    [FEAT_6_EAX] = CPUID_ARAT,
    [FEAT_7_EBX] = CPUID_FSGSBASE | CPUID_TSC_ADJUST | CPUID_BMI1 | CPUID_AVX2 | CPUID_SMEP | CPUID_BMI2 | CPUID_ERMS |
                   CPUID_INVPCID | CPUID_NO_FPU_CS_DS | CPUID_RDSEED | CPUID_ADX | CPUID_SMAP | CPUID_CLFLUSHOPT |
                   CPUID_CLWB | CPUID_SHA,
    [FEAT_7_ECX] = CPUID_UMIP | CPUID_PKU | CPUID_VAES | CPUID_VPCLMULQDQ | CPUID_RDPID,
    [FEAT_7_EDX] = CPUID_SPEC_CTRL | CPUID_ARCH_CAPABILITIES,
    [FEAT_D1_EAX] = CPUID_XSAVEOPT | CPUID_XSAVEC | CPUID_XGETBV1,
    [FEAT_8000_0001_EDX] = CPUID_EXT_SYSCALL | CPUID_EXT_NX | CPUID_EXT_PDPE1GB | CPUID_EXT_RDTSCP | CPUID_EXT_LM,
    [FEAT_8000_0001_ECX] = CPUID_EXT_LAHF_LM | CPUID_EXT_CMP_LEGACY | CPUID_EXT_ABM | CPUID_EXT_SSE4A |
                           CPUID_EXT_3DNOWPREFETCH | CPUID_EXT_TOPOEXT,
    [FEAT_8000_0007_EDX] = CPUID_INVARIANT_TSC,
    [FEAT_ARCH_CAP] = NO_FLAWS,
};

/* ---- models ------------------------------------------------------------------------------------------------------ */

#define I586_EDX (CPUID_FPU | CPUID_VME | CPUID_DE | CPUID_PSE | CPUID_TSC | CPUID_MSR | CPUID_MCE | CPUID_CX8)
#define I686_EDX (I586_EDX | CPUID_PAE | CPUID_APIC | CPUID_SEP | CPUID_MTRR | CPUID_PGE | CPUID_MCA | CPUID_CMOV)
#define P3_EDX   (I686_EDX | CPUID_PAT | CPUID_PSE36 | CPUID_MMX | CPUID_FXSR | CPUID_SSE)
#define X64_EDX  (P3_EDX | CPUID_CLFLUSH | CPUID_SSE2)
#define X64_EXT  (CPUID_EXT_SYSCALL | CPUID_EXT_NX | CPUID_EXT_LM)
/* Real ones have flaws that systems work around at a price; these do not, and say so. */
#define INTEL64_NO_FLAWS [FEAT_7_EDX] = CPUID_SPEC_CTRL | CPUID_ARCH_CAPABILITIES, [FEAT_ARCH_CAP] = NO_FLAWS
#define CORE2_ECX (CPUID_SSE3 | CPUID_SSSE3 | CPUID_CX16 | CPUID_HYPERVISOR)
#define NEHALEM_ECX (CORE2_ECX | CPUID_SSE41 | CPUID_SSE42 | CPUID_POPCNT)
#define WESTMERE_ECX (NEHALEM_ECX | CPUID_AES | CPUID_PCLMULQDQ)
#define SANDYBRIDGE_ECX (WESTMERE_ECX | CPUID_AVX | CPUID_XSAVE | CPUID_X2APIC | CPUID_TSC_DEADLINE)
#define IVYBRIDGE_ECX (SANDYBRIDGE_ECX | CPUID_F16C | CPUID_RDRAND)
#define HASWELL_ECX (IVYBRIDGE_ECX | CPUID_FMA | CPUID_MOVBE | CPUID_PCID)
#define IVYBRIDGE_7 (CPUID_FSGSBASE | CPUID_SMEP | CPUID_ERMS)
#define HASWELL_7 (IVYBRIDGE_7 | CPUID_BMI1 | CPUID_AVX2 | CPUID_BMI2 | CPUID_INVPCID)
#define BROADWELL_7 (HASWELL_7 | CPUID_RDSEED | CPUID_ADX | CPUID_SMAP)
#define TSX (CPUID_HLE | CPUID_RTM)
#define K8_ECX (CPUID_SSE3 | CPUID_HYPERVISOR)
#define K10_ECX (K8_ECX | CPUID_CX16 | CPUID_POPCNT)
#define BULLDOZER_ECX (K10_ECX | CPUID_PCLMULQDQ | CPUID_SSSE3 | CPUID_SSE41 | CPUID_SSE42 | CPUID_AES | CPUID_XSAVE | \
                       CPUID_AVX)
#define BULLDOZER_EXT (CPUID_EXT_LAHF_LM | CPUID_EXT_ABM | CPUID_EXT_SSE4A | CPUID_EXT_MISALIGNSSE | \
                       CPUID_EXT_3DNOWPREFETCH | CPUID_EXT_XOP | CPUID_EXT_FMA4)
/* A 64-bit model of Intel's from Nehalem on. */
#define INTEL64(n, d, b, mo, st, lv, ecx, seven, edx1, ecx1, d1)                                                       \
    { .name = (n), .desc = (d), .vendor = "GenuineIntel", .brand = (b), .family = 6, .model = (mo), .stepping = (st),  \
      .level = (lv), .xlevel = 0x80000008, .phys_bits = 40,                                                            \
      .features = { [FEAT_1_EDX] = X64_EDX, [FEAT_1_ECX] = (ecx), [FEAT_6_EAX] = CPUID_ARAT, [FEAT_7_EBX] = (seven),   \
                    [FEAT_8000_0001_EDX] = X64_EXT | (edx1), [FEAT_8000_0001_ECX] = CPUID_EXT_LAHF_LM | (ecx1),        \
                    [FEAT_D1_EAX] = (d1), INTEL64_NO_FLAWS } }
/* A 64-bit model of AMD's. */
#define AMD64(n, d, b, fa, mo, st, lv, xlv, ecx, edx1, ecx1)                                                           \
    .name = (n), .desc = (d), .vendor = "AuthenticAMD", .brand = (b), .family = (fa), .model = (mo), .stepping = (st), \
    .level = (lv), .xlevel = (xlv), .phys_bits = 40, .features[FEAT_1_EDX] = X64_EDX & ~CPUID_VME,                     \
    .features[FEAT_1_ECX] = (ecx), .features[FEAT_8000_0001_EDX] = X64_EXT | (edx1),                                   \
    .features[FEAT_8000_0001_ECX] = (ecx1)

static const CpuModel builtin_models[] = {
    { .name = "max", .desc = "everything this program emulates (default)", .vendor = "GenuineIntel",
      .brand = "QEMU TCG CPU", .family = 6, .model = 0x36, .stepping = 1, .level = 0x15, .xlevel = 0x80000008,
      .phys_bits = 40 },
    { .name = "qemu64", .desc = "plain 64-bit CPU", .vendor = "AuthenticAMD", .brand = "QEMU Virtual CPU version 2.5+",
      .family = 15, .model = 107, .stepping = 1, .level = 0xd, .xlevel = 0x8000000a, .phys_bits = 40,
      .features = { [FEAT_1_EDX] = X64_EDX & ~CPUID_VME, [FEAT_1_ECX] = CPUID_SSE3 | CPUID_CX16 | CPUID_HYPERVISOR,
                    [FEAT_8000_0001_EDX] = X64_EXT,
                    [FEAT_8000_0001_ECX] = CPUID_EXT_LAHF_LM | CPUID_EXT_3DNOWPREFETCH,
                    [FEAT_8000_0007_EDX] = CPUID_INVARIANT_TSC } },     /* or several of them get a slower clock */
    { .name = "qemu32", .desc = "plain 32-bit CPU", .vendor = "GenuineIntel", .brand = "QEMU Virtual CPU version 2.5+",
      .family = 6, .model = 6, .stepping = 3, .level = 4, .xlevel = 0x80000004, .phys_bits = 36,
      .features = { [FEAT_1_EDX] = (P3_EDX | CPUID_SSE2) & ~CPUID_VME, [FEAT_1_ECX] = CPUID_SSE3 | CPUID_HYPERVISOR } },
    { .name = "486", .desc = "Intel 486DX4", .vendor = "GenuineIntel", .family = 4, .model = 8, .level = 1,
      .phys_bits = 32,
      .features = { [FEAT_1_EDX] = CPUID_FPU | CPUID_VME | CPUID_PSE, [FEAT_1_ECX] = CPUID_HYPERVISOR } },
    { .name = "pentium", .desc = "Intel Pentium (P54C)", .vendor = "GenuineIntel", .family = 5, .model = 4,
      .stepping = 3,
      .level = 1, .phys_bits = 32, .features = { [FEAT_1_EDX] = I586_EDX, [FEAT_1_ECX] = CPUID_HYPERVISOR } },
    { .name = "pentium2", .desc = "Intel Pentium II", .vendor = "GenuineIntel", .family = 6, .model = 5, .stepping = 2,
      .level = 2, .phys_bits = 36,
      .features = { [FEAT_1_EDX] = P3_EDX & ~CPUID_SSE, [FEAT_1_ECX] = CPUID_HYPERVISOR } },
    { .name = "pentium3", .desc = "Intel Pentium III", .vendor = "GenuineIntel", .family = 6, .model = 8, .stepping = 3,
      .level = 3, .phys_bits = 36, .features = { [FEAT_1_EDX] = P3_EDX, [FEAT_1_ECX] = CPUID_HYPERVISOR } },
    { .name = "kvm32", .desc = "plain 32-bit CPU, Intel-flavoured", .vendor = "GenuineIntel",
      .brand = "Common 32-bit KVM processor", .family = 15, .model = 6, .stepping = 1, .level = 5,
      .xlevel = 0x80000008, .phys_bits = 36,
      .features = { [FEAT_1_EDX] = X64_EDX, [FEAT_1_ECX] = CPUID_SSE3 | CPUID_HYPERVISOR } },
    { .name = "athlon", .desc = "AMD Athlon", .vendor = "AuthenticAMD", .brand = "QEMU Virtual CPU version 2.5+",
      .family = 6, .model = 2, .stepping = 3, .level = 2, .xlevel = 0x80000008, .phys_bits = 36,
      .features = { [FEAT_1_EDX] = P3_EDX & ~CPUID_SSE, [FEAT_1_ECX] = CPUID_HYPERVISOR,
                    [FEAT_8000_0001_EDX] = CPUID_EXT_MMXEXT | CPUID_EXT_3DNOW | CPUID_EXT_3DNOWEXT } },
    { .name = "coreduo", .desc = "Intel Core Duo T2600", .vendor = "GenuineIntel",
      .brand = "Genuine Intel(R) CPU           T2600  @ 2.16GHz", .family = 6, .model = 14, .stepping = 8, .level = 10,
      .xlevel = 0x80000008, .phys_bits = 36,
      .features = { [FEAT_1_EDX] = X64_EDX | CPUID_SS, [FEAT_1_ECX] = CPUID_SSE3 | CPUID_MONITOR | CPUID_HYPERVISOR,
                    [FEAT_8000_0001_EDX] = CPUID_EXT_NX } },
    { .name = "n270", .desc = "Intel Atom N270", .vendor = "GenuineIntel",
      .brand = "Intel(R) Atom(TM) CPU N270   @ 1.60GHz", .family = 6, .model = 28, .stepping = 2, .level = 10,
      .xlevel = 0x80000008, .phys_bits = 36,
      .features = { [FEAT_1_EDX] = X64_EDX | CPUID_SS,
                    [FEAT_1_ECX] = CPUID_SSE3 | CPUID_SSSE3 | CPUID_MONITOR | CPUID_MOVBE | CPUID_HYPERVISOR,
                    [FEAT_8000_0001_EDX] = CPUID_EXT_NX, [FEAT_8000_0001_ECX] = CPUID_EXT_LAHF_LM } },
    { .name = "kvm64", .desc = "plain 64-bit CPU, Intel-flavoured", .vendor = "GenuineIntel",
      .brand = "Common KVM processor",
      .family = 15, .model = 6, .stepping = 1, .level = 0xd, .xlevel = 0x80000008, .phys_bits = 40,
      .features = { [FEAT_1_EDX] = X64_EDX, [FEAT_1_ECX] = CPUID_SSE3 | CPUID_CX16 | CPUID_HYPERVISOR,
                    [FEAT_8000_0001_EDX] = X64_EXT, INTEL64_NO_FLAWS } },
    { .name = "core2duo", .desc = "Intel Core 2 Duo T7700", .vendor = "GenuineIntel",
      .brand = "Intel(R) Core(TM)2 Duo CPU     T7700  @ 2.40GHz", .family = 6, .model = 15, .stepping = 11, .level = 10,
      .xlevel = 0x80000008, .phys_bits = 40,
      .features = { [FEAT_1_EDX] = X64_EDX | CPUID_SS | CPUID_HT, [FEAT_1_ECX] = CORE2_ECX | CPUID_MONITOR,
                    [FEAT_8000_0001_EDX] = X64_EXT, [FEAT_8000_0001_ECX] = CPUID_EXT_LAHF_LM, INTEL64_NO_FLAWS } },
    INTEL64("Nehalem", "Intel Core i7 9xx (Nehalem)", "Intel Core i7 9xx (Nehalem Class Core i7)", 26, 3, 11,
            NEHALEM_ECX, 0, 0, 0, 0),
    INTEL64("Westmere", "Intel Westmere E56xx/L56xx/X56xx", "Westmere E56xx/L56xx/X56xx (Nehalem-C)", 44, 1, 11,
            WESTMERE_ECX, 0, 0, 0, 0),
    INTEL64("SandyBridge", "Intel Xeon E312xx (Sandy Bridge)", "Intel Xeon E312xx (Sandy Bridge)", 42, 1, 0xd,
            SANDYBRIDGE_ECX, 0, CPUID_EXT_RDTSCP, 0, CPUID_XSAVEOPT),
    INTEL64("IvyBridge", "Intel Xeon E3-12xx v2 (Ivy Bridge)", "Intel Xeon E3-12xx v2 (Ivy Bridge)", 58, 9, 0xd,
            IVYBRIDGE_ECX, IVYBRIDGE_7, CPUID_EXT_RDTSCP, 0, CPUID_XSAVEOPT),
    INTEL64("Haswell", "Intel Core Processor (Haswell)", "Intel Core Processor (Haswell)", 60, 4, 0xd,
            HASWELL_ECX, HASWELL_7 | TSX, CPUID_EXT_RDTSCP, CPUID_EXT_ABM, CPUID_XSAVEOPT),
    INTEL64("Haswell-noTSX", "Intel Core Processor (Haswell, no TSX)", "Intel Core Processor (Haswell, no TSX)", 60, 1,
            0xd, HASWELL_ECX, HASWELL_7, CPUID_EXT_RDTSCP, CPUID_EXT_ABM, CPUID_XSAVEOPT),
    INTEL64("Broadwell", "Intel Core Processor (Broadwell)", "Intel Core Processor (Broadwell)", 61, 2, 0xd,
            HASWELL_ECX, BROADWELL_7 | TSX, CPUID_EXT_RDTSCP, CPUID_EXT_ABM | CPUID_EXT_3DNOWPREFETCH, CPUID_XSAVEOPT),
    INTEL64("Broadwell-noTSX", "Intel Core Processor (Broadwell, no TSX)", "Intel Core Processor (Broadwell, no TSX)",
            61, 2, 0xd, HASWELL_ECX, BROADWELL_7, CPUID_EXT_RDTSCP, CPUID_EXT_ABM | CPUID_EXT_3DNOWPREFETCH,
            CPUID_XSAVEOPT),
    INTEL64("Skylake-Client", "Intel Core Processor (Skylake)", "Intel Core Processor (Skylake)", 94, 3, 0xd,
            HASWELL_ECX, BROADWELL_7 | TSX | CPUID_MPX, CPUID_EXT_RDTSCP, CPUID_EXT_ABM | CPUID_EXT_3DNOWPREFETCH,
            CPUID_XSAVEOPT | CPUID_XSAVEC | CPUID_XGETBV1),
    INTEL64("Skylake-Client-noTSX-IBRS", "Intel Core Processor (Skylake, no TSX)", "Intel Core Processor (Skylake)",
            94, 3, 0xd, HASWELL_ECX, BROADWELL_7, CPUID_EXT_RDTSCP, CPUID_EXT_ABM | CPUID_EXT_3DNOWPREFETCH,
            CPUID_XSAVEOPT | CPUID_XSAVEC | CPUID_XGETBV1),
    { AMD64("phenom", "AMD Phenom 9550", "AMD Phenom(tm) 9550 Quad-Core Processor", 16, 2, 3, 5, 0x8000001a,
            K10_ECX | CPUID_MONITOR,
            CPUID_EXT_MMXEXT | CPUID_EXT_FFXSR | CPUID_EXT_PDPE1GB | CPUID_EXT_RDTSCP | CPUID_EXT_3DNOWEXT |
                CPUID_EXT_3DNOW, CPUID_EXT_LAHF_LM | CPUID_EXT_CR8LEG | CPUID_EXT_ABM | CPUID_EXT_SSE4A) },
    { AMD64("Opteron_G1", "AMD Opteron 240 (Gen 1 Class Opteron)", "AMD Opteron 240 (Gen 1 Class Opteron)", 15, 6, 1, 5,
            0x80000008, K8_ECX, 0, 0) },
    { AMD64("Opteron_G2", "AMD Opteron 22xx (Gen 2 Class Opteron)", "AMD Opteron 22xx (Gen 2 Class Opteron)", 15, 6, 1,
            5, 0x80000008, K8_ECX | CPUID_CX16, 0, CPUID_EXT_LAHF_LM) },
    { AMD64("Opteron_G3", "AMD Opteron 23xx (Gen 3 Class Opteron)", "AMD Opteron 23xx (Gen 3 Class Opteron)", 16, 2, 3,
            5, 0x80000008, K10_ECX | CPUID_MONITOR, CPUID_EXT_RDTSCP,
            CPUID_EXT_LAHF_LM | CPUID_EXT_ABM | CPUID_EXT_SSE4A | CPUID_EXT_MISALIGNSSE) },
    { AMD64("Opteron_G4", "AMD Opteron 62xx class CPU", "AMD Opteron 62xx class CPU", 21, 1, 2, 0xd, 0x8000001a,
            BULLDOZER_ECX, CPUID_EXT_PDPE1GB | CPUID_EXT_RDTSCP, BULLDOZER_EXT) },
    { AMD64("Opteron_G5", "AMD Opteron 63xx class CPU", "AMD Opteron 63xx class CPU", 21, 2, 0, 0xd, 0x8000001a,
            BULLDOZER_ECX | CPUID_FMA | CPUID_F16C, CPUID_EXT_PDPE1GB | CPUID_EXT_RDTSCP,
            BULLDOZER_EXT | CPUID_EXT_TBM) },
    { AMD64("EPYC", "AMD EPYC Processor", "AMD EPYC Processor", 23, 1, 2, 0xd, 0x8000001e,
            BULLDOZER_ECX | CPUID_FMA | CPUID_F16C | CPUID_MOVBE | CPUID_RDRAND,
            CPUID_EXT_MMXEXT | CPUID_EXT_FFXSR | CPUID_EXT_PDPE1GB | CPUID_EXT_RDTSCP,
            (BULLDOZER_EXT & ~(CPUID_EXT_XOP | CPUID_EXT_FMA4)) | CPUID_EXT_CR8LEG | CPUID_EXT_OSVW |
                CPUID_EXT_TOPOEXT),
      .features[FEAT_7_EBX] = CPUID_FSGSBASE | CPUID_BMI1 | CPUID_AVX2 | CPUID_SMEP | CPUID_BMI2 | CPUID_RDSEED |
                              CPUID_ADX | CPUID_SMAP | CPUID_CLFLUSHOPT | CPUID_SHA,
      .features[FEAT_D1_EAX] = CPUID_XSAVEOPT | CPUID_XSAVEC | CPUID_XGETBV1, .features[FEAT_6_EAX] = CPUID_ARAT },
};

static const struct {
    const char *alias, *name;
} model_aliases[] = {
    { "base", "qemu64" }, { "qemu64-v1", "qemu64" }, { "qemu32-v1", "qemu32" },
    { "Nehalem-v1", "Nehalem" }, { "Haswell-v1", "Haswell" }, { "SandyBridge-v1", "SandyBridge" },
    { "Opteron_G3-v1", "Opteron_G3" }, { "EPYC-v1", "EPYC" },
};

uint32_t model_signature(const CpuModel *m)
{
    uint32_t family = MIN(m->family, 15u), ext_family = m->family - family;

    return ext_family << 20 | (m->model >> 4) << 16 | family << 8 | (m->model & 15) << 4 | m->stepping;
}

/* ---- parsing ----------------------------------------------------------------------------------------------------- */

typedef struct ParsedModel {
    CpuModel model;             /* first: handed out */
    char *text;
    struct ParsedModel *next;
} ParsedModel;
static ParsedModel *parsed_models;      /* written while options are handled, by the main thread */
static uint64_t tsc_hz = 1000000000;    /* the same */

uint64_t model_tsc_hz(void)
{
    return tsc_hz;
}

static bool feature_find(const char *name, unsigned *word, uint32_t *bit)
{
    for (unsigned i = 0; i < ARRAY_SIZE(feature_aliases); i++) {
        if (!strcmp(name, feature_aliases[i].alias)) {
            name = feature_aliases[i].name;
        }
    }
    for (unsigned w = 0; w < FEAT__COUNT; w++) {
        for (unsigned b = 0; b < 32; b++) {
            const char *f = feature_names[w][b];

            if (f && !strcmp(f, name)) {
                *word = w;
                *bit = 1u << b;
                return true;
            }
        }
    }
    return false;
}

static void hint_models(Error **errp)
{
    g_autoptr(GString) s = g_string_new(NULL);

    for (unsigned i = 0; i < ARRAY_SIZE(builtin_models); i++) {
        g_string_append_printf(s, "%s%s", i ? ", " : "", builtin_models[i].name);
    }
    error_append_hint(errp, "Known are %s; '-cpu help' describes them.", s->str);
}

/* There are too many features to list: those that begin like the wrong one. */
static void hint_features(Error **errp, const char *wrong)
{
    g_autoptr(GString) s = g_string_new(NULL);
    size_t n = MIN(strlen(wrong), (size_t)3);

    for (unsigned i = 0; n && i < FEAT__COUNT * 32; i++) {
        const char *name = feature_names[i / 32][i % 32];

        if (name && !g_ascii_strncasecmp(name, wrong, n)) {
            g_string_append_printf(s, "%s%s", s->len ? ", " : "Near it: ", name);
        }
    }
    error_append_hint(errp, "%s%s'-cpu help' lists all.", s->str, s->len ? "; " : "");
}

static bool model_find(const char *name, CpuModel *out, Error **errp)
{
    const char *real = name;

    for (unsigned i = 0; i < ARRAY_SIZE(model_aliases); i++) {
        if (!strcmp(name, model_aliases[i].alias)) {
            real = model_aliases[i].name;
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(builtin_models); i++) {
        if (!strcmp(real, builtin_models[i].name)) {
            *out = builtin_models[i];
            if (i == 0) {
                memcpy(out->features, emulated, sizeof(emulated));
                /* Controls of speculation only make systems report that they could be used. */
                out->features[FEAT_7_EDX] &= ~CPUID_SPEC_CTRL;
                out->features[FEAT_ARCH_CAP] &= ~ARCH_CAP_IBRS_ALL;
            }
            return true;
        }
    }
    if (!strcmp(name, "host")) {
        error_set(errp, "CPU model 'host' needs a hardware accelerator");
        error_append_hint(errp, "With -accel tcg use '-cpu max'.");
        return false;
    }
    error_set(errp, "unable to find CPU model '%s'", name);
    hint_models(errp);
    return false;
}

static bool parse_number(const char *key, const char *value, uint64_t min, uint64_t max, uint64_t *out, Error **errp)
{
    if (!g_ascii_string_to_unsigned(value, 10, min, max, out, NULL)) {
        char *end;

        errno = 0;
        *out = strtoull(value, &end, 0);
        if (end == value || *end || errno || *out < min || *out > max) {
            error_set(errp, "CPU property '%s' takes a number from %" PRIu64 " to %" PRIu64 ", not '%s'", key, min,
                      max, value);
            return false;
        }
    }
    return true;
}

/* Properties that are numbers in the model. */
static const struct {
    const char *name;
    size_t offset;
    uint32_t min, max;
} number_props[] = {
    { "family", offsetof(CpuModel, family), 4, 0xff + 0xf }, { "model", offsetof(CpuModel, model), 0, 0xff },
    { "stepping", offsetof(CpuModel, stepping), 0, 15 }, { "level", offsetof(CpuModel, level), 1, 0xffff },
    { "xlevel", offsetof(CpuModel, xlevel), 0x80000000u, 0x8000ffffu },
    { "phys-bits", offsetof(CpuModel, phys_bits), 32, 52 },
};

/* Accepted for the sake of command lines written for other accelerators; they change nothing here. */
static const char *const ignored_props[] = {
    "kvm", "check", "migratable", "pmu", "host-phys-bits", "l3-cache", "host-cache-info", "kvmclock",
    "vmware-cpuid-freq",
};

/* key=value that is not a feature. 1: done, 0: not one of ours, -1: error. */
static int parse_prop(CpuModel *m, const char *key, const char *value, bool *enforce, Error **errp)
{
    uint64_t n;

    for (unsigned i = 0; i < ARRAY_SIZE(number_props); i++) {
        if (!strcmp(key, number_props[i].name)) {
            if (!parse_number(key, value, number_props[i].min, number_props[i].max, &n, errp)) {
                return -1;
            }
            *(uint32_t *)((char *)m + number_props[i].offset) = n;
            return 1;
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(ignored_props); i++) {
        if (!strcmp(key, ignored_props[i])) {
            return 1;
        }
    }
    if (!strcmp(key, "enforce")) {
        *enforce = strcmp(value, "off") != 0;
        return 1;
    }
    if (!strcmp(key, "vendor")) {
        if (strlen(value) != 12) {
            error_set(errp, "CPU property 'vendor' takes 12 characters, not '%s'", value);
            return -1;
        }
        memcpy(m->vendor, value, 13);
        return 1;
    }
    if (!strcmp(key, "model-id")) {
        memset(m->brand, 0, sizeof(m->brand));
        g_strlcpy(m->brand, value, sizeof(m->brand));
        return 1;
    }
    if (!strcmp(key, "tsc-frequency")) {
        if (!parse_number(key, value, 1000000, 100000000000ull, &n, errp)) {
            return -1;
        }
        tsc_hz = n;
        return 1;
    }
    return 0;
}

static bool parse_item(CpuModel *m, const char *item, uint32_t wanted[FEAT__COUNT], bool *enforce, Error **errp)
{
    const char *eq = strchr(item, '=');
    g_autofree char *key = NULL;
    unsigned word;
    uint32_t bit;
    bool on = true;

    if (*item == '+' || *item == '-') {
        on = *item == '+';
        key = g_strdup(item + 1);
    } else {
        const char *value = eq ? eq + 1 : "on";

        key = eq ? g_strndup(item, eq - item) : g_strdup(item);
        switch (parse_prop(m, key, value, enforce, errp)) {
        case 1:
            return true;
        case -1:
            return false;
        }
        on = !strcmp(value, "on") || !strcmp(value, "true") || !strcmp(value, "yes");
        if (!on && strcmp(value, "off") && strcmp(value, "false") && strcmp(value, "no")) {
            error_set(errp, "CPU feature '%s' is 'on' or 'off', not '%s'", key, value);
            return false;
        }
    }
    if (!feature_find(key, &word, &bit)) {
        error_set(errp, "CPU has no feature or property '%s'", key);
        hint_features(errp, key);
        return false;
    }
    if (on) {
        m->features[word] |= bit;
        wanted[word] |= bit;
    } else {
        m->features[word] &= ~bit;
        wanted[word] &= ~bit;
    }
    return true;
}

/* Features that nobody can use without another one. */
static void drop_orphans(CpuModel *m)
{
    uint32_t *f = m->features;

    if (!(f[FEAT_1_ECX] & CPUID_XSAVE)) {
        f[FEAT_1_ECX] &= ~(CPUID_AVX | CPUID_FMA | CPUID_F16C);
        f[FEAT_7_ECX] &= ~CPUID_PKU;
        f[FEAT_D1_EAX] = 0;
    }
    if (!(f[FEAT_1_ECX] & CPUID_AVX)) {
        f[FEAT_1_ECX] &= ~(CPUID_FMA | CPUID_F16C);
        f[FEAT_7_EBX] &= ~CPUID_AVX2;
        f[FEAT_7_ECX] &= ~(CPUID_VAES | CPUID_VPCLMULQDQ);
    }
    if (!(f[FEAT_8000_0001_EDX] & CPUID_EXT_LM)) {
        f[FEAT_1_ECX] &= ~(CPUID_CX16 | CPUID_PCID);
        f[FEAT_7_ECX] &= ~CPUID_PKU;
        f[FEAT_8000_0001_EDX] &= ~CPUID_EXT_PDPE1GB;
        f[FEAT_8000_0001_ECX] &= ~CPUID_EXT_LAHF_LM;
        f[FEAT_7_EBX] &= ~CPUID_FSGSBASE;
    }
    if (!(f[FEAT_1_EDX] & CPUID_APIC)) {
        f[FEAT_1_ECX] &= ~(CPUID_X2APIC | CPUID_TSC_DEADLINE);
    }
    if (!model_is_amd(m) || m->xlevel < 0x8000001e) {
        f[FEAT_8000_0001_ECX] &= ~CPUID_EXT_TOPOEXT;
    }
    if (!(f[FEAT_7_EDX] & CPUID_ARCH_CAPABILITIES)) {
        f[FEAT_ARCH_CAP] = 0;
    }
}

/* Reduces to what is emulated. One line names what was asked for in vain, by the model or by name. */
static bool reduce(CpuModel *m, const uint32_t wanted[FEAT__COUNT], bool enforce, Error **errp)
{
    g_autoptr(GString) missing = g_string_new(NULL);

    for (unsigned w = 0; w < FEAT__COUNT; w++) {
        uint32_t lost = (m->features[w] | wanted[w]) & ~emulated[w];

        for (unsigned b = 0; b < 32; b++) {
            if (lost >> b & 1) {
                g_string_append_printf(missing, "%s%s", missing->len ? " " : "",
                                       feature_names[w][b] ? feature_names[w][b] : "?");
            }
        }
        m->features[w] &= emulated[w];
    }
    if (missing->len && enforce) {
        error_set(errp, "CPU model '%s': these features are not emulated: %s", m->name, missing->str);
        return false;
    }
    if (missing->len) {
        warn_report("CPU model '%s': these features are not emulated and left out: %s", m->name, missing->str);
    }
    drop_orphans(m);
    return true;
}

const CpuModel *model_parse(const char *text, Error **errp)
{
    uint32_t wanted[FEAT__COUNT] = { 0 };
    g_auto(GStrv) items = NULL;
    g_autofree ParsedModel *pm = NULL;
    bool enforce = false;

    text = text && *text ? text : builtin_models[0].name;
    for (ParsedModel *p = parsed_models; p; p = p->next) {
        if (!strcmp(p->text, text)) {
            return &p->model;
        }
    }
    pm = g_new0(ParsedModel, 1);
    items = g_strsplit(text, ",", -1);
    if (!model_find(items[0], &pm->model, errp)) {
        return NULL;
    }
    for (unsigned i = 1; items[i]; i++) {
        if (*items[i] && !parse_item(&pm->model, items[i], wanted, &enforce, errp)) {
            return NULL;
        }
    }
    if (!reduce(&pm->model, wanted, enforce, errp)) {
        return NULL;
    }
    pm->text = g_strdup(text);
    pm->next = parsed_models;
    parsed_models = pm;
    return &g_steal_pointer(&pm)->model;
}

/* ---- -cpu help --------------------------------------------------------------------------------------------------- */

static bool model_complete(const CpuModel *m)
{
    for (unsigned w = 0; w < FEAT__COUNT; w++) {
        if (m->features[w] & ~emulated[w]) {
            return false;
        }
    }
    return true;
}

void model_print_all(FILE *f)
{
    unsigned column = 0;

    fprintf(f, "Available CPUs (* lacks some features of the real one):\n");
    for (unsigned i = 0; i < ARRAY_SIZE(builtin_models); i++) {
        const CpuModel *m = &builtin_models[i];

        fprintf(f, "x86 %c %-14s %s\n", model_complete(m) ? ' ' : '*', m->name, m->desc);
    }
    fprintf(f, "\nFeatures that are emulated (-cpu MODEL,+NAME,-NAME or NAME=on|off):\n ");
    for (unsigned i = 0; i < FEAT__COUNT * 32; i++) {
        const char *name = feature_names[i / 32][i % 32];

        if (name && (emulated[i / 32] >> (i % 32) & 1)) {
            column += fprintf(f, " %s", name);
            if (column > 100) {
                fprintf(f, "\n ");
                column = 0;
            }
        }
    }
    fprintf(f, "\n\nProperties: "
            "family= model= stepping= level= xlevel= phys-bits= vendor= model-id= tsc-frequency= enforce\n");
}
