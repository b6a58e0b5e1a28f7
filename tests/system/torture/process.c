/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes: fork with pages shared until written, exec, exit statuses; data through pipes from one to the next. */
#include "torture.h"
#include <sys/wait.h>
#include <unistd.h>

#define FAMILY 4
#define PAGES 32

int child_status(unsigned n)
{
    return (int)(mix(1, n) % 200);
}

static uint64_t sum_words(const uint64_t *p, size_t n)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum = mix(sum, p[i]);
    }
    return sum;
}

/* Children write what they share with the parent, which must not see it; every other one becomes another program. */
static void child(uint64_t *memory, size_t words, unsigned n)
{
    for (size_t i = 0; i < words; i += 64) {
        memory[i] += n;
    }
    if (n % 2) {
        char number[16];

        snprintf(number, sizeof(number), "%u", n);
        execl(own_path, "torture", "child", number, (char *)NULL);
        _exit(255);
    }
    _exit(child_status(n));
}

static uint64_t run_fork(unsigned rounds)
{
    size_t words = PAGES * 4096 / 8;
    uint64_t *memory = malloc(words * 8), before, sum = 0;

    for (size_t i = 0; i < words; i++) {
        memory[i] = mix(3, i);
    }
    before = sum_words(memory, words);
    for (unsigned r = 0; r < rounds; r++) {
        pid_t pids[FAMILY];

        for (unsigned i = 0; i < FAMILY; i++) {
            pids[i] = fork();
            MUST(pids[i] >= 0);
            if (pids[i] == 0) {
                child(memory, words, r * FAMILY + i);
            }
        }
        for (unsigned i = 0; i < FAMILY; i++) {
            int status;

            MUST(waitpid(pids[i], &status, 0) == pids[i]);
            MUST(WIFEXITED(status) && WEXITSTATUS(status) == child_status(r * FAMILY + i));
            sum = mix(sum, (uint64_t)WEXITSTATUS(status));
        }
        MUST(sum_words(memory, words) == before);
    }
    free(memory);
    return mix(sum, before);
}

#define STAGES 4
#define CHUNK 1024

static void move(int from, int to, unsigned chunks, unsigned stage)
{
    uint64_t buffer[CHUNK / 8];

    for (unsigned c = 0; c < chunks; c++) {
        for (size_t got = 0; got < CHUNK;) {
            ssize_t n = read(from, (char *)buffer + got, CHUNK - got);

            MUST(n > 0);
            got += (size_t)n;
        }
        for (unsigned i = 0; i < CHUNK / 8; i++) {
            buffer[i] = mix(buffer[i], stage);
        }
        MUST(write(to, buffer, CHUNK) == CHUNK);
    }
}

/* A ring of processes: what goes in comes out after all of them have changed it. */
static uint64_t run_pipe(unsigned rounds)
{
    int fd[STAGES + 1][2];
    uint64_t buffer[CHUNK / 8], sum = 0;

    for (unsigned i = 0; i <= STAGES; i++) {
        MUST(pipe(fd[i]) == 0);
    }
    for (unsigned i = 0; i < STAGES; i++) {
        pid_t pid = fork();

        MUST(pid >= 0);
        if (pid == 0) {
            move(fd[i][0], fd[i + 1][1], rounds * 20, i);
            _exit(0);
        }
    }
    for (unsigned c = 0; c < rounds * 20; c++) {
        for (unsigned i = 0; i < CHUNK / 8; i++) {
            buffer[i] = mix(c, i);
        }
        MUST(write(fd[0][1], buffer, CHUNK) == CHUNK);
        for (size_t got = 0; got < CHUNK;) {
            ssize_t n = read(fd[STAGES][0], (char *)buffer + got, CHUNK - got);

            MUST(n > 0);
            got += (size_t)n;
        }
        sum = mix(sum, sum_words(buffer, CHUNK / 8));
    }
    for (unsigned i = 0; i < STAGES; i++) {
        int status;

        MUST(wait(&status) > 0 && status == 0);
    }
    return sum;
}

const Job job_fork = { "fork", run_fork };
const Job job_pipe = { "pipe", run_pipe };
