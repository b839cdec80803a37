/* SPDX-License-Identifier: Apache-2.0 */
/* Recordings of events, binary and text: the first byte chooses the options, the rest is the file. */
#include "target.h"

#include <string.h>

enum { STEPS = 9, HEIGHT = 34, WIDTH = 30, COUNT = STEPS * 2 * HEIGHT * WIDTH };

/* Every bin is looked at, so that a sanitizer sees what was never written. */
static void check(kdst_status status, kdst_tensor *t, int most, unsigned char bins[COUNT])
{
    fuzz_check_status(status);
    fuzz_promise(!status == !!t, "a tensor with success alone");
    if (!t) return;
    fuzz_promise(kdst_tensor_get_count(t) == COUNT, "the shape that was asked for");
    fuzz_promise(!kdst_tensor_get_data(t, bins, COUNT), "the tensor's data");
    for (int i = 0; i < COUNT; i++)
        fuzz_promise(bins[i] <= most, "bins within their range");
    kdst_tensor_release(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static unsigned char from_file[COUNT], from_memory[COUNT];
    kdst_context *ctx = fuzz_context();
    kdst_options *o = NULL;
    kdst_tensor *t = NULL;
    if (bytes < 1) return 0;
    int choice = data[0];
    const char *path = fuzz_file(0, data + 1, bytes - 1);
    fuzz_promise(!kdst_options_create(&o), "options");
    fuzz_promise(!kdst_options_set_int(o, "steps", STEPS) && !kdst_options_set_int(o, "width", WIDTH), "sizes");
    fuzz_promise(!kdst_options_set_string(o, "format", choice & 1 ? "text" : "binary"), "format");
    fuzz_promise(!kdst_options_set_int(o, "count", choice >> 1 & 1), "count");
    fuzz_promise(!kdst_options_set_int(o, "overflow", choice >> 2 & 1), "overflow");
    fuzz_promise(!kdst_options_set_int(o, "bin", choice & 8 ? 1000 : 900000), "bin");
    fuzz_promise(!kdst_options_set_string(o, "dtype", "uint8"), "dtype");
    kdst_status status = kdst_events_load(ctx, path, o, &t);
    check(status, t, choice & 2 ? 255 : 1, from_file);
    fuzz_promise(kdst_events_load_bytes(ctx, data + 1, (int64_t)bytes - 1, o, &t) == status, "the same from memory");
    check(status, t, 255, from_memory);
    fuzz_promise(status || !memcmp(from_file, from_memory, COUNT), "the same bins from memory");
    kdst_options_release(o);
    fuzz_promise(!kdst_context_live_count(ctx), "nothing left");
    return 0;
}

/* Binary events lie on the sensor, one after the other. */
void fuzz_repair(uint8_t *data, size_t bytes)
{
    uint8_t last[3] = {0};
    if (bytes < 1 || data[0] & 1) return;
    for (size_t at = 1; at + 5 <= bytes; at += 5) {
        uint8_t *e = data + at, time[3] = {e[2] & 127, e[3], e[4]};
        if (data[0] & 4 && e[1] == 240) continue;
        e[0] %= WIDTH;
        e[1] %= HEIGHT;
        if (memcmp(time, last, 3) < 0) {
            e[2] = (uint8_t)((e[2] & 128) | last[0]);
            e[3] = last[1];
            e[4] = last[2];
        } else {
            memcpy(last, time, 3);
        }
    }
}
