/* SPDX-License-Identifier: Apache-2.0 */
/* Reading elements (see element.h). What is stored as it is wanted is read in place; the rest goes through a small
 * buffer.
 */
#include "io/element.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 8192 };

/* One element, as far as a double or an int64_t holds it; `whole` says which. uint64 values over the largest int64 are
 * doubles, which no integer type of a tensor holds anyway. */
typedef struct number {
    bool whole;
    int64_t integer;
    double real;
} number;

size_t kdst__element_size(kdst__element element)
{
    static const unsigned char sizes[] = {0, 1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 2, 4, 8};
    return sizes[element];
}

kdst_dtype kdst__element_native(kdst__element element)
{
    switch (element) {
    case KDST__ELEMENT_BOOL:
        return KDST_DTYPE_BOOL;
    case KDST__ELEMENT_U8:
        return KDST_DTYPE_UINT8;
    case KDST__ELEMENT_F64:
        return KDST_DTYPE_FLOAT64;
    case KDST__ELEMENT_F16:
    case KDST__ELEMENT_BF16:
    case KDST__ELEMENT_F32:
        return KDST_DTYPE_FLOAT32;
    default:
        return KDST_DTYPE_INT32;
    }
}

static uint64_t assemble(const unsigned char *at, size_t size, bool big_endian)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++)
        bits = bits << 8 | at[big_endian ? i : size - 1 - i];
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 binary16: one sign, five exponent and ten fraction bits; exact in float. */
static float half_to_float(uint32_t half)
{
    uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 0x1fu, fraction = half & 0x3ffu;
    if (exponent == 0) {
        float value = (float)fraction * 0x1p-24f; /* subnormal */
        return sign != 0 ? -value : value;
    }
    return float_of(sign | (exponent == 31 ? 0xffu : exponent + 112) << 23 | fraction << 13);
}

static number load(kdst__element element, uint64_t bits)
{
    number n = {true, 0, 0};
    double wide;
    switch (element) {
    case KDST__ELEMENT_BOOL:
        n.integer = bits != 0;
        return n;
    case KDST__ELEMENT_I8:
        n.integer = (int8_t)bits;
        return n;
    case KDST__ELEMENT_I16:
        n.integer = (int16_t)bits;
        return n;
    case KDST__ELEMENT_I32:
        n.integer = (int32_t)bits;
        return n;
    case KDST__ELEMENT_U64:
        if (bits <= INT64_MAX)
            n.integer = (int64_t)bits;
        else
            n = (number){false, 0, (double)bits};
        return n;
    case KDST__ELEMENT_F16:
        return (number){false, 0, half_to_float((uint32_t)bits)};
    case KDST__ELEMENT_BF16:
        return (number){false, 0, float_of((uint32_t)bits << 16)};
    case KDST__ELEMENT_F32:
        return (number){false, 0, float_of((uint32_t)bits)};
    case KDST__ELEMENT_F64:
        memcpy(&wide, &bits, sizeof wide);
        return (number){false, 0, wide};
    default: /* I64, U8 to U32 */
        n.integer = (int64_t)bits;
        return n;
    }
}

/* false when an integer type does not hold the number. */
static bool to_integer(number n, int64_t low, int64_t high, int64_t *out)
{
    if (!n.whole) {
        double whole = trunc(n.real);
        if (!(whole >= (double)low && whole <= (double)high)) /* NaN too */
            return false;
        n.integer = (int64_t)whole;
    }
    *out = n.integer;
    return n.integer >= low && n.integer <= high;
}

static bool store(kdst_dtype dtype, number n, char *at)
{
    int64_t integer = 0;
    bool fits = true;
    switch (dtype) {
    case KDST_DTYPE_FLOAT32:
        *(float *)(void *)at = n.whole ? (float)n.integer : (float)n.real;
        break;
    case KDST_DTYPE_FLOAT64:
        *(double *)(void *)at = n.whole ? (double)n.integer : n.real;
        break;
    case KDST_DTYPE_INT32:
        fits = to_integer(n, INT32_MIN, INT32_MAX, &integer);
        *(int32_t *)(void *)at = (int32_t)integer;
        break;
    case KDST_DTYPE_UINT8:
        fits = to_integer(n, 0, UINT8_MAX, &integer);
        *(uint8_t *)at = (uint8_t)integer;
        break;
    default:
        *(uint8_t *)at = n.whole ? n.integer != 0 : n.real != 0;
    }
    return fits;
}

static kdst_status fail_range(kdst__source *source, const kdst__element_run *run, number n, uint64_t index)
{
    const char *type = kdst_dtype_get_name(run->dtype);
    unsigned long long place = (unsigned long long)(run->first + index);
    if (n.whole)
        return kdst__source_fail(
            source, KDST_STATUS_FORMAT, "element %llu of %s is %lld, which %s does not hold", place, run->what,
            (long long)n.integer, type);
    return kdst__source_fail(
        source, KDST_STATUS_FORMAT, "element %llu of %s is %.9g, which %s does not hold", place, run->what, n.real,
        type);
}

static kdst_status read_converted(kdst__source *source, const kdst__element_run *run, char *out, uint64_t count)
{
    unsigned char chunk[CHUNK];
    size_t size = kdst__element_size(run->element), step = (size_t)kdst_dtype_get_size(run->dtype), most = CHUNK / size;
    for (uint64_t done = 0; done < count;) {
        size_t n = count - done < most ? (size_t)(count - done) : most;
        kdst_status status = kdst__source_read(source, run->what, chunk, n * size);
        if (status != KDST_STATUS_OK) return status;
        if (run->crc != NULL) kdst__crc32_add(run->crc, chunk, n * size);
        for (size_t i = 0; i < n; i++, out += step) {
            number value = load(run->element, assemble(chunk + i * size, size, run->big_endian));
            if (!store(run->dtype, value, out)) return fail_range(source, run, value, done + i);
        }
        done += n;
    }
    return KDST_STATUS_OK;
}

/* Elements and tensor agree but for the byte order. */
static bool same_type(const kdst__element_run *run)
{
    return run->element != KDST__ELEMENT_BOOL && kdst__element_native(run->element) == run->dtype &&
        kdst__element_size(run->element) == (size_t)kdst_dtype_get_size(run->dtype) &&
        run->element != KDST__ELEMENT_U32;
}

kdst_status kdst__element_read(kdst__source *source, const kdst__element_run *run, void *out, uint64_t count)
{
    size_t size = kdst__element_size(run->element);
    if (!same_type(run) || (size > 1 && run->big_endian != KDST__HOST_BIG_ENDIAN))
        return read_converted(source, run, out, count);
    kdst_status status = kdst__source_read(source, run->what, out, (size_t)count * size);
    if (status == KDST_STATUS_OK && run->crc != NULL) kdst__crc32_add(run->crc, out, (size_t)count * size);
    return status;
}

kdst_status
kdst__element_count(kdst__source *source, const char *what, int64_t rank, const int64_t *shape, uint64_t *out_count)
{
    uint64_t largest = 1; /* without the zeros too: strides are products of sizes */
    bool empty = false;
    for (int64_t i = 0; i < rank; i++) {
        empty = empty || shape[i] == 0;
        if (shape[i] != 0 && __builtin_mul_overflow(largest, (uint64_t)shape[i], &largest)) largest = UINT64_MAX;
        if (largest > (uint64_t)INT64_MAX / 64) {
            char text[KDST__SHAPE_TEXT];
            return kdst__source_fail(
                source, KDST_STATUS_FORMAT, "%s has shape %s, which is too large", what,
                kdst__shape_text(rank, shape, text));
        }
    }
    *out_count = empty ? 0 : largest;
    return KDST_STATUS_OK;
}
