/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that writes a file, on full disks and at places where nothing can be written: it fails with the system's
 * reason, the old file is as it was, nothing is left beside it, and once the reason is gone the same call succeeds.
 * Everything that reads a file, where nothing can be read.
 */
#include "support/folder.h"
#include "support/run.h"
#include "train/support.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { ELEMENTS = 30000, WRITERS = 4 };

static kdst_context *ctx;
static setup run;
static kdst_tensor *tensor; /* 120 kB */
static kdst_state *state;

static kdst_status save_npy(const char *path)
{
    return kdst_npy_save(tensor, path);
}
static kdst_status save_state(const char *path)
{
    return kdst_state_save(state, path);
}
static kdst_status save_layer(const char *path)
{
    return kdst_layer_save(run.model, path);
}
static kdst_status save_run(const char *path)
{
    return kdst_trainer_save(run.trainer, path);
}

static kdst_status load_npy(const char *path)
{
    kdst_tensor *loaded = tensor;
    kdst_status status = kdst_npy_load(ctx, path, NULL, &loaded);
    if (status) ck_assert_ptr_null(loaded);
    kdst_tensor_release(loaded);
    return status;
}

static kdst_status load_state(const char *path)
{
    kdst_state *loaded = state;
    kdst_status status = kdst_state_load(ctx, path, &loaded);
    if (status) ck_assert_ptr_null(loaded);
    kdst_state_release(loaded);
    return status;
}

static kdst_status load_layer(const char *path)
{
    return kdst_layer_load(run.model, path, NULL);
}
static kdst_status load_run(const char *path)
{
    return kdst_trainer_load(run.trainer, path);
}

static const struct {
    const char *name;
    kdst_status (*save)(const char *path), (*load)(const char *path);
} writers[WRITERS] = {
    {"npy", save_npy, load_npy},
    {"state", save_state, load_state},
    {"layer", save_layer, load_layer},
    {"checkpoint", save_run, load_run}};

static void begin(void)
{
    static float values[ELEMENTS];
    const int64_t shape[] = {ELEMENTS};
    for (int i = 0; i < ELEMENTS; i++)
        values[i] = (float)i;
    make_folder();
    ctx = make_context(1);
    ck_assert_msg(make_setup(ctx, 1, &run) == 0, "%s", kdst_context_message(ctx));
    ck_assert_int_eq(kdst_tensor_create_from(ctx, KDST_DTYPE_FLOAT32, 1, shape, values, &tensor), 0);
    ck_assert_int_eq(kdst_state_create(ctx, &state), 0);
    ck_assert_int_eq(kdst_state_set(state, "tensor", tensor), 0);
}

static void end(void)
{
    kdst_state_release(state);
    kdst_tensor_release(tensor);
    free_setup(&run);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
    kdst_context_release(ctx);
    remove_folder();
}

static void failed(int writer, kdst_status have, kdst_status want, const char *reason)
{
    const char *message = kdst_context_message(ctx);
    ck_assert_msg(
        have == want, "%s: %s instead of %s: %s", writers[writer].name, kdst_status_name(have), kdst_status_name(want),
        message);
    ck_assert_msg(strstr(message, reason), "%s: no \"%s\" in \"%s\"", writers[writer].name, reason, message);
}

/* ---- full disks ---- */

static kdst_status save_within(int writer, const char *path, rlim_t limit)
{
    struct rlimit before, narrow;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    narrow = before;
    narrow.rlim_cur = limit;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &narrow), 0);
    kdst_status status = writers[writer].save(path);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    return status;
}

/* The system allows a file only so many bytes: none, a few, all but one. */
START_TEST(size_limit)
{
    size_t whole;
    char path[512];
    strcpy(path, path_of("file"));
    ck_assert(signal(SIGXFSZ, SIG_IGN) != SIG_ERR); /* the test's; the library leaves signals alone */
    ck_assert_int_eq(writers[_i].save(path), 0);
    free(read_file(path, &whole));
    write_file(path, "old", 3);
    const rlim_t limits[] = {0, 1, 8, 100, whole / 2, whole - 1};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        failed(_i, save_within(_i, path, limits[i]), KDST_STATUS_IO, "/file: File too large");
        file_is(path, "old", 3);
        ck_assert_int_eq(count_files(), 1);
    }
    ck_assert_int_eq(save_within(_i, path, whole), 0);
    ck_assert_int_eq(writers[_i].load(path), 0);
}
END_TEST

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    if (fd < 0) return;
    if (write(fd, text, strlen(text)) < 0) errno = 0; /* mounting says whether it helped */
    close(fd);
}

/* A file system of its own for this process, in `folder`/disk; false where the system does not permit it. */
static int mount_disk(char path[512])
{
    uid_t user = geteuid();
    strcpy(path, path_of("disk"));
    ck_assert_int_eq(mkdir(path, 0700), 0);
    if (unshare(CLONE_NEWNS)) {
        char map[64];
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS)) return 0;
        snprintf(map, sizeof map, "0 %u 1", (unsigned)user);
        write_text("/proc/self/uid_map", map);
    }
    return !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
        !mount("tmpfs", path, "tmpfs", 0, "size=65536,mode=0700");
}

/* The disk is made so small that none of the writers finds room; then room is made. */
static void fill(const char *path)
{
    char block[1024] = {0};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    for (size_t n = sizeof block; n > 0; n = n > 1 ? n / 2 : 0)
        while (write(fd, block, n) > 0) {
        }
    close(fd);
}

static int files_of(const char *path)
{
    char before[sizeof folder];
    strcpy(before, folder);
    ck_assert_uint_lt(strlen(path), sizeof folder);
    strcpy(folder, path);
    int count = count_files();
    strcpy(folder, before);
    return count;
}

static int no_mounting(void)
{
    printf("mounting is not permitted: not run\n");
    return rmdir(path_of("disk"));
}

START_TEST(full_disk)
{
    char disk[512], path[600], filler[600];
    if (!mount_disk(disk)) {
        ck_assert_int_eq(no_mounting(), 0);
        return;
    }
    snprintf(path, sizeof path, "%s/file", disk);
    snprintf(filler, sizeof filler, "%s/filler", disk);
    write_file(path, "old", 3);
    fill(filler);
    for (int i = 0; i < WRITERS; i++) {
        failed(i, writers[i].save(path), KDST_STATUS_IO, "/file: No space left on device");
        file_is(path, "old", 3);
        ck_assert_int_eq(files_of(disk), 2);
    }
    ck_assert_int_eq(unlink(filler), 0);
    for (int i = 0; i < WRITERS; i++) {
        if (i < 2) {
            failed(i, writers[i].save(path), KDST_STATUS_IO, "No space left"); /* 120 kB into 64 */
            file_is(path, "old", 3);
        } else {
            ck_assert_msg(writers[i].save(path) == 0, "%s", kdst_context_message(ctx));
            ck_assert_int_eq(writers[i].load(path), 0);
            write_file(path, "old", 3);
        }
        ck_assert_int_eq(files_of(disk), 1);
    }
    ck_assert_int_eq(umount(disk), 0);
}
END_TEST

START_TEST(read_only_disk)
{
    char disk[512], path[600];
    if (!mount_disk(disk)) {
        ck_assert_int_eq(no_mounting(), 0);
        return;
    }
    snprintf(path, sizeof path, "%s/file", disk);
    ck_assert_int_eq(save_run(path), 0);
    ck_assert_int_eq(mount(NULL, disk, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    for (int i = 0; i < WRITERS; i++)
        failed(i, writers[i].save(path), KDST_STATUS_IO, "/file: Read-only file system");
    ck_assert_int_eq(load_run(path), 0);
    ck_assert_int_eq(umount(disk), 0);
}
END_TEST

/* ---- places ---- */

START_TEST(places_without_files)
{
    static const char *const places[][2] = {
        {"none/file", "none/file: No such file or directory"},
        {"old/file", "old/file: Not a directory"},
        {"sub", "sub: is a folder"},
        {"pipe", "pipe: is no regular file"}};
    write_file(path_of("old"), "old", 3);
    ck_assert_int_eq(mkdir(path_of("sub"), 0700), 0);
    ck_assert_int_eq(mkfifo(path_of("pipe"), 0600), 0);
    for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
        kdst_status loading = k < 2 ? KDST_STATUS_NOT_FOUND : KDST_STATUS_IO;
        failed(_i, writers[_i].save(path_of(places[k][0])), KDST_STATUS_IO, places[k][1]);
        failed(_i, writers[_i].load(path_of(places[k][0])), loading, places[k][1]);
    }
    file_is(path_of("old"), "old", 3);
    ck_assert_int_eq(count_files(), 3);
}
END_TEST

/* Permissions bind root only when it acts as somebody else. */
START_TEST(no_permission)
{
    uid_t user = geteuid();
    char path[512];
    strcpy(path, path_of("file"));
    write_file(path, "old", 3);
    ck_assert_int_eq(chmod(path, 0), 0);
    ck_assert_int_eq(chmod(folder, 0555), 0);
    if (!user) ck_assert_int_eq(seteuid(65534), 0);
    failed(_i, writers[_i].save(path), KDST_STATUS_IO, "/file: Permission denied");
    failed(_i, writers[_i].load(path), KDST_STATUS_IO, "/file: Permission denied");
    ck_assert_int_eq(seteuid(user), 0);
    ck_assert_int_eq(chmod(folder, 0700), 0);
    ck_assert_int_eq(chmod(path, 0600), 0);
    file_is(path, "old", 3);
    ck_assert_int_eq(count_files(), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("files");
    TCase *disks = tcase_create("full disks"), *places = tcase_create("places");
    tcase_set_timeout(disks, 60);
    tcase_set_timeout(places, 60);
    tcase_add_checked_fixture(disks, begin, end);
    tcase_add_checked_fixture(places, begin, end);
    tcase_add_loop_test(disks, size_limit, 0, WRITERS);
    tcase_add_test(disks, full_disk);
    tcase_add_test(disks, read_only_disk);
    tcase_add_loop_test(places, places_without_files, 0, WRITERS);
    tcase_add_loop_test(places, no_permission, 0, WRITERS);
    suite_add_tcase(suite, disks);
    suite_add_tcase(suite, places);
    return run_suite(suite);
}
