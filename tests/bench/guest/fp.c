/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Floating point programs. Only operations that IEEE 754 defines exactly, and no library functions, whose variant libc
 * chooses by the processor: checksums are of the bits.
 */
#include <emmintrin.h>
#include <string.h>
#include "bench.h"

static uint64_t bits(double d)
{
    uint64_t u;

    memcpy(&u, &d, sizeof(u));
    return u;
}

static double square_root(double d)
{
    __asm__("sqrtsd %0, %0" : "+x"(d));
    return d;
}

/* Scalar double precision: five bodies that attract each other. */
static uint64_t run_nbody(unsigned rounds)
{
    enum { N = 5 };
    double p[N][3], v[N][3];
    uint64_t sum = 0, state = 3;

    for (int i = 0; i < N; i++) {
        for (int k = 0; k < 3; k++) {
            p[i][k] = (double)(int32_t)next_random(&state) / 1e9;
            v[i][k] = (double)(int32_t)next_random(&state) / 1e11;
        }
    }
    for (unsigned r = 0; r < rounds; r++) {
        for (int i = 0; i < N; i++) {
            for (int j = i + 1; j < N; j++) {
                double d[3] = { p[i][0] - p[j][0], p[i][1] - p[j][1], p[i][2] - p[j][2] };
                double d2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2] + 0.25;
                double f = 0.0005 / (d2 * square_root(d2));

                for (int k = 0; k < 3; k++) {
                    v[i][k] -= d[k] * f * (j + 1);
                    v[j][k] += d[k] * f * (i + 1);
                }
            }
        }
        for (int i = 0; i < N; i++) {
            for (int k = 0; k < 3; k++) {
                p[i][k] += v[i][k] * 0.01;
            }
        }
    }
    for (int i = 0; i < N; i++) {
        sum = sum_add(sum, bits(p[i][0]) ^ bits(p[i][1]) ^ bits(p[i][2]));
    }
    return sum;
}

/* Compares and branches on doubles: the Mandelbrot set on a grid. */
static uint64_t run_mandel(unsigned rounds)
{
    uint64_t sum = 0;

    for (unsigned y = 0; y < rounds; y++) {
        for (unsigned x = 0; x < 200; x++) {
            double cr = -2.0 + 3.0 * x / 200, ci = -1.5 + 3.0 * y / rounds, zr = 0, zi = 0;
            unsigned i = 0;

            while (i < 200 && zr * zr + zi * zi < 4) {
                double t = zr * zr - zi * zi + cr;

                zi = 2 * zr * zi + ci;
                zr = t;
                i++;
            }
            sum += i;
        }
    }
    return sum;
}

/* Packed double precision: matrices of 64 x 64. */
static uint64_t run_matmul(unsigned rounds)
{
    enum { N = 64 };
    static double a[N][N] __attribute__((aligned(16))), b[N][N] __attribute__((aligned(16)));
    static double c[N][N] __attribute__((aligned(16)));
    uint64_t sum = 0, state = 8;

    for (int i = 0; i < N; i++) {
        for (int k = 0; k < N; k++) {
            a[i][k] = (double)(int8_t)next_random(&state) / 64;
            b[i][k] = (double)(int8_t)next_random(&state) / 64;
        }
    }
    memset(c, 0, sizeof(c));
    for (unsigned r = 0; r < rounds; r++) {
        for (int i = 0; i < N; i++) {
            for (int k = 0; k < N; k++) {
                __m128d x = _mm_set1_pd(a[i][k]);

                for (int j = 0; j < N; j += 2) {
                    _mm_store_pd(&c[i][j], _mm_add_pd(_mm_load_pd(&c[i][j]), _mm_mul_pd(x, _mm_load_pd(&b[k][j]))));
                }
            }
        }
    }
    for (int i = 0; i < N; i++) {
        sum = sum_add(sum, bits(c[i][i]));
    }
    return sum;
}

/* Packed single precision: a recursive filter of four channels. */
static uint64_t run_filter(unsigned rounds)
{
    __m128 y1 = _mm_setzero_ps(), y2 = _mm_setzero_ps(), x = _mm_set_ps(1.0f, 0.5f, 0.25f, 0.125f);
    const __m128 a1 = _mm_set1_ps(1.25f), a2 = _mm_set1_ps(-0.75f), gain = _mm_set1_ps(0.03125f);
    uint64_t out[2];

    for (unsigned r = 0; r < rounds; r++) {
        __m128 y = _mm_add_ps(_mm_mul_ps(x, gain), _mm_add_ps(_mm_mul_ps(y1, a1), _mm_mul_ps(y2, a2)));

        y2 = y1;
        y1 = y;
        x = _mm_sub_ps(_mm_shuffle_ps(x, x, _MM_SHUFFLE(0, 3, 2, 1)), _mm_mul_ps(y, gain));
    }
    memcpy(out, &y1, sizeof(out));
    return sum_add(out[0], out[1]);
}

/* Packed integers: sums of absolute differences, as video coders take them. */
static uint64_t run_vecint(unsigned rounds)
{
    static uint8_t a[4096] __attribute__((aligned(16))), b[4096] __attribute__((aligned(16)));
    uint64_t state = 12, out[2];
    __m128i sum = _mm_setzero_si128();

    for (size_t i = 0; i < sizeof(a); i++) {
        a[i] = (uint8_t)next_random(&state);
        b[i] = (uint8_t)next_random(&state);
    }
    for (unsigned r = 0; r < rounds; r++) {
        for (size_t i = 0; i < sizeof(a); i += 16) {
            __m128i x = _mm_load_si128((const __m128i *)(a + i)), y = _mm_load_si128((const __m128i *)(b + i));
            __m128i m = _mm_cmpgt_epi8(x, y), avg = _mm_avg_epu8(x, y);

            sum = _mm_add_epi64(sum, _mm_sad_epu8(_mm_xor_si128(avg, m), _mm_max_epu8(x, y)));
            sum = _mm_add_epi64(sum, _mm_unpacklo_epi8(x, _mm_srli_epi16(y, 3)));
        }
    }
    memcpy(out, &sum, sizeof(out));
    return sum_add(out[0], out[1]);
}

/* x87: 80-bit arithmetic, a series for pi. */
static uint64_t run_x87(unsigned rounds)
{
    long double sum = 0, sign = 4;
    uint64_t mantissa;

    for (unsigned i = 0; i < rounds; i++) {
        sum += sign / (2.0L * i + 1);
        sign = -sign;
    }
    memcpy(&mantissa, &sum, sizeof(mantissa));
    return mantissa;
}

/* Between integers, singles and doubles. */
static uint64_t run_convert(unsigned rounds)
{
    uint64_t sum = 0, state = 77;

    for (unsigned i = 0; i < rounds; i++) {
        int64_t n = (int64_t)next_random(&state) >> 20;
        float f = (float)n;
        double d = (double)(int32_t)f + (double)n;

        sum += (uint64_t)(int64_t)(d * 0.5) + (uint32_t)(int32_t)f;
    }
    return sum;
}

const Program fp_programs[] = {
    { "nbody", "scalar double precision", run_nbody, 520000 },
    { "mandel", "compare and branch on doubles", run_mandel, 1200 },
    { "matmul", "packed double precision", run_matmul, 300 },
    { "filter", "packed single precision", run_filter, 7200000 },
    { "vecint", "packed integers", run_vecint, 84000 },
    { "x87", "80-bit arithmetic", run_x87, 4500000 },
    { "convert", "integers to floating point and back", run_convert, 25000000 },
    { NULL, NULL, NULL, 0 },
};
