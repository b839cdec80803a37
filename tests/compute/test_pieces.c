/* SPDX-License-Identifier: Apache-2.0 */
/* How work is cut: all of it, once, in order, by its length alone. */
#include "compute/compute.h"

#include "support/run.h"

START_TEST(test_number_of_pieces)
{
    ck_assert_int_eq(kdst__pieces(0, 10), 0);
    ck_assert_int_eq(kdst__pieces(-5, 10), 0);
    ck_assert_int_eq(kdst__pieces(1, 10), 1);
    ck_assert_int_eq(kdst__pieces(19, 10), 1);
    ck_assert_int_eq(kdst__pieces(20, 10), 2);
    ck_assert_int_eq(kdst__pieces(640, 10), 64);
    ck_assert_int_eq(kdst__pieces(INT64_MAX, 1), 64);
    ck_assert_int_eq(kdst__pieces(5, 0), 5);
}
END_TEST

/* Whether the pieces follow each other from 0 to n, each as long as any other or one longer. */
static int covers(int64_t n, int64_t pieces)
{
    int64_t next = 0, begin, end;
    for (int64_t piece = 0; piece < pieces; piece++) {
        kdst__piece_range(n, pieces, piece, &begin, &end);
        if (begin != next || (end - begin != n / pieces && end - begin != n / pieces + 1)) return 0;
        next = end;
    }
    return next == n;
}

START_TEST(test_ranges_cover_everything_once)
{
    for (int64_t n = 1; n < 200; n++)
        for (int64_t pieces = 1; pieces <= n && pieces <= 64; pieces++)
            if (!covers(n, pieces)) ck_abort_msg("%d in %d pieces", (int)n, (int)pieces);
    int64_t begin, end;
    kdst__piece_range(INT64_MAX, 64, 63, &begin, &end);
    ck_assert_int_eq(end, INT64_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pieces");
    TCase *cutting = tcase_create("cutting");
    tcase_add_test(cutting, test_number_of_pieces);
    tcase_add_test(cutting, test_ranges_cover_everything_once);
    suite_add_tcase(suite, cutting);
    return run_suite(suite);
}
