/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution on blocked channels: which algorithm a shape gets, and the general one.
 *
 * The first row of the table that fits takes the shape; the choice is a function of the shape, the level and the context's exact
 * option alone. Where none fits, operands are made plain and go the way of conv2d.c.
 */
#include "compute/conv_depthwise.h"
#include "compute/conv_direct.h"
#include "compute/conv_winograd.h"
#include "compute/state.h"

static const struct algorithm {
    int32_t exact; /* 1: as accurate as the sum itself */
    int32_t adds;  /* 1: `forward` takes an addend */
    int32_t (*fits)(const kdst__compute *cp, const kdst__conv2d_shape *s);
    kdst_status (*forward)(
        kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *w,
        const kdst__conv_tail *tail, float *y);
    kdst_status (*backward_data)(
        kdst__compute *cp, const kdst__conv2d_shape *s, const float *w, const float *dy, int32_t add, float *dx);
    kdst_status (*backward_weights)(
        kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *dy, float *dw);
} algorithms[] = {
    {1, 0, kdst__conv_depthwise_fits, kdst__conv_depthwise_forward, kdst__conv_depthwise_backward_data,
     kdst__conv_depthwise_backward_weights},
    {0, 1, kdst__conv_winograd_fits, kdst__conv_winograd_forward, kdst__conv_winograd_backward_data,
     kdst__conv_winograd_backward_weights},
    {1, 1, kdst__conv_direct_fits, kdst__conv_direct_forward, kdst__conv_direct_backward_data,
     kdst__conv_direct_backward_weights},
};

static const struct algorithm *choose(const kdst__compute *cp, const kdst__conv2d_shape *s)
{
    for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
        if (algorithms[i].fits && (algorithms[i].exact || !cp->exact) && algorithms[i].fits(cp, s))
            return &algorithms[i];
    return NULL;
}

int32_t kdst__conv_blocked_fits(const kdst__compute *cp, const kdst__conv2d_shape *s)
{
    return choose(cp, s) != NULL;
}

/* ---- the general way: plain copies, which the thread that calls makes and gives back ---- */

typedef struct copy {
    size_t bytes;
    float *data;
} copy;

static kdst_status copy_create(kdst__compute *cp, int64_t n, int64_t c, int64_t s, copy *out)
{
    out->bytes = (size_t)(n * c * s) * sizeof(float);
    out->data = kdst__alloc(cp->memory, out->bytes);
    return out->data ? KDST_STATUS_OK : KDST_STATUS_OUT_OF_MEMORY;
}

static void copy_destroy(kdst__compute *cp, copy *c)
{
    kdst__free(cp->memory, c->data, c->bytes);
}

/* *out is x itself when that is plain already. */
static kdst_status plain_of(
    kdst__compute *cp, int64_t n, int64_t c, int64_t s, int32_t is_plain, const float *x, copy *hold, const float **out)
{
    *out = x;
    if (is_plain) return KDST_STATUS_OK;
    kdst_status status = copy_create(cp, n, c, s, hold);
    if (status) return status;
    kdst__blocked_to_plain(cp, n, c, s, x, hold->data);
    *out = hold->data;
    return KDST_STATUS_OK;
}

static kdst_status general_forward(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *w,
    const kdst__conv_tail *tail, float *y)
{
    copy of_x = {0}, of_y = {0};
    const float *plain;
    kdst_status status = plain_of(cp, s->n, s->c, s->h * s->w, x_plain, x, &of_x, &plain);
    if (!status) status = copy_create(cp, s->n, s->o, s->p * s->q, &of_y);
    if (!status) status = kdst__conv2d_forward(cp, KDST__F32, s, plain, w, tail ? tail->bias : NULL, 0, of_y.data);
    if (!status && tail) kdst__activate(cp, KDST__F32, tail->activation, s->n * s->o * s->p * s->q, of_y.data);
    if (!status && tail && tail->mean)
        kdst__batch_norm_statistics(cp, KDST__F32, s->n, s->o, s->p * s->q, of_y.data, tail->mean, tail->var);
    if (!status) kdst__blocked_from_plain(cp, s->n, s->o, s->p * s->q, of_y.data, y);
    copy_destroy(cp, &of_y);
    copy_destroy(cp, &of_x);
    return status;
}

static kdst_status general_backward_data(
    kdst__compute *cp, const kdst__conv2d_shape *s, const float *w, const float *dy, int32_t add, float *dx)
{
    copy of_dy = {0}, of_dx = {0};
    const float *plain;
    kdst_status status = plain_of(cp, s->n, s->o, s->p * s->q, 0, dy, &of_dy, &plain);
    if (!status) status = copy_create(cp, s->n, s->c, s->h * s->w, &of_dx);
    if (!status && add) kdst__blocked_to_plain(cp, s->n, s->c, s->h * s->w, dx, of_dx.data);
    if (!status && !add) kdst__fill(cp, KDST__F32, s->n * s->c * s->h * s->w, 0, of_dx.data);
    if (!status) status = kdst__conv2d_backward_data(cp, KDST__F32, s, w, plain, of_dx.data);
    if (!status) kdst__blocked_from_plain(cp, s->n, s->c, s->h * s->w, of_dx.data, dx);
    copy_destroy(cp, &of_dx);
    copy_destroy(cp, &of_dy);
    return status;
}

static kdst_status general_backward_weights(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *dy, float *dw)
{
    copy of_x = {0}, of_dy = {0};
    const float *plain_x, *plain_dy;
    kdst_status status = plain_of(cp, s->n, s->c, s->h * s->w, x_plain, x, &of_x, &plain_x);
    if (!status) status = plain_of(cp, s->n, s->o, s->p * s->q, 0, dy, &of_dy, &plain_dy);
    if (!status) status = kdst__conv2d_backward_weights(cp, KDST__F32, s, plain_x, plain_dy, dw, NULL);
    copy_destroy(cp, &of_dy);
    copy_destroy(cp, &of_x);
    return status;
}

/* ---- */

kdst_status kdst__conv_blocked_forward(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *w,
    const kdst__conv_tail *tail, float *y)
{
    const struct algorithm *a = choose(cp, s);
    const int32_t apart = tail && tail->addend && !(a && a->adds);
    kdst__conv_tail before = apart ? *tail : (kdst__conv_tail){0};
    before.addend = NULL;
    before.activation = KDST__FUSED_NONE;
    const kdst_status status = (a ? a->forward : general_forward)(cp, s, x_plain, x, w, apart ? &before : tail, y);
    if (status || !apart) return status;
    const int64_t count = kdst__blocked_count(cp, s->n, s->o, s->p * s->q);
    kdst__binary(cp, KDST__F32, KDST__ADD, count, y, tail->addend, 0, y);
    kdst__activate(cp, KDST__F32, tail->activation, count, y);
    return status;
}

kdst_status kdst__conv_blocked_backward_data(
    kdst__compute *cp, const kdst__conv2d_shape *s, const float *w, const float *dy, int32_t add, float *dx)
{
    const struct algorithm *a = choose(cp, s);
    return (a ? a->backward_data : general_backward_data)(cp, s, w, dy, add, dx);
}

kdst_status kdst__conv_blocked_backward_weights(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *dy, float *dw,
    float *db)
{
    const struct algorithm *a = choose(cp, s);
    kdst_status status = KDST_STATUS_OK;
    if (dw) status = (a ? a->backward_weights : general_backward_weights)(cp, s, x_plain, x, dy, dw);
    if (!status && db) kdst__blocked_sum(cp, s->n, s->o, s->p * s->q, dy, db);
    return status;
}

/* ---- packed weights ---- */

/* Algorithms that have them, named by their forward pass. */
static const struct packer {
    kdst_status (*forward)(
        kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *w,
        const kdst__conv_tail *tail, float *y);
    kdst_status (*pack)(
        kdst__compute *cp, kdst__memory *memory, const kdst__conv2d_shape *s, const float *w, float **out,
        size_t *bytes);
    kdst_status (*forward_packed)(
        kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *w,
        const float *packed, const kdst__conv_tail *tail, float *y);
} packers[] = {
    {kdst__conv_winograd_forward, kdst__conv_winograd_pack, kdst__conv_winograd_forward_packed},
    {kdst__conv_direct_forward, kdst__conv_direct_pack, kdst__conv_direct_forward_packed},
};

struct kdst__conv_packed {
    kdst__memory *memory;
    const struct packer *packer;
    int64_t c, o, kh, kw, stride[2], lanes;
    float *data;
    size_t bytes;
};

static const struct packer *packer_of(const kdst__compute *cp, const kdst__conv2d_shape *s)
{
    const struct algorithm *a = choose(cp, s);
    for (size_t i = 0; a && i < sizeof packers / sizeof *packers; i++)
        if (packers[i].forward == a->forward) return &packers[i];
    return NULL;
}

kdst_status kdst__conv_blocked_pack(
    kdst__compute *cp, kdst__memory *memory, const kdst__conv2d_shape *s, const float *w, kdst__conv_packed **out)
{
    const struct packer *packer = packer_of(cp, s);
    *out = NULL;
    if (!packer) return KDST_STATUS_OK;
    kdst__conv_packed *made = kdst__alloc(memory, sizeof *made);
    if (!made) return KDST_STATUS_OUT_OF_MEMORY;
    *made = (kdst__conv_packed){
        .memory = memory,
        .packer = packer,
        .c = s->c,
        .o = s->o,
        .kh = s->kh,
        .kw = s->kw,
        .stride = {s->stride[0], s->stride[1]},
        .lanes = cp->lanes};
    const kdst_status status = packer->pack(cp, memory, s, w, &made->data, &made->bytes);
    if (made->data)
        *out = made;
    else
        kdst__free(memory, made, sizeof *made);
    return status;
}

size_t kdst__conv_packed_bytes(const kdst__conv_packed *packed)
{
    return packed ? packed->bytes + sizeof *packed : 0;
}

void kdst__conv_packed_destroy(kdst__conv_packed *packed)
{
    if (!packed) return;
    kdst__free(packed->memory, packed->data, packed->bytes);
    kdst__free(packed->memory, packed, sizeof *packed);
}

kdst_status kdst__conv_blocked_forward_packed(
    kdst__compute *cp, const kdst__conv2d_shape *s, int32_t x_plain, const float *x, const float *w,
    const kdst__conv_packed *packed, const kdst__conv_tail *tail, float *y)
{
    if (!packed || packed->packer != packer_of(cp, s) || packed->lanes != cp->lanes || packed->c != s->c ||
        packed->o != s->o || packed->kh != s->kh || packed->kw != s->kw || packed->stride[0] != s->stride[0] ||
        packed->stride[1] != s->stride[1])
        return kdst__conv_blocked_forward(cp, s, x_plain, x, w, tail, y);
    return packed->packer->forward_packed(cp, s, x_plain, x, w, packed->data, tail, y);
}
