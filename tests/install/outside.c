/* SPDX-License-Identifier: Apache-2.0 */
/* A program of somebody else: built against the installed library alone, as C99 and as C++11. */
#include <kdst/kdst.h>

#include <stdio.h>
#include <string.h>

static int tensor_round_trip(kdst_context *ctx)
{
    const int64_t shape[2] = {2, 3};
    const double data[6] = {1, 2, 3, 4, 5, 6};
    double copy[6] = {0, 0, 0, 0, 0, 0};
    kdst_tensor *x = NULL;
    int good = kdst_tensor_create_from(ctx, KDST_DTYPE_FLOAT64, 2, shape, data, &x) == KDST_STATUS_OK &&
               kdst_tensor_get_data(x, copy, (int64_t)sizeof copy) == KDST_STATUS_OK &&
               memcmp(data, copy, sizeof data) == 0 && kdst_tensor_get_count(x) == 6;
    kdst_tensor_release(x);
    return good && kdst_context_live_count(ctx) == 0;
}

int main(void)
{
    kdst_context *ctx = NULL;
    const int64_t number = KDST_VERSION_MAJOR * 1000000 + KDST_VERSION_MINOR * 1000 + KDST_VERSION_PATCH;
    int good;
    if (kdst_version_number() != number) {
        fprintf(stderr, "the headers are of another version than the library, %s\n", kdst_version());
        return 1;
    }
    if (kdst_context_create(NULL, &ctx) != KDST_STATUS_OK) return 1;
    good = tensor_round_trip(ctx);
    printf("libkdst %s, %s threads, %s\n", kdst_version(), kdst_context_get_info(ctx, "threads"),
        good ? "works" : kdst_context_message(ctx));
    kdst_context_release(ctx);
    return !good;
}
