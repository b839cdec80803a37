/* SPDX-License-Identifier: Apache-2.0 */
/* Networks without branches.
 *
 * mlp and lenet: the non-spiking twins of the networks of Zhang and Li (TSSL-BP, 2020). lenet5: the form in general use of
 * LeCun, Bottou, Bengio, Haffner (1998), with relu and max pooling. cnn and alexnet_cifar: Yuan et al. (Teacher-free Knowledge
 * Distillation, 2020). alexnet: Krizhevsky (2014), torchvision's form. vgg: Simonyan and Zisserman (2015), torchvision's form.
 */
#include "nn/models.h"

const kdst__model_row kdst__rows_mlp[] = {{FLATTEN}, {LINEAR("fc1", 400)},         {RELU}, {LINEAR("fc2", 400)},
                                          {RELU},    {LINEAR("fc3", ROW_CLASSES)}, {END}};

const kdst__model_row kdst__rows_lenet[] = {
    {CONV("conv1", 32, 5, 1, 2), .bias = 1},
    {RELU},
    {MAX_POOL(2, 2, 0)},
    {CONV("conv2", 64, 5, 1, 2), .bias = 1},
    {RELU},
    {MAX_POOL(2, 2, 0)},
    {FLATTEN},
    {LINEAR("fc1", 1024)},
    {RELU},
    {LINEAR("fc2", ROW_CLASSES)},
    {END}};

const kdst__model_row kdst__rows_lenet5[] = {
    {CONV("conv1", 6, 5, 1, 2), .bias = 1},
    {RELU},
    {MAX_POOL(2, 2, 0)},
    {CONV("conv2", 16, 5, 1, 0), .bias = 1},
    {RELU},
    {MAX_POOL(2, 2, 0)},
    {FLATTEN},
    {LINEAR("fc1", 120)},
    {RELU},
    {LINEAR("fc2", 84)},
    {RELU},
    {LINEAR("fc3", ROW_CLASSES)},
    {END}};

/* The pool stands in front of the relu, as in the origin: the same values. */
const kdst__model_row kdst__rows_cnn[] = {
    {CONV("conv1", 32, 3, 1, 1), .bias = 1},
    {NORM("bn1")},
    {MAX_POOL(2, 2, 0)},
    {RELU},
    {CONV("conv2", 64, 3, 1, 1), .bias = 1},
    {NORM("bn2")},
    {MAX_POOL(2, 2, 0)},
    {RELU},
    {CONV("conv3", 128, 3, 1, 1), .bias = 1},
    {NORM("bn3")},
    {MAX_POOL(2, 2, 0)},
    {RELU},
    {FLATTEN},
    {LINEAR("fc1", 128)},
    {NORM("fcbn1")},
    {RELU},
    {DROPOUT(0.5)},
    {LINEAR("fc2", ROW_CLASSES)},
    {END}};

/* ---- alexnet_cifar ---- */

static const kdst__model_row alexnet_cifar_features[] = {
    {CONV("", 64, 11, 4, 5), .bias = 1},
    {RELU},
    {MAX_POOL(2, 2, 0)},
    {CONV("", 192, 5, 1, 2), .bias = 1},
    {RELU},
    {MAX_POOL(2, 2, 0)},
    {CONV("", 384, 3, 1, 1), .bias = 1},
    {RELU},
    {CONV("", 256, 3, 1, 1), .bias = 1},
    {RELU},
    {CONV("", 256, 3, 1, 1), .bias = 1},
    {RELU},
    {MAX_POOL(2, 2, 0)},
    {END}};

const kdst__model_row kdst__rows_alexnet_cifar[] = {
    {GROUP("features", alexnet_cifar_features), .numbered = 1}, {FLATTEN}, {LINEAR("classifier", ROW_CLASSES)}, {END}};

/* ---- alexnet ---- */

static const kdst__model_row alexnet_features[] = {
    {CONV("", 64, 11, 4, 2), .bias = 1},
    {RELU},
    {MAX_POOL(3, 2, 0)},
    {CONV("", 192, 5, 1, 2), .bias = 1},
    {RELU},
    {MAX_POOL(3, 2, 0)},
    {CONV("", 384, 3, 1, 1), .bias = 1},
    {RELU},
    {CONV("", 256, 3, 1, 1), .bias = 1},
    {RELU},
    {CONV("", 256, 3, 1, 1), .bias = 1},
    {RELU},
    {MAX_POOL(3, 2, 0)},
    {END}};

static const kdst__model_row alexnet_classifier[] = {
    {DROPOUT(0.5)}, {LINEAR("", 4096)},        {RELU}, {DROPOUT(0.5)}, {LINEAR("", 4096)},
    {RELU},         {LINEAR("", ROW_CLASSES)}, {END}};

const kdst__model_row kdst__rows_alexnet[] = {
    {GROUP("features", alexnet_features), .numbered = 1},
    {FIXED_POOL(6)},
    {FLATTEN},
    {GROUP("classifier", alexnet_classifier), .numbered = 1},
    {END}};

/* ---- vgg ---- */

static const kdst__model_row vgg_conv[] = {
    {CONV("", ROW_WIDTH, 3, 1, 1), .bias = 1}, {NORM(""), .when = ARG(1)}, {RELU}, {END}};

static const kdst__model_row vgg_features[] = {
    {REPEAT(64, 2, vgg_conv)},
    {MAX_POOL(2, 2, 0)},
    {REPEAT(128, 2, vgg_conv)},
    {MAX_POOL(2, 2, 0)},
    {REPEAT(256, ARG(0), vgg_conv)},
    {MAX_POOL(2, 2, 0)},
    {REPEAT(512, ARG(0), vgg_conv)},
    {MAX_POOL(2, 2, 0)},
    {REPEAT(512, ARG(0), vgg_conv)},
    {MAX_POOL(2, 2, 0)},
    {END}};

static const kdst__model_row vgg_classifier[] = {{LINEAR("", 4096)},        {RELU}, {DROPOUT(0.5)},
                                                 {LINEAR("", 4096)},        {RELU}, {DROPOUT(0.5)},
                                                 {LINEAR("", ROW_CLASSES)}, {END}};

/* A 32x32 image leaves one pixel, which the pool copies to 7x7: the origin's form. */
const kdst__model_row kdst__rows_vgg[] = {
    {GROUP("features", vgg_features), .numbered = 1},
    {FIXED_POOL(7)},
    {FLATTEN},
    {GROUP("classifier", vgg_classifier), .numbered = 1},
    {END}};
