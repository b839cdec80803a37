/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: resumed at any step, also after being killed, a run ends in the same bits; broken files change nothing. */
#include "support.h"

#include "failures/each_allocation.h"
#include "support/run.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EPOCHS = 3, STEPS = 12 };

static char folder[64];

static void make_folder(void)
{
    strcpy(folder, "/tmp/kdst-checkpoint-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* Bits at the end of a run that is not interrupted. */
static uint64_t straight(void)
{
    kdst_context *ctx = make_context(1);
    setup s;
    ck_assert_int_eq(make_setup(ctx, EPOCHS, &s), 0);
    ck_assert_int_eq(kdst_trainer_run(s.trainer), 0);
    uint64_t bits = fingerprint(&s);
    free_setup(&s);
    kdst_context_release(ctx);
    return bits;
}

static uint64_t resumed(const char *path, int64_t threads)
{
    kdst_context *ctx = make_context(threads);
    setup s;
    ck_assert_int_eq(make_setup(ctx, EPOCHS, &s), 0);
    ck_assert_msg(kdst_trainer_load(s.trainer, path) == 0, "%s", kdst_context_message(ctx));
    ck_assert_msg(kdst_trainer_run(s.trainer) == 0, "%s", kdst_context_message(ctx));
    uint64_t bits = fingerprint(&s);
    free_setup(&s);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
    return bits;
}

START_TEST(resumes_at_every_step)
{
    uint64_t wanted = straight();
    for (int stop = 0; stop <= STEPS; stop++) {
        kdst_context *ctx = make_context(2);
        setup s;
        kdst_event event;
        ck_assert_int_eq(make_setup(ctx, EPOCHS, &s), 0);
        for (int i = 0; i < stop; i++) ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), 0);
        ck_assert_msg(kdst_trainer_save(s.trainer, path_of("run")) == 0, "%s", kdst_context_message(ctx));
        free_setup(&s);
        kdst_context_release(ctx);
        ck_assert_msg(resumed(path_of("run"), 1 + stop % 3) == wanted, "resumed after %d steps it ends in other bits", stop);
    }
}
END_TEST

/* A child saves after every step until it is killed; whatever moment that is, the file is whole. */
START_TEST(survives_being_killed)
{
    uint64_t wanted = straight();
    for (int round = 0; round < 6; round++) {
        unlink(path_of("killed"));
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (!child) {
            for (;;) {
                kdst_context *ctx = make_context(1);
                setup s;
                kdst_event event = 0;
                if (make_setup(ctx, EPOCHS, &s)) _exit(1);
                while (event != KDST_EVENT_FINISHED)
                    if (kdst_trainer_step(s.trainer, &event) || kdst_trainer_save(s.trainer, path_of("killed"))) _exit(1);
                free_setup(&s);
                kdst_context_release(ctx);
            }
        }
        struct stat status;
        for (int i = 0; i < 10000 && stat(path_of("killed"), &status); i++) usleep(1000);
        usleep(1000u + 3700u * (unsigned)round);
        kill(child, SIGKILL);
        int how;
        ck_assert_int_eq(waitpid(child, &how, 0), child);
        ck_assert(WIFSIGNALED(how));
        ck_assert_msg(resumed(path_of("killed"), 1) == wanted, "killed in round %d, resumed, it ends in other bits", round);
    }
}
END_TEST

/* ---- broken files ---- */

static unsigned char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *data = malloc(*size);
    ck_assert(data && fread(data, 1, *size, file) == *size);
    fclose(file);
    return data;
}

static void write_file(const char *path, const unsigned char *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert(fwrite(data, 1, size, file) == size);
    ck_assert_int_eq(fclose(file), 0);
}

/* Loading `path` must fail with a message and leave everything as it was. */
static void refuses(setup *s, kdst_context *ctx, const char *path, uint64_t before, const char *what, size_t where)
{
    kdst_status status = kdst_trainer_load(s->trainer, path);
    ck_assert_msg(status != 0 && status != KDST_STATUS_INTERNAL, "%s at %zu is accepted", what, where);
    ck_assert_msg(*kdst_context_message(ctx), "%s at %zu has no message", what, where);
    ck_assert_msg(fingerprint(s) == before, "%s at %zu changed the model", what, where);
    ck_assert_double_eq(trainer_figure(s->trainer, "step"), 2);
}

START_TEST(broken_files_change_nothing)
{
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_event event;
    size_t size;
    ck_assert_int_eq(make_setup(ctx, EPOCHS, &s), 0);
    for (int i = 0; i < 5; i++) ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), 0);
    ck_assert_int_eq(kdst_trainer_save(s.trainer, path_of("good")), 0);
    free_setup(&s);
    unsigned char *data = read_file(path_of("good"), &size), *copy = malloc(size + 64);
    ck_assert_ptr_nonnull(copy);
    memset(copy, 0, size + 64);
    memcpy(copy, data, size);
    ck_assert_int_eq(make_setup(ctx, EPOCHS, &s), 0);
    for (int i = 0; i < 2; i++) ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), 0);
    uint64_t before = fingerprint(&s);
    for (size_t cut = 0; cut < size; cut += cut < 256 ? 1 : 97) {
        write_file(path_of("bad"), data, cut);
        refuses(&s, ctx, path_of("bad"), before, "a cut", cut);
    }
    write_file(path_of("bad"), copy, size + 64);
    refuses(&s, ctx, path_of("bad"), before, "a tail", size);
    /* every flip in the data part is caught by the checksum */
    size_t header = 8 + (size_t)data[0] + ((size_t)data[1] << 8) + ((size_t)data[2] << 16);
    for (size_t at = header; at < size; at += 53) {
        copy[at] ^= 0x40;
        write_file(path_of("bad"), copy, size);
        refuses(&s, ctx, path_of("bad"), before, "a flipped bit", at);
        copy[at] ^= 0x40;
    }
    refuses(&s, ctx, path_of("nowhere/at/all"), before, "a missing file", 0);
    ck_assert_int_eq(kdst_trainer_load(s.trainer, path_of("good")), 0);
    free(copy);
    free(data);
    free_setup(&s);
    kdst_context_release(ctx);
}
END_TEST

START_TEST(other_runs_are_refused)
{
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_options *o = NULL;
    kdst_trainer *trainer = NULL;
    kdst_optimizer *adam = NULL;
    kdst_loader *loader = NULL;
    ck_assert_int_eq(make_setup(ctx, EPOCHS, &s), 0);
    ck_assert_int_eq(kdst_trainer_run(s.trainer), 0);
    ck_assert_int_eq(kdst_trainer_save(s.trainer, path_of("three")), 0);
    /* fewer epochs than were done */
    ck_assert_int_eq(kdst_trainer_create(s.model, s.loss, s.optimizer, s.loader, NULL, &trainer), 0);
    kdst_trainer_release(trainer);
    free_setup(&s);
    ck_assert_int_eq(make_setup(ctx, 2, &s), 0);
    ck_assert_int_eq(kdst_trainer_load(s.trainer, path_of("three")), KDST_STATUS_STATE);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "epochs"));
    /* other batches */
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "epochs", 9), 0);
    ck_assert_int_eq(kdst_loader_create(s.data, 7, NULL, &loader), 0);
    trainer = NULL;
    ck_assert_int_eq(kdst_optimizer_set_learning_rate(s.optimizer, 0.05), 0);
    ck_assert_int_eq(kdst_trainer_create(s.model, s.loss, s.optimizer, loader, o, &trainer), 0);
    ck_assert_int_eq(kdst_trainer_load(trainer, path_of("three")), KDST_STATUS_STATE);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "batches"));
    kdst_trainer_release(trainer);
    /* another optimiser */
    ck_assert_int_eq(kdst_optimizer_adam_create(ctx, NULL, &adam), 0);
    ck_assert_int_eq(kdst_optimizer_set_learning_rate(adam, 0.05), 0);
    ck_assert_int_eq(kdst_optimizer_add_layer(adam, s.model), 0);
    ck_assert_int_eq(kdst_trainer_create(s.model, s.loss, adam, s.loader, o, &trainer), 0);
    ck_assert_int_eq(kdst_trainer_load(trainer, path_of("three")), KDST_STATUS_STATE);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "optimizer."));
    kdst_trainer_release(trainer);
    /* a state that is no checkpoint */
    ck_assert_int_eq(kdst_layer_save(s.model, path_of("weights")), 0);
    ck_assert_int_eq(kdst_trainer_load(s.trainer, path_of("weights")), KDST_STATUS_FORMAT);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "no checkpoint"));
    kdst_options_release(o);
    kdst_optimizer_release(adam);
    kdst_loader_release(loader);
    free_setup(&s);
    kdst_context_release(ctx);
}
END_TEST

/* ---- files that are whole and sound, but made up ---- */

/* Rewrites `path` with one text replaced, or one tensor of one int32. */
static void forge(kdst_context *ctx, const char *path, const char *key, const char *text, int32_t count)
{
    kdst_state *state = NULL;
    kdst_tensor *tensor = NULL;
    ck_assert_int_eq(kdst_state_load(ctx, path, &state), 0);
    if (text) {
        ck_assert_int_eq(kdst_state_set_text(state, key, text), 0);
    } else {
        ck_assert_int_eq(kdst_state_get(state, key, &tensor), 0); /* it is there */
        ck_assert_int_eq(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 0, NULL, &count, &tensor), 0);
        ck_assert_int_eq(kdst_state_set(state, key, tensor), 0);
        kdst_tensor_release(tensor);
    }
    ck_assert_int_eq(kdst_state_save(state, path), 0);
    kdst_state_release(state);
}

static const struct {
    const char *key, *text, *message;
} forged[] = {
    {"kdst.step", "9223372036854775807", "impossible"},
    {"kdst.step", "3", "impossible"}, /* it is 2 */
    {"kdst.step", "-2", "impossible"},
    {"kdst.batch", "1", "impossible"},
    {"kdst.epoch", "1", "impossible"},
    {"kdst.hits", "61", "impossible"},
    {"kdst.samples", "61", "impossible"},
    {"kdst.best_epoch", "1", "impossible"},
    {"kdst.optimizer_steps", "-1", "impossible"},
    {"kdst.step", "9223372036854775808", "kdst.step is"},
    {"kdst.step", "-9223372036854775809", "kdst.step is"},
    {"kdst.step", " 2", "kdst.step is"},
    {"kdst.step", "+2", "kdst.step is"},
    {"kdst.step", "2 ", "kdst.step is"},
    {"kdst.step", "", "kdst.step is"},
    {"kdst.step", "-", "kdst.step is"},
    {"kdst.loss_sum", "3", "kdst.loss_sum is"},
    {"kdst.loss_sum", "0x00000000000000", "kdst.loss_sum is"},
    {"kdst.loss_sum", "7FF0000000000000", "kdst.loss_sum is"},
    {"kdst.loss_sum", "7ff00000000000000", "kdst.loss_sum is"},
    {"kdst.base_rate", "7ff8000000000000", "learning rate"},
};
enum { FORGED = sizeof forged / sizeof *forged };

START_TEST(made_up_positions)
{
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_event event;
    ck_assert_int_eq(make_setup(ctx, EPOCHS, &s), 0);
    for (int i = 0; i < 2; i++) ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), 0);
    ck_assert_int_eq(kdst_trainer_save(s.trainer, path_of("run")), 0);
    uint64_t before = fingerprint(&s);
    forge(ctx, path_of("run"), forged[_i].key, forged[_i].text, 0);
    refuses(&s, ctx, path_of("run"), before, forged[_i].key, 0);
    ck_assert_int_ne(kdst_trainer_load(s.trainer, path_of("run")), 0);
    ck_assert_msg(strstr(kdst_context_message(ctx), forged[_i].message), "%s", kdst_context_message(ctx));
    free_setup(&s);
    kdst_context_release(ctx);
}
END_TEST

/* The largest count of optimiser steps is a possible one, and stays. */
START_TEST(most_steps)
{
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_event event;
    ck_assert_int_eq(make_setup(ctx, EPOCHS, &s), 0);
    ck_assert_int_eq(kdst_trainer_save(s.trainer, path_of("run")), 0);
    forge(ctx, path_of("run"), "kdst.optimizer_steps", "9223372036854775807", 0);
    ck_assert_msg(kdst_trainer_load(s.trainer, path_of("run")) == 0, "%s", kdst_context_message(ctx));
    ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), 0);
    ck_assert_int_eq(kdst_optimizer_get_steps(s.optimizer), INT64_MAX);
    free_setup(&s);
    kdst_context_release(ctx);
}
END_TEST

/* Adam on a parameter of the model under this name; its trainer. */
static kdst_trainer *make_adam(kdst_context *ctx, const setup *s, const char *name, kdst_optimizer **adam)
{
    kdst_options *o = NULL;
    kdst_tensor *weight = NULL;
    kdst_trainer *trainer = NULL;
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "epochs", EPOCHS), 0);
    ck_assert_int_eq(kdst_optimizer_adam_create(ctx, NULL, adam), 0);
    ck_assert_int_eq(kdst_layer_find(s->model, "fc1.weight", &weight), 0);
    ck_assert_int_eq(kdst_optimizer_add_tensor(*adam, name, weight), 0);
    ck_assert_int_eq(kdst_trainer_create(s->model, s->loss, *adam, s->loader, o, &trainer), 0);
    kdst_options_release(o);
    return trainer;
}

/* A negative number of updates would divide by zero or worse. */
START_TEST(made_up_updates)
{
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_event event;
    kdst_optimizer *adam = NULL;
    ck_assert_int_eq(make_setup(ctx, EPOCHS, &s), 0);
    kdst_trainer *trainer = make_adam(ctx, &s, "w", &adam);
    ck_assert_int_eq(kdst_trainer_step(trainer, &event), 0);
    ck_assert_int_eq(kdst_trainer_save(trainer, path_of("run")), 0);
    uint64_t before = fingerprint(&s);
    forge(ctx, path_of("run"), "optimizer.w.updates", NULL, -1);
    ck_assert_int_eq(kdst_trainer_load(trainer, path_of("run")), KDST_STATUS_FORMAT);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "optimizer.w.updates is -1"));
    ck_assert(fingerprint(&s) == before);
    forge(ctx, path_of("run"), "optimizer.w.updates", NULL, INT32_MAX);
    ck_assert_int_eq(kdst_trainer_load(trainer, path_of("run")), 0);
    ck_assert_int_eq(kdst_trainer_step(trainer, &event), 0);
    kdst_trainer_release(trainer);
    kdst_optimizer_release(adam);
    free_setup(&s);
    kdst_context_release(ctx);
}
END_TEST

/* "optimizer." + name + ".second_moment" must fit: names that are cut would be one and the same. */
START_TEST(names_as_long_as_can_be)
{
    const size_t longest = 511 - strlen("optimizer.") - strlen(".second_moment");
    char name[512];
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_event event;
    ck_assert_int_eq(make_setup(ctx, EPOCHS, &s), 0);
    for (size_t length = longest; length <= longest + 20; length += length == longest ? 1 : 19) {
        kdst_optimizer *adam = NULL;
        memset(name, 'n', sizeof name);
        name[length] = '\0';
        kdst_trainer *trainer = make_adam(ctx, &s, name, &adam);
        ck_assert_int_eq(kdst_trainer_step(trainer, &event), 0);
        kdst_status status = kdst_trainer_save(trainer, path_of(length == longest ? "long" : "longer"));
        if (length == longest) {
            ck_assert_msg(status == 0, "%s", kdst_context_message(ctx));
            ck_assert_int_eq(kdst_trainer_load(trainer, path_of("long")), 0);
        } else {
            ck_assert_int_eq(status, KDST_STATUS_INVALID_ARGUMENT);
            ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "allowed are 511"));
            ck_assert_int_ne(access(path_of("longer"), F_OK), 0);
            /* one byte more leaves the first moment's name short enough, but the file has another */
            ck_assert_int_eq(
                kdst_trainer_load(trainer, path_of("long")),
                length == longest + 1 ? KDST_STATUS_STATE : KDST_STATUS_INVALID_ARGUMENT);
        }
        kdst_trainer_release(trainer);
        kdst_optimizer_release(adam);
    }
    free_setup(&s);
    kdst_context_release(ctx);
}
END_TEST

START_TEST(save_keeps_the_old_file)
{
    kdst_context *ctx = make_context(1);
    setup s;
    kdst_event event;
    ck_assert_int_eq(make_setup(ctx, EPOCHS, &s), 0);
    ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), 0);
    ck_assert_int_eq(kdst_trainer_save(s.trainer, path_of("nowhere/run")), KDST_STATUS_IO);
    ck_assert_ptr_nonnull(strstr(kdst_context_message(ctx), "nowhere/run"));
    ck_assert_int_eq(kdst_trainer_save(s.trainer, NULL), KDST_STATUS_INVALID_ARGUMENT);
    free_setup(&s);
    kdst_context_release(ctx);
}
END_TEST

static kdst_status step_save_load(kdst_context *ctx, void *arg)
{
    setup s, t;
    kdst_event event;
    memset(&t, 0, sizeof t);
    kdst_status status = make_setup(ctx, 1, &s);
    TRY(kdst_trainer_step(s.trainer, &event));
    TRY(kdst_trainer_save(s.trainer, arg));
    TRY(make_setup(ctx, 1, &t));
    TRY(kdst_trainer_load(t.trainer, arg));
    TRY(kdst_trainer_step(t.trainer, &event));
    free_setup(&t);
    free_setup(&s);
    return status;
}

START_TEST(each_allocation_of_a_checkpoint)
{
    kdst_options *o = NULL;
    char path[128];
    strcpy(path, path_of("allocation"));
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "threads", 1), 0);
    ck_assert_int_gt(each_allocation_fails(o, step_save_load, path), 40);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkpoint");
    TCase *resuming = tcase_create("resuming"), *failing = tcase_create("failing");
    tcase_set_timeout(resuming, 120);
    tcase_set_timeout(failing, 180);
    tcase_add_checked_fixture(resuming, make_folder, remove_folder);
    tcase_add_checked_fixture(failing, make_folder, remove_folder);
    tcase_add_test(resuming, resumes_at_every_step);
    tcase_add_test(resuming, survives_being_killed);
    tcase_add_test(failing, broken_files_change_nothing);
    tcase_add_test(failing, other_runs_are_refused);
    tcase_add_loop_test(failing, made_up_positions, 0, FORGED);
    tcase_add_test(failing, most_steps);
    tcase_add_test(failing, made_up_updates);
    tcase_add_test(failing, names_as_long_as_can_be);
    tcase_add_test(failing, save_keeps_the_old_file);
    tcase_add_test(failing, each_allocation_of_a_checkpoint);
    suite_add_tcase(suite, resuming);
    suite_add_tcase(suite, failing);
    return run_suite(suite);
}
