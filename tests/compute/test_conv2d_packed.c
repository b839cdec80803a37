/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions with weights packed once: the bits of those that pack each time, for every batch, also where the panels do not fit. */
#include "support.h"

typedef struct sizes {
    int64_t n, c, h, w, o, k, stride, padding, dilation, groups;
} sizes;

static kdst__conv2d_shape shape_of(const sizes *z, int64_t n)
{
    int64_t reach = z->dilation * (z->k - 1) + 1;
    return (kdst__conv2d_shape){
        .n = n,
        .c = z->c,
        .h = z->h,
        .w = z->w,
        .o = z->o,
        .kh = z->k,
        .kw = z->k,
        .p = (z->h + 2 * z->padding - reach) / z->stride + 1,
        .q = (z->w + 2 * z->padding - reach) / z->stride + 1,
        .stride = {z->stride, z->stride},
        .padding = {z->padding, z->padding},
        .dilation = {z->dilation, z->dilation},
        .groups = z->groups};
}

/* The last product is cut along k; taps of the one before it meet nothing but padding; groups use no panels. */
static const sizes cases[] = {
    {1, 3, 9, 8, 5, 3, 1, 1, 1, 1}, {2, 7, 6, 6, 33, 3, 2, 1, 1, 1}, {1, 5, 4, 4, 64, 1, 1, 0, 1, 1},
    {2, 4, 7, 7, 6, 3, 1, 1, 1, 2}, {1, 2, 3, 3, 4, 3, 1, 6, 6, 1},  {1, 512, 4, 4, 40, 3, 1, 1, 1, 1},
};
enum { CASES = sizeof cases / sizeof *cases };

START_TEST(same_bits)
{
    begin(_i);
    int used = 0;
    for (int i = 0; i < CASES; i++) {
        const sizes *z = &cases[i];
        kdst__conv2d_shape one = shape_of(z, 1);
        array *w = random_array(z->o * (z->c / z->groups) * z->k * z->k, 1), *bias = random_array(z->o, 2);
        kdst__panels panels, none = {0};
        ck_assert_int_eq(kdst__conv2d_pack(cp, cp->memory, dtype, &one, w->data, &panels), KDST_STATUS_OK);
        used += panels.data != NULL;
        ck_assert(z->groups == 1 || panels.data == NULL);
        for (int64_t n = 1; n <= 3; n++) {
            kdst__conv2d_shape s = shape_of(z, n);
            array *x = random_array(n * z->c * z->h * z->w, 3), *y[3];
            for (int k = 0; k < 3; k++)
                y[k] = filled_array(n * z->o * s.p * s.q, NAN);
            ck_assert_int_eq(
                kdst__conv2d_forward(cp, dtype, &s, x->data, w->data, bias->data, 0, y[0]->data), KDST_STATUS_OK);
            ck_assert_int_eq(
                kdst__conv2d_forward_packed(cp, dtype, &s, x->data, w->data, &panels, bias->data, 0, y[1]->data),
                KDST_STATUS_OK);
            ck_assert_int_eq(
                kdst__conv2d_forward_packed(cp, dtype, &s, x->data, w->data, &none, bias->data, 0, y[2]->data),
                KDST_STATUS_OK);
            expect_same_bits(y[0], y[1], "packed");
            expect_same_bits(y[0], y[2], "without panels");
            kdst__panels other = panels;
            other.depth++;
            ck_assert_int_eq(
                kdst__conv2d_forward_packed(cp, dtype, &s, x->data, w->data, &other, bias->data, 0, y[2]->data),
                KDST_STATUS_OK);
            expect_same_bits(y[0], y[2], "panels of another shape");
            drop_arrays_but(2);
        }
        kdst__free(cp->memory, panels.data, panels.bytes);
        drop_arrays();
    }
    ck_assert_int_ge(used, 4);
}
END_TEST

/* With other numbers in the panels another result comes out: they are used where they fit. */
START_TEST(panels_are_used)
{
    begin(_i);
    for (int i = 0; i < CASES; i += 5) {
        const sizes *z = &cases[i];
        kdst__conv2d_shape s = shape_of(z, 1);
        array *w = random_array(z->o * z->c * z->k * z->k, 1), *zero = filled_array(w->count, 0);
        array *x = random_array(z->c * z->h * z->w, 3), *y = filled_array(z->o * s.p * s.q, NAN);
        kdst__panels panels;
        ck_assert_int_eq(kdst__conv2d_pack(cp, cp->memory, dtype, &s, zero->data, &panels), KDST_STATUS_OK);
        ck_assert_int_eq(
            kdst__conv2d_forward_packed(cp, dtype, &s, x->data, w->data, &panels, NULL, 0, y->data), KDST_STATUS_OK);
        for (int64_t k = 0; k < y->count; k++)
            ck_assert(element(y, k) == 0);
        kdst__free(cp->memory, panels.data, panels.bytes);
        drop_arrays();
    }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, same_bits, 0, configurations());
    tcase_add_loop_test(tests, panels_are_used, 0, configurations());
}

int main(void)
{
    return run_compute_suite("conv2d_packed", build);
}
