/* Written by configure. */
#define QEMU_VERSION "0.1.0"
#define CONFIG_PREFIX "/usr/local"
#define CONFIG_FIRMWARE_PATH "/usr/share/seabios:/usr/share/qemu:/usr/lib/ipxe/qemu"
#define CONFIG_HOST_ARCH "x86_64"
#define CONFIG_TCG_BACKEND "x86_64"
#define HOST_X86_64 1
/* CONFIG_TCG_INTERPRETER is off */
#define CONFIG_TCG_X86_64 1
#define CONFIG_CAPSTONE 1
#define CONFIG_PNG 1
#define CONFIG_ZSTD 1
/* CONFIG_DEBUG is off */
/* CONFIG_SANITIZERS is off */
