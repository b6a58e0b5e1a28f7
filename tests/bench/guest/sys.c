/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs that spend their time in the kernel: system calls, processes, switches, faults. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

static uint64_t run_getpid(unsigned rounds)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < rounds; i++) {
        sum += syscall(SYS_getppid) >= 0;
    }
    return sum;
}

static uint64_t run_read(unsigned rounds)
{
    static char buffer[4096];
    int fd = open("/dev/zero", O_RDONLY);
    uint64_t sum = 0;

    if (fd < 0) {
        bench_fail("/dev/zero");
    }
    for (unsigned i = 0; i < rounds; i++) {
        sum += (uint64_t)read(fd, buffer, sizeof(buffer));
    }
    close(fd);
    return sum;
}

static uint64_t wait_for(pid_t pid)
{
    int status;

    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        bench_fail("fork or waitpid");
    }
    return WIFEXITED(status) ? (uint64_t)WEXITSTATUS(status) : 1000;
}

static uint64_t run_fork(unsigned rounds)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < rounds; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            _exit((int)(i & 63));
        }
        sum = sum_add(sum, wait_for(pid));
    }
    return sum;
}

static uint64_t run_exec(unsigned rounds)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < rounds; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            execl("/proc/self/exe", "bench-guest", "true", (char *)NULL);
            _exit(127);
        }
        sum = sum_add(sum, wait_for(pid));
    }
    return sum;
}

/* A byte to another process and back, through two pipes: two switches between address spaces each round. */
static uint64_t run_pipe(unsigned rounds)
{
    int there[2], back[2];
    uint8_t byte = 1;
    uint64_t sum = 0;
    pid_t pid;

    if (pipe(there) || pipe(back)) {
        bench_fail("pipe");
    }
    pid = fork();
    if (pid == 0) {
        close(there[1]);
        while (read(there[0], &byte, 1) == 1) {
            byte = (uint8_t)(byte * 5 + 1);
            if (write(back[1], &byte, 1) != 1) {
                break;
            }
        }
        _exit(0);
    }
    close(there[0]);
    for (unsigned i = 0; i < rounds; i++) {
        if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1) {
            bench_fail("pipe");
        }
        sum = sum_add(sum, byte);
    }
    close(there[1]);
    close(back[0]);
    close(back[1]);
    return sum_add(sum, wait_for(pid));
}

static void *answer(void *arg)
{
    const int *fds = arg;
    uint64_t n;

    while (read(fds[0], &n, sizeof(n)) == sizeof(n) && n != UINT32_MAX) {
        if (write(fds[1], &n, sizeof(n)) != sizeof(n)) {
            break;
        }
    }
    return NULL;
}

/* Two threads that wake each other through event counters: two switches within one address space each round. */
static uint64_t run_switch(unsigned rounds)
{
    int fds[2] = { eventfd(0, 0), eventfd(0, 0) };
    uint64_t n = UINT32_MAX, sum = 0;
    pthread_t thread;

    if (fds[0] < 0 || fds[1] < 0 || pthread_create(&thread, NULL, answer, fds)) {
        bench_fail("eventfd or pthread_create");
    }
    for (unsigned i = 1; i <= rounds; i++) {
        uint64_t got = 0;

        n = i;
        if (write(fds[0], &n, sizeof(n)) != sizeof(n) || read(fds[1], &got, sizeof(got)) != sizeof(got)) {
            bench_fail("eventfd");
        }
        sum = sum_add(sum, got);
    }
    n = UINT32_MAX;
    if (write(fds[0], &n, sizeof(n)) != sizeof(n) || pthread_join(thread, NULL)) {
        bench_fail("eventfd or pthread_join");
    }
    close(fds[0]);
    close(fds[1]);
    return sum;
}

/* Fresh memory, touched page by page. */
static uint64_t run_fault(unsigned rounds)
{
    enum { SIZE = 1 << 20 };
    uint64_t sum = 0;

    for (unsigned i = 0; i < rounds; i++) {
        uint8_t *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED) {
            bench_fail("mmap");
        }
        madvise(p, SIZE, MADV_NOHUGEPAGE);
        for (size_t k = 0; k < SIZE; k += 4096) {
            p[k] = (uint8_t)i;
            sum += p[k + 1];
        }
        munmap(p, SIZE);
    }
    return sum + rounds;
}

static volatile sig_atomic_t signals;

static void on_signal(int sig)
{
    (void)sig;
    signals = signals + 1;
}

static uint64_t run_signal(unsigned rounds)
{
    struct sigaction action = { .sa_handler = on_signal };

    sigaction(SIGUSR1, &action, NULL);
    signals = 0;
    for (unsigned i = 0; i < rounds; i++) {
        raise(SIGUSR1);
    }
    return (uint64_t)signals;
}

const Program sys_programs[] = {
    { "getpid", "the shortest system call", run_getpid, 1750000 },
    { "read", "4 KiB of zeros from the kernel", run_read, 540000 },
    { "fork", "fork, exit, wait", run_fork, 420 },
    { "exec", "fork, exec, exit, wait", run_exec, 200 },
    { "pipe", "a byte to another process and back", run_pipe, 16000 },
    { "switch", "two threads that wake each other", run_switch, 15000 },
    { "fault", "page faults of fresh memory", run_fault, 300 },
    { "signal", "a signal to itself", run_signal, 120000 },
    { NULL, NULL, NULL, 0 },
};
