/* SPDX-License-Identifier: Apache-2.0 */
/* Residual networks.
 *
 * resnet20 … 110: He, Zhang, Ren, Sun (2016), CIFAR form with parameter-free shortcuts, depth 6n + 2; _proj: the form of torchdistill, with
 * projections. resnet18 … 152: the CIFAR form with a 3x3 stem of Yuan et al. (Teacher-free Knowledge Distillation, 2020); its last
 * pooling is the mean of the 4x4 map that a 32x32 image leaves. _imagenet: torchvision's. wrn: Zagoruyko and Komodakis (2016),
 * pre-activation units, depth 6n + 4; the shortcut of a unit that changes the width reads the activated input. resnext29: Xie et
 * al. (2017), grouped convolutions. adashare: the dilated backbone of Sun, Panda, Feris, Saenko (2020), without heads.
 */
#include "nn/models.h"

/* ---- units ---- */

static const kdst__model_row projection[] = {{CONV("0", ROW_WIDTH, 1, ROW_STRIDE, 0)}, {NORM("1")}, {END}};

static const kdst__model_row zero_padding[] = {{ZERO_PAD(ROW_WIDTH, ROW_STRIDE)}, {END}};

/* Two 3x3 convolutions, the first with the stage's stride. */
static const kdst__model_row basic_body[] = {{CONV("conv1", ROW_WIDTH, 3, ROW_STRIDE, 1)}, {NORM("bn1")}, {RELU},
                                             {CONV("conv2", ROW_WIDTH, 3, 1, 1)},          {NORM("bn2")}, {END}};

static const kdst__model_row basic[] = {{RESIDUAL("shortcut|downsample", basic_body, projection)}, {END}};
static const kdst__model_row basic_torch[] = {{RESIDUAL("downsample", basic_body, projection)}, {END}};
static const kdst__model_row basic_padded[] = {{RESIDUAL("shortcut", basic_body, zero_padding)}, {END}};

/* A 3x3 convolution, which has the stride, between two 1x1; the stage's width is that behind the unit, four times that inside. */
static const kdst__model_row bottleneck_body[] = {
    {CONV("conv1", ROW_WIDTH, 1, 1, 0), .over = 4},
    {NORM("bn1")},
    {RELU},
    {CONV("conv2", ROW_WIDTH, 3, ROW_STRIDE, 1), .over = 4},
    {NORM("bn2")},
    {RELU},
    {CONV("conv3", ROW_WIDTH, 1, 1, 0)},
    {NORM("bn3")},
    {END}};

static const kdst__model_row bottleneck[] = {{RESIDUAL("shortcut|downsample", bottleneck_body, projection)}, {END}};
static const kdst__model_row bottleneck_torch[] = {{RESIDUAL("downsample", bottleneck_body, projection)}, {END}};

/* ---- CIFAR, three stages ---- */

const kdst__model_row kdst__rows_resnet_padded[] = {
    {CONV("conv1", 16, 3, 1, 1)},
    {NORM("bn1")},
    {RELU},
    {STAGE("layer1", 16, 1, ARG(0), basic_padded)},
    {STAGE("layer2", 32, 2, ARG(0), basic_padded)},
    {STAGE("layer3", 64, 2, ARG(0), basic_padded)},
    {GLOBAL_POOL},
    {LINEAR("fc", ROW_CLASSES)},
    {END}};

const kdst__model_row kdst__rows_resnet_projected[] = {
    {CONV("conv1", 16, 3, 1, 1)},
    {NORM("bn1")},
    {RELU},
    {STAGE("layer1", 16, 1, ARG(0), basic_torch)},
    {STAGE("layer2", 32, 2, ARG(0), basic_torch)},
    {STAGE("layer3", 64, 2, ARG(0), basic_torch)},
    {GLOBAL_POOL},
    {LINEAR("fc", ROW_CLASSES)},
    {END}};

/* ---- CIFAR, four stages ---- */

const kdst__model_row kdst__rows_resnet_basic[] = {
    {CONV("conv1", 64, 3, 1, 1)},
    {NORM("bn1")},
    {RELU},
    {STAGE("layer1", 64, 1, ARG(0), basic)},
    {STAGE("layer2", 128, 2, ARG(1), basic)},
    {STAGE("layer3", 256, 2, ARG(2), basic)},
    {STAGE("layer4", 512, 2, ARG(3), basic)},
    {GLOBAL_POOL},
    {LINEAR("linear|fc", ROW_CLASSES)},
    {END}};

const kdst__model_row kdst__rows_resnet_bottleneck[] = {
    {CONV("conv1", 64, 3, 1, 1)},
    {NORM("bn1")},
    {RELU},
    {STAGE("layer1", 256, 1, ARG(0), bottleneck)},
    {STAGE("layer2", 512, 2, ARG(1), bottleneck)},
    {STAGE("layer3", 1024, 2, ARG(2), bottleneck)},
    {STAGE("layer4", 2048, 2, ARG(3), bottleneck)},
    {GLOBAL_POOL},
    {LINEAR("linear|fc", ROW_CLASSES)},
    {END}};

/* ---- ImageNet ---- */

const kdst__model_row kdst__rows_resnet_basic_imagenet[] = {
    {CONV("conv1", 64, 7, 2, 3)},
    {NORM("bn1")},
    {RELU},
    {MAX_POOL(3, 2, 1)},
    {STAGE("layer1", 64, 1, ARG(0), basic_torch)},
    {STAGE("layer2", 128, 2, ARG(1), basic_torch)},
    {STAGE("layer3", 256, 2, ARG(2), basic_torch)},
    {STAGE("layer4", 512, 2, ARG(3), basic_torch)},
    {GLOBAL_POOL},
    {LINEAR("fc", ROW_CLASSES)},
    {END}};

const kdst__model_row kdst__rows_resnet_bottleneck_imagenet[] = {
    {CONV("conv1", 64, 7, 2, 3)},
    {NORM("bn1")},
    {RELU},
    {MAX_POOL(3, 2, 1)},
    {STAGE("layer1", 256, 1, ARG(0), bottleneck_torch)},
    {STAGE("layer2", 512, 2, ARG(1), bottleneck_torch)},
    {STAGE("layer3", 1024, 2, ARG(2), bottleneck_torch)},
    {STAGE("layer4", 2048, 2, ARG(3), bottleneck_torch)},
    {GLOBAL_POOL},
    {LINEAR("fc", ROW_CLASSES)},
    {END}};

/* ---- wide resnet ---- */

static const kdst__model_row wide_same_body[] = {
    {NORM("bn1")}, {RELU},       {CONV("conv1", ROW_WIDTH, 3, 1, 1)}, {NORM("bn2")},
    {RELU},        {DROPOUT(0)}, {CONV("conv2", ROW_WIDTH, 3, 1, 1)}, {END}};

static const kdst__model_row wide_same[] = {{RESIDUAL("", wide_same_body, NULL), .linear = 1}, {END}};

static const kdst__model_row wide_changed_body[] = {
    {CONV("conv1", ROW_WIDTH, 3, ROW_STRIDE, 1)}, {NORM("bn2")}, {RELU}, {DROPOUT(0)},
    {CONV("conv2", ROW_WIDTH, 3, 1, 1)},          {END}};

static const kdst__model_row wide_shortcut[] = {{CONV("", ROW_WIDTH, 1, ROW_STRIDE, 0)}, {END}};

static const kdst__model_row wide_changed[] = {
    {NORM("bn1")}, {RELU}, {RESIDUAL("convShortcut", wide_changed_body, wide_shortcut), .linear = 1}, {END}};

static const kdst__model_row wide_unit[] = {{WHEN_CHANGED(wide_changed, wide_same)}, {END}};

static const kdst__model_row wide_block1[] = {{STAGE("layer", ARG(1), 1, ARG(0), wide_unit)}, {END}};
static const kdst__model_row wide_block2[] = {{STAGE("layer", ARG(2), 2, ARG(0), wide_unit)}, {END}};
static const kdst__model_row wide_block3[] = {{STAGE("layer", ARG(3), 2, ARG(0), wide_unit)}, {END}};

const kdst__model_row kdst__rows_wide_resnet[] = {
    {CONV("conv1", 16, 3, 1, 1)},
    {GROUP("block1", wide_block1)},
    {GROUP("block2", wide_block2)},
    {GROUP("block3", wide_block3)},
    {NORM("bn1")},
    {RELU},
    {GLOBAL_POOL},
    {LINEAR("fc", ROW_CLASSES)},
    {END}};

/* ---- resnext29 8x64d ---- */

/* Eight groups, each a quarter of the unit's width: 64 channels a group in the first stage. */
static const kdst__model_row resnext_body[] = {
    {CONV("conv_reduce", ROW_WIDTH, 1, 1, 0), .times = 2, .multiple = 8},
    {NORM("bn_reduce")},
    {RELU},
    {CONV("conv_conv", ROW_WIDTH, 3, ROW_STRIDE, 1), .times = 2, .multiple = 8, .groups = 8},
    {NORM("bn")},
    {RELU},
    {CONV("conv_expand", ROW_WIDTH, 1, 1, 0)},
    {NORM("bn_expand")},
    {END}};

static const kdst__model_row resnext_shortcut[] = {
    {CONV("shortcut_conv", ROW_WIDTH, 1, ROW_STRIDE, 0)}, {NORM("shortcut_bn")}, {END}};

static const kdst__model_row resnext_unit[] = {{RESIDUAL("shortcut", resnext_body, resnext_shortcut)}, {END}};

const kdst__model_row kdst__rows_resnext[] = {
    {CONV("conv_1_3x3", 64, 3, 1, 1)},
    {NORM("bn_1")},
    {RELU},
    {STAGE("stage_1", 256, 1, 3, resnext_unit), .each = "stage_1_bottleneck_#"},
    {STAGE("stage_2", 512, 2, 3, resnext_unit), .each = "stage_2_bottleneck_#"},
    {STAGE("stage_3", 1024, 2, 3, resnext_unit), .each = "stage_3_bottleneck_#"},
    {GLOBAL_POOL},
    {LINEAR("classifier", ROW_CLASSES)},
    {END}};

/* ---- the dilated backbone of AdaShare ---- */

/* The argument is the dilation. */
static const kdst__model_row dilated[] = {
    {CONV("conv1", ROW_WIDTH, 3, ROW_STRIDE, ARG(0)), .dilation = ARG(0)}, {NORM("bn1")}, {RELU},
    {CONV("conv2", ROW_WIDTH, 3, 1, ARG(0)), .dilation = ARG(0)},          {NORM("bn2")}, {END}};

static const kdst__model_row adashare_segments[] = {
    {STAGE("", 64, 1, ARG(0), dilated), .args = {1}},
    {STAGE("", 128, 2, ARG(1), dilated), .args = {1}},
    {STAGE("", 256, 1, ARG(2), dilated), .args = {2}},
    {STAGE("", 512, 1, ARG(3), dilated), .args = {4}},
    {END}};

/* The pool of the stem rounds up. */
const kdst__model_row kdst__rows_adashare[] = {
    {CONV("conv1", 64, 7, 2, 3)},
    {NORM("bn1")},
    {RELU},
    {MAX_POOL(3, 2, 1), .ceil = 1},
    {SEGMENTS(adashare_segments, projection)},
    {END}};
