/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program's command line from outside: what it prints and the status it leaves with. $QEMU is the program; the
 * machine is built in some cases, but no guest instruction runs.
 */
#include "qemu/osdep.h"
#include <signal.h>
#include <sys/wait.h>
#include <glib/gstdio.h>

typedef struct Result {
    char *out, *err;
    int status;         /* exit status; -1 when a signal ended it */
} Result;

static void result_clear(Result *r)
{
    g_free(r->out);
    g_free(r->err);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Result, result_clear)

static char **command(const char *args)
{
    g_autofree char *line = g_strconcat(g_getenv("QEMU"), " ", args, NULL);

    return g_strsplit(line, " ", -1);
}

static Result run(const char *args)
{
    g_auto(GStrv) argv = command(args);
    Result r = { 0 };
    int wait_status = 0;
    GError *err = NULL;

    g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &r.out, &r.err, &wait_status, &err);
    g_assert_no_error(err);
    r.status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : -1;
    return r;
}

/* Every row: refused with status 1, nothing on stdout; stderr starts like this, and may add a line with the way out. */
static void test_mistakes_get_one_message_and_status_1(void)
{
    static const struct { const char *args, *message; } cases[] = {
        { "-foo", "-foo: invalid option" },
        { "-kernle x", "-kernle: invalid option, did you mean '-kernel'?" },
        { "-m", "-m: requires an argument" },
        { "-m abc", "-m abc: parameter 'size': 'abc' is not a size" },
        { "-m 0", "-m 0: guest memory is too small" },
        { "-m 1", "-m 1: guest memory is too small" },
        { "-m 64Q", "-m 64Q: parameter 'size': '64Q' is not a size" },
        { "-m 99999T", "-m 99999T: guest memory is too large" },
        { "-m 999T", "" },
        { "-M foo", "-M foo: unsupported machine type 'foo'" },
        { "-M pc,foo=1", "-M pc,foo=1: invalid parameter 'foo'" },
        { "-machine accel=foo", "-machine accel=foo: invalid accelerator 'foo'" },
        { "-accel kvm", "-accel kvm: accelerator 'kvm' is not supported by this version" },
        { "-accel tcg,thread=foo", "-accel tcg,thread=foo: parameter 'thread' does not accept value 'foo'" },
        { "-accel tcg,tb-size=3G", "-accel tcg,tb-size=3G: parameter 'tb-size' must be" },
        { "-cpu foo", "" },
        { "-smp 0", "-smp 0: parameter 'cpus' must be greater than zero" },
        { "-smp foo", "-smp foo: parameter 'cpus': 'foo' is not a number" },
        { "-smp 300", "Invalid SMP CPUs 300. The max CPUs" },
        { "-smp 4,sockets=2,cores=1,threads=1", "-smp 4,sockets=2,cores=1,threads=1: invalid CPU topology" },
        { "-smp 65535,sockets=65535,cores=65535,threads=65535",
          "-smp 65535,sockets=65535,cores=65535,threads=65535: invalid CPU topology" },
        { "-smp sockets=32768,cores=32768,threads=4",
          "-smp sockets=32768,cores=32768,threads=4: invalid CPU topology: sockets (32768) * cores (32768) * threads "
          "(4) is too large" },
        { "-smp 2,cores=4",
          "-smp 2,cores=4: invalid CPU topology: sockets (1) * cores (4) * threads (1) is not maxcpus (2)" },
        { "-smp 4,maxcpus=2", "-smp 4,maxcpus=2: invalid CPU topology: maxcpus (2) is less than cpus (4)" },
        { "-smp 4,threads=3", "-smp 4,threads=3: invalid CPU topology" },
        { "-smp 4,dies=2", "-smp 4,dies=2: this machine has neither dies nor clusters" },
        { "-smp 4,foo=1", "-smp 4,foo=1: invalid parameter 'foo'" },
        { "-boot order=cadn", "-boot order=cadn: Too many boot devices for PC" },
        { "-device ide-cd,bootindex=1 -device ide-cd,bootindex=1 -display none",
          "The bootindex 1 has already been used" },
        { "-device ide-cd,bootindex=4294967295", "-device ide-cd: Property 'ide-cd.bootindex' doesn't take value" },
        { "-device pvpanic -device pvpanic -display none", "-device pvpanic: there is a pvpanic at port 0x505" },
        { "-drive if=none,id=1x", "-drive if=none,id=1x: Parameter 'id' expects an identifier" },
        { "-M pc,i8042=off", "-M pc,i8042=off: parameter 'i8042' does not accept value 'off'" },
        { "-boot x", "-boot x: invalid boot device 'x'" },
        { "-boot cc", "-boot cc: boot device 'c' was given twice" },
        { "-M pcspk-audiodev=x", "-M pcspk-audiodev=x: parameter 'pcspk-audiodev': this version makes no sound" },
        { "-audiodev none,id=x", "-audiodev none,id=x: not supported by this version" },
        { "-rtc clock=foo", "-rtc clock=foo: parameter 'clock' does not accept value 'foo', only host|rt|vm" },
        { "-rtc driftfix=foo", "-rtc driftfix=foo: parameter 'driftfix' does not accept value 'foo'" },
        { "-rtc base=foo", "-rtc base=foo: invalid date 'foo'" },
        { "-rtc base=2021-02-30", "-rtc base=2021-02-30: invalid date '2021-02-30'" },
        { "-uuid 1234", "-uuid 1234: '1234' is not a UUID" },
        { "-boot reboot-timeout=65536",
          "-boot reboot-timeout=65536: reboot timeout is invalid, it should be a value between -1 and 65535" },
        { "-boot reboot-timeout=-2", "-boot reboot-timeout=-2: reboot timeout is invalid" },
        { "-boot splash-time=65536",
          "-boot splash-time=65536: splash-time is invalid, it should be a value between 0 and 65535" },
        { "-boot splash=nosuch.jpg", "-boot splash=nosuch.jpg: failed to find file 'nosuch.jpg'" },
        { "-boot splash=/etc/passwd",
          "-boot splash=/etc/passwd: splash file '/etc/passwd' format not recognized; must be JPEG or 24 bit BMP" },
        { "-boot once=cc", "-boot once=cc: boot device 'c' was given twice" },
        { "-boot menu=x", "-boot menu=x: parameter 'menu': 'x' is neither 'on' nor 'off'" },
        { "-fw_cfg name=opt/a", "-fw_cfg name=opt/a: name, plus exactly one of file and string, are needed" },
        { "-fw_cfg opt/a,string=x -fw_cfg opt/a,string=x",
          "-fw_cfg opt/a,string=x: duplicate fw_cfg file name: opt/a" },
        { "-fw_cfg opt/a,file=/nonexistent", "-fw_cfg opt/a,file=/nonexistent: can't load /nonexistent: " },
        { "-option-rom /nonexistent", "-option-rom /nonexistent: could not find firmware file '/nonexistent'" },
        { "-watchdog-action bark", "-watchdog-action bark: Parameter 'watchdog' does not accept value 'bark'" },
        { "-initrd x", "-initrd only allowed with -kernel option" },
        { "-append x", "-append only allowed with -kernel option" },
        { "-device nosuch", "-device nosuch: 'nosuch' is not a valid device model name" },
        { "-device", "-device: requires an argument" },
        { "-hda nosuch.img", "Could not open 'nosuch.img': No such file or directory" },
        { "-hda nosuch.img -hda x", "-hda x: drive with bus=0, unit=0 (index=0) exists" },
        { "-drive if=scsi", "-drive if=scsi: parameter 'if' does not accept value 'scsi'" },
        { "-drive index=4", "-drive index=4: there are only 4 ide drives: index 4 does not exist" },
        { "-drive format=nosuch", "-drive format=nosuch: unknown image format 'nosuch'" },
        { "-drive if=none,id=a -drive if=none,id=a", "-drive if=none,id=a: there is already a drive with id 'a'" },
        { "-hda /dev/null", "'/dev/null' is neither a regular file nor a block device" },
        { "-device ide-hd -display none", "-device ide-hd: ide-hd needs its 'drive' property" },
        { "-device ide-hd,drive=x -display none", "-device ide-hd: property 'drive': there is no drive 'x'" },
        { "-device {\"driver\":\"nosuch\"}",
          "-device {\"driver\":\"nosuch\"}: 'nosuch' is not a valid device model name" },
        { "-device {\"driver\":", "-device {\"driver\":: Could not parse the JSON options: " },
        { "-global x -display none", "-global x: invalid parameter 'x'" },
        { "-global driver=edu,property=addr -display none",
          "-global driver=edu,property=addr: parameter 'value' is missing" },
        { "-global isa-debugcon.foo=1 -display none",
          "-global isa-debugcon.foo=1: Property 'isa-debugcon.foo' not found" },
        { "-global VGA.vgamem_mb=x -display none",
          "-global VGA.vgamem_mb=x: Property 'VGA.vgamem_mb' doesn't take value 'x'" },
        { "-set device.x.y=1", "-set device.x.y=1: not supported by this version" },
        { "-m 64,slots=2", "-m 64,slots=2: parameter 'slots' does not accept value '2', only 0" },
        { "-m 64,maxmem=128", "-m 64,maxmem=128: parameter 'maxmem': memory cannot be plugged in later" },
        { "-incoming tcp:0:4444", "-incoming tcp:0:4444: only file:PATH is supported by this version" },
        { "-M pc,kernel-irqchip=on", "-M pc,kernel-irqchip=on: parameter 'kernel-irqchip' does not accept value 'on'" },
        { "-writeconfig -", "-writeconfig -: not supported by this version" },
        { "-rotate 90", "-rotate 90: not supported by this version" },
        { "-enable-kvm", "-enable-kvm: not supported by this version" },
        { "nosuch.img", "Could not open 'nosuch.img': No such file or directory" },
        { "-net user", "-net user: network 'user' is not supported by this version" },
        { "-vga foo", "-vga foo: graphics card 'foo' is not supported by this version" },
        { "-smbios type=5", "-smbios type=5: no fields of SMBIOS type 5 are known" },
        { "-smbios type=1,vendor=x", "-smbios type=1,vendor=x: type 1 has no 'vendor'" },
        { "-smbios type=1,uuid=x", "-smbios type=1,uuid=x: 'x' is not a UUID" },
        { "-monitor foo -display none", "-monitor foo: " },
        { "-mon nosuch -display none", "-mon nosuch: chardev \"nosuch\" not found" },
        { "-mon x,mode=foo", "-mon x,mode=foo: parameter 'mode' does not accept value 'foo'" },
        { "-serial foo", "-serial foo: " },
        { "-serial file:/nodir/x", "-serial file:/nodir/x: " },
        { "-pidfile /nodir/x -S -display none", "cannot write pid file '/nodir/x': No such file or directory" },
    };
    g_autofree char *base = g_path_get_basename(g_getenv("QEMU"));

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_auto(Result) r = run(cases[i].args);
        g_autofree char *expected = g_strdup_printf("%s: %s", base, cases[i].message);
        g_auto(GStrv) lines = g_strsplit(r.err, "\n", -1);
        unsigned n_lines = g_strv_length(lines);

        g_test_message("%s: status %d, says: %s", cases[i].args, r.status, r.err);
        g_assert_cmpint(r.status, ==, 1);
        g_assert_cmpstr(r.out, ==, "");
        g_assert_true(g_str_has_prefix(r.err, expected));
        /* The piece after the last newline is empty. */
        g_assert_true((n_lines == 2 || n_lines == 3) && !*lines[n_lines - 1]);
    }
}

static void test_two_users_of_the_terminal_are_told_the_way_out(void)
{
    g_auto(Result) r = run("-serial stdio -serial stdio -display none");

    g_test_message("says: %s", r.err);
    g_assert_cmpint(r.status, ==, 1);
    g_assert_nonnull(strstr(r.err, "-serial stdio: "));
    g_assert_nonnull(strstr(r.err, "mon:stdio"));
}

static void test_missing_firmware_names_the_package(void)
{
    g_auto(Result) r = run("-bios nosuch.bin -display none");

    g_test_message("says: %s", r.err);
    g_assert_cmpint(r.status, ==, 1);
    g_assert_nonnull(strstr(r.err, "nosuch.bin"));
    g_assert_nonnull(strstr(r.err, "seabios"));
}

static void test_questions_are_answered_with_status_0(void)
{
    static const struct { const char *args, *contains; } cases[] = {
        { "-version", " version " QEMU_VERSION "\n" },
        { "--version", " version " QEMU_VERSION "\n" },
        { "-help", "-serial DEV" },
        { "-h", "-kernel FILE" },
        { "-help-man", ".SH OPTIONS\n" },
        { "-machine help", "\npc " },
        { "-M ?", "\npc " },
        { "-accel help", "\ntcg\n" },
        { "-cpu help", "qemu64" },
        { "-d help", "in_asm" },
        { "-trace help", "" },
        { "-device help", "isa-debug-exit" },
        { "-device isa-debug-exit,help", "iobase=" },
        { "-L help", "/usr/share/seabios\n" },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        g_auto(Result) r = run(cases[i].args);

        g_test_message("%s: status %d, says: %s", cases[i].args, r.status, r.err);
        g_assert_cmpint(r.status, ==, 0);
        g_assert_cmpstr(r.err, ==, "");
        g_assert_nonnull(strstr(r.out, cases[i].contains));
    }
}

/* The program is up when it has written its number. */
static void wait_for_file(const char *path)
{
    for (int i = 0; i < 10000 && !g_file_test(path, G_FILE_TEST_EXISTS); i++) {
        g_usleep(10000);
    }
    g_assert_true(g_file_test(path, G_FILE_TEST_EXISTS));
}

/* In the child: a shell may have started us with some of them ignored, and the program would keep that. */
static void default_signals(gpointer unused)
{
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
}

static void check_signal(int sig)
{
    g_autofree char *dir = g_dir_make_tmp("cmdline-XXXXXX", NULL);
    g_autofree char *pidfile = g_build_filename(dir, "pid", NULL);
    g_autofree char *args = g_strdup_printf("-S -display none -pidfile %s", pidfile);
    g_autofree char *expected = g_strdup_printf("terminating on signal %d", sig);
    g_auto(GStrv) argv = command(args);
    char says[256] = "";
    GError *err = NULL;
    ssize_t len;
    int wait_status, fd;
    GPid pid;

    g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, default_signals, NULL, &pid, NULL, NULL, &fd,
                             &err);
    g_assert_no_error(err);
    wait_for_file(pidfile);
    kill(pid, sig);
    g_assert_cmpint(waitpid(pid, &wait_status, 0), ==, pid);
    len = read(fd, says, sizeof(says) - 1);
    close(fd);
    g_test_message("signal %d: status %x, says: %s", sig, wait_status, says);
    g_assert_true(WIFEXITED(wait_status));
    g_assert_cmpint(WEXITSTATUS(wait_status), ==, 0);
    g_assert_cmpint(len, >, 0);
    g_assert_nonnull(strstr(says, expected));
    g_assert_false(g_file_test(pidfile, G_FILE_TEST_EXISTS));
    g_rmdir(dir);
}

static void test_signals_end_the_program_in_order(void)
{
    check_signal(SIGTERM);
    check_signal(SIGINT);
    check_signal(SIGHUP);
}

/* The device has room for 256 files, the board's among them. */
static void test_too_many_fw_cfg_files_are_a_mistake(void)
{
    g_autoptr(GString) args = g_string_new("-S");
    g_auto(Result) r = { 0 };

    for (unsigned i = 0; i < 201; i++) {
        g_string_append_printf(args, " -fw_cfg opt/%u,string=x", i);
    }
    r = run(args->str);
    g_assert_cmpint(r.status, ==, 1);
    g_assert_nonnull(strstr(r.err, "there is room for 200 fw_cfg files, 'opt/200' is one too many"));
}

static void test_i386_is_the_same_program(void)
{
    g_autofree char *dir = g_path_get_dirname(g_getenv("QEMU"));
    g_autofree char *program = g_build_filename(dir, "qemu-system-i386", NULL);
    g_autofree char *out = NULL;
    char *argv[] = { program, (char *)"-version", NULL };

    if (!g_file_test(program, G_FILE_TEST_EXISTS)) {
        g_test_skip("qemu-system-i386 was not configured");
        return;
    }
    g_assert_true(g_spawn_sync(NULL, argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, NULL, NULL, NULL));
    g_assert_true(g_str_has_prefix(out, "QEMU-compatible emulator qemu-system-i386 version "));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    if (!g_getenv("QEMU")) {
        printf("1..0 # SKIP set QEMU to the program to test\n");
        return 0;
    }
    g_test_add_func("/cmdline/mistakes", test_mistakes_get_one_message_and_status_1);
    g_test_add_func("/cmdline/terminal-twice", test_two_users_of_the_terminal_are_told_the_way_out);
    g_test_add_func("/cmdline/no-firmware", test_missing_firmware_names_the_package);
    g_test_add_func("/cmdline/questions", test_questions_are_answered_with_status_0);
    g_test_add_func("/cmdline/signals", test_signals_end_the_program_in_order);
    g_test_add_func("/cmdline/fw-cfg-files", test_too_many_fw_cfg_files_are_a_mistake);
    g_test_add_func("/cmdline/i386", test_i386_is_the_same_program);
    return g_test_run();
}
