/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors to and from other libraries through DLPack: nothing is copied, every deleter runs once. */
#include "autograd/support.h"

#if KDST_HAVE_DLPACK

#  include "failures/each_allocation.h"

#  include <dlpack/dlpack.h>

/* A tensor as another library would hand it over; `deleted` counts its deleter. */
typedef struct producer {
    DLManagedTensor managed;
    int64_t shape[9], strides[9];
    int deleted;
    double data[8];
} producer;

static void delete_producer(DLManagedTensor *managed)
{
    ((producer *)managed->manager_ctx)->deleted++;
}

/* [2, 3] of double over 0 … 7, row-major. */
static void produce(producer *p)
{
    *p = (producer){.shape = {2, 3}, .strides = {3, 1}, .data = {0, 1, 2, 3, 4, 5, 6, 7}};
    p->managed = (DLManagedTensor){
        .dl_tensor =
            {.data = p->data,
             .device = {kDLCPU, 0},
             .ndim = 2,
             .dtype = {kDLFloat, 64, 1},
             .shape = p->shape,
             .strides = p->strides},
        .manager_ctx = p,
        .deleter = delete_producer};
}

START_TEST(hands_out_every_type)
{
    static const kdst_dtype dtypes[] = {F32, F64, KDST_DTYPE_INT32, KDST_DTYPE_UINT8, KDST_DTYPE_BOOL};
    static const DLDataType expected[] = {
        {kDLFloat, 32, 1}, {kDLFloat, 64, 1}, {kDLInt, 32, 1}, {kDLUInt, 8, 1}, {kDLUInt, 8, 1}};
    kdst_tensor *t = NULL;
    void *out = NULL, *mapped = NULL;
    ck_assert_str_eq(kdst_build_info("dlpack"), "yes");
    expect_ok(kdst_tensor_create(ctx, dtypes[_i], SHAPE(2, 3), &t));
    expect_ok(kdst_tensor_map(t, KDST_MAP_READ, &mapped));
    expect_ok(kdst_tensor_unmap(t));
    expect_ok(kdst_tensor_get_dlpack(t, &out));
    DLManagedTensor *m = out;
    ck_assert_int_eq(m->dl_tensor.dtype.code, expected[_i].code);
    ck_assert_int_eq(m->dl_tensor.dtype.bits, expected[_i].bits);
    ck_assert_int_eq(m->dl_tensor.dtype.lanes, 1);
    ck_assert_int_eq(m->dl_tensor.device.device_type, kDLCPU);
    ck_assert_ptr_eq((char *)m->dl_tensor.data + m->dl_tensor.byte_offset, mapped);
    kdst_tensor_release(t);
    ck_assert_int_eq(kdst_context_live_count(ctx), 1); /* the structure holds it */
    m->deleter(m);
    ck_assert_int_eq(kdst_context_live_count(ctx), 0);
}
END_TEST

START_TEST(hands_out_views)
{
    kdst_tensor *t = filled(F32, SHAPE(4, 6), 1), *part = NULL, *turned = NULL;
    float *mapped = NULL;
    void *out = NULL;
    expect_ok(kdst_slice(t, 0, 1, 4, 2, &part));
    expect_ok(kdst_transpose(part, 0, 1, &turned)); /* [6, 2], strides 1 and 12, from element 6 on */
    expect_ok(kdst_tensor_map(t, KDST_MAP_READ, (void **)&mapped));
    expect_ok(kdst_tensor_unmap(t));
    expect_ok(kdst_tensor_get_dlpack(turned, &out));
    DLManagedTensor *m = out;
    ck_assert_int_eq(m->dl_tensor.ndim, 2);
    ck_assert_int_eq(m->dl_tensor.shape[0], 6);
    ck_assert_int_eq(m->dl_tensor.shape[1], 2);
    ck_assert_int_eq(m->dl_tensor.strides[0], 1);
    ck_assert_int_eq(m->dl_tensor.strides[1], 12);
    ck_assert_ptr_eq((char *)m->dl_tensor.data + m->dl_tensor.byte_offset, mapped + 6);
    m->deleter(m);
    kdst_tensor_release(turned);
    kdst_tensor_release(part);
    kdst_tensor_release(t);
}
END_TEST

START_TEST(takes_in)
{
    producer p;
    kdst_tensor *t = NULL, *view = NULL;
    produce(&p);
    if (_i == 1) p.managed.dl_tensor.strides = NULL;
    if (_i == 2) p.managed.dl_tensor.byte_offset = 8;
    if (_i == 3) p.strides[0] = 1, p.strides[1] = 2;
    static const double expected[][6] = {
        {0, 1, 2, 3, 4, 5}, {0, 1, 2, 3, 4, 5}, {1, 2, 3, 4, 5, 6}, {0, 2, 4, 1, 3, 5}};
    expect_ok(kdst_tensor_create_dlpack(ctx, &p.managed, &t));
    expect_close(t, expected[_i]);
    expect_ok(kdst_tensor_set_value(t, 9));
    ck_assert_double_eq(p.data[_i == 2 ? 6 : 5], 9); /* nothing was copied */
    ck_assert_double_eq(p.data[7], 7);
    expect_ok(kdst_transpose(t, 0, 1, &view));
    kdst_tensor_release(t);
    ck_assert_int_eq(p.deleted, 0);
    kdst_tensor_release(view);
    ck_assert_int_eq(p.deleted, 1);
}
END_TEST

START_TEST(takes_in_without_deleter_or_elements)
{
    producer p;
    kdst_tensor *t = NULL;
    produce(&p);
    p.managed.deleter = NULL;
    expect_ok(kdst_tensor_create_dlpack(ctx, &p.managed, &t));
    kdst_tensor_release(t);
    produce(&p);
    p.shape[1] = 0;
    p.managed.dl_tensor.data = NULL;
    expect_ok(kdst_tensor_create_dlpack(ctx, &p.managed, &t));
    expect_shape(t, SHAPE(2, 0));
    expect_ok(kdst_tensor_set_value(t, 1));
    kdst_tensor_release(t);
    ck_assert_int_eq(p.deleted, 1);
}
END_TEST

START_TEST(there_and_back)
{
    kdst_tensor *t = filled(F64, SHAPE(3, 4), 2), *back = NULL;
    void *out = NULL;
    double *before = doubles(t);
    expect_ok(kdst_tensor_get_dlpack(t, &out));
    expect_ok(kdst_tensor_create_dlpack(ctx, out, &back));
    kdst_tensor_release(t);
    expect_close(back, before);
    kdst_tensor_release(back); /* its deleter gives up the original, which the fixture would miss */
    free(before);
}
END_TEST

/* After a refusal the structure is still its owner's. */
START_TEST(refuses)
{
    static const char *const texts[] = {"device type is 2", "bits", "bits",    "lanes",           "rank is 9",
                                        "axis 1 is -1",     "NULL", "aligned", "reaches too far", "rank is -1"};
    static const kdst_status statuses[] = {
        KDST_STATUS_INVALID_ARGUMENT,
        KDST_STATUS_DTYPE,
        KDST_STATUS_DTYPE,
        KDST_STATUS_DTYPE,
        KDST_STATUS_SHAPE,
        KDST_STATUS_SHAPE,
        KDST_STATUS_INVALID_ARGUMENT,
        KDST_STATUS_INVALID_ARGUMENT,
        KDST_STATUS_SHAPE,
        KDST_STATUS_SHAPE};
    producer p;
    kdst_tensor *t = (kdst_tensor *)&t;
    produce(&p);
    DLTensor *d = &p.managed.dl_tensor;
    switch (_i) {
    case 0:
        d->device.device_type = kDLCUDA;
        break;
    case 1:
        d->dtype.bits = 16;
        break;
    case 2:
        d->dtype = (DLDataType){kDLInt, 64, 1};
        break;
    case 3:
        d->dtype = (DLDataType){kDLFloat, 32, 2};
        break;
    case 4:
        d->ndim = 9;
        break;
    case 5:
        p.shape[1] = -1;
        break;
    case 6:
        d->data = NULL;
        break;
    case 7:
        d->byte_offset = 4;
        break;
    case 8:
        p.strides[0] = INT64_MAX / 2;
        break;
    default:
        d->ndim = -1;
        break;
    }
    expect_failure(kdst_tensor_create_dlpack(ctx, &p.managed, &t), statuses[_i], texts[_i]);
    ck_assert_ptr_null(t);
    ck_assert_int_eq(p.deleted, 0);
}
END_TEST

START_TEST(missing_arguments)
{
    producer p;
    kdst_tensor *t = filled(F32, SHAPE(2), 1), *made = (kdst_tensor *)&made;
    void *out = &out;
    produce(&p);
    expect_failure(kdst_tensor_get_dlpack(t, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_tensor_get_dlpack(NULL, &out), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_ptr_null(out);
    expect_failure(kdst_tensor_create_dlpack(ctx, NULL, &made), KDST_STATUS_INVALID_ARGUMENT, "managed is NULL");
    ck_assert_ptr_null(made);
    expect_failure(kdst_tensor_create_dlpack(ctx, &p.managed, NULL), KDST_STATUS_INVALID_ARGUMENT, "out is NULL");
    ck_assert_int_eq(kdst_tensor_create_dlpack(NULL, &p.managed, &made), KDST_STATUS_INVALID_ARGUMENT);
    ck_assert_int_eq(p.deleted, 0);
    kdst_tensor_release(t);
}
END_TEST

static kdst_status exchange(kdst_context *in, void *arg)
{
    producer p;
    kdst_tensor *t = NULL;
    void *out = NULL;
    (void)arg;
    produce(&p);
    kdst_status status = kdst_tensor_create_dlpack(in, &p.managed, &t);
    ck_assert((status == KDST_STATUS_OK) == (t != NULL));
    if (!status) status = kdst_tensor_get_dlpack(t, &out);
    if (out) ((DLManagedTensor *)out)->deleter(out);
    int made = t != NULL;
    ck_assert_int_eq(p.deleted, 0);
    kdst_tensor_release(t);
    ck_assert_int_eq(p.deleted, made);
    return status;
}

START_TEST(each_allocation_of_an_exchange)
{
    ck_assert_int_ge(each_allocation_fails(NULL, exchange, NULL), 3);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_loop_test(tests, hands_out_every_type, 0, 5);
    tcase_add_test(tests, hands_out_views);
    tcase_add_loop_test(tests, takes_in, 0, 4);
    tcase_add_test(tests, takes_in_without_deleter_or_elements);
    tcase_add_test(tests, there_and_back);
    tcase_add_loop_test(tests, refuses, 0, 10);
    tcase_add_test(tests, missing_arguments);
    tcase_add_test(tests, each_allocation_of_an_exchange);
}

#else

START_TEST(says_that_it_is_not_there)
{
    kdst_tensor *t = filled(F32, SHAPE(2), 1), *made = (kdst_tensor *)&made;
    void *out = &out;
    ck_assert_str_eq(kdst_build_info("dlpack"), "no");
    expect_failure(kdst_tensor_get_dlpack(t, &out), KDST_STATUS_UNSUPPORTED, "no DLPack");
    ck_assert_ptr_null(out);
    expect_failure(kdst_tensor_create_dlpack(ctx, &out, &made), KDST_STATUS_UNSUPPORTED, "no DLPack");
    ck_assert_ptr_null(made);
    kdst_tensor_release(t);
}
END_TEST

static void build(TCase *tests)
{
    tcase_add_test(tests, says_that_it_is_not_there);
}

#endif

int main(void)
{
    return run_suite("dlpack", build);
}
