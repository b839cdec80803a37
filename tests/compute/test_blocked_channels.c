/* SPDX-License-Identifier: Apache-2.0 */
/* Channels of blocked tensors that move: any offsets, slices of slices, whole concatenations, permutations. */
#include "blocked_arrays.h"

typedef struct move {
    int64_t n, s, c, from, count, d, to;
} move;

static void check_move(const move *m, int add)
{
    const int64_t inputs = m->n * m->c * m->s, outputs = m->n * m->d * m->s;
    array *x = random_array(inputs, 1), *y = random_array(outputs, 2),
          *x_b = blocked_array(m->n, m->c, m->s, x->values);
    array *y_b = blocked_array(m->n, m->d, m->s, y->values);
    double *expected = values_of(y), *bound = numbers(outputs);
    for (int64_t i = 0; i < m->n; i++)
        for (int64_t k = 0; k < m->count * m->s; k++) {
            int64_t at = (i * m->d + m->to) * m->s + k;
            expected[at] = (add ? expected[at] : 0) + x->values[(i * m->c + m->from) * m->s + k];
            bound[at] = add ? chain_bound(unit, 1, fabs(expected[at])) : 0;
        }
    kdst__blocked_move_channels(cp, m->n, m->s, m->c, m->from, m->count, x_b->data, m->d, m->to, add, y_b->data);
    expect_blocked(y_b, m->n, m->d, m->s, expected, bound, "move");
    drop_arrays();
}

/* All offsets of both sides within a vector and past it. */
START_TEST(offsets)
{
    begin_blocked(_i);
    const int64_t most = 2 * lanes + 3;
    for (int64_t from = 0; from <= most; from += from < lanes ? 1 : 3)
        for (int64_t to = 0; to <= most; to += to < lanes ? 1 : 3) {
            const int64_t counts[] = {0, 1, 3, lanes - 1, lanes, lanes + 1, 3 * lanes + 2};
            const int64_t count = counts[(from + 2 * to) % 7], rest = (from + to) % 3;
            const move m = {2, 1 + (from * to) % 4, from + count + rest, from, count, to + count + (from + 1) % 3, to};
            check_move(&m, 0);
            check_move(&m, 1);
        }
    const move none = {0, 4, 5, 1, 3, 9, 2}, large = {5, 300, 70, 7, 61, 120, 30};
    check_move(&none, 0);
    for (int add = 0; add < 2; add++)
        check_move(&large, add);
}
END_TEST

/* Into space that holds NaN: in the end no lane is left, nor one behind the last channel. */
START_TEST(concatenation)
{
    begin_blocked(_i);
    static const int64_t widths[] = {5, 16, 1, 26, 3, 32};
    const int64_t n = 3, s = 7, d = 5 + 16 + 1 + 26 + 3 + 32;
    array *y = blocked_space(n, d, s), *all = random_array(n * d * s, 1);
    double *none = numbers(all->count);
    for (int64_t i = 0, to = 0; i < 6; to += widths[i++]) {
        double *some = numbers(n * widths[i] * s);
        for (int64_t k = 0; k < n * widths[i] * s; k++)
            some[k] = all->values[k / (widths[i] * s) * d * s + to * s + k % (widths[i] * s)];
        array *x = blocked_array(n, widths[i], s, some);
        kdst__blocked_move_channels(cp, n, s, widths[i], 0, widths[i], x->data, d, to, 0, y->data);
    }
    expect_blocked(y, n, d, s, all->values, none, "concatenation");
}
END_TEST

/* kind: 0 the same order, 1 backwards, 2 groups shuffled, 3 the way back, 4 no order */
static void fill_places(int64_t c, int kind, int32_t *place)
{
    const int64_t g = c % 3 == 0 ? 3 : c % 2 == 0 ? 2 : 1;
    for (int64_t i = 0; i < c; i++)
        place[i] = (int32_t)(kind == 0 ? i : kind == 1 ? c - 1 - i : kind == 2 ? i % g * (c / g) + i / g
                                 : kind == 3 ? i % (c / g) * g + i / (c / g)
                                             : (i * 101 + 7) % c);
}

static void check_permutation(int64_t n, int64_t c, int64_t s, int kind, int add)
{
    array *x = random_array(n * c * s, 1), *y = random_array(n * c * s, 2), *x_b = blocked_array(n, c, s, x->values);
    array *y_b = add ? blocked_array(n, c, s, y->values) : blocked_space(n, c, s);
    int32_t *place = malloc((size_t)(c + 1) * sizeof *place);
    double *expected = add ? values_of(y) : numbers(y->count), *bound = numbers(y->count);
    fill_places(c, kind, place);
    for (int64_t i = 0; i < x->count; i++) {
        int64_t channel = i / s % c;
        expected[i] += x->values[i + (place[channel] - channel) * s];
        bound[i] = add ? chain_bound(unit, 1, fabs(expected[i])) : 0;
    }
    kdst__blocked_permute_channels(cp, n, c, s, place, x_b->data, add, y_b->data);
    expect_blocked(y_b, n, c, s, expected, bound, "permutation");
    free(place);
    drop_arrays();
}

START_TEST(permutations)
{
    begin_blocked(_i);
    static const int64_t sizes[][3] = {{2, 1, 5},  {1, 3, 4},  {2, 16, 9}, {1, 24, 1},   {3, 26, 7},
                                       {2, 48, 4}, {0, 12, 3}, {2, 0, 3},  {7, 103, 30}, {5, 240, 50}};
    for (int i = 0; i < 10; i++)
        for (int kind = 0; kind < 10; kind++)
            check_permutation(sizes[i][0], sizes[i][1], sizes[i][2], kind % 5, kind / 5);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, offsets, 0, blocked_configurations());
    tcase_add_loop_test(tests, concatenation, 0, blocked_configurations());
    tcase_add_loop_test(tests, permutations, 0, blocked_configurations());
}

int main(void)
{
    return run_compute_suite("blocked_channels", build);
}
