/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of recordings by class, and batches of them over time. */
#include "recordings.h"
#include "tree.h"

#include "failures/each_allocation.h"
#include "support/run.h"

#include <math.h>

enum { N = 7, T = 6, H = 5, W = 4, PLANE = H * W, STEP = 2 * PLANE, SAMPLE = T * STEP, EVENTS = 60 };

static const form small_form = {T, 500, H, W, 1, 0};
static const char *const names[N] = {"0/00002.bin", "0/00010.bin", "0/3.BIN",  "7/1.bs2",
                                     "7/2.bin",     "cat/a.bin",   "cat/b.bin"};
static const int32_t classes[N] = {0, 0, 0, 1, 1, 2, 2};

/* The bins of every sample, [N, T, 2, H, W]. */
static double bins[N][SAMPLE], *const all_bins = bins[0];

static void write_recording(int i)
{
    static uint8_t data[EVENTS * 5];
    size_t bytes = make_recording(&small_form, EVENTS, 4000, (uint32_t)i, data);
    bin_naively(&small_form, data, bytes, bins[i]);
    write_file(names[i], data, bytes);
}

static void make_recordings(void)
{
    add_class("0");
    add_class("7");
    add_class("cat");
    add_class(".hidden");
    write_file("0/notes.txt", "x", 1);
    write_file("cat/.a.bin", "x", 1);
    for (int i = 0; i < N; i++)
        write_recording(i);
}

static kdst_status load(kdst_context *c, kdst_options *o, kdst_dataset **out)
{
    kdst_status status = kdst_dataset_load_events(c, folder, o, out);
    kdst_options_release(o);
    return status;
}

/* ---- the data set ---- */

START_TEST(test_classes)
{
    kdst_dataset *d = NULL, *some = NULL;
    int64_t shape[3];
    kdst_tensor *labels = NULL, *t = NULL;
    double mean[2], deviation[2];
    const int64_t chosen[] = {5, 0};
    make_recordings();
    ok(load(ctx, options_of(&small_form), &d));
    ck_assert_int_eq(kdst_dataset_get_count(d), N);
    ck_assert_int_eq(kdst_dataset_get_classes(d), 3);
    ck_assert_int_eq(kdst_dataset_get_steps(d), T);
    ck_assert_str_eq(kdst_dataset_get_class_name(d, 1), "7");
    ok(kdst_dataset_get_shape(d, shape));
    ck_assert(shape[0] == 2 && shape[1] == H && shape[2] == W);
    ok(kdst_dataset_get_labels(d, &labels));
    int32_t *y = copy_of(labels, NULL);
    ck_assert_mem_eq(y, classes, sizeof classes);
    free(y);
    ok(kdst_dataset_create_subset(d, chosen, 2, &some));
    ck_assert_int_eq(kdst_dataset_get_steps(some), T);
    for (int k = 0; k < N + 2; k++) {
        int64_t i = k < N ? k : chosen[k - N];
        ok(kdst_dataset_get_image(k < N ? d : some, k < N ? k : k - N, &t));
        ck_assert_int_eq(kdst_tensor_get_rank(t), 4);
        ck_assert_int_eq(kdst_tensor_get_size(t, 0), T);
        uint8_t *x = copy_of(t, NULL);
        for (int e = 0; e < SAMPLE; e++)
            ck_assert_double_eq(x[e], bins[i][e]);
        free(x);
        kdst_tensor_release(t);
    }
    ok(kdst_dataset_get_statistics(d, mean, deviation, 2));
    for (int c = 0; c < 2; c++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < N * SAMPLE; i++)
            if (i / PLANE % 2 == c) {
                sum += all_bins[i];
                squares += all_bins[i] * all_bins[i];
            }
        ck_assert_double_eq_tol(mean[c], sum / (N * SAMPLE / 2), 1e-12);
        ck_assert_double_eq_tol(deviation[c], sqrt(squares / (N * SAMPLE / 2) - mean[c] * mean[c]), 1e-12);
    }
    kdst_dataset_release(some);
    kdst_dataset_release(d);
    ck_assert_int_eq(kdst_dataset_get_steps(NULL), 0);
}
END_TEST

/* ---- batches ---- */

/* Element e of sample i among `size` of a batch. */
static int64_t place_of(int first, int64_t size, int64_t i, int64_t e)
{
    return first ? (e / STEP * size + i) * STEP + e % STEP : i * SAMPLE + e;
}

/* Time first and second, with and without the thread, 1 and 3 threads, the smaller last batch, both types, a normalisation by channel. */
START_TEST(test_batches)
{
    static const double means[] = {0.25, 1}, deviations[] = {0.5, 4};
    int first = _i % 2, wide = _i / 2 % 2, normalised = _i / 4 % 2;
    make_recordings();
    for (int round = 0; round < 4; round++) {
        kdst_context *c = new_context(1 + round % 2 * 2);
        kdst_options *o = set_int(new_options(), "prefetch", round / 2 * 2);
        if (!first) set_text(o, "time", "second");
        if (wide) set_text(o, "dtype", "float64");
        if (normalised) set_reals(set_reals(o, "mean", means, 2), "deviation", deviations, 2);
        kdst_dataset *d = NULL;
        kdst_loader *l = NULL;
        int64_t shape[3];
        ck_assert_int_eq(load(c, options_of(&small_form), &d), 0);
        ck_assert_int_eq(kdst_loader_create(d, 3, o, &l), 0);
        ck_assert_int_eq(kdst_loader_get_shape(l, shape), 0);
        ck_assert(shape[0] == 2 && shape[1] == H && shape[2] == W);
        for (int b = 0; b < 3; b++) {
            kdst_tensor *x = NULL, *y = NULL;
            int64_t size = b < 2 ? 3 : 1;
            ck_assert_int_eq(kdst_loader_next(l, &x, &y), 0);
            const int64_t wanted[] = {first ? T : size, first ? size : T, 2, H, W};
            ck_assert_int_eq(kdst_tensor_get_rank(x), 5);
            for (int k = 0; k < 5; k++)
                ck_assert_int_eq(kdst_tensor_get_size(x, k), wanted[k]);
            void *got = copy_of(x, NULL);
            int wrong = 0;
            for (int64_t i = 0; i < size; i++)
                for (int64_t e = 0; e < SAMPLE; e++) {
                    int64_t at = place_of(first, size, i, e), k = e / PLANE % 2;
                    double want = bins[3 * b + i][e];
                    if (normalised) want = (want - means[k]) / deviations[k];
                    wrong += wide ? ((double *)got)[at] != want : ((float *)got)[at] != (float)want;
                }
            ck_assert_int_eq(wrong, 0);
            free(got);
            kdst_tensor_release(y);
            kdst_tensor_release(x);
        }
        kdst_loader_release(l);
        kdst_options_release(o);
        kdst_dataset_release(d);
        ck_assert_int_eq(kdst_context_live_count(c), 0);
        kdst_context_release(c);
    }
}
END_TEST

/* A sequence is moved as a whole: each sample is one place and one mirror of what it was, at all of its steps. */
START_TEST(test_moved)
{
    kdst_dataset *d = NULL;
    kdst_loader *l = NULL;
    kdst_tensor *x = NULL, *y = NULL;
    kdst_options *o = set_int(set_int(new_options(), "crop_padding", 1), "flip", 1);
    make_recordings();
    ok(load(ctx, options_of(&small_form), &d));
    ok(kdst_loader_create(d, N, o, &l));
    ok(kdst_loader_next(l, &x, &y));
    float *got = copy_of(x, NULL);
    for (int64_t i = 0; i < N; i++) {
        int found = 0;
        for (int64_t move = 0; move < 18; move++) {
            int64_t down = move / 6 - 1, right = move / 2 % 3 - 1, wrong = 0;
            for (int64_t e = 0; e < SAMPLE; e++) {
                int64_t row = e / W % H + down, column = (move % 2 ? W - 1 - e % W : e % W) + right;
                int inside = row >= 0 && row < H && column >= 0 && column < W;
                double want = inside ? bins[i][e / PLANE * PLANE + row * W + column] : 0;
                wrong += got[place_of(1, N, i, e)] != (float)want;
            }
            found += !wrong;
        }
        ck_assert_msg(found >= 1, "sample %lld", (long long)i);
    }
    free(got);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_loader_release(l);
    kdst_options_release(o);
    kdst_dataset_release(d);
}
END_TEST

/* The jitter's grey mean is that of all steps, whatever their number: with contrast alone it stays as it is. */
START_TEST(test_jitter)
{
    kdst_augmentation *a = NULL;
    kdst_dataset *d = NULL;
    kdst_loader *l = NULL;
    kdst_tensor *x = NULL, *y = NULL;
    kdst_options *o = new_options();
    make_recordings();
    ok(load(ctx, set_int(options_of(&small_form), "steps", 3), &d));
    ok(kdst_augmentation_create(ctx, &a));
    ck_assert_int_eq(kdst_options_set_float(o, "contrast", 0.5), 0);
    set_int(o, "clamp", 0);
    ok(kdst_augmentation_add_jitter(a, o));
    ok(kdst_loader_create_with(d, N, a, NULL, NULL, &l));
    ok(kdst_loader_next(l, &x, &y));
    float *got = copy_of(x, NULL);
    for (int64_t i = 0; i < N; i++) {
        double before = 0, after = 0, moved = 0;
        for (int64_t e = 0; e < 3 * STEP; e++) {
            double now = got[place_of(1, N, i, e)];
            before += bins[i][e];
            after += now;
            moved += fabs(now - bins[i][e]);
        }
        ck_assert_double_eq_tol(after, before, 1e-4);
        ck_assert_double_ge(moved, 1e-3);
    }
    free(got);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_loader_release(l);
    kdst_augmentation_release(a);
    kdst_options_release(o);
    kdst_dataset_release(d);
}
END_TEST

/* Tensors [N, T, C, H, W] make the same data set, but that 255 stands for 1. */
START_TEST(test_tensors)
{
    uint8_t pixels[N * SAMPLE];
    const int64_t shape[] = {N, T, 2, H, W};
    kdst_tensor *x = NULL, *y = NULL;
    kdst_dataset *d = NULL, *half = NULL, *rest = NULL;
    kdst_loader *l = NULL;
    double mean[2], deviation[2];
    make_recordings();
    for (int i = 0; i < N * SAMPLE; i++)
        pixels[i] = (uint8_t)all_bins[i];
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_UINT8, 5, shape, pixels, &x));
    ok(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, shape, classes, &y));
    ok(kdst_dataset_create(ctx, x, y, 0, &d));
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    ck_assert_int_eq(kdst_dataset_get_steps(d), T);
    ok(kdst_dataset_get_statistics(d, mean, deviation, 2));
    ok(kdst_dataset_create_split(d, 3, 1, &half, &rest));
    ck_assert_int_eq(kdst_dataset_get_steps(half), T);
    ok(kdst_dataset_get_images(rest, &x));
    ck_assert_int_eq(kdst_tensor_get_rank(x), 5);
    ck_assert_int_eq(kdst_tensor_get_size(x, 0), 4);
    ok(kdst_loader_create(d, N, NULL, &l));
    ok(kdst_loader_next(l, &x, &y));
    float *got = copy_of(x, NULL);
    for (int64_t i = 0; i < N; i++)
        for (int64_t e = 0; e < SAMPLE; e++)
            ck_assert_float_eq(got[place_of(1, N, i, e)], (float)(bins[i][e] / 255));
    free(got);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_loader_release(l);
    kdst_dataset_release(half);
    kdst_dataset_release(rest);
    kdst_dataset_release(d);
}
END_TEST

/* Mixing takes batches whose samples lie in one piece; the sum over the batch stays what it was with mixup. */
START_TEST(test_mixing)
{
    kdst_dataset *d = NULL;
    kdst_loader *l = NULL;
    kdst_tensor *x = NULL, *y = NULL, *z = NULL;
    kdst_options *o = new_options();
    double weight, before = 0, after = 0;
    int whole = 1;
    make_recordings();
    ok(load(ctx, options_of(&small_form), &d));
    ck_assert_int_eq(kdst_options_set_float(o, "mixup", 1), 0);
    refused(kdst_loader_create(d, N, o, &l), KDST_STATUS_INVALID_ARGUMENT, "sequences with time second");
    ck_assert_ptr_null(l);
    ok(kdst_loader_create(d, N, set_text(o, "time", "second"), &l));
    ok(kdst_loader_next_mixed(l, &x, &y, &z, &weight));
    float *got = copy_of(x, NULL);
    for (int i = 0; i < N * SAMPLE; i++) {
        before += all_bins[i];
        after += got[i];
        whole = whole && got[i] == (float)all_bins[i];
    }
    ck_assert_double_eq_tol(before, after, 1e-3);
    ck_assert(!whole);
    free(got);
    kdst_tensor_release(z);
    kdst_tensor_release(y);
    kdst_tensor_release(x);
    kdst_loader_release(l);
    kdst_options_release(o);
    kdst_dataset_release(d);
}
END_TEST

/* A network of spiking neurons learns the seven samples from the loader as it is. */
START_TEST(test_training)
{
    kdst_dataset *d = NULL;
    kdst_loader *l = NULL;
    kdst_neuron *neuron = NULL;
    kdst_layer *model = NULL;
    kdst_loss *loss = NULL;
    kdst_optimizer *adam = NULL;
    kdst_trainer *trainer = NULL;
    kdst_metrics *metrics = NULL;
    kdst_options *rate = new_options(), *p = set_int(new_options(), "shuffle", 1),
                 *how = set_int(new_options(), "epochs", 40);
    double accuracy = 0;
    make_recordings();
    ok(load(ctx, options_of(&small_form), &d));
    ok(kdst_loader_create(d, 4, p, &l));
    ok(kdst_neuron_create(ctx, NULL, &neuron));
    ok(kdst_layer_spiking_linear_create(ctx, STEP, 3, neuron, NULL, &model));
    ok(kdst_loss_spike_softmax_create(ctx, &loss));
    ck_assert_int_eq(kdst_options_set_float(rate, "learning_rate", 0.02), 0);
    ok(kdst_optimizer_adam_create(ctx, rate, &adam));
    ok(kdst_optimizer_add_layer(adam, model));
    ok(kdst_trainer_create(model, loss, adam, l, how, &trainer));
    ok(kdst_trainer_run(trainer));
    ok(kdst_metrics_create(ctx, 3, NULL, &metrics));
    ok(kdst_metrics_add_loader(metrics, model, l));
    ok(kdst_metrics_get(metrics, "accuracy", &accuracy));
    ck_assert_double_ge(accuracy, 0.8);
    kdst_metrics_release(metrics);
    kdst_trainer_release(trainer);
    kdst_optimizer_release(adam);
    kdst_loss_release(loss);
    kdst_layer_release(model);
    kdst_neuron_release(neuron);
    kdst_loader_release(l);
    kdst_options_release(how);
    kdst_options_release(p);
    kdst_options_release(rate);
    kdst_dataset_release(d);
}
END_TEST

/* ---- refused ---- */

/* A bad recording among good ones fails in its batch, with its name, until it has become a good one. */
START_TEST(test_bad)
{
    static const uint8_t bad[] = {1, 1, 0, 0, 9, 1, 1, 0, 0, 8};
    static const char *const texts[] = {"event 1 is at 8 us", "has 7 bytes", "has no event"};
    static const size_t bytes[] = {10, 7, 0};
    make_recordings();
    write_file(names[4], bad, bytes[_i]);
    for (int prefetch = 0; prefetch <= 2; prefetch += 2) {
        kdst_dataset *d = NULL;
        kdst_loader *l = NULL;
        kdst_tensor *x = NULL, *y = NULL;
        kdst_options *o = set_int(new_options(), "prefetch", prefetch);
        ok(load(ctx, options_of(&small_form), &d));
        refused(kdst_dataset_get_image(d, 4, &x), KDST_STATUS_FORMAT, texts[_i]);
        ok(kdst_loader_create(d, N, o, &l));
        for (int again = 0; again < 2; again++) {
            refused(kdst_loader_next(l, &x, &y), KDST_STATUS_FORMAT, texts[_i]);
            ck_assert(!x && !y && strstr(kdst_context_message(ctx), "/7/2.bin: "));
        }
        kdst_options_release(o);
        kdst_loader_release(l);
        kdst_dataset_release(d);
    }
}
END_TEST

START_TEST(test_refused)
{
    kdst_dataset *d = (kdst_dataset *)ctx;
    kdst_loader *l = NULL;
    char path[PATH_BYTES];
    refused(kdst_dataset_load_events(ctx, NULL, NULL, &d), KDST_STATUS_INVALID_ARGUMENT, "path is NULL");
    ck_assert_ptr_null(d);
    refused(kdst_dataset_load_events(ctx, folder, NULL, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_dataset_load_events(NULL, folder, NULL, &d), KDST_STATUS_INVALID_ARGUMENT);
    refused(load(ctx, NULL, &d), KDST_STATUS_FORMAT, "has no folder of a class");
    refused(kdst_dataset_load_events(ctx, path_of("none", path), NULL, &d), KDST_STATUS_NOT_FOUND, "none");
    refused(load(ctx, set_int(new_options(), "steps", 0), &d), KDST_STATUS_INVALID_ARGUMENT, "steps is 0");
    refused(
        load(ctx, set_int(set_int(new_options(), "overflow", 1), "height", 256), &d), KDST_STATUS_INVALID_ARGUMENT,
        "height is 256");
    refused(load(ctx, set_text(new_options(), "dtype", "uint8"), &d), KDST_STATUS_INVALID_ARGUMENT, "dtype");
    make_recordings();
    refused(load(ctx, set_text(new_options(), "format", "text"), &d), KDST_STATUS_FORMAT, "/7: has no recording");
    write_file("7/a.txt", "1 1", 3);
    write_file("cat/a.txt", "2 1", 3);
    write_file("0/notes.txt", "3 1", 3);
    ok(load(ctx, set_text(new_options(), "format", "text"), &d));
    ck_assert_int_eq(kdst_dataset_get_count(d), 3);
    kdst_options *o = set_text(new_options(), "encoding", "static");
    refused(kdst_loader_create(d, 2, o, &l), KDST_STATUS_INVALID_ARGUMENT, "the data set has 300 steps a sample");
    kdst_options_release(o);
    kdst_dataset_release(d);
}
END_TEST

static kdst_status work(kdst_context *c, void *arg)
{
    kdst_options *p = set_int(new_options(), "prefetch", *(int *)arg);
    kdst_dataset *d = NULL;
    kdst_loader *l = NULL;
    kdst_tensor *x = NULL, *y = NULL;
    double mean[2], deviation[2];
    kdst_status status = load(c, options_of(&small_form), &d);
    if (!status) status = kdst_loader_create(d, 4, p, &l);
    for (int b = 0; b < 2 && !status; b++) {
        status = kdst_loader_next(l, &x, &y);
        kdst_tensor_release(y);
        kdst_tensor_release(x);
    }
    if (!status) status = kdst_dataset_get_statistics(d, mean, deviation, 2);
    kdst_loader_release(l);
    kdst_dataset_release(d);
    kdst_options_release(p);
    return status;
}

START_TEST(test_allocations)
{
    kdst_options *o = set_int(new_options(), "threads", 1);
    make_recordings();
    ck_assert_int_ge(each_allocation_fails(o, work, &_i), 25);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data event folder");
    TCase *all = tcase_create("event folder");
    tcase_add_checked_fixture(all, setup, tree_teardown);
    tcase_set_timeout(all, 120);
    tcase_add_test(all, test_classes);
    tcase_add_loop_test(all, test_batches, 0, 8);
    tcase_add_test(all, test_moved);
    tcase_add_test(all, test_jitter);
    tcase_add_test(all, test_tensors);
    tcase_add_test(all, test_mixing);
    tcase_add_test(all, test_training);
    tcase_add_loop_test(all, test_bad, 0, 3);
    tcase_add_test(all, test_refused);
    tcase_add_loop_test(all, test_allocations, 0, 2);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
