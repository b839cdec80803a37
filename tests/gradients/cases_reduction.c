/* SPDX-License-Identifier: Apache-2.0 */
/* Gradient cases of reductions over axes and of the values of top_k. */
#include "cases.h"

#include <string.h>

typedef kdst_status (*fold_fn)(kdst_tensor *, const int64_t *, int64_t, int32_t, kdst_tensor **);

static const struct {
    const char *name;
    fold_fn fn;
} functions[] = {{"max", kdst_max}, {"min", kdst_min}, {"logsumexp", kdst_logsumexp}, {"norm", kdst_norm}};

/* p: count, keep, axes */
static kdst_status fold(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strcmp(functions[i].name, c->op) == 0)
            return functions[i].fn(in[0], c->p + 2, c->p[0], (int32_t)c->p[1], out);
    return KDST_STATUS_NOT_FOUND;
}

/* p: count, keep, three axes, correction */
static kdst_status variance(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_variance(in[0], c->p + 2, c->p[0], (int32_t)c->p[1], c->p[5], out);
}

static kdst_status deviation(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_std(in[0], c->p + 2, c->p[0], (int32_t)c->p[1], c->p[5], out);
}

/* p: k, axis, largest */
static kdst_status top_k(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    (void)ctx;
    return kdst_top_k(in[0], c->p[0], c->p[1], (int32_t)c->p[2], out, NULL);
}

/* clang-format off */
#define FOLDS(name, build, correction) \
    {name, "all", build, ".", {S3(3, 5, 2)}, {0, 0, 0, 0, 0, correction}}, \
    {name, "all, kept", build, ".", {S2(3, 17)}, {0, 1, 0, 0, 0, correction}}, \
    {name, "first axis", build, ".", {S3(3, 4, 5)}, {1, 0, 0, 0, 0, correction}}, \
    {name, "last axis", build, ".", {S2(7, 33)}, {1, 0, -1, 0, 0, correction}}, \
    {name, "middle axis, kept", build, ".", {S3(2, 7, 3)}, {1, 1, 1, 0, 0, correction}}, \
    {name, "many columns", build, ".", {S2(5, 131)}, {1, 0, 0, 0, 0, correction}}, \
    {name, "axes that are apart", build, ".", {S4(2, 3, 4, 5)}, {2, 0, -1, 0, 0, correction}}, \
    {name, "the outer and an inner axis", build, ".", {S4(3, 2, 3, 2)}, {2, 1, 2, 0, 0, correction}}, \
    {name, "axes around one of size 1", build, ".", {S4(2, 3, 1, 5)}, {2, 0, 1, 3, 0, correction}}, \
    {name, "three axes", build, ".", {S4(2, 3, 2, 5)}, {3, 0, 0, 1, 3, correction}}, \
    {name, "views", build, "s", {S2(7, 5)}, {1, 0, 1, 0, 0, correction}}, \
    {name, "transposed", build, "t", {S3(2, 3, 5)}, {1, 0, 1, 0, 0, correction}}

const gradient_case reduction_cases[] = {
    FOLDS("max", fold, 0), FOLDS("min", fold, 0), FOLDS("logsumexp", fold, 0), FOLDS("norm", fold, 0),
    FOLDS("variance", variance, 0), FOLDS("variance", variance, 1), FOLDS("std", deviation, 0), FOLDS("std", deviation, 1),
    {"max", "scalar", fold, ".", {S0}, {0}}, {"logsumexp", "scalar", fold, ".", {S0}, {0}},
    {"norm", "scalar", fold, ".", {S0}, {0}}, {"variance", "scalar", variance, ".", {S0}, {0}},
    {"gather", "top 3", top_k, ".", {S2(4, 17)}, {3, 1, 1}},
    {"gather", "smallest of columns", top_k, ".", {S3(2, 7, 5)}, {2, 1, 0}},
    {"gather", "all, transposed", top_k, "t", {S2(3, 5)}, {3, 1, 1}},
};
/* clang-format on */

const int reduction_case_count = (int)(sizeof reduction_cases / sizeof *reduction_cases);
