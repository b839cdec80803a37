/* SPDX-License-Identifier: Apache-2.0 */
/* Losses between features in small cases that can be worked out by hand, ensembles, and networks that teach each other. */
#include "support.h"

static double value_of(kdst_loss *loss, kdst_tensor *s, kdst_tensor *t, kdst_tensor **grad)
{
    double value = NAN;
    kdst_tensor *own = NULL;
    expect_ok(kdst_tensor_copy(s, 0, &own));
    expect_ok(kdst_loss_compute(loss, s, t, NULL, &value, own));
    if (grad)
        *grad = own;
    else
        kdst_tensor_release(own);
    return value;
}

START_TEST(test_hint_reductions)
{
    static const struct {
        const char *options;
        double value, slope;
    } ways[] = {{"", 7.0 / 3, 1.0 / 3}, {"reduction=half_sum_batchmean", 3.5, 0.5}, {"reduction=sum", 14, 2}};
    const double s[] = {1, 2, 3, 0, 0, 0}, t[] = {0, 0, 0, 0, 0, 0};
    for (int i = 0; i < 3; i++) {
        kdst_loss *loss = make_loss(ctx, kdst_loss_hint_create, ways[i].options);
        kdst_tensor *a = from_doubles(F64, SHAPE(2, 3), s), *b = from_doubles(F64, SHAPE(2, 3), t), *grad = NULL;
        ck_assert_str_eq(kdst_loss_get_name(loss), "hint");
        ck_assert_int_eq(kdst_loss_needs_teacher(loss), 1);
        expect_near(value_of(loss, a, b, &grad), ways[i].value, 1e-15, ways[i].options);
        double wanted[6];
        for (int k = 0; k < 6; k++)
            wanted[k] = ways[i].slope * s[k];
        expect_close(grad, wanted);
        kdst_tensor_release(grad);
        kdst_tensor_release(b);
        kdst_tensor_release(a);
        kdst_loss_release(loss);
    }
}
END_TEST

/* Nothing in a map of zeros attracts attention, and nothing flows back to it. */
START_TEST(test_attention_of_zeros)
{
    kdst_loss *loss = make_loss(ctx, kdst_loss_attention_create, "");
    const double s[] = {0, 0, 0, 0, 1, 0, 0, 0}, t[] = {2, 0, 0, 0, 0, 3, 0, 0};
    kdst_tensor *a = from_doubles(F64, SHAPE(2, 1, 2, 2), s), *b = from_doubles(F64, SHAPE(2, 1, 2, 2), t),
                *grad = NULL;
    expect_near(value_of(loss, a, b, &grad), 3.0 / 8, 1e-15, "zeros against one, one against another");
    double *d = doubles(grad);
    for (int i = 0; i < 4; i++)
        ck_assert_double_eq(d[i], 0);
    free(d);
    kdst_tensor_release(grad);
    kdst_tensor_release(b);
    kdst_tensor_release(a);
    kdst_loss_release(loss);
}
END_TEST

/* A batch of one has no pairs and no angles but degenerate ones; two of one place are at distance 1e-6. */
START_TEST(test_relations_of_few)
{
    kdst_loss *loss = make_loss(ctx, kdst_loss_relational_create, "");
    kdst_tensor *one = filled(F64, SHAPE(1, 3), 1), *other = filled(F64, SHAPE(1, 3), 2), *grad = NULL, *d = NULL;
    ck_assert_double_eq(value_of(loss, one, other, &grad), 0);
    expect_close(grad, (double[]){0, 0, 0});
    expect_ok(kdst_pair_distances(one, &d));
    expect_close(d, (double[]){0});
    kdst_tensor_release(d);
    kdst_tensor_release(grad);
    kdst_tensor_release(other);
    kdst_tensor_release(one);
    one = from_doubles(F64, SHAPE(3, 1), (double[]){1, 1, 4});
    expect_ok(kdst_pair_distances(one, &d));
    double mean = (1e-6 + 3 + 3) / 3;
    expect_close(d, (double[]){0, 1e-6 / mean, 3 / mean, 1e-6 / mean, 0, 3 / mean, 3 / mean, 3 / mean, 0});
    kdst_tensor_release(d);
    kdst_tensor_release(one);
    kdst_loss_release(loss);
}
END_TEST

/* ---- several teachers ---- */

static const double three[] = {1, 0, -1, 2, 2, 0, 0, 3, 1, -1, 0, 1, 4, 1, 1, 0, 0, 0}; /* [3, 2, 3] */

/* log of the weighted mean of the softmaxes, times T. */
static void mean_of(const double *w, double temperature, double out[6])
{
    for (int b = 0; b < 2; b++)
        for (int k = 0; k < 3; k++) {
            double q = 0;
            for (int m = 0; m < 3; m++) {
                const double *t = three + 6 * m + 3 * b;
                double sum = exp(t[0] / temperature) + exp(t[1] / temperature) + exp(t[2] / temperature);
                q += w[m] * exp(t[k] / temperature) / sum;
            }
            out[3 * b + k] = temperature * log(q);
        }
}

START_TEST(test_ensembles)
{
    static const double weights[] = {1, 0, 3}, shares[] = {0.25, 0, 0.75}, equal[] = {1.0 / 3, 1.0 / 3, 1.0 / 3};
    kdst_tensor *t = from_doubles(F64, SHAPE(3, 2, 3), three), *out = NULL;
    kdst_options *options = options_of("temperature=2");
    double wanted[6];
    expect_ok(kdst_ensemble_logits(t, options, &out));
    mean_of(equal, 2, wanted);
    expect_close(out, wanted);
    kdst_tensor_release(out);
    expect_ok(kdst_options_set_floats(options, "weights", weights, 3));
    expect_ok(kdst_ensemble_logits(t, options, &out));
    mean_of(shares, 2, wanted);
    expect_close(out, wanted);
    kdst_tensor_release(out);
    expect_ok(kdst_options_set_string(options, "mode", "mean_logit"));
    expect_ok(kdst_ensemble_logits(t, options, &out));
    for (int i = 0; i < 6; i++)
        wanted[i] = 0.25 * three[i] + 0.75 * three[12 + i];
    expect_close(out, wanted);
    kdst_tensor_release(out);
    kdst_options_release(options);
    kdst_tensor_release(t);
}
END_TEST

static kdst_layer *linear(int64_t in, int64_t out)
{
    kdst_layer *layer = NULL;
    expect_ok(kdst_layer_linear_create(ctx, in, out, NULL, &layer));
    return layer;
}

/* The layer gives what the function makes of its members' logits, and records nothing. */
START_TEST(test_ensemble_layer)
{
    kdst_layer *members[2] = {linear(5, 3), linear(5, 3)}, *layer = NULL;
    kdst_tensor *x = filled(F32, SHAPE(4, 5), 1), *logits[2] = {NULL}, *all = NULL, *wanted = NULL, *got = NULL;
    expect_ok(kdst_layer_ensemble_create(ctx, members, 2, NULL, &layer));
    ck_assert_int_eq(kdst_layer_get_state_count(layer), 4);
    for (int i = 0; i < 2; i++)
        expect_ok(kdst_layer_run(members[i], x, &logits[i]));
    expect_ok(kdst_stack(logits, 2, 0, &all));
    expect_ok(kdst_ensemble_logits(all, NULL, &wanted));
    expect_ok(kdst_layer_run(layer, x, &got));
    ck_assert_int_eq(kdst_tensor_get_requires_grad(got), 0);
    double *values = doubles(wanted);
    expect_close(got, values);
    free(values);
    kdst_tensor_release(got);
    kdst_tensor_release(wanted);
    kdst_tensor_release(all);
    for (int i = 0; i < 2; i++) {
        kdst_tensor_release(logits[i]);
        kdst_layer_release(members[i]);
    }
    kdst_tensor_release(x);
    kdst_layer_release(layer);
}
END_TEST

/* ---- networks that teach each other ---- */

static kdst_optimizer *sgd_of(kdst_layer *model)
{
    kdst_optimizer *optimizer = NULL;
    kdst_options *options = options_of("learning_rate=0.5");
    expect_ok(kdst_optimizer_sgd_create(ctx, options, &optimizer));
    expect_ok(kdst_optimizer_add_layer(optimizer, model));
    kdst_options_release(options);
    return optimizer;
}

/* Three networks learn a batch by heart, in either schedule. */
START_TEST(test_peers_learn)
{
    static const int32_t labels[] = {0, 1, 2, 1};
    kdst_loss *loss = make_loss(ctx, kdst_loss_mutual_create, "");
    kdst_options *options = options_of(_i ? "schedule=alternating" : "");
    kdst_tensor *x = filled(F32, SHAPE(4, 6), 2), *y = from_labels(4, labels);
    kdst_peers *peers = NULL;
    double first[3], last[3];
    expect_ok(kdst_peers_create(ctx, loss, options, &peers));
    for (int i = 0; i < 3; i++) {
        kdst_layer *model = linear(6, 3);
        kdst_optimizer *optimizer = sgd_of(model);
        expect_ok(kdst_peers_add(peers, model, optimizer));
        kdst_optimizer_release(optimizer);
        kdst_layer_release(model);
    }
    ck_assert_int_eq(kdst_peers_get_count(peers), 3);
    expect_ok(kdst_peers_step(peers, x, y, first, 3));
    for (int i = 0; i < 60; i++)
        expect_ok(kdst_peers_step(peers, x, y, NULL, 0));
    expect_ok(kdst_peers_step(peers, x, y, last, 3));
    for (int i = 0; i < 3; i++)
        ck_assert_msg(last[i] < 0.3 * first[i], "network %d: %g, then %g", i, first[i], last[i]);
    kdst_peers_release(peers);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_options_release(options);
    kdst_loss_release(loss);
}
END_TEST

/* A map has no scale: neither its own value, nor that of its gradient times the features. */
START_TEST(test_attention_of_any_scale)
{
    double values[3], slopes[3][24];
    kdst_loss *loss = make_loss(ctx, kdst_loss_attention_create, "power=16");
    kdst_tensor *t = filled(F64, SHAPE(2, 3, 2, 2), 5);
    for (int k = 0; k < 3; k++) {
        kdst_tensor *s = filled(F64, SHAPE(2, 3, 2, 2), 4), *scaled = NULL, *grad = NULL;
        expect_ok(kdst_mul_scalar(s, ldexp(1, 20 * k), &scaled));
        values[k] = value_of(loss, scaled, t, &grad);
        double *x = doubles(scaled), *g = doubles(grad);
        for (int i = 0; i < 24; i++)
            slopes[k][i] = x[i] * g[i];
        free(g);
        free(x);
        kdst_tensor_release(grad);
        kdst_tensor_release(scaled);
        kdst_tensor_release(s);
    }
    ck_assert_double_gt(values[0], 0);
    for (int k = 1; k < 3; k++) {
        expect_near(values[k], values[0], 1e-14, "scaled");
        for (int i = 0; i < 24; i++)
            ck_assert_double_eq_tol(slopes[k][i], slopes[0][i], 1e-12);
    }
    kdst_tensor_release(t);
    kdst_loss_release(loss);
}
END_TEST

/* With one peer and a temperature the loss is twice knowledge distillation with equal parts. */
START_TEST(test_mutual_temperature)
{
    static const int32_t labels[] = {2, 0, 4};
    for (int i = 0; i < 3; i++) {
        char mutual[64], kd[96];
        double value[2];
        snprintf(mutual, sizeof mutual, "temperature=%g", (double[]){0.5, 1, 4}[i]);
        snprintf(kd, sizeof kd, "alpha=0.5 %s", mutual);
        kdst_loss *loss[2] = {make_loss(ctx, kdst_loss_mutual_create, mutual), make_loss(ctx, kdst_loss_kd_create, kd)};
        kdst_tensor *s = filled(F64, SHAPE(3, 5), 2), *t = filled(F64, SHAPE(3, 5), 3), *y = from_labels(3, labels),
                    *grad[2] = {NULL, NULL};
        for (int k = 0; k < 2; k++) {
            expect_ok(kdst_tensor_copy(s, 0, &grad[k]));
            expect_ok(kdst_loss_compute(loss[k], s, t, y, &value[k], grad[k]));
        }
        expect_near(value[0], 2 * value[1], 1e-12, mutual);
        double *wanted = doubles(grad[1]);
        for (int k = 0; k < 15; k++)
            wanted[k] *= 2;
        expect_close(grad[0], wanted);
        free(wanted);
        for (int k = 0; k < 2; k++) {
            kdst_tensor_release(grad[k]);
            kdst_loss_release(loss[k]);
        }
        kdst_tensor_release(y);
        kdst_tensor_release(t);
        kdst_tensor_release(s);
    }
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, test_hint_reductions);
    tcase_add_test(tests, test_attention_of_any_scale);
    tcase_add_test(tests, test_mutual_temperature);
    tcase_add_test(tests, test_attention_of_zeros);
    tcase_add_test(tests, test_relations_of_few);
    tcase_add_test(tests, test_ensembles);
    tcase_add_test(tests, test_ensemble_layer);
    tcase_add_loop_test(tests, test_peers_learn, 0, 2);
}

int main(void)
{
    return run_suite("transfer", build);
}
