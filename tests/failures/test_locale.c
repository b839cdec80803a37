/* SPDX-License-Identifier: Apache-2.0 */
/* A program whose locale writes 0.5 as "0,5" gets the same messages and files, and its options mean the same.
 *
 * The locale is made here by localedef where the system has its sources (Debian: locales).
 */
#include "support/folder.h"
#include "support/run.h"
#include "train/support.h"

#include <locale.h>

#define COMMA "de_DE.UTF-8"

typedef struct record {
    char text[8192];
    size_t used;
} record;

/* Adds what the last call said. */
static void note(record *r, kdst_context *ctx, kdst_status status)
{
    ck_assert_int_ne(status, KDST_STATUS_OK);
    int n = snprintf(r->text + r->used, sizeof r->text - r->used, "%d %s\n", status, kdst_context_message(ctx));
    r->used += (size_t)n;
    ck_assert_uint_lt(r->used, sizeof r->text);
}

static kdst_status loss_with(kdst_context *ctx, const char *name, double value)
{
    kdst_options *o = NULL;
    kdst_loss *loss = NULL;
    kdst_status status = kdst_options_create(&o);
    TRY(kdst_options_set_float(o, name, value));
    TRY(kdst_loss_kd_create(ctx, o, &loss));
    kdst_options_release(o);
    kdst_loss_release(loss);
    return status;
}

static void fill_record(record *r, kdst_context *ctx)
{
    const int64_t three = 3;
    const double values[] = {0.5, 1.5, 3e9};
    kdst_tensor *t = NULL, *whole = NULL, *none = NULL;
    kdst_options *o = NULL;
    ck_assert_int_eq(kdst_tensor_create_from(ctx, KDST_DTYPE_FLOAT64, 1, &three, values, &t), 0);
    ck_assert_int_eq(kdst_tensor_create(ctx, KDST_DTYPE_INT32, 1, &three, &whole), 0);
    note(r, ctx, loss_with(ctx, "alpha", 1.25));
    note(r, ctx, loss_with(ctx, "temperature", -0.5));
    note(r, ctx, loss_with(ctx, "multipliers", 0.5));
    note(r, ctx, kdst_tensor_set_value(whole, 0.5));
    note(r, ctx, kdst_tensor_set_uniform(t, 0.75, 0.25));
    note(r, ctx, kdst_dropout(t, 1.5, &none));
    ck_assert_int_eq(kdst_npy_save(t, path_of("array.npy")), 0);
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_string(o, "dtype", "uint8"), 0);
    note(r, ctx, kdst_npy_load(ctx, path_of("array.npy"), o, &none));
    kdst_options_release(o);
    kdst_tensor_release(whole);
    kdst_tensor_release(t);
}

/* A preset's numbers are texts in a table. */
static void fill_preset(record *r, kdst_context *ctx)
{
    const int64_t shape[] = {2, 3}, two = 2;
    const double logits[] = {0.5, -1.25, 2, 0.125, 3, -0.75};
    const int32_t numbers[] = {0, 2};
    kdst_tensor *student = NULL, *labels = NULL;
    kdst_options *o = NULL;
    kdst_loss *loss = NULL;
    double value = 0;
    ck_assert_int_eq(kdst_tensor_create_from(ctx, KDST_DTYPE_FLOAT64, 2, shape, logits, &student), 0);
    ck_assert_int_eq(kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, &two, numbers, &labels), 0);
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_string(o, "preset", "official"), 0);
    ck_assert_int_eq(kdst_loss_tfkd_reg_create(ctx, o, &loss), 0);
    ck_assert_int_eq(kdst_loss_compute(loss, student, NULL, labels, &value, NULL), 0);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    r->used += (size_t)snprintf(r->text + r->used, sizeof r->text - r->used, "%llx\n", (unsigned long long)bits);
    kdst_loss_release(loss);
    kdst_options_release(o);
    kdst_tensor_release(labels);
    kdst_tensor_release(student);
}

/* A run that is saved, loaded, trained to its end and saved again: the bytes of both files. */
static void train(kdst_context *ctx, const char *name)
{
    char half[512];
    kdst_event event;
    setup s;
    snprintf(half, sizeof half, "%s.half", path_of(name));
    ck_assert_msg(make_setup(ctx, 2, &s) == 0, "%s", kdst_context_message(ctx));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(kdst_trainer_step(s.trainer, &event), 0);
    ck_assert_int_eq(kdst_trainer_save(s.trainer, half), 0);
    ck_assert_msg(kdst_trainer_load(s.trainer, half) == 0, "%s", kdst_context_message(ctx));
    ck_assert_int_eq(kdst_trainer_run(s.trainer), 0);
    ck_assert_int_eq(kdst_trainer_save(s.trainer, path_of(name)), 0);
    free_setup(&s);
}

static void run_in(const char *locale, const char *name, record *r)
{
    char text[16];
    ck_assert_msg(setlocale(LC_ALL, locale) != NULL, "there is no locale %s", locale);
    snprintf(text, sizeof text, "%.1f", 0.5);
    ck_assert_str_eq(text, strcmp(locale, "C") ? "0,5" : "0.5");
    kdst_context *ctx = make_context(1);
    memset(r, 0, sizeof *r);
    fill_record(r, ctx);
    fill_preset(r, ctx);
    train(ctx, name);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
    snprintf(text, sizeof text, "%.1f", 0.5);
    ck_assert_str_eq(text, strcmp(locale, "C") ? "0,5" : "0.5"); /* the program's locale is as it was */
    ck_assert_ptr_nonnull(setlocale(LC_ALL, "C"));
}

static void same_file(const char *a, const char *b)
{
    size_t bytes;
    unsigned char *data = read_file(path_of(a), &bytes);
    file_is(path_of(b), data, bytes);
    free(data);
}

START_TEST(decimal_comma)
{
    record point, comma;
    run_in("C", "point", &point);
    run_in(COMMA, "comma", &comma);
    ck_assert_str_eq(comma.text, point.text);
    ck_assert_ptr_nonnull(strstr(point.text, "1.25"));
    same_file("point", "comma");
    same_file("point.half", "comma.half");
}
END_TEST

/* Makes the locale in a folder of its own; false where the system cannot. Outside of tests Check's assertions do not work. */
static int make_locale(void)
{
    char command[256], path[160];
    strcpy(folder, "/tmp/kdst-locale-XXXXXX");
    if (!mkdtemp(folder)) return 0;
    snprintf(path, sizeof path, "%s/" COMMA, folder);
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s >/dev/null 2>&1", path);
    int made = !system(command) && !setenv("LOCPATH", folder, 1) && setlocale(LC_ALL, COMMA);
    setlocale(LC_ALL, "C");
    return made;
}

static int remove_locale(void)
{
    char command[160];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

int main(void)
{
    int made = make_locale();
    Suite *suite = suite_create("locale");
    TCase *tests = tcase_create("decimal comma");
    tcase_set_timeout(tests, 60);
    if (made) tcase_add_test(tests, decimal_comma);
    suite_add_tcase(suite, tests);
    if (!made) printf("no locale with a decimal comma can be made: not run\n");
    int status = made ? run_suite(suite) : 77; /* meson: skipped */
    return remove_locale() ? EXIT_FAILURE : status;
}
