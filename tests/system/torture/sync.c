/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Locks, condition variables and atomic operations between threads; signals that interrupt computation. */
#include "torture.h"
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#define THREADS 4

/* Counters under a mutex, under a spin lock, and atomic ones must all agree in the end. */
typedef struct Counters {
    unsigned rounds;
    pthread_mutex_t mutex;
    uint32_t spin;
    uint64_t by_mutex, by_spin, by_atomic, by_cas;
    unsigned __int128 pair;
} Counters;

static void add_pair(unsigned __int128 *p)
{
    uint64_t lo = 0, hi = 0, new_lo, new_hi;
    bool done;

    do {
        new_lo = lo + 1;
        new_hi = hi - 1;
        __asm__ volatile("lock cmpxchg16b %1" : "=@ccz"(done), "+m"(*p), "+a"(lo), "+d"(hi)
                         : "b"(new_lo), "c"(new_hi) : "memory");
    } while (!done);
}

static void count(void *arg, unsigned t)
{
    Counters *c = arg;

    for (unsigned i = 0; i < c->rounds * 50; i++) {
        uint64_t seen = __atomic_load_n(&c->by_cas, __ATOMIC_RELAXED);

        pthread_mutex_lock(&c->mutex);
        c->by_mutex += t;
        pthread_mutex_unlock(&c->mutex);
        for (unsigned spins = 0; __atomic_exchange_n(&c->spin, 1, __ATOMIC_ACQUIRE);) {
            relax(&spins);
        }
        c->by_spin += t;
        __atomic_store_n(&c->spin, 0, __ATOMIC_RELEASE);
        __atomic_fetch_add(&c->by_atomic, t, __ATOMIC_SEQ_CST);
        while (!__atomic_compare_exchange_n(&c->by_cas, &seen, seen + t, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
            continue;
        }
        add_pair(&c->pair);
    }
}

static uint64_t run_lock(unsigned rounds)
{
    Counters c = { .rounds = rounds, .mutex = PTHREAD_MUTEX_INITIALIZER };

    in_threads(THREADS, count, &c);
    MUST(c.by_mutex == c.by_atomic && c.by_spin == c.by_atomic && c.by_cas == c.by_atomic);
    MUST((uint64_t)c.pair == (uint64_t)rounds * 50 * THREADS);
    MUST((uint64_t)(c.pair >> 64) == -((uint64_t)rounds * 50 * THREADS));
    return mix(c.by_atomic, (uint64_t)c.pair);
}

/* A token that goes round: everybody sleeps until it is there. */
typedef struct Ring {
    unsigned rounds, token;
    pthread_mutex_t mutex;
    pthread_cond_t moved[THREADS];
    uint64_t sum;
} Ring;

static void pass_on(void *arg, unsigned t)
{
    Ring *r = arg;

    for (unsigned i = 0; i < r->rounds * 10; i++) {
        pthread_mutex_lock(&r->mutex);
        while (r->token % THREADS != t) {
            pthread_cond_wait(&r->moved[t], &r->mutex);
        }
        r->sum = mix(r->sum, r->token++);
        pthread_cond_signal(&r->moved[(t + 1) % THREADS]);
        pthread_mutex_unlock(&r->mutex);
    }
}

static uint64_t run_ring(unsigned rounds)
{
    Ring r = { .rounds = rounds, .mutex = PTHREAD_MUTEX_INITIALIZER };

    for (unsigned i = 0; i < THREADS; i++) {
        pthread_cond_init(&r.moved[i], NULL);
    }
    in_threads(THREADS, pass_on, &r);
    return r.sum;
}

/* Registers of all kinds across signals: handlers compute too, and what they interrupt must not notice. */
static volatile sig_atomic_t signals;

static double series(unsigned n)
{
    double s = 0;

    for (unsigned i = 1; i <= n; i++) {
        s += 1.0 / ((double)i * i);
    }
    return s;
}

static long double long_series(unsigned n)
{
    long double s = 0;

    for (unsigned i = 1; i <= n; i++) {
        s += 1.0L / i;
    }
    return s;
}

static void on_alarm(int sig)
{
    volatile double d = series(20);
    volatile long double l = long_series(20);

    (void)sig;
    (void)d;
    (void)l;
    signals++;
}

static void compute(void *arg, unsigned t)
{
    uint64_t *sums = arg;
    double d = series(1000 + t);
    long double l = long_series(1000 + t);

    for (unsigned i = 0; i < sums[THREADS] * 4; i++) {
        MUST(series(1000 + t) == d);
        MUST(long_series(1000 + t) == l);
    }
    memcpy(&sums[t], &d, sizeof(d));
}

static uint64_t run_signal(unsigned rounds)
{
    struct sigaction action = { .sa_handler = on_alarm };
    struct itimerval often = { .it_interval = { .tv_usec = 2000 }, .it_value = { .tv_usec = 2000 } }, never = { 0 };
    uint64_t sums[THREADS + 1] = { [THREADS] = rounds }, sum = 0;

    sigaction(SIGALRM, &action, NULL);
    MUST(setitimer(ITIMER_REAL, &often, NULL) == 0);
    in_threads(THREADS, compute, sums);
    setitimer(ITIMER_REAL, &never, NULL);
    for (unsigned t = 0; t < THREADS; t++) {
        sum = mix(sum, sums[t]);
    }
    return sum;
}

/* A matrix, in as many threads: vectors in and out of memory that others write next to. */
#define SIZE 24
typedef struct Matrices {
    unsigned rounds;
    double a[SIZE][SIZE], b[SIZE][SIZE], c[SIZE][SIZE];
} Matrices;

static void multiply(void *arg, unsigned t)
{
    Matrices *m = arg;

    for (unsigned r = 0; r < m->rounds * 2; r++) {
        for (unsigned i = t; i < SIZE; i += THREADS) {
            for (unsigned j = 0; j < SIZE; j++) {
                double s = 0;

                for (unsigned k = 0; k < SIZE; k++) {
                    s += m->a[i][k] * m->b[k][j];
                }
                m->c[i][j] = s;
            }
        }
    }
}

static uint64_t run_float(unsigned rounds)
{
    static Matrices m;
    uint64_t sum = 0;

    m.rounds = rounds;
    for (unsigned i = 0; i < SIZE; i++) {
        for (unsigned j = 0; j < SIZE; j++) {
            m.a[i][j] = 1.0 / (i + j + 1);
            m.b[i][j] = (double)(i * 7 % 5) - j / 3.0;
        }
    }
    in_threads(THREADS, multiply, &m);
    for (unsigned i = 0; i < SIZE * SIZE; i++) {
        uint64_t bits;

        memcpy(&bits, &m.c[i / SIZE][i % SIZE], 8);
        sum = mix(sum, bits);
    }
    return sum;
}

const Job job_lock = { "lock", run_lock };
const Job job_ring = { "ring", run_ring };
const Job job_signal = { "signal", run_signal };
const Job job_float = { "float", run_float };
