# SPDX-License-Identifier: GPL-2.0-or-later
#
# One make for everything: each folder lists its sources in a Makefile.objs, nothing recurses.
#
# Runs in a build folder that configure has prepared (its Makefile includes this one). In the source folder it
# works on ./build, which it configures when that has not been done.
#
#   make help    the targets

MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
all:

ifeq ($(wildcard config.mak),)
ifneq ($(wildcard configure),)

# ---- in the source folder: pass everything on to ./build ---------------------------------------------------------

GOALS := all check check-full check-unit check-tcg check-qtest check-block check-system fuzz-image bench install \
         uninstall clean man qemu-system-x86_64 qemu-system-i386 qemu-img qemu-io
.PHONY: $(GOALS)
$(GOALS): build/config.mak
	@$(MAKE) -C build $@

build/config.mak: VERSION
	@mkdir -p build
	cd build && if [ -x config.status ]; then ./config.status; else ../configure; fi

SRC_PATH := .

else
$(error this folder has not been configured: run the source folder's configure here first)
endif
else

# ---- in a build folder -------------------------------------------------------------------------------------------

include config.mak

V ?= 0
ifeq ($(V),0)
quiet = @printf '  %-8s %s\n' '$(1)' '$(2)';
else
quiet =
endif

config.mak: $(SRC_PATH)/configure $(SRC_PATH)/VERSION
	@echo "configure has changed: running it again"
	./config.status

CPPFLAGS := -I. -I$(SRC_PATH)/include -I$(SRC_PATH) -I$(SRC_PATH)/tcg -I$(SRC_PATH)/tcg/$(TCG_BACKEND) \
            -I$(SRC_PATH)/target-i386
CFLAGS_ALL = $(CPPFLAGS) $(CFLAGS_CONFIG) $(CFLAGS) $(EXTRA_CFLAGS)
LDFLAGS_ALL = $(LDFLAGS_CONFIG) $(LDFLAGS) $(EXTRA_LDFLAGS)

# obj-y: what is linked into the program. A folder's list may also say
#   generated-headers += FILE   made (by a rule in the same list) before anything is compiled
#   FILE.o: CFLAGS += ...       flags of one file
# The folder of the back end that is not in use is not read. tests/ has lists of its own.
OBJS_FILES := $(wildcard $(SRC_PATH)/Makefile.objs $(SRC_PATH)/*/Makefile.objs \
              $(filter-out $(SRC_PATH)/tcg/% $(SRC_PATH)/tests/%,$(wildcard $(SRC_PATH)/*/*/Makefile.objs)) \
              $(SRC_PATH)/tcg/$(TCG_BACKEND)/Makefile.objs)
obj-y :=
generated-headers :=
include $(OBJS_FILES)

# ---- boot ROMs: pc-bios/optionrom/NAME.S becomes optionrom_NAME[] .. optionrom_NAME_end[] in the program ------------

ROM_NAMES := $(patsubst $(SRC_PATH)/pc-bios/optionrom/%.S,%,$(wildcard $(SRC_PATH)/pc-bios/optionrom/*.S))
ROM_BINS := $(ROM_NAMES:%=pc-bios/optionrom/%.bin)
ifneq ($(ROM_NAMES),)
obj-y += pc-bios/optionrom/roms.o
endif

.SECONDARY: $(ROM_NAMES:%=pc-bios/optionrom/%.rom.o)
pc-bios/optionrom/%.rom.o: $(SRC_PATH)/pc-bios/optionrom/%.S
	@mkdir -p $(@D)
	$(call quiet,ROM-AS,$*.S)$(ROM_CC) -I$(SRC_PATH)/pc-bios/optionrom -MMD -MP -c -o $@ $<

pc-bios/optionrom/%.bin: pc-bios/optionrom/%.rom.o $(SRC_PATH)/scripts/sign-rom
	$(call quiet,ROM-LD,$@)$(ROM_LD) -m elf_i386 -Ttext 0 -e 0 --oformat binary -o $@.tmp $< && \
	    $(SRC_PATH)/scripts/sign-rom $@.tmp && mv $@.tmp $@

pc-bios/optionrom/roms.S: $(OBJS_FILES) $(SRC_PATH)/Makefile $(wildcard $(SRC_PATH)/pc-bios/optionrom)
	@mkdir -p $(@D)
	@{ echo '    .section .rodata'; for n in $(ROM_NAMES); do \
	    printf '    .balign 16\n    .globl optionrom_%s, optionrom_%s_end\n' $$n $$n; \
	    printf 'optionrom_%s:\n    .incbin "pc-bios/optionrom/%s.bin"\noptionrom_%s_end:\n' $$n $$n $$n; \
	    done; echo '    .byte 0'; echo '    .section .note.GNU-stack,"",%progbits'; } > $@

pc-bios/optionrom/roms.o: pc-bios/optionrom/roms.S $(ROM_BINS)
	$(call quiet,AS,$@)$(CC) $(CFLAGS_ALL) -c -o $@ $<

# ---- the program -------------------------------------------------------------------------------------------------

OBJS := $(sort $(obj-y))
MAIN_OBJ := vl.o
CORE_OBJS := $(filter-out $(MAIN_OBJ),$(OBJS))
MAN := docs/qemu-system-x86_64.1
TOOLS := qemu-img qemu-io
TOOL_MAN := docs/qemu-img.1

.PHONY: all man
all: $(TARGETS) $(TOOLS) man

man: $(if $(CONFIG_CROSS),,$(MAN) $(TOOL_MAN))

# A fresh build makes generated files first; afterwards the .d files know who needs them.
TOOL_OBJS := $(sort $(img-objs-y) $(io-objs-y))
$(OBJS) $(TOOL_OBJS): | $(generated-headers) config-host.h
config-host.h: config.mak ;

# Sources are looked for in the build folder (generated ones), then in the source folder.
vpath %.c $(SRC_PATH)
vpath %.S $(SRC_PATH)

%.o: %.c
	@mkdir -p $(@D)
	$(call quiet,CC,$@)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

%.o: %.S
	@mkdir -p $(@D)
	$(call quiet,CC,$@)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# Last in line: without it, make would take an object without a source as made.
%.o:
	@echo 'a Makefile.objs lists $@, but there is neither $(@:.o=.c) nor $(@:.o=.S)' >&2; false

# The list of objects and the flags are inputs too: a file removed from a list, or another CFLAGS, takes effect.
define remember
$(1): FORCE
	@printf '%s\n' '$(subst ','\'',$(2))' > $$@.tmp; cmp -s $$@.tmp $$@ && rm -f $$@.tmp || mv $$@.tmp $$@
endef
.PHONY: FORCE
FORCE:
$(eval $(call remember,objs.list,$(OBJS) $(LDFLAGS_ALL) $(LIBS_CONFIG)))
$(eval $(call remember,cflags.list,$(CC) $(CFLAGS_ALL)))
$(OBJS) $(TOOL_OBJS): cflags.list

# The first name is linked, any other is the same program: it looks at its own name.
PROGRAM := $(firstword $(filter qemu-system-x86_64,$(TARGETS)) $(TARGETS))

$(PROGRAM): $(OBJS) objs.list
	$(call quiet,LINK,$@)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(OBJS) $(LIBS_CONFIG)

$(filter-out $(PROGRAM),$(TARGETS)): $(PROGRAM)
	$(call quiet,LN,$@)ln -sf $(PROGRAM) $@

# The tools are the block layer with other mains: its drivers register themselves, so each is named here.
BLOCK_OBJS := $(filter block.o block/%.o,$(OBJS))
qemu-img: $(img-objs-y)
qemu-io: $(io-objs-y)
$(TOOLS): $(BLOCK_OBJS) libcore.a
	$(call quiet,LINK,$@)$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) libcore.a $(LIBS_CONFIG)

$(TOOL_MAN): qemu-img
	@mkdir -p $(@D)
	$(call quiet,MAN,$@)./qemu-img --help-man > $@.tmp && mv $@.tmp $@

# The manual is written from the table that also parses the options.
$(MAN): $(PROGRAM)
	@mkdir -p $(@D)
	$(call quiet,MAN,$@)./$(PROGRAM) -help-man > $@.tmp && mv $@.tmp $@

# ---- tests, measurements, demo: tests/Makefile.include ------------------------------------------------------------

include $(SRC_PATH)/tests/Makefile.include

.PHONY: bench
bench: all
	BUILD=$(CURDIR) QEMU=$(CURDIR)/$(PROGRAM) $(SRC_PATH)/scripts/bench $(BENCH_ARGS)

# ---- install -----------------------------------------------------------------------------------------------------

BINDIR := $(PREFIX)/bin
MANDIR := $(PREFIX)/share/man/man1
DOCDIR := $(PREFIX)/share/doc/qemu-system

.PHONY: install uninstall clean
install: all
	install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(MANDIR)' '$(DESTDIR)$(DOCDIR)'
	install -m 755 $(PROGRAM) '$(DESTDIR)$(BINDIR)/$(PROGRAM)'
	for t in $(filter-out $(PROGRAM),$(TARGETS)); do ln -sf $(PROGRAM) '$(DESTDIR)$(BINDIR)/'$$t || exit 1; done
	install -m 755 $(TOOLS) '$(DESTDIR)$(BINDIR)'
	if [ -f $(TOOL_MAN) ]; then install -m 644 $(TOOL_MAN) '$(DESTDIR)$(MANDIR)'; fi
	if [ -f $(MAN) ]; then install -m 644 $(MAN) '$(DESTDIR)$(MANDIR)/$(PROGRAM).1' && \
	    for t in $(filter-out $(PROGRAM),$(TARGETS)); do \
	        ln -sf $(PROGRAM).1 '$(DESTDIR)$(MANDIR)/'$$t.1 || exit 1; done; fi
	install -m 644 $(SRC_PATH)/LICENSE $(SRC_PATH)/README.md '$(DESTDIR)$(DOCDIR)'

uninstall:
	for t in $(TARGETS) $(TOOLS); do rm -f '$(DESTDIR)$(BINDIR)/'$$t '$(DESTDIR)$(MANDIR)/'$$t.1; done
	rm -f '$(DESTDIR)$(DOCDIR)/LICENSE' '$(DESTDIR)$(DOCDIR)/README.md'
	-rmdir '$(DESTDIR)$(DOCDIR)'

clean: clean-tests
	rm -f $(TOOL_OBJS) $(TOOL_OBJS:.o=.d) $(TOOLS) $(TOOL_MAN)
	rm -f $(OBJS) $(OBJS:.o=.d) $(TARGETS) $(MAN) $(generated-headers) objs.list cflags.list libcore.a
	rm -f pc-bios/optionrom/*.bin pc-bios/optionrom/*.tmp pc-bios/optionrom/*.o pc-bios/optionrom/*.d
	rm -f pc-bios/optionrom/roms.S

-include $(OBJS:.o=.d) $(TOOL_OBJS:.o=.d) $(ROM_BINS:.bin=.rom.d)

endif

# ---- targets that look at the sources only --------------------------------------------------------------------------

.PHONY: help format lint distclean demo

demo:
	$(if $(wildcard config.mak),BUILD=$(CURDIR)) $(SRC_PATH)/scripts/demo

format:
	$(SRC_PATH)/scripts/format

lint:
	$(SRC_PATH)/scripts/lint

# Everything configure and make have written. A build folder elsewhere keeps what is not ours.
distclean:
ifeq ($(wildcard config.mak),)
	rm -rf build
else
	@$(MAKE) clean
	rm -rf tests docs pc-bios config.log config.mak config-host.h config.status
	rm -f $(if $(filter-out $(CURDIR),$(realpath $(SRC_PATH))),Makefile)
	@find . -depth -type d -empty -delete 2>/dev/null || :
endif

help:
	@echo 'all            the programs and their manual page (what "make" alone does)'
	@echo 'check          all tests below; the last line is "N passed, N failed"'
	@echo 'check-full     the slow ones too, and FUZZ_SECONDS=600 of random guests'
	@echo 'check-unit     parts by themselves; T=option runs tests/unit/test-option only'
	@echo 'check-tcg      guest instructions against the host CPU; T=NAME restricts'
	@echo 'check-qtest    devices through their registers; T=timer runs tests/qtest/timer-test only'
	@echo 'check-system   guests booted and driven; T=NAME restricts'
	@echo 'check-block    disk images against models and the distribution'"'"'s qemu-img; T=NAME restricts'
	@echo 'fuzz-image     libFuzzer (clang) on image formats; FUZZ_ARGS=...'
	@echo 'demo           install what is needed, build, make a small Linux guest and boot it in this terminal'
	@echo 'bench          speed, compared with an installed qemu-system-x86_64; BENCH_ARGS=...'
	@echo 'install        below the --prefix of configure; DESTDIR=... for packagers'
	@echo 'uninstall      the reverse'
	@echo 'clean          remove what make has built; distclean: and what configure has written'
	@echo 'format         clang-format on the lines changed since the last commit'
	@echo 'lint           checks of sources and scripts that compilers do not make'
	@echo
	@echo 'V=1 shows the commands. Options of the build: ./configure --help'
