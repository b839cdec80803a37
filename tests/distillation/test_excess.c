/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel behind KL, excess(x) = e^x - 1 - x, of every level and type against long double. */
#include "compute/select.h"
#include "core/cpu.h"

#include "support/run.h"

#include <math.h>
#include <string.h>

/* In roundoffs of the result: e^x has two, and next to 1 they are e / (e - 2) = 3.8 times as large in the difference. */
#define UNITS 12

static const kdst__kernels_f32 *f32;
static const kdst__kernels_f64 *f64;
static const kdst__kernels_blocked *blocked;

/* Whether the machine has the level, and KDST_TEST_LEVEL does not want another one. */
static int choose(int32_t level)
{
    const char *only = getenv("KDST_TEST_LEVEL");
    if (only && strcmp(only, kdst__level_name(level))) return 0;
    return kdst__select_kernels(level, &f32, &f64, &blocked);
}

static long double reference(double x)
{
    long double term = (long double)x * x / 2, sum = 0;
    if (fabs(x) > 1) return expm1l(x) - x;
    for (int n = 3; n < 40; n++) {
        sum += term;
        term *= (long double)x / n;
    }
    return sum;
}

/* Runs the kernel of a type over n doubles, which become what the type has of them. */
static void run(int narrow, int64_t n, double *x, double *y)
{
    float fx[64], fy[64];
    if (!narrow) {
        f64->excess(n, x, y);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        fx[i] = (float)x[i], fy[i] = -7;
    f32->excess(n, fx, fy);
    for (int64_t i = 0; i < n; i++)
        x[i] = fx[i], y[i] = fy[i];
}

static void expect_excess(int narrow, double x, double got)
{
    double unit = narrow ? 0x1p-24 : 0x1p-53, tiny = narrow ? 0x1p-148 : 0x1p-1073;
    double want = (double)reference(x);
    ck_assert_msg(
        fabs(got - want) <= UNITS * unit * fabs(want) + tiny, "%s: excess(%.17g) is %.17g, expected %.17g",
        narrow ? "float32" : "float64", x, got, want);
}

/* From far below to far above, dense around 0 and the seams at -1 and 1. */
START_TEST(test_values)
{
    if (!choose(_i)) return;
    for (int narrow = 0; narrow < 2; narrow++)
        for (int step = -4000; step <= 4000; step++) {
            double top = narrow ? 87 : 700, s = step / 4000.0;
            double x[6] = {top * s, 1 + s * 1e-3, s * 1.5, -1 + s * 1e-3, s * 1e-6, pow(10, -8 * fabs(s)) * s}, y[6];
            run(narrow, 6, x, y);
            for (int i = 0; i < 6; i++)
                expect_excess(narrow, x[i], y[i]);
        }
}
END_TEST

START_TEST(test_special)
{
    if (!choose(_i)) return;
    for (int narrow = 0; narrow < 2; narrow++) {
        double x[] = {0, -0.0, INFINITY, NAN, -1e4, -1e30, 1, -1}, y[8];
        run(narrow, 8, x, y);
        ck_assert(y[0] == 0 && y[1] == 0 && isnan(y[2]) && isnan(y[3]));
        for (int i = 4; i < 8; i++)
            expect_excess(narrow, x[i], y[i]);
    }
}
END_TEST

/* Every length, in place too; nothing behind the end is written. */
START_TEST(test_lengths)
{
    if (!choose(_i)) return;
    for (int64_t n = 0; n <= 40; n++) {
        double x[41], y[41];
        float fx[41];
        for (int i = 0; i < 41; i++) {
            x[i] = (i - 20) * 0.11;
            fx[i] = (float)x[i];
            y[i] = -7;
        }
        f64->excess(n, x, y);
        f32->excess(n, fx, fx);
        for (int64_t i = 0; i < 41; i++) {
            if (i < n) expect_excess(0, x[i], y[i]);
            if (i < n) expect_excess(1, (double)(float)x[i], fx[i]);
            if (i >= n) ck_assert(y[i] == -7 && fx[i] == (float)x[i]);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("excess");
    TCase *tests = tcase_create("excess");
    tcase_add_loop_test(tests, test_values, 0, KDST__LEVELS);
    tcase_add_loop_test(tests, test_special, 0, KDST__LEVELS);
    tcase_add_loop_test(tests, test_lengths, 0, KDST__LEVELS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
