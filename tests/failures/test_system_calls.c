/* SPDX-License-Identifier: Apache-2.0 */
/* Every system call on files failing: in run n the n-th call fails, and what was done to the file is looked at.
 *
 * The linker leads the library's calls to the functions here (--wrap). A saved file must be the new one after success
 * and the old one after a failure, without anything beside it; short counts and interruptions must not matter at all.
 */
#include "io/support.h"
#include "support/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

/* How the C library calls them where files may be large. */
#if defined(__GLIBC__) && defined(__USE_FILE_OFFSET64)
#  define REAL(call) __real_##call##64
#  define WRAP(call) __wrap_##call##64
#else
#  define REAL(call) __real_##call
#  define WRAP(call) __wrap_##call
#endif

enum { NOTHING, FAIL, INTERRUPT, SHORT };

static int armed; /* what happens to call number `target` */
static int64_t calls, target;
static int open_files;
static const char *hit; /* the call that it happened to */

static int happens(const char *call, int what)
{
    if (!armed || what != armed || ++calls != target) return 0;
    hit = call;
    return 1;
}

int REAL(open)(const char *path, int flags, mode_t mode);
int __real_close(int fd);
int __real_fsync(int fd);
int REAL(fstat)(int fd, struct stat *info);
int REAL(lstat)(const char *path, struct stat *info);
int __real_rename(const char *from, const char *to);
ssize_t __real_read(int fd, void *data, size_t bytes);
ssize_t __real_write(int fd, const void *data, size_t bytes);

int WRAP(open)(const char *path, int flags, ...);
int __wrap_close(int fd);
int __wrap_fsync(int fd);
int WRAP(fstat)(int fd, struct stat *info);
int WRAP(lstat)(const char *path, struct stat *info);
int __wrap_rename(const char *from, const char *to);
ssize_t __wrap_read(int fd, void *data, size_t bytes);
ssize_t __wrap_write(int fd, const void *data, size_t bytes);

static int refuse(int number)
{
    errno = number;
    return -1;
}

int WRAP(open)(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (happens("open", FAIL)) return refuse(EMFILE);
    if (happens("open", INTERRUPT)) return refuse(EINTR);
    int fd = REAL(open)(path, flags, mode);
    open_files += fd >= 0;
    return fd;
}

/* The file is closed whatever the call says. */
int __wrap_close(int fd)
{
    open_files--;
    __real_close(fd);
    if (happens("close", FAIL)) return refuse(EIO);
    return happens("close", INTERRUPT) ? refuse(EINTR) : 0;
}

int __wrap_fsync(int fd)
{
    if (happens("fsync", FAIL)) return refuse(EIO);
    return happens("fsync", INTERRUPT) ? refuse(EINTR) : __real_fsync(fd);
}

int WRAP(fstat)(int fd, struct stat *info)
{
    return happens("fstat", FAIL) ? refuse(EIO) : REAL(fstat)(fd, info);
}

int WRAP(lstat)(const char *path, struct stat *info)
{
    return happens("lstat", FAIL) ? refuse(EACCES) : REAL(lstat)(path, info);
}

int __wrap_rename(const char *from, const char *to)
{
    return happens("rename", FAIL) ? refuse(EIO) : __real_rename(from, to);
}

ssize_t __wrap_read(int fd, void *data, size_t bytes)
{
    if (happens("read", FAIL)) return refuse(EIO);
    if (happens("read", INTERRUPT)) return refuse(EINTR);
    return __real_read(fd, data, bytes > 1 && happens("read", SHORT) ? bytes / 2 : bytes);
}

ssize_t __wrap_write(int fd, const void *data, size_t bytes)
{
    if (happens("write", FAIL)) return refuse(EIO);
    if (happens("write", INTERRUPT)) return refuse(EINTR);
    return __real_write(fd, data, bytes > 1 && happens("write", SHORT) ? bytes / 2 : bytes);
}

/* ---- the runs ---- */

enum { ELEMENTS = 50000 };

static kdst_tensor *tensor;
static char path[512];

static void begin(void)
{
    static float values[ELEMENTS];
    const int64_t shape[] = {ELEMENTS / 2, 2};
    setup();
    for (int i = 0; i < ELEMENTS; i++)
        values[i] = (float)i;
    tensor = tensor_of(KDST_DTYPE_FLOAT32, 2, shape, values);
    strcpy(path, path_of("file"));
}

static void end(void)
{
    kdst_tensor_release(tensor);
    teardown();
}

static kdst_status with_fault(int what, int64_t n, kdst_status (*work)(void))
{
    int before = open_files;
    calls = 0, target = n, hit = NULL, armed = what;
    kdst_status status = work();
    armed = NOTHING;
    ck_assert_msg(open_files == before, "call %lld: %d files stay open", (long long)n, open_files - before);
    if (status) ck_assert_msg(*kdst_context_message(ctx), "call %lld: no message", (long long)n);
    return status;
}

static kdst_status save_npy(void)
{
    return kdst_npy_save(tensor, path);
}

static kdst_status save_state(void)
{
    kdst_state *state = NULL;
    kdst_status status = kdst_state_create(ctx, &state);
    TRY(kdst_state_set(state, "tensor", tensor));
    TRY(kdst_state_save(state, path));
    kdst_state_release(state);
    return status;
}

static kdst_status load_npy(void)
{
    kdst_tensor *loaded = NULL;
    kdst_status status = kdst_npy_load(ctx, path, NULL, &loaded);
    if (!status) same_tensor(loaded, tensor);
    kdst_tensor_release(loaded);
    return status;
}

static kdst_status load_state(void)
{
    kdst_state *state = NULL;
    kdst_tensor *loaded = NULL;
    kdst_status status = kdst_state_load(ctx, path, &state);
    TRY(kdst_state_get(state, "tensor", &loaded));
    if (!status) same_tensor(loaded, tensor);
    kdst_state_release(state);
    return status;
}

static kdst_status (*const saves[])(void) = {save_npy, save_state};
static kdst_status (*const loads[])(void) = {load_npy, load_state};

START_TEST(saving)
{
    int failures = 0;
    for (int64_t n = 1; n == 1 || hit; n++) {
        write_file(path, "old", 3);
        kdst_status status = with_fault(FAIL, n, saves[_i]);
        const char *call = hit;
        ck_assert_int_eq(count_files(), 1);
        if (status) {
            ck_assert_msg(status == KDST_STATUS_IO, "%s: %s", call, kdst_context_message(ctx));
            file_is(path, "old", 3);
            failures++;
        } else {
            /* only what follows the renaming, the folder's sync, may fail without harm */
            ck_assert_msg(!call || strcmp(call, "write"), "a failing write is not noticed");
            ck_assert_int_eq(loads[_i](), 0);
        }
        hit = call;
    }
    ck_assert_int_ge(failures, 7); /* lstat, open, two writes or more, fsync, close, rename */
}
END_TEST

START_TEST(loading)
{
    int64_t n = 1;
    ck_assert_int_eq(saves[_i](), 0);
    for (; n == 1 || hit; n++) {
        kdst_status status = with_fault(FAIL, n, loads[_i]);
        if (hit && strcmp(hit, "close"))
            ck_assert_msg(status == KDST_STATUS_IO, "%s: %s", hit, kdst_context_message(ctx));
        else
            ck_assert_int_eq(status, 0);
    }
    ck_assert_int_ge(n, 6); /* open, fstat, two reads or more, close */
}
END_TEST

START_TEST(interruptions_and_short_counts)
{
    for (int what = INTERRUPT; what <= SHORT; what++)
        for (int loading = 0; loading < 2; loading++) {
            int64_t n = 1;
            for (; n == 1 || hit; n++) {
                kdst_status status = with_fault(what, n, loading ? loads[_i] : saves[_i]);
                ck_assert_msg(status == 0, "%s: %s", hit, kdst_context_message(ctx));
                const char *call = hit;
                ck_assert_int_eq(loads[_i](), 0);
                hit = call;
                ck_assert_int_eq(count_files(), 1);
            }
            ck_assert_int_ge(n, 3);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("system calls");
    TCase *each = tcase_create("each call");
    tcase_set_timeout(each, 60);
    tcase_add_checked_fixture(each, begin, end);
    tcase_add_loop_test(each, saving, 0, 2);
    tcase_add_loop_test(each, loading, 0, 2);
    tcase_add_loop_test(each, interruptions_and_short_counts, 0, 2);
    suite_add_tcase(suite, each);
    return run_suite(suite);
}
