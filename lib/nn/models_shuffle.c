/* SPDX-License-Identifier: Apache-2.0 */
/* Small networks of depthwise convolutions, in the forms of Yuan et al. (Teacher-free Knowledge Distillation, 2020) for 32x32 images.
 *
 * mobilenetv2_cifar: Sandler et al. (2018); the stem is 1x1 with padding 1, so its map is 34x34. shufflenetv2_cifar: Ma, Zhang, Zheng, Sun
 * (2018); in a unit with stride the middle width is that of the input, where the paper has half the output's. Every
 * convolution has a bias, also in front of a batch norm.
 */
#include "nn/models.h"

/* ---- mobilenetv2_cifar ---- */

/* The argument is the expansion. */
static const kdst__model_row bottleneck_layers[] = {
    {CONV("", ROW_CHANNELS, 1, 1, 0), .times = ARG(0), .bias = 1},
    {NORM("")},
    {RELU6},
    {CONV("", ROW_CHANNELS, 3, ROW_STRIDE, 1), .groups = ROW_CHANNELS, .bias = 1},
    {NORM("")},
    {RELU6},
    {CONV("", ROW_WIDTH, 1, 1, 0), .bias = 1},
    {NORM("")},
    {END}};

static const kdst__model_row bottleneck_body[] = {{GROUP("residual", bottleneck_layers), .numbered = 1}, {END}};
static const kdst__model_row bottleneck[] = {{RESIDUAL("", bottleneck_body, NULL), .linear = 1}, {END}};

static const kdst__model_row mobile_pre[] = {{CONV("", 32, 1, 1, 1), .bias = 1}, {NORM("")}, {RELU6}, {END}};
static const kdst__model_row mobile_conv1[] = {{CONV("", 1280, 1, 1, 0), .bias = 1}, {NORM("")}, {RELU6}, {END}};

const kdst__model_row kdst__rows_mobilenetv2_cifar[] = {
    {GROUP("pre", mobile_pre), .numbered = 1},
    {STAGE("stage1", 16, 1, 1, bottleneck), .each = "", .args = {1}},
    {STAGE("stage2", 24, 2, 2, bottleneck), .args = {6}},
    {STAGE("stage3", 32, 2, 3, bottleneck), .args = {6}},
    {STAGE("stage4", 64, 2, 4, bottleneck), .args = {6}},
    {STAGE("stage5", 96, 1, 3, bottleneck), .args = {6}},
    {STAGE("stage6", 160, 1, 3, bottleneck), .args = {6}},
    {STAGE("stage7", 320, 1, 1, bottleneck), .each = "", .args = {6}},
    {GROUP("conv1", mobile_conv1), .numbered = 1},
    {FIXED_POOL(1)},
    {CONV("conv2", ROW_CLASSES, 1, 1, 0), .bias = 1},
    {FLATTEN},
    {END}};

/* ---- shufflenetv2_cifar ---- */

/* Stride 1: the first half of the channels passes, the second goes through this. */
static const kdst__model_row same_layers[] = {
    {CONV("", ROW_CHANNELS, 1, 1, 0), .bias = 1},
    {NORM("")},
    {RELU},
    {CONV("", ROW_CHANNELS, 3, 1, 1), .groups = ROW_CHANNELS, .bias = 1},
    {NORM("")},
    {CONV("", ROW_CHANNELS, 1, 1, 0), .bias = 1},
    {NORM("")},
    {RELU},
    {END}};

static const kdst__model_row same_second[] = {{HALF(1)}, {GROUP("residual", same_layers), .numbered = 1}, {END}};
static const kdst__model_row same_halves[] = {{HALF(0)}, {GROUP("", same_second)}, {END}};
static const kdst__model_row same[] = {{CONCAT("", same_halves)}, {SHUFFLE(2)}, {END}};

/* With stride: both branches read all channels, each gives half of the output's. */
static const kdst__model_row down_residual[] = {
    {CONV("", ROW_CHANNELS, 1, 1, 0), .bias = 1},
    {NORM("")},
    {RELU},
    {CONV("", ROW_CHANNELS, 3, ROW_STRIDE, 1), .groups = ROW_CHANNELS, .bias = 1},
    {NORM("")},
    {CONV("", ROW_WIDTH, 1, 1, 0), .over = 2, .bias = 1},
    {NORM("")},
    {RELU},
    {END}};

static const kdst__model_row down_shortcut[] = {
    {CONV("", ROW_CHANNELS, 3, ROW_STRIDE, 1), .groups = ROW_CHANNELS, .bias = 1},
    {NORM("")},
    {CONV("", ROW_WIDTH, 1, 1, 0), .over = 2, .bias = 1},
    {NORM("")},
    {RELU},
    {END}};

static const kdst__model_row down_branches[] = {
    {GROUP("residual", down_residual), .numbered = 1}, {GROUP("shortcut", down_shortcut), .numbered = 1}, {END}};
static const kdst__model_row down[] = {{CONCAT("", down_branches), .reversed = 1}, {SHUFFLE(2)}, {END}};

static const kdst__model_row shuffle_unit[] = {{WHEN_CHANGED(down, same), .multiple = 2}, {END}};

static const kdst__model_row shuffle_pre[] = {{CONV("", 24, 3, 1, 1), .bias = 1}, {NORM("")}, {END}};
static const kdst__model_row shuffle_conv5[] = {{CONV("", ARG(3), 1, 1, 0), .bias = 1}, {NORM("")}, {RELU}, {END}};

const kdst__model_row kdst__rows_shufflenetv2_cifar[] = {
    {GROUP("pre", shuffle_pre), .numbered = 1},
    {STAGE("stage2", ARG(0), 2, 4, shuffle_unit)},
    {STAGE("stage3", ARG(1), 2, 8, shuffle_unit)},
    {STAGE("stage4", ARG(2), 2, 4, shuffle_unit)},
    {GROUP("conv5", shuffle_conv5), .numbered = 1},
    {GLOBAL_POOL},
    {LINEAR("fc", ROW_CLASSES)},
    {END}};
