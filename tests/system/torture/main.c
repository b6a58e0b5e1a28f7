/* SPDX-License-Identifier: GPL-2.0-or-later */
/* torture ROUNDS: all jobs at once, each with a line "TORTURE name sum" when it has ended, then "TORTURE done". */
#include "torture.h"
#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static const Job *const jobs[] = {
    &job_fork, &job_pipe, &job_map, &job_protect, &job_lock, &job_ring, &job_signal, &job_float, &job_jit, &job_publish,
};
#define N_JOBS (sizeof(jobs) / sizeof(jobs[0]))
#define MAX_THREADS 8

const char *own_path;

void failed(const char *file, int line, const char *what)
{
    printf("TORTURE failed %s:%d: %s (errno %d)\n", file, line, what, errno);
    fflush(stdout);
    _exit(1);
}

typedef struct Start {
    void (*fn)(void *arg, unsigned i);
    void *arg;
    unsigned i;
} Start;

static void *thread(void *opaque)
{
    Start *s = opaque;

    s->fn(s->arg, s->i);
    return NULL;
}

void in_threads(unsigned n, void (*fn)(void *arg, unsigned i), void *arg)
{
    pthread_t threads[MAX_THREADS];
    Start start[MAX_THREADS];

    MUST(n <= MAX_THREADS);
    for (unsigned i = 0; i < n; i++) {
        start[i] = (Start) { fn, arg, i };
        MUST(pthread_create(&threads[i], NULL, thread, &start[i]) == 0);
    }
    for (unsigned i = 0; i < n; i++) {
        MUST(pthread_join(threads[i], NULL) == 0);
    }
}

/* Each job is a process of its own: signals, mappings and descriptors of one are not the other's. */
static pid_t start_job(const Job *job, unsigned rounds)
{
    pid_t pid = fork();

    MUST(pid >= 0);
    if (pid == 0) {
        uint64_t sum = job->run(rounds);

        printf("TORTURE %s %016llx\n", job->name, (unsigned long long)sum);
        fflush(stdout);
        _exit(0);
    }
    return pid;
}

int main(int argc, char **argv)
{
    bool good = true;

    if (argc == 3 && strcmp(argv[1], "child") == 0) {
        return child_status((unsigned)atoi(argv[2]));
    }
    if (argc != 2) {
        fprintf(stderr, "usage: torture ROUNDS\n");
        return 2;
    }
    own_path = "/proc/self/exe";
    for (unsigned i = 0; i < N_JOBS; i++) {
        start_job(jobs[i], (unsigned)atoi(argv[1]));
    }
    for (unsigned i = 0; i < N_JOBS; i++) {
        int status;

        MUST(wait(&status) > 0);
        good &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    printf("TORTURE %s\n", good ? "done" : "failed");
    return !good;
}
