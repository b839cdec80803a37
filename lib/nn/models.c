/* SPDX-License-Identifier: Apache-2.0 */
/* Every network known by name, in the language of model.h. Parameter names are those of the origin.
 *
 * mlp and lenet: the non-spiking twins of the networks of Zhang and Li (TSSL-BP, 2020). resnet20: He, Zhang, Ren, Sun (2016), CIFAR
 * form with parameter-free shortcuts, depth 6n + 2 with n = 3. resnet18: the CIFAR form with a 3x3 stem of Yuan et al.
 * (Teacher-free Knowledge Distillation, 2020); its last pooling is the mean of the 4x4 map that a 32x32 image leaves.
 */
#include "nn/model.h"

static const kdst__model_row mlp[] = {
    {.op = ROW_FLATTEN},
    {.op = ROW_LINEAR, .name = "fc1", .out = 400},
    {.op = ROW_RELU},
    {.op = ROW_LINEAR, .name = "fc2", .out = 400},
    {.op = ROW_RELU},
    {.op = ROW_LINEAR, .name = "fc3", .out = ROW_CLASSES},
    {.op = ROW_END},
};

static const kdst__model_row lenet[] = {
    {.op = ROW_CONV, .name = "conv1", .out = 32, .kernel = 5, .stride = 1, .padding = 2, .bias = 1},
    {.op = ROW_RELU},
    {.op = ROW_MAX_POOL, .kernel = 2, .stride = 2},
    {.op = ROW_CONV, .name = "conv2", .out = 64, .kernel = 5, .stride = 1, .padding = 2, .bias = 1},
    {.op = ROW_RELU},
    {.op = ROW_MAX_POOL, .kernel = 2, .stride = 2},
    {.op = ROW_FLATTEN},
    {.op = ROW_LINEAR, .name = "fc1", .out = 1024},
    {.op = ROW_RELU},
    {.op = ROW_LINEAR, .name = "fc2", .out = ROW_CLASSES},
    {.op = ROW_END},
};

/* Two 3x3 convolutions, the first with the stage's stride. */
static const kdst__model_row basic[] = {
    {.op = ROW_CONV, .name = "conv1", .out = ROW_WIDTH, .kernel = 3, .stride = ROW_STRIDE, .padding = 1},
    {.op = ROW_BATCH_NORM, .name = "bn1"},
    {.op = ROW_RELU},
    {.op = ROW_CONV, .name = "conv2", .out = ROW_WIDTH, .kernel = 3, .stride = 1, .padding = 1},
    {.op = ROW_BATCH_NORM, .name = "bn2"},
    {.op = ROW_END},
};

static const kdst__model_row zero_padding[] = {
    {.op = ROW_ZERO_PAD, .out = ROW_WIDTH, .stride = ROW_STRIDE},
    {.op = ROW_END},
};

static const kdst__model_row projection[] = {
    {.op = ROW_CONV, .name = "0", .out = ROW_WIDTH, .kernel = 1, .stride = ROW_STRIDE},
    {.op = ROW_BATCH_NORM, .name = "1"},
    {.op = ROW_END},
};

static const kdst__model_row basic_padded[] = {
    {.op = ROW_RESIDUAL, .name = "shortcut", .body = basic, .shortcut = zero_padding},
    {.op = ROW_END},
};

static const kdst__model_row basic_projected[] = {
    {.op = ROW_RESIDUAL, .name = "shortcut|downsample", .body = basic, .shortcut = projection},
    {.op = ROW_END},
};

static const kdst__model_row resnet20[] = {
    {.op = ROW_CONV, .name = "conv1", .out = 16, .kernel = 3, .stride = 1, .padding = 1},
    {.op = ROW_BATCH_NORM, .name = "bn1"},
    {.op = ROW_RELU},
    {.op = ROW_STAGE, .name = "layer1", .out = 16, .stride = 1, .count = 3, .body = basic_padded},
    {.op = ROW_STAGE, .name = "layer2", .out = 32, .stride = 2, .count = 3, .body = basic_padded},
    {.op = ROW_STAGE, .name = "layer3", .out = 64, .stride = 2, .count = 3, .body = basic_padded},
    {.op = ROW_GLOBAL_POOL},
    {.op = ROW_LINEAR, .name = "fc", .out = ROW_CLASSES},
    {.op = ROW_END},
};

static const kdst__model_row resnet18[] = {
    {.op = ROW_CONV, .name = "conv1", .out = 64, .kernel = 3, .stride = 1, .padding = 1},
    {.op = ROW_BATCH_NORM, .name = "bn1"},
    {.op = ROW_RELU},
    {.op = ROW_STAGE, .name = "layer1", .out = 64, .stride = 1, .count = 2, .body = basic_projected},
    {.op = ROW_STAGE, .name = "layer2", .out = 128, .stride = 2, .count = 2, .body = basic_projected},
    {.op = ROW_STAGE, .name = "layer3", .out = 256, .stride = 2, .count = 2, .body = basic_projected},
    {.op = ROW_STAGE, .name = "layer4", .out = 512, .stride = 2, .count = 2, .body = basic_projected},
    {.op = ROW_GLOBAL_POOL},
    {.op = ROW_LINEAR, .name = "linear|fc", .out = ROW_CLASSES},
    {.op = ROW_END},
};

const kdst__model kdst__models[] = {
    {"mlp", "perceptron 784-400-400-10", 1, 28, KDST__INIT_PYTORCH, mlp},
    {"lenet", "LeNet-like network 32C5-P2-64C5-P2-1024-10", 1, 28, KDST__INIT_PYTORCH, lenet},
    {"resnet20", "residual network for 32x32 images, 20 layers, parameter-free shortcuts", 3, 32, KDST__INIT_KAIMING_NORMAL, resnet20},
    {"resnet18", "residual network for 32x32 images, 18 layers, 3x3 stem", 3, 32, KDST__INIT_PYTORCH, resnet18},
};
const int64_t kdst__model_number = KDST__COUNT(kdst__models);
