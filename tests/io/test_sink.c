/* SPDX-License-Identifier: Apache-2.0 */
/* Writing whole files: sizes around the buffer's, replacing, links, permissions, and every way of giving up. */
#include "io/file.h"

#include "failures/each_allocation.h"
#include "support.h"
#include "support/run.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

enum { BYTES = 200000 };

static unsigned char *data;

static void setup_data(void)
{
    setup();
    data = malloc(BYTES);
    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < BYTES; i++)
        data[i] = (unsigned char)(i * 31 + i / 251);
}

static void teardown_data(void)
{
    free(data);
    teardown();
}

static kdst_status write_portions(kdst_context *own, const char *path, size_t bytes, size_t portion)
{
    kdst__sink *sink;
    kdst_status status = kdst__sink_open(own, "test", path, &sink);
    if (status) {
        ck_assert_ptr_null(sink);
        return status;
    }
    for (size_t at = 0; at < bytes && !status; at += portion)
        status = kdst__sink_write(sink, data + at, bytes - at < portion ? bytes - at : portion);
    if (!status) return kdst__sink_commit(sink);
    kdst__sink_abandon(sink);
    return status;
}

static void writes(const char *path, size_t bytes, size_t portion)
{
    kdst_status status = write_portions(ctx, path, bytes, portion);
    ck_assert_msg(status == 0, "%s", kdst_context_message(ctx));
    file_is(path, data, bytes);
}

START_TEST(any_portions)
{
    static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 131073, BYTES};
    static const size_t portions[] = {1, 1000, 65535, 65536, 65537, BYTES};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (size_t i = 0; i < sizeof portions / sizeof *portions; i++)
            writes(path_of("file"), sizes[k], portions[i]);
    ck_assert_int_eq(count_files(), 1);
}
END_TEST

/* Until the end the old file is there, and what is being written is beside it. */
START_TEST(old_file_until_the_end)
{
    kdst__sink *sink;
    char path[512];
    strcpy(path, path_of("file"));
    write_file(path, "old", 3);
    ck_assert_int_eq(kdst__sink_open(ctx, "test", path, &sink), 0);
    ck_assert_int_eq(kdst__sink_write(sink, data, BYTES), 0);
    file_is(path, "old", 3);
    ck_assert_int_eq(count_files(), 2);
    kdst__sink_abandon(sink);
    ck_assert_int_eq(count_files(), 1);
    file_is(path, "old", 3);
    ck_assert_int_eq(kdst__sink_open(ctx, "test", path, &sink), 0);
    ck_assert_int_eq(kdst__sink_write(sink, data, 10), 0);
    ck_assert_int_eq(kdst__sink_commit(sink), 0);
    file_is(path, data, 10);
    ck_assert_int_eq(count_files(), 1);
    kdst__sink_abandon(NULL);
}
END_TEST

/* A reader that has the old file open goes on reading the old one. */
START_TEST(readers_keep_the_old_file)
{
    char have[4] = {0};
    write_file(path_of("file"), "old", 3);
    int fd = open(path_of("file"), O_RDONLY);
    writes(path_of("file"), 1000, 1000);
    ck_assert_int_eq(read(fd, have, 4), 3);
    ck_assert_str_eq(have, "old");
    close(fd);
}
END_TEST

static mode_t mode_of(const char *path)
{
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    return info.st_mode & 07777;
}

START_TEST(permissions)
{
    mode_t mask = umask(027);
    writes(path_of("new"), 10, 10);
    ck_assert_int_eq(mode_of(path_of("new")), 0640);
    static const mode_t modes[] = {0600, 0644, 0666, 0400, 0755};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        ck_assert_int_eq(chmod(path_of("new"), modes[i]), 0);
        writes(path_of("new"), 10 + i, 10);
        ck_assert_int_eq(mode_of(path_of("new")), modes[i]);
    }
    umask(mask);
}
END_TEST

static void link_to(const char *to, const char *name)
{
    ck_assert_int_eq(symlink(to, path_of(name)), 0);
}

static int is_link(const char *name)
{
    struct stat info;
    return lstat(path_of(name), &info) == 0 && S_ISLNK(info.st_mode);
}

START_TEST(links_are_followed)
{
    write_file(path_of("file"), "old", 3);
    link_to("file", "relative");
    link_to(path_of("relative"), "absolute");
    link_to("fresh", "dangling");
    writes(path_of("absolute"), 100, 100);
    file_is(path_of("file"), data, 100);
    ck_assert(is_link("absolute") && is_link("relative") && !is_link("file"));
    writes(path_of("dangling"), 50, 50);
    file_is(path_of("fresh"), data, 50);
    ck_assert(is_link("dangling") && !is_link("fresh"));
    ck_assert_int_eq(count_files(), 5);
    link_to("circle", "circle");
    failed_with(write_portions(ctx, path_of("circle"), 5, 5), KDST_STATUS_IO, "circle: ");
    link_to("nowhere/file", "broken");
    failed_with(write_portions(ctx, path_of("broken"), 5, 5), KDST_STATUS_IO, "broken: No such file");
    ck_assert_int_eq(count_files(), 7);
}
END_TEST

START_TEST(relative_paths)
{
    char before[4096];
    ck_assert_ptr_nonnull(getcwd(before, sizeof before));
    ck_assert_int_eq(chdir(folder), 0);
    writes("plain", 30, 30);
    writes("./dotted", 31, 31);
    ck_assert_int_eq(chdir(before), 0);
    file_is(path_of("plain"), data, 30);
    file_is(path_of("dotted"), data, 31);
    ck_assert_int_eq(count_files(), 2);
}
END_TEST

START_TEST(paths_that_cannot_be_written)
{
    char name[400];
    write_file(path_of("file"), "old", 3);
    failed_with(write_portions(ctx, path_of("nowhere/file"), 5, 5), KDST_STATUS_IO, "nowhere/file: No such file");
    failed_with(write_portions(ctx, path_of("file/below"), 5, 5), KDST_STATUS_IO, "Not a directory");
    failed_with(write_portions(ctx, folder, 5, 5), KDST_STATUS_IO, "is a folder");
    failed_with(write_portions(ctx, "/dev/null", 5, 5), KDST_STATUS_IO, "no regular file");
    failed_with(write_portions(ctx, "", 5, 5), KDST_STATUS_IO, "the path is empty and names no file");
    failed_with(write_portions(ctx, "/nowhere/", 5, 5), KDST_STATUS_IO, "/nowhere/");
    memset(name, 'n', sizeof name);
    name[300] = '\0';
    failed_with(write_portions(ctx, path_of(name), 5, 5), KDST_STATUS_IO, "too long");
    ck_assert_int_eq(count_files(), 1);
    file_is(path_of("file"), "old", 3);
    name[255] = '\0'; /* as long as a name may be */
    writes(path_of(name), 20, 20);
    ck_assert_int_eq(count_files(), 2);
}
END_TEST

/* Two at once: each is whole, the last one stays. */
static void *write_often(void *arg)
{
    kdst_context *own = NULL;
    kdst_options *o = NULL;
    int64_t failures = kdst_options_create(&o) || kdst_options_set_int(o, "threads", 1) || kdst_context_create(o, &own);
    for (int i = 0; i < 50 && !failures; i++)
        failures += write_portions(own, arg, BYTES, 50000) != 0;
    kdst_context_release(own);
    kdst_options_release(o);
    return failures ? arg : NULL;
}

START_TEST(several_writers)
{
    enum { WRITERS = 4 };
    pthread_t threads[WRITERS];
    char path[512];
    void *failed;
    strcpy(path, path_of("file"));
    for (int i = 0; i < WRITERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_often, path), 0);
    for (int i = 0; i < WRITERS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    file_is(path, data, BYTES);
    ck_assert_int_eq(count_files(), 1);
}
END_TEST

static kdst_status write_once(kdst_context *own, void *path)
{
    write_file(path, "old", 3);
    kdst_status status = write_portions(own, path, BYTES, 50000);
    if (status)
        file_is(path, "old", 3);
    else
        file_is(path, data, BYTES);
    ck_assert_int_eq(count_files(), 1);
    return status;
}

START_TEST(memory_runs_out)
{
    kdst_options *o = NULL;
    char path[512];
    strcpy(path, path_of("file"));
    ck_assert_int_eq(kdst_options_create(&o), 0);
    ck_assert_int_eq(kdst_options_set_int(o, "threads", 1), 0);
    ck_assert_int_gt(each_allocation_fails(o, write_once, path), 3);
    kdst_options_release(o);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sink");
    TCase *writing = tcase_create("writing");
    tcase_set_timeout(writing, 120);
    tcase_add_checked_fixture(writing, setup_data, teardown_data);
    tcase_add_test(writing, any_portions);
    tcase_add_test(writing, old_file_until_the_end);
    tcase_add_test(writing, readers_keep_the_old_file);
    tcase_add_test(writing, permissions);
    tcase_add_test(writing, links_are_followed);
    tcase_add_test(writing, relative_paths);
    tcase_add_test(writing, paths_that_cannot_be_written);
    tcase_add_test(writing, several_writers);
    tcase_add_test(writing, memory_runs_out);
    suite_add_tcase(suite, writing);
    return run_suite(suite);
}
