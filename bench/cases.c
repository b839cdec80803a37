/* SPDX-License-Identifier: Apache-2.0 */
/* The list of cases.def, and the cases that a command line asks for. */
#include "cases.h"

#include <stdio.h>
#include <string.h>

#define SIZES(...)                                                                                                     \
  {                                                                                                                    \
    __VA_ARGS__                                                                                                        \
  }
#define NETWORK(name_, kind_, model_, make_, rank_, shape_)                                                            \
  {.name = #name_,                                                                                                     \
   .kind = &kind_,                                                                                                     \
   .dtype = KDST_DTYPE_FLOAT32,                                                                                        \
   .rank = rank_,                                                                                                      \
   .shape = SIZES shape_,                                                                                              \
   .model = model_,                                                                                                    \
   .make = make_},
#define STEP(name, model, shape) NETWORK(name, bench_step, model, NULL, 4, shape)
#define BY_HAND(name, make, shape) NETWORK(name, bench_step, NULL, make, 4, shape)
#define SPIKING(name_, model_, shape_, padding_) IMAGES(#name_, bench_spiking_step, shape_, .model = model_, .padding = padding_)
#define INFER(name, model, shape) NETWORK(name, bench_inference, model, NULL, 4, shape)
#define LAYER(name, make, rank, shape) NETWORK(name, bench_layer, NULL, make, rank, shape)
#define PRODUCT(name_, dtype_, m, n, k)                                                                                \
  {.name = #name_, .kind = &bench_product, .dtype = dtype_, .rank = 3, .shape = {m, n, k}},
#define IMAGES(name_, kind_, shape_, ...)                                                                              \
  {.name = name_, .kind = &kind_, .dtype = KDST_DTYPE_FLOAT32, .rank = 4, .shape = SIZES shape_, __VA_ARGS__},
#define WINDOWS(out_, window_, stride_, padding_, dilation_, groups_)                                                  \
  .out = out_, .window = window_, .stride = stride_, .padding = padding_, .dilation = dilation_, .groups = groups_
#define CONVOLUTION(name, shape, ...)                                                                                  \
  IMAGES(#name "_forward", bench_convolution, shape, WINDOWS(__VA_ARGS__))                                             \
  IMAGES(#name "_data", bench_convolution_backward, shape, WINDOWS(__VA_ARGS__), .differentiates_x = true)             \
  IMAGES(#name "_weights", bench_convolution_backward, shape, WINDOWS(__VA_ARGS__), .differentiates_weight = true)
#define NORM(name, shape)                                                                                              \
  IMAGES(#name "_forward", bench_norm, shape, .groups = 0)                                                             \
  IMAGES(#name "_backward", bench_norm_backward, shape, .differentiates_x = true, .differentiates_weight = true)
#define POOL(name, shape, window_, stride_, padding_)                                                                  \
  IMAGES(#name "_forward", bench_pool, shape, .window = window_, .stride = stride_, .padding = padding_)               \
  IMAGES(                                                                                                              \
      #name "_backward", bench_pool_backward, shape, .window = window_, .stride = stride_, .padding = padding_,        \
      .differentiates_x = true)
#define ROWS(name_, kind_, loss_, rows, columns)                                                                       \
  {.name = #name_, .kind = &kind_, .dtype = KDST_DTYPE_FLOAT32, .rank = 2, .shape = {rows, columns}, .loss = loss_},
#define SOFTMAX(name, rows, columns) ROWS(name, bench_softmax, NULL, rows, columns)
#define LOSS(name, make, rows, classes) ROWS(name, bench_loss, make, rows, classes)
#define UPDATE(name_, kind_, make_, model_, shape_)                                                                    \
  {.name = #name_,                                                                                                     \
   .kind = &kind_,                                                                                                     \
   .dtype = KDST_DTYPE_FLOAT32,                                                                                        \
   .rank = 4,                                                                                                          \
   .shape = SIZES shape_,                                                                                              \
   .model = model_,                                                                                                    \
   .optimizer = make_},

const bench_case bench_cases[] = {
#include "cases.def"
};
const int bench_case_count = sizeof bench_cases / sizeof *bench_cases;

/* Whether a name is in a list with commas. */
static bool lists(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
        if (!strncmp(at, name, length) && (at[length] == ',' || !at[length])) return true;
    return false;
}

bool bench_is_wanted(const bench_case *c, const char *const *wanted, int count)
{
    for (int i = 0; i < count; i++)
        if (lists(wanted[i], c->name)) return true;
    return count == 0;
}

static bool exists(const char *name, size_t length)
{
    for (int i = 0; i < bench_case_count; i++)
        if (strlen(bench_cases[i].name) == length && !strncmp(bench_cases[i].name, name, length)) return true;
    return false;
}

int bench_check_names(const char *const *wanted, int count)
{
    for (int i = 0; i < count; i++)
        for (const char *at = wanted[i]; at;) {
            const char *comma = strchr(at, ',');
            size_t length = comma ? (size_t)(comma - at) : strlen(at);
            if (!exists(at, length)) {
                fprintf(stderr, "kdst-bench: no case \"%.*s\"; --list names them\n", (int)length, at);
                return 2;
            }
            at = comma ? comma + 1 : NULL;
        }
    return 0;
}
