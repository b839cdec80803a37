/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient of every loss against central differences, in float64, for plain logits and for views of larger ones.
 *
 * A step of 1e-5 makes truncation (h^2 / 6 of the third derivative) and rounding (1e-16 / h) about 1e-11 each; a
 * multiplier scales both with the gradient. Allowed is 1e-8 + 1e-6 |expected|.
 */
#include "support.h"

typedef struct subject {
    kdst_loss *loss;
    kdst_tensor *teacher, *labels;
    int view;
} subject;

/* The loss of the leaf, or of every second column of it, transposed: [K, 2 B] holds the logits of B rows. */
static kdst_status loss_of(void *user_data, kdst_tensor *const *inputs, int64_t count, kdst_tensor **out)
{
    const subject *s = user_data;
    kdst_tensor *part = NULL, *logits = NULL;
    kdst_status status = KDST_STATUS_OK;
    ck_assert_int_eq(count, 1);
    if (!s->view) return kdst_loss_run(s->loss, inputs[0], s->teacher, s->labels, out);
    status = kdst_slice(inputs[0], 1, 1, kdst_tensor_get_size(inputs[0], 1), 2, &part);
    if (!status) status = kdst_transpose(part, 0, 1, &logits);
    if (!status) status = kdst_loss_run(s->loss, logits, s->teacher, s->labels, out);
    kdst_tensor_release(logits);
    kdst_tensor_release(part);
    return status;
}

static void check_gradient(const loss_row *row, int64_t b, int64_t k, double scale, int view)
{
    loss_batch batch = batch_of(ctx, F64, b, k, scale, (int)k);
    kdst_options *options = options_of("step=1e-5 rtol=1e-6 atol=1e-8");
    subject s = {make_loss(ctx, row->create, row->options), batch.teacher, batch.labels, view};
    kdst_tensor *leaf = view ? filled(F64, SHAPE(k, 2 * b), 4) : batch.student;
    double worst = INFINITY;
    expect_ok(kdst_tensor_set_requires_grad(leaf, 1));
    expect_ok(kdst_gradient_check(loss_of, &s, &leaf, 1, options, &worst));
    ck_assert_msg(
        worst <= 1, "%s, %dx%d%s: off by %g of what is allowed", row->name, (int)b, (int)k, view ? ", view" : "",
        worst);
    if (view) kdst_tensor_release(leaf);
    kdst_options_release(options);
    kdst_loss_release(s.loss);
    batch_free(&batch);
}

START_TEST(test_gradient)
{
    const loss_row *row = &loss_rows[_i];
    static const int64_t shapes[][2] = {{1, 2}, {3, 5}, {2, 9}, {4, 17}};
    for (int i = 0; i < 4; i++)
        for (int view = 0; view < 2; view++) {
            check_gradient(row, shapes[i][0], shapes[i][1], 3, view);
            check_gradient(row, shapes[i][0], shapes[i][1], 0.1, view);
        }
}
END_TEST

/* Rows far apart take another path (d' beyond 30). */
START_TEST(test_gradient_of_far_rows)
{
    check_gradient(&loss_rows[_i], 3, 5, 40, 0);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, test_gradient, 0, loss_row_count);
    tcase_add_loop_test(tests, test_gradient_of_far_rows, 0, loss_row_count);
}

int main(void)
{
    return run_suite("loss gradients", build);
}
