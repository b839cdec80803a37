/* SPDX-License-Identifier: Apache-2.0 */
/* Networks that put the outputs of branches behind each other.
 *
 * densenet: Huang, Liu, van der Maaten, Weinberger (2017), torchvision's form. densenet_cifar: that of Yuan et al. (Teacher-free
 * Knowledge Distillation, 2020), without batch norm behind the stem and without relu in the transitions. googlenet: Szegedy et al. (2015) with
 * batch norm, torchvision's form, whose third branch has 3x3 where the paper has 5x5. googlenet_cifar: Yuan et al.; two 3x3 for the
 * 5x5, and a batch norm whose eps is its number of channels, since that is what trained weights depend on.
 */
#include "nn/models.h"

/* ---- densenet ---- */

static const kdst__model_row dense_body[] = {
    {NORM("norm1")},
    {RELU},
    {CONV("conv1", ROW_WIDTH, 1, 1, 0), .times = 4},
    {NORM("norm2")},
    {RELU},
    {CONV("conv2", ROW_WIDTH, 3, 1, 1)},
    {END}};

static const kdst__model_row dense_branches[] = {{GROUP("", NULL)}, {GROUP("", dense_body)}, {END}};
static const kdst__model_row dense_layer[] = {{CONCAT("", dense_branches)}, {END}};

static const kdst__model_row transition[] = {
    {NORM("norm")}, {RELU}, {CONV("conv", ROW_CHANNELS, 1, 1, 0), .over = 2}, {AVG_POOL(2, 2)}, {END}};

static const kdst__model_row densenet_features[] = {
    {CONV("conv0", ARG(5), 7, 2, 3)},
    {NORM("norm0")},
    {RELU},
    {MAX_POOL(3, 2, 1)},
    {STAGE("denseblock1", ARG(0), 1, ARG(1), dense_layer), .each = "denselayer@"},
    {GROUP("transition1", transition)},
    {STAGE("denseblock2", ARG(0), 1, ARG(2), dense_layer), .each = "denselayer@"},
    {GROUP("transition2", transition)},
    {STAGE("denseblock3", ARG(0), 1, ARG(3), dense_layer), .each = "denselayer@"},
    {GROUP("transition3", transition)},
    {STAGE("denseblock4", ARG(0), 1, ARG(4), dense_layer), .each = "denselayer@"},
    {NORM("norm5")},
    {END}};

const kdst__model_row kdst__rows_densenet[] = {
    {GROUP("features", densenet_features)}, {RELU}, {GLOBAL_POOL}, {LINEAR("classifier", ROW_CLASSES)}, {END}};

/* ---- densenet_cifar ---- */

static const kdst__model_row dense_cifar_body[] = {
    {NORM("0|norm1")},
    {RELU},
    {CONV("2|conv1", ROW_WIDTH, 1, 1, 0), .times = 4},
    {NORM("3|norm2")},
    {RELU},
    {CONV("5|conv2", ROW_WIDTH, 3, 1, 1)},
    {END}};

static const kdst__model_row dense_cifar_branches[] = {
    {GROUP("", NULL)}, {GROUP("bottle_neck|", dense_cifar_body)}, {END}};
static const kdst__model_row dense_cifar_layer[] = {{CONCAT("", dense_cifar_branches)}, {END}};

static const kdst__model_row down_sample[] = {
    {NORM("0|norm")}, {CONV("1|conv", ROW_CHANNELS, 1, 1, 0), .over = 2}, {AVG_POOL(2, 2)}, {END}};
static const kdst__model_row transition_cifar[] = {{GROUP("down_sample|", down_sample)}, {END}};

#define DENSE_BLOCK(name_, layers)                                                                                     \
  STAGE(name_, ARG(0), 1, layers, dense_cifar_layer), .each = "bottle_neck_layer_#|denselayer@"

static const kdst__model_row densenet_cifar_blocks[] = {
    {DENSE_BLOCK("dense_block_layer_0|denseblock1", ARG(1))},
    {GROUP("transition_layer_0|transition1", transition_cifar)},
    {DENSE_BLOCK("dense_block_layer_1|denseblock2", ARG(2))},
    {GROUP("transition_layer_1|transition2", transition_cifar)},
    {DENSE_BLOCK("dense_block_layer_2|denseblock3", ARG(3))},
    {GROUP("transition_layer_2|transition3", transition_cifar)},
    {DENSE_BLOCK("dense_block3|denseblock4", ARG(4))},
    {NORM("bn|norm5")},
    {END}};

/* The stem is outside of `features` in the origin, inside in torchvision. */
static const kdst__model_row densenet_cifar_features[] = {
    {CONV("conv1|conv0", ARG(0), 3, 1, 1), .times = 2}, {GROUP("features|", densenet_cifar_blocks)}, {END}};

const kdst__model_row kdst__rows_densenet_cifar[] = {
    {GROUP("|features", densenet_cifar_features)},
    {RELU},
    {GLOBAL_POOL},
    {LINEAR("linear|classifier", ROW_CLASSES)},
    {END}};

/* ---- googlenet ---- */

/* The arguments of an inception block: 1x1, reduction and output of the 3x3, of the 5x5, projection behind the pool. */
#define INCEPTION_3A                                                                                                   \
  {                                                                                                                    \
    64, 96, 128, 16, 32, 32                                                                                            \
  }
#define INCEPTION_3B                                                                                                   \
  {                                                                                                                    \
    128, 128, 192, 32, 96, 64                                                                                          \
  }
#define INCEPTION_4A                                                                                                   \
  {                                                                                                                    \
    192, 96, 208, 16, 48, 64                                                                                           \
  }
#define INCEPTION_4B                                                                                                   \
  {                                                                                                                    \
    160, 112, 224, 24, 64, 64                                                                                          \
  }
#define INCEPTION_4C                                                                                                   \
  {                                                                                                                    \
    128, 128, 256, 24, 64, 64                                                                                          \
  }
#define INCEPTION_4D                                                                                                   \
  {                                                                                                                    \
    112, 144, 288, 32, 64, 64                                                                                          \
  }
#define INCEPTION_4E                                                                                                   \
  {                                                                                                                    \
    256, 160, 320, 32, 128, 128                                                                                        \
  }
#define INCEPTION_5A                                                                                                   \
  {                                                                                                                    \
    256, 160, 320, 32, 128, 128                                                                                        \
  }
#define INCEPTION_5B                                                                                                   \
  {                                                                                                                    \
    384, 192, 384, 48, 128, 128                                                                                        \
  }

static const kdst__model_row conv1x1[] = {{CONV("conv", ARG(0), 1, 1, 0)}, {NORM("bn")}, {RELU}, {END}};
static const kdst__model_row conv3x3[] = {{CONV("conv", ARG(0), 3, 1, 1)}, {NORM("bn")}, {RELU}, {END}};
static const kdst__model_row conv7x7[] = {{CONV("conv", ARG(0), 7, 2, 3)}, {NORM("bn")}, {RELU}, {END}};

static const kdst__model_row branch2[] = {
    {GROUP("0", conv1x1), .args = {ARG(1)}}, {GROUP("1", conv3x3), .args = {ARG(2)}}, {END}};
static const kdst__model_row branch3[] = {
    {GROUP("0", conv1x1), .args = {ARG(3)}}, {GROUP("1", conv3x3), .args = {ARG(4)}}, {END}};
static const kdst__model_row branch4[] = {
    {MAX_POOL(3, 1, 1), .ceil = 1}, {GROUP("1", conv1x1), .args = {ARG(5)}}, {END}};

static const kdst__model_row inception[] = {
    {GROUP("branch1", conv1x1)},
    {GROUP("branch2", branch2)},
    {GROUP("branch3", branch3)},
    {GROUP("branch4", branch4)},
    {END}};

const kdst__model_row kdst__rows_googlenet[] = {
    {GROUP("conv1", conv7x7), .args = {64}},
    {MAX_POOL(3, 2, 0), .ceil = 1},
    {GROUP("conv2", conv1x1), .args = {64}},
    {GROUP("conv3", conv3x3), .args = {192}},
    {MAX_POOL(3, 2, 0), .ceil = 1},
    {CONCAT("inception3a", inception), .args = INCEPTION_3A},
    {CONCAT("inception3b", inception), .args = INCEPTION_3B},
    {MAX_POOL(3, 2, 0), .ceil = 1},
    {CONCAT("inception4a", inception), .args = INCEPTION_4A},
    {CONCAT("inception4b", inception), .args = INCEPTION_4B},
    {CONCAT("inception4c", inception), .args = INCEPTION_4C},
    {CONCAT("inception4d", inception), .args = INCEPTION_4D},
    {CONCAT("inception4e", inception), .args = INCEPTION_4E},
    {MAX_POOL(2, 2, 0), .ceil = 1},
    {CONCAT("inception5a", inception), .args = INCEPTION_5A},
    {CONCAT("inception5b", inception), .args = INCEPTION_5B},
    {GLOBAL_POOL},
    {DROPOUT(0.2)},
    {LINEAR("fc", ROW_CLASSES)},
    {END}};

/* ---- googlenet_cifar ---- */

static const kdst__model_row prelayer[] = {{CONV("", 192, 3, 1, 1), .bias = 1}, {NORM("")}, {RELU}, {END}};

static const kdst__model_row b1[] = {{CONV("", ARG(0), 1, 1, 0), .bias = 1}, {NORM("")}, {RELU}, {END}};

static const kdst__model_row b2[] = {
    {CONV("", ARG(1), 1, 1, 0), .bias = 1},
    {NORM("")},
    {RELU},
    {CONV("", ARG(2), 3, 1, 1), .bias = 1},
    {NORM("")},
    {RELU},
    {END}};

static const kdst__model_row b3[] = {
    {CONV("", ARG(3), 1, 1, 0), .bias = 1},
    {NORM("")},
    {RELU},
    {CONV("", ARG(4), 3, 1, 1), .bias = 1},
    {NORM(""), .odd_eps = 1},
    {RELU},
    {CONV("", ARG(4), 3, 1, 1), .bias = 1},
    {NORM("")},
    {RELU},
    {END}};

static const kdst__model_row b4[] = {
    {MAX_POOL(3, 1, 1)}, {CONV("", ARG(5), 1, 1, 0), .bias = 1}, {NORM("")}, {RELU}, {END}};

static const kdst__model_row inception_cifar[] = {
    {GROUP("b1", b1), .numbered = 1},
    {GROUP("b2", b2), .numbered = 1},
    {GROUP("b3", b3), .numbered = 1},
    {GROUP("b4", b4), .numbered = 1},
    {END}};

const kdst__model_row kdst__rows_googlenet_cifar[] = {
    {GROUP("prelayer", prelayer), .numbered = 1},
    {CONCAT("a3", inception_cifar), .args = INCEPTION_3A},
    {CONCAT("b3", inception_cifar), .args = INCEPTION_3B},
    {MAX_POOL(3, 2, 1)},
    {CONCAT("a4", inception_cifar), .args = INCEPTION_4A},
    {CONCAT("b4", inception_cifar), .args = INCEPTION_4B},
    {CONCAT("c4", inception_cifar), .args = INCEPTION_4C},
    {CONCAT("d4", inception_cifar), .args = INCEPTION_4D},
    {CONCAT("e4", inception_cifar), .args = INCEPTION_4E},
    {MAX_POOL(3, 2, 1)},
    {CONCAT("a5", inception_cifar), .args = INCEPTION_5A},
    {CONCAT("b5", inception_cifar), .args = INCEPTION_5B},
    {GLOBAL_POOL},
    {DROPOUT(0.4)},
    {LINEAR("linear", ROW_CLASSES)},
    {END}};
