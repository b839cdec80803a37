/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of the system "models", made by an integer rule instead of stored.
 *
 * u(i, t) = mix(mix(i) ^ mix(t 0x9E3779B9 + seed)) for element i of tensor t, and h = (u >> 8) / 2^23 - 1; a weight is
 * sqrt(g / fan_in) h, gamma 1 + 0.1 h, var 1 + 0.5 |h|, the others 0.1 h, an image 2 h with t = 65536, all rounded to
 * float32. Sentence s (0 or 1) has tokens 2 + u mod (V - 2) with t = 65536 + 2 s, and for n the length 1 + u(n) mod T with
 * t = 65537 + 2 s; behind it stands the padding, 1. CRC-32 sums over the numbers, in this order, stand in the manifest.
 */
#include "models.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define INPUT 65536 /* number of the first input tensor */
#define PADDING 1

static uint32_t mix(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x85EBCA6Bu;
    x ^= x >> 13;
    x *= 0xC2B2AE35u;
    return x ^ x >> 16;
}

static uint32_t word(uint32_t i, uint32_t t, uint32_t seed)
{
    return mix(mix(i) ^ mix(t * 0x9E3779B9u + seed));
}

static double unit(uint32_t i, uint32_t t, uint32_t seed)
{
    return (double)(word(i, t, seed) >> 8) / 8388608.0 - 1.0;
}

/* CRC-32 of zlib, continued from `crc` (0 at first); four bits at a time. */
static uint32_t crc32_add(uint32_t crc, const void *data, size_t bytes)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
        0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
    const unsigned char *p = data;
    crc = ~crc;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* Element i under a rule; `scale` of weights. False: the rule is unknown. */
static bool value_of(const char *rule, double scale, double h, double *value)
{
    if (!strcmp(rule, "weight"))
        *value = scale * h;
    else if (!strcmp(rule, "gamma"))
        *value = 1 + 0.1 * h;
    else if (!strcmp(rule, "var"))
        *value = 1 + 0.5 * fabs(h);
    else if (!strcmp(rule, "image"))
        *value = 2 * h;
    else if (!strcmp(rule, "beta") || !strcmp(rule, "bias") || !strcmp(rule, "mean") || !strcmp(rule, "logit"))
        *value = 0.1 * h;
    else
        return false;
    return true;
}

void model_fill(model_case *c, const char *rule, uint32_t t, double fan_in, kdst_tensor *tensor, uint32_t *crc)
{
    int64_t count = kdst_tensor_get_count(tensor);
    double scale = sqrt(c->g / fan_in), value = 0;
    kdst_tensor *narrow = NULL;
    void *map = NULL;
    int64_t shape[MAX_RANK];
    for (int64_t i = 0; i < kdst_tensor_get_rank(tensor); i++)
        shape[i] = kdst_tensor_get_size(tensor, i);
    if (!check(
            c->v, c->r->ctx,
            kdst_tensor_create(c->r->ctx, KDST_DTYPE_FLOAT32, kdst_tensor_get_rank(tensor), shape, &narrow), "state") ||
        !check(c->v, c->r->ctx, kdst_tensor_map(narrow, KDST_MAP_WRITE, &map), "state"))
        goto end;
    for (int64_t i = 0; i < count; i++) {
        if (!value_of(rule, scale, unit((uint32_t)i, t, c->seed), &value))
            problem(c->v, "rule \"%.32s\" is unknown", rule);
        ((float *)map)[i] = (float)value;
    }
    *crc = crc32_add(*crc, map, (size_t)count * sizeof(float));
    if (check(c->v, c->r->ctx, kdst_tensor_unmap(narrow), "state"))
        check(c->v, c->r->ctx, kdst_tensor_set(tensor, narrow), "state");
end:
    kdst_tensor_release(narrow);
}

/* One int32 tensor [rank] of `values`, which it continues the sum with. */
static kdst_tensor *whole(model_case *c, int64_t rank, const int64_t *shape, const int32_t *values, uint32_t *crc)
{
    kdst_tensor *tensor = NULL;
    int64_t count = 1;
    for (int64_t i = 0; i < rank; i++)
        count *= shape[i];
    *crc = crc32_add(*crc, values, (size_t)count * sizeof *values);
    check(c->v, c->r->ctx, kdst_tensor_create_from(c->r->ctx, KDST_DTYPE_INT32, rank, shape, values, &tensor), "input");
    return tensor;
}

/* Tokens [T, N] and lengths [N] of one sentence. */
static void make_sentence(model_case *c, uint32_t sentence, kdst_tensor **out, uint32_t *crc)
{
    const int64_t t = c->input_shape[0], n = c->input_shape[1];
    int32_t *tokens = calloc((size_t)(t * n) + 1, sizeof *tokens), *lengths = calloc((size_t)n + 1, sizeof *lengths);
    if (!tokens || !lengths) {
        problem(c->v, "out of memory");
        goto end;
    }
    for (int64_t i = 0; i < n; i++)
        lengths[i] = (int32_t)(1 + word((uint32_t)i, INPUT + 1 + 2 * sentence, c->seed) % (uint32_t)t);
    for (int64_t i = 0; i < t * n; i++) {
        uint32_t u = word((uint32_t)i, INPUT + 2 * sentence, c->seed);
        tokens[i] = i / n < lengths[i % n] ? (int32_t)(2 + u % (uint32_t)(c->vocabulary - 2)) : PADDING;
    }
    out[0] = whole(c, 2, c->input_shape, tokens, crc);
    out[1] = whole(c, 1, &n, lengths, crc);
end:
    free(lengths);
    free(tokens);
}

int64_t model_inputs(model_case *c, kdst_dtype dtype, kdst_tensor **out)
{
    int64_t count = 1;
    uint32_t crc = 0;
    if (c->vocabulary > 0) {
        make_sentence(c, 0, out, &crc);
        make_sentence(c, 1, out + 2, &crc);
        count = 4;
    } else if (check(c->v, c->r->ctx, kdst_tensor_create(c->r->ctx, dtype, 4, c->input_shape, out), "input")) {
        model_fill(c, "image", INPUT, 1, *out, &crc);
    }
    if (crc != c->input_crc) problem(c->v, "input_crc32: got %08lx want %08lx", (unsigned long)crc, c->input_crc);
    return count;
}
