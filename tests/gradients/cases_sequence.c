/* SPDX-License-Identifier: Apache-2.0 */
/* Gradient cases of embedding, lstm and synapse. */
#include "cases.h"

/* p: number of rows and columns of tokens, which are i i mod V, so some repeat and some are left out; padding index, or -1. */
static kdst_status embedding(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    int32_t values[64];
    kdst_tensor *tokens = NULL;
    kdst_options *options = NULL;
    for (int64_t i = 0; i < c->p[0] * c->p[1]; i++)
        values[i] = (int32_t)(i * i % kdst_tensor_get_size(in[0], 0));
    kdst_status status = kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 2, c->p, values, &tokens);
    if (status == KDST_STATUS_OK) status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(options, "padding_index", c->p[2]);
    if (status == KDST_STATUS_OK) status = kdst_embedding(in[0], tokens, options, out);
    kdst_options_release(options);
    kdst_tensor_release(tokens);
    return status;
}

/* h of all steps and both last states in one tensor [T + 2, N, H]. */
static kdst_status join(kdst_tensor *y, kdst_tensor *h, kdst_tensor *c, kdst_tensor **out)
{
    kdst_tensor *parts[3] = {y, NULL, NULL};
    const int64_t shape[3] = {1, kdst_tensor_get_size(h, 0), kdst_tensor_get_size(h, 1)};
    kdst_status status = kdst_reshape(h, 3, shape, &parts[1]);
    if (status == KDST_STATUS_OK) status = kdst_reshape(c, 3, shape, &parts[2]);
    if (status == KDST_STATUS_OK)
        status = y == NULL ? kdst_concat(parts + 1, 2, 0, out) : kdst_concat(parts, 3, 0, out);
    kdst_tensor_release(parts[2]);
    kdst_tensor_release(parts[1]);
    return status;
}

/* p[0]: 1 with lengths 1 + 2 n mod T; p[1]: reverse. */
static kdst_status lstm(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    int32_t values[64];
    kdst_tensor *lengths = NULL, *y = NULL, *h = NULL, *cell = NULL;
    kdst_options *options = NULL;
    int64_t steps = kdst_tensor_get_size(in[0], 0), n = kdst_tensor_get_size(in[0], 1);
    kdst_status status = kdst_options_create(&options);
    for (int64_t i = 0; i < n; i++)
        values[i] = (int32_t)(1 + 2 * i % steps);
    if (status == KDST_STATUS_OK && c->p[0])
        status = kdst_tensor_create_from(ctx, KDST_DTYPE_INT32, 1, &n, values, &lengths);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(options, "reverse", c->p[1]);
    if (status == KDST_STATUS_OK)
        status = kdst_lstm(in[0], lengths, in[5], in[6], in[1], in[2], in[3], in[4], options, &y, &h, &cell);
    if (status == KDST_STATUS_OK) status = join(y, h, cell, out);
    kdst_tensor_release(cell);
    kdst_tensor_release(h);
    kdst_tensor_release(y);
    kdst_options_release(options);
    kdst_tensor_release(lengths);
    return status;
}

static kdst_status lstm_cell(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    kdst_tensor *h = NULL, *cell = NULL;
    (void)c;
    (void)ctx;
    kdst_status status = kdst_lstm_cell(in[0], in[5], in[6], in[1], in[2], in[3], in[4], &h, &cell);
    if (status == KDST_STATUS_OK) status = join(NULL, h, cell, out);
    kdst_tensor_release(cell);
    kdst_tensor_release(h);
    return status;
}

/* p: 10 tau_s, gain */
static kdst_status synapse(const gradient_case *c, kdst_context *ctx, kdst_tensor *const *in, kdst_tensor **out)
{
    kdst_options *options = NULL;
    (void)ctx;
    kdst_status status = kdst_options_create(&options);
    if (status == KDST_STATUS_OK) status = kdst_options_set_float(options, "tau_s", (double)c->p[0] / 10);
    if (status == KDST_STATUS_OK) status = kdst_options_set_int(options, "gain", c->p[1]);
    if (status == KDST_STATUS_OK) status = kdst_synapse(in[0], options, out);
    kdst_options_release(options);
    return status;
}

#define WEIGHTS(d, h) S2(4 * (h), d), S2(4 * (h), h), S1(4 * (h)), S1(4 * (h))

/* clang-format off */
const gradient_case gradient_cases_sequence[] = {
    {"embedding", "one token", embedding, ".", {S2(1, 1)}, {1, 1, -1}},
    {"embedding", "a matrix of tokens", embedding, ".", {S2(7, 5)}, {3, 4, -1}},
    {"embedding", "wide", embedding, ".", {S2(4, 300)}, {2, 3, -1}},
    {"embedding", "view", embedding, "t", {S2(5, 6)}, {2, 5, -1}},
    {"embedding", "no tokens", embedding, ".", {S2(3, 2)}, {0, 4, -1}},
    {"lstm", "one of everything", lstm, ".......", {S3(1, 1, 1), WEIGHTS(1, 1), S2(1, 1), S2(1, 1)}, {0, 0}},
    {"lstm", "no biases, no states", lstm, "...0000", {S3(3, 2, 3), WEIGHTS(3, 2)}, {0, 0}},
    {"lstm", "states", lstm, ".......", {S3(4, 3, 2), WEIGHTS(2, 3), S2(3, 3), S2(3, 3)}, {0, 0}},
    {"lstm", "one bias, first h alone", lstm, "...0..0", {S3(2, 2, 2), WEIGHTS(2, 2), S2(2, 2)}, {0, 0}},
    {"lstm", "first c alone", lstm, "....00.", {S3(2, 2, 2), WEIGHTS(2, 2), S2(2, 2), S2(2, 2)}, {0, 0}},
    {"lstm", "lengths", lstm, ".....00", {S3(5, 6, 3), WEIGHTS(3, 3)}, {1, 0}},
    {"lstm", "lengths and states", lstm, ".......", {S3(4, 5, 2), WEIGHTS(2, 2), S2(5, 2), S2(5, 2)}, {1, 0}},
    {"lstm", "reverse", lstm, ".......", {S3(3, 2, 2), WEIGHTS(2, 2), S2(2, 2), S2(2, 2)}, {0, 1}},
    {"lstm", "reverse with lengths", lstm, ".......", {S3(4, 5, 2), WEIGHTS(2, 2), S2(5, 2), S2(5, 2)}, {1, 1}},
    {"lstm", "more units than lanes", lstm, ".....00", {S3(2, 5, 2), WEIGHTS(2, 17)}, {0, 0}},
    {"lstm", "views", lstm, "ttt..00", {S3(2, 5, 3), S2(2, 12), S2(3, 12), S1(12), S1(12)}, {1, 0}},
    {"lstm", "no features", lstm, ".....00", {S3(2, 2, 0), S2(8, 0), S2(8, 2), S1(8), S1(8)}, {0, 0}},
    {"lstm", "cell", lstm_cell, ".......", {S2(4, 3), WEIGHTS(3, 2), S2(4, 2), S2(4, 2)}, {0}},
    {"synapse", "one step", synapse, ".", {S1(1)}, {30, 1}},
    {"synapse", "more neurons than lanes", synapse, ".", {S3(7, 3, 6)}, {30, 1}},
    {"synapse", "without gain", synapse, ".", {S2(5, 17)}, {25, 0}},
    {"synapse", "without memory", synapse, ".", {S2(4, 3)}, {10, 1}},
    {"synapse", "view", synapse, "t", {S2(5, 6)}, {40, 1}},
    {"lstm", "cell without states", lstm_cell, ".....00", {S2(2, 3), WEIGHTS(3, 2)}, {0}},
};
/* clang-format on */
const int gradient_case_count_sequence = (int)(sizeof gradient_cases_sequence / sizeof *gradient_cases_sequence);
