/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The client of the qtest protocol: the emulator connects to a socket of ours. */
#include "qemu/osdep.h"
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "libqtest.h"

#define LINES           256
#define CONNECT_MS      60000
#define ANSWER_MS       60000

struct QTest {
    GPid pid;
    int fd;
    char *dir;
    GString *in;
    bool level[LINES];
    unsigned edges[LINES];
};

/* ---- the channel ------------------------------------------------------------------------------------------------- */

static void wait_readable(int fd, int ms, const char *what)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    while (poll(&p, 1, ms) < 0) {
        g_assert_cmpint(errno, ==, EINTR);
    }
    if (!p.revents) {
        g_error("%s: nothing within %d s", what, ms / 1000);
    }
}

static char *read_line(QTest *q)
{
    char *newline, buf[4096];

    while (!(newline = strchr(q->in->str, '\n'))) {
        ssize_t n;

        wait_readable(q->fd, ANSWER_MS, "an answer");
        n = read(q->fd, buf, sizeof(buf));
        if (n <= 0) {
            g_error("the emulator has closed the channel");
        }
        g_string_append_len(q->in, buf, n);
    }
    char *line = g_strndup(q->in->str, (gsize)(newline - q->in->str));

    g_string_erase(q->in, 0, newline + 1 - q->in->str);
    return line;
}

/* True: it was a report and has been noted. */
static bool note_irq(QTest *q, const char *line)
{
    unsigned n;

    if (sscanf(line, "IRQ raise %u", &n) == 1 && n < LINES) {
        q->level[n] = true;
        q->edges[n]++;
        return true;
    }
    if (sscanf(line, "IRQ lower %u", &n) == 1 && n < LINES) {
        q->level[n] = false;
        return true;
    }
    return false;
}

static void send_text(QTest *q, const char *text)
{
    size_t len = strlen(text), done = 0;

    while (done < len) {
        ssize_t n = send(q->fd, text + done, len - done, MSG_NOSIGNAL);

        if (n < 0) {
            g_error("the emulator does not listen any more: %s", g_strerror(errno));
        }
        done += (size_t)n;
    }
}

static char *read_answer(QTest *q)
{
    char *line;

    while (note_irq(q, line = read_line(q))) {
        g_free(line);
    }
    return line;
}

char *qtest_raw(QTest *q, const char *request)
{
    g_autofree char *text = g_strconcat(request, "\n", NULL);

    send_text(q, text);
    return read_answer(q);
}

char *qtest_batch_last(QTest *q, const char *requests)
{
    char *answer = NULL;

    send_text(q, requests);
    for (const char *c = requests; *c; c++) {
        if (*c == '\n') {
            g_free(answer);
            answer = read_answer(q);
        }
    }
    return answer;
}

void qtest_batch(QTest *q, const char *requests)
{
    g_free(qtest_batch_last(q, requests));
}

size_t qtest_resident_bytes(QTest *q)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/statm", (int)q->pid), *text = NULL;
    unsigned long pages = 0;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpint(sscanf(text, "%*u %lu", &pages), ==, 1);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

char *qtest_ask(QTest *q, const char *fmt, ...)
{
    g_autofree char *request = NULL, *answer = NULL;
    va_list ap;

    va_start(ap, fmt);
    request = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    answer = qtest_raw(q, request);
    if (!g_str_has_prefix(answer, "OK")) {
        g_error("%s: %s", request, answer);
    }
    return g_strdup(answer[2] ? answer + 3 : "");
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static int listen_at(const char *path)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_strlcpy(addr.sun_path, path, sizeof(addr.sun_path));
    g_assert_cmpint(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    return fd;
}

/* In the child: an emulator does not outlive a test that fails. */
static void die_with_parent(gpointer opaque)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

QTest *qtest_start(const char *args, ...)
{
    const char *program = getenv("QEMU");
    g_autofree char *more = NULL, *path = NULL, *command = NULL;
    g_auto(GStrv) argv = NULL;
    g_autoptr(GError) err = NULL;
    QTest *q = g_new0(QTest, 1);
    int listener;
    va_list ap;

    g_assert_nonnull(program);
    va_start(ap, args);
    more = g_strdup_vprintf(args, ap);
    va_end(ap);
    q->dir = g_dir_make_tmp("qtest-XXXXXX", &err);
    g_assert_no_error(err);
    path = g_build_filename(q->dir, "qtest", NULL);
    listener = listen_at(path);
    command = g_strdup_printf("%s -display none -accel qtest -qtest unix:%s -qtest-log none %s", program, path, more);
    g_assert_true(g_shell_parse_argv(command, NULL, &argv, &err));
    g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH, die_with_parent,
                  NULL, &q->pid, &err);
    g_assert_no_error(err);
    wait_readable(listener, CONNECT_MS, command);
    q->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    g_assert_cmpint(q->fd, >=, 0);
    close(listener);
    unlink(path);
    q->in = g_string_new(NULL);
    return q;
}

void qtest_refused(const char *args, const char *why)
{
    g_autofree char *command = g_strdup_printf("%s -display none -accel qtest -S %s", g_getenv("QEMU"), args);
    g_autofree char *out = NULL, *err = NULL;
    int status;

    g_assert_true(g_spawn_command_line_sync(command, &out, &err, &status, NULL));
    g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
    g_test_message("%s: %s", args, err);
    g_assert_nonnull(strstr(err, why));
}

int qtest_wait_exit(QTest *q)
{
    int status, handle = (int)syscall(SYS_pidfd_open, q->pid, 0);

    if (handle >= 0) {
        wait_readable(handle, ANSWER_MS, "the emulator's end");
        close(handle);
    }
    while (waitpid(q->pid, &status, 0) < 0) {
        g_assert_cmpint(errno, ==, EINTR);
    }
    close(q->fd);
    rmdir(q->dir);
    g_free(q->dir);
    g_string_free(q->in, TRUE);
    g_free(q);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void qtest_quit(QTest *q)
{
    kill(q->pid, SIGTERM);
    g_assert_cmpint(qtest_wait_exit(q), ==, 0);
}

/* ---- ports, memory, time ----------------------------------------------------------------------------------------- */

static uint64_t ask_number(QTest *q, const char *command, uint64_t addr)
{
    g_autofree char *answer = qtest_ask(q, "%s 0x%" PRIx64, command, addr);

    return g_ascii_strtoull(answer, NULL, 0);
}

static void tell(QTest *q, const char *command, uint64_t addr, uint64_t v)
{
    g_free(qtest_ask(q, "%s 0x%" PRIx64 " 0x%" PRIx64, command, addr, v));
}

uint8_t qtest_inb(QTest *q, uint16_t port) { return (uint8_t)ask_number(q, "inb", port); }
uint16_t qtest_inw(QTest *q, uint16_t port) { return (uint16_t)ask_number(q, "inw", port); }
uint32_t qtest_inl(QTest *q, uint16_t port) { return (uint32_t)ask_number(q, "inl", port); }
void qtest_outb(QTest *q, uint16_t port, uint8_t v) { tell(q, "outb", port, v); }
void qtest_outw(QTest *q, uint16_t port, uint16_t v) { tell(q, "outw", port, v); }
void qtest_outl(QTest *q, uint16_t port, uint32_t v) { tell(q, "outl", port, v); }
uint8_t qtest_readb(QTest *q, uint64_t addr) { return (uint8_t)ask_number(q, "readb", addr); }
uint16_t qtest_readw(QTest *q, uint64_t addr) { return (uint16_t)ask_number(q, "readw", addr); }
uint32_t qtest_readl(QTest *q, uint64_t addr) { return (uint32_t)ask_number(q, "readl", addr); }
uint64_t qtest_readq(QTest *q, uint64_t addr) { return ask_number(q, "readq", addr); }
void qtest_writeb(QTest *q, uint64_t addr, uint8_t v) { tell(q, "writeb", addr, v); }
void qtest_writew(QTest *q, uint64_t addr, uint16_t v) { tell(q, "writew", addr, v); }
void qtest_writel(QTest *q, uint64_t addr, uint32_t v) { tell(q, "writel", addr, v); }
void qtest_writeq(QTest *q, uint64_t addr, uint64_t v) { tell(q, "writeq", addr, v); }

void qtest_memread(QTest *q, uint64_t addr, void *buf, size_t len)
{
    g_autofree char *answer = qtest_ask(q, "b64read 0x%" PRIx64 " %zu", addr, len);
    gsize got;
    g_autofree guchar *data = g_base64_decode(answer, &got);

    g_assert_cmpuint(got, ==, len);
    memcpy(buf, data, len);
}

void qtest_memwrite(QTest *q, uint64_t addr, const void *buf, size_t len)
{
    g_autofree char *text = g_base64_encode(buf, len);

    g_free(qtest_ask(q, "b64write 0x%" PRIx64 " %zu %s", addr, len, text));
}

void qtest_memset(QTest *q, uint64_t addr, uint8_t v, size_t len)
{
    g_free(qtest_ask(q, "memset 0x%" PRIx64 " %zu 0x%x", addr, len, v));
}

int64_t qtest_clock_step(QTest *q, int64_t ns)
{
    g_autofree char *answer = qtest_ask(q, "clock_step %" PRId64, ns);

    return g_ascii_strtoll(answer, NULL, 10);
}

int64_t qtest_clock_step_next(QTest *q)
{
    g_autofree char *answer = qtest_ask(q, "clock_step");

    return g_ascii_strtoll(answer, NULL, 10);
}

/* ---- interrupts -------------------------------------------------------------------------------------------------- */

void qtest_watch_inputs(QTest *q, const char *device)
{
    g_free(qtest_ask(q, "irq_intercept_in %s", device));
}

bool qtest_irq(QTest *q, unsigned n)
{
    g_assert_cmpuint(n, <, LINES);
    return q->level[n];
}

unsigned qtest_irq_edges(QTest *q, unsigned n)
{
    g_assert_cmpuint(n, <, LINES);
    return q->edges[n];
}

/* ---- PCI --------------------------------------------------------------------------------------------------------- */

uint32_t qtest_pci_readl(QTest *q, unsigned devfn, unsigned reg)
{
    qtest_outl(q, 0xcf8, 0x80000000u | devfn << 8 | reg);
    return qtest_inl(q, 0xcfc);
}

void qtest_pci_writel(QTest *q, unsigned devfn, unsigned reg, uint32_t v)
{
    qtest_outl(q, 0xcf8, 0x80000000u | devfn << 8 | reg);
    qtest_outl(q, 0xcfc, v);
}

unsigned qtest_pci_find(QTest *q, uint16_t vendor, uint16_t device)
{
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        if (qtest_pci_readl(q, devfn, 0) == ((uint32_t)device << 16 | vendor)) {
            return devfn;
        }
    }
    g_error("there is no PCI function %04x:%04x", vendor, device);
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static GPtrArray *temp_files;

static void remove_temp_files(void)
{
    for (guint i = 0; i < temp_files->len; i++) {
        unlink(g_ptr_array_index(temp_files, i));
    }
    g_ptr_array_unref(temp_files);
}

const char *qtest_temp_file(const void *data, size_t len)
{
    g_autoptr(GError) err = NULL;
    char *path;
    int fd = g_file_open_tmp("qtest-file-XXXXXX", &path, &err);

    g_assert_no_error(err);
    for (size_t done = 0; done < len; ) {
        ssize_t n = write(fd, (const char *)data + done, len - done);

        g_assert_cmpint(n, >, 0);
        done += (size_t)n;
    }
    close(fd);
    if (!temp_files) {
        temp_files = g_ptr_array_new_with_free_func(g_free);
        atexit(remove_temp_files);
    }
    g_ptr_array_add(temp_files, path);
    return path;
}
