/* SPDX-License-Identifier: Apache-2.0 */
/* The programs of models_*.c, which the list in models.c refers to. */
#ifndef KDST_NN_MODELS_H
#define KDST_NN_MODELS_H

#include "nn/model.h"

#define KDST__ROWS extern const kdst__model_row

/* plain */
KDST__ROWS kdst__rows_mlp[], kdst__rows_lenet[], kdst__rows_lenet5[], kdst__rows_cnn[], kdst__rows_alexnet_cifar[];
/* Arguments: 3x3 convolutions in each of the last three groups, 1 with batch norm. */
KDST__ROWS kdst__rows_vgg[];

KDST__ROWS kdst__rows_alexnet[];

/* concat */
/* Arguments: growth, layers in each of the four blocks; channels of the stem. */
KDST__ROWS kdst__rows_densenet[], kdst__rows_densenet_cifar[];
KDST__ROWS kdst__rows_googlenet[], kdst__rows_googlenet_cifar[];

/* shuffle */
KDST__ROWS kdst__rows_mobilenetv2_cifar[];
/* Arguments: widths of the three stages and of the last convolution. */
KDST__ROWS kdst__rows_shufflenetv2_cifar[];

/* residual */
/* Argument: units in each of the three stages. */
KDST__ROWS kdst__rows_resnet_padded[], kdst__rows_resnet_projected[];
/* Arguments: units in each of the four stages. */
KDST__ROWS kdst__rows_resnet_basic[], kdst__rows_resnet_bottleneck[];
KDST__ROWS kdst__rows_resnet_basic_imagenet[], kdst__rows_resnet_bottleneck_imagenet[];
/* Arguments: units in each of the three stages, widening factor. */
KDST__ROWS kdst__rows_wide_resnet[];
KDST__ROWS kdst__rows_resnext[];
/* Arguments: blocks in each of the four segments. */
KDST__ROWS kdst__rows_adashare[];

#endif
