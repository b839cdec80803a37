/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings of noise in the binary form, and what they are binned to, read bit by bit from 40-bit numbers. */
#ifndef KDST_TESTS_DATA_RECORDINGS_H
#define KDST_TESTS_DATA_RECORDINGS_H

#include "support.h"

/* What the options say. */
typedef struct form {
    int64_t steps, bin, height, width, count, overflow;
} form;

static inline void put_event(uint8_t *to, uint64_t x, uint64_t y, uint64_t polarity, uint64_t time)
{
    uint64_t word = x << 32 | y << 24 | polarity << 23 | time;
    for (int i = 0; i < 5; i++)
        to[i] = (uint8_t)(word >> (32 - 8 * i));
}

/* Events in order of time, a few of them at one place and step, up to `last` microseconds; with overflow some marks. */
static inline size_t make_recording(const form *f, int64_t events, int64_t last, uint32_t seed, uint8_t *out)
{
    uint32_t state = seed;
    uint64_t time = 0;
    for (int64_t i = 0; i < events; i++, out += 5) {
        uint32_t r = next_random(&state);
        if (f->overflow && r % 37 == 5) {
            put_event(out, r % 256, 240, r % 2, r % 1000);
            continue;
        }
        uint64_t room = (uint64_t)last - time;
        time +=
            (r & 3) == 0 || !room ? 0 : next_random(&state) % (2 * (uint64_t)last / (uint64_t)events + 1) % (room + 1);
        put_event(
            out, next_random(&state) % (uint64_t)f->width, next_random(&state) % (uint64_t)f->height,
            next_random(&state) % 2, time);
        if ((r & 12) == 0 && i + 1 < events) {
            memcpy(out + 5, out, 5);
            i++;
            out += 5;
        }
    }
    return (size_t)events * 5;
}

/* out [T, 2, H, W] */
static inline void bin_naively(const form *f, const uint8_t *data, size_t bytes, double *out)
{
    uint64_t added = 0;
    for (int64_t i = 0; i < f->steps * 2 * f->height * f->width; i++)
        out[i] = 0;
    for (size_t at = 0; at + 5 <= bytes; at += 5) {
        uint64_t word = 0;
        for (int k = 0; k < 5; k++)
            word = word * 256 + data[at + (size_t)k];
        int64_t x = (int64_t)(word / 4294967296), y = (int64_t)(word / 16777216 % 256),
                p = (int64_t)(word / 8388608 % 2);
        if (f->overflow && y == 240) {
            added += 8192;
            continue;
        }
        int64_t step = (int64_t)(word % 8388608 + added) / f->bin;
        if (step >= f->steps) continue;
        double *place = &out[((step * 2 + p) * f->height + y) * f->width + x];
        *place = f->count ? (*place < 255 ? *place + 1 : 255) : 1;
    }
}

static inline kdst_options *options_of(const form *f)
{
    kdst_options *o = set_int(set_int(new_options(), "steps", f->steps), "bin", f->bin);
    o = set_int(set_int(o, "height", f->height), "width", f->width);
    return set_int(set_int(o, "count", f->count), "overflow", f->overflow);
}

#endif
