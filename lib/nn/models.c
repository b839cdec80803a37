/* SPDX-License-Identifier: Apache-2.0 */
/* The list of networks known by name: what each is made of (rows of models_*.c), its input and its initialisation. */
#include "nn/models.h"

#include "nn/adashare.h"
#include "nn/text.h"

/* Initialisers; without one, the framework's default for weight and bias. */
#define NORMAL_FAN_IN                                                                                                  \
  {                                                                                                                    \
    KDST__INIT_KAIMING_NORMAL, KDST__INIT_FAN_IN, 0, 0                                                                 \
  }
#define NORMAL_FAN_OUT                                                                                                 \
  {                                                                                                                    \
    KDST__INIT_KAIMING_NORMAL, KDST__INIT_FAN_OUT, 1, 0                                                                \
  }
#define ZERO_BIAS                                                                                                      \
  {                                                                                                                    \
    KDST__INIT_PYTORCH, KDST__INIT_FAN_IN, 1, 0                                                                        \
  }
#define NORMAL_FAN_IN                                                                                                  \
  {                                                                                                                    \
    KDST__INIT_KAIMING_NORMAL, KDST__INIT_FAN_IN, 0, 0                                                                 \
  }
#define NORMAL_FAN_IN_ZERO_BIAS                                                                                        \
  {                                                                                                                    \
    KDST__INIT_KAIMING_NORMAL, KDST__INIT_FAN_IN, 1, 0                                                                 \
  }
#define NORMAL_FAN_OUT                                                                                                 \
  {                                                                                                                    \
    KDST__INIT_KAIMING_NORMAL, KDST__INIT_FAN_OUT, 1, 0                                                                \
  }
#define ZERO_BIAS                                                                                                      \
  {                                                                                                                    \
    KDST__INIT_PYTORCH, KDST__INIT_FAN_IN, 1, 0                                                                        \
  }

#define NORMAL_FAN_IN_ZERO_BIAS                                                                                        \
  {                                                                                                                    \
    KDST__INIT_KAIMING_NORMAL, KDST__INIT_FAN_IN, 1, 0                                                                 \
  }
#define NORMAL(std)                                                                                                    \
  {                                                                                                                    \
    KDST__INIT_NORMAL, KDST__INIT_FAN_IN, 1, std                                                                       \
  }
#define TRUNCATED(std)                                                                                                 \
  {                                                                                                                    \
    KDST__INIT_TRUNCATED_NORMAL, KDST__INIT_FAN_IN, 0, std                                                             \
  }

#define MNIST .channels = 1, .image_size = 28
#define CIFAR .channels = 3, .image_size = 32
#define IMAGENET .channels = 3, .image_size = 224

#define MODEL(name_, help_, input, rows_) .name = name_, .help = help_, input, .rows = rows_

/* The numbers are units in each stage. */
#define PADDED(depth, n)                                                                                               \
  MODEL(                                                                                                               \
      "resnet" depth, "residual network for 32x32 images, " depth " layers, parameter-free shortcuts", CIFAR,          \
      kdst__rows_resnet_padded),                                                                                       \
      .conv = NORMAL_FAN_IN, .args = {n}
#define PROJECTED(depth, n)                                                                                            \
  MODEL(                                                                                                               \
      "resnet" depth "_proj", "residual network for 32x32 images, " depth " layers, projections as shortcuts", CIFAR,  \
      kdst__rows_resnet_projected),                                                                                    \
      .conv = NORMAL_FAN_OUT, .args = {n}
#define STEM3(depth, rows)                                                                                             \
  MODEL("resnet" depth, "residual network for 32x32 images, " depth " layers, 3x3 stem", CIFAR, rows)
#define STEM7(depth, rows)                                                                                             \
  MODEL("resnet" depth "_imagenet", "residual network for 224x224 images, " depth " layers", IMAGENET, rows),          \
      .conv = NORMAL_FAN_IN, .linear = NORMAL_FAN_IN
#define WIDE(depth, k, n)                                                                                              \
  MODEL(                                                                                                               \
      "wrn" depth "_" #k, "wide residual network for 32x32 images, " depth " layers, widening factor " #k, CIFAR,      \
      kdst__rows_wide_resnet),                                                                                         \
      .conv = NORMAL_FAN_OUT, .linear = ZERO_BIAS, .args = {n, 16 * k, 32 * k, 64 * k}
#define VGG(layers)                                                                                                    \
  .name = "vgg" layers, .help = "VGG with " layers " layers", .rows = kdst__rows_vgg, .conv = NORMAL_FAN_OUT,          \
  .linear = NORMAL(0.01)
#define DENSE(depth)                                                                                                   \
  MODEL("densenet" depth, "dense network for 224x224 images, " depth " layers", IMAGENET, kdst__rows_densenet),        \
      .conv = NORMAL_FAN_IN, .linear = NORMAL_FAN_IN_ZERO_BIAS
#define DENSE_CIFAR(depth)                                                                                             \
  MODEL("densenet" depth "_cifar", "dense network for 32x32 images, " depth " layers", CIFAR, kdst__rows_densenet_cifar)
#define BACKBONE(depth)                                                                                                \
  MODEL(                                                                                                               \
      "adashare_resnet" depth "_backbone", "dilated residual network of AdaShare, " depth " layers, without heads",    \
      IMAGENET, kdst__rows_adashare),                                                                                  \
      .conv = NORMAL(0.01)

/* With heads: images of any size. */
#define ADASHARE(depth)                                                                                                \
  MODEL(                                                                                                               \
      "adashare_resnet" depth, "network for several dense tasks of AdaShare, " depth " layers", .channels = 3,         \
      kdst__rows_adashare),                                                                                            \
      .conv = NORMAL(0.01), .create = kdst__model_adashare_create

/* Choices of `ratio`: x1, x0.5, x1.5, x2. */
static const int32_t shuffle_ratios[][KDST__MODEL_ARGS] = {
    {116, 232, 464, 1024}, {48, 96, 192, 1024}, {176, 352, 704, 1024}, {244, 488, 976, 2048}};

#define TEXT(name_, help_, which) .name = name_, .help = help_, .create = kdst__model_text_create, .args = {which}

const kdst__model kdst__models[] = {
    {MODEL("mlp", "perceptron 784-400-400-10", MNIST, kdst__rows_mlp)},
    {MODEL("lenet", "LeNet-like network 32C5-P2-64C5-P2-1024-10", MNIST, kdst__rows_lenet)},
    {MODEL("lenet5", "LeNet-5 with relu and max pooling", MNIST, kdst__rows_lenet5)},
    {MODEL("cnn", "three convolutions with batch norm, for 32x32 images", CIFAR, kdst__rows_cnn)},
    {MODEL("alexnet_cifar", "AlexNet for 32x32 images", CIFAR, kdst__rows_alexnet_cifar)},
    {STEM3("18", kdst__rows_resnet_basic), .args = {2, 2, 2, 2}},
    {STEM3("34", kdst__rows_resnet_basic), .args = {3, 4, 6, 3}},
    {STEM3("50", kdst__rows_resnet_bottleneck), .args = {3, 4, 6, 3}},
    {STEM3("101", kdst__rows_resnet_bottleneck), .args = {3, 4, 23, 3}},
    {STEM3("152", kdst__rows_resnet_bottleneck), .args = {3, 8, 36, 3}},
    {PADDED("20", 3)},
    {PADDED("32", 5)},
    {PADDED("44", 7)},
    {PADDED("56", 9)},
    {PADDED("110", 18)},
    {PROJECTED("20", 3)},
    {PROJECTED("32", 5)},
    {PROJECTED("44", 7)},
    {PROJECTED("56", 9)},
    {PROJECTED("110", 18)},
    {WIDE("16", 1, 2)},
    {WIDE("16", 2, 2)},
    {WIDE("16", 4, 2)},
    {WIDE("16", 8, 2)},
    {WIDE("28", 10, 4)},
    {WIDE("40", 1, 6)},
    {WIDE("40", 2, 6)},
    {WIDE("40", 4, 6)},
    {STEM7("18", kdst__rows_resnet_basic_imagenet), .args = {2, 2, 2, 2}},
    {STEM7("34", kdst__rows_resnet_basic_imagenet), .args = {3, 4, 6, 3}},
    {STEM7("50", kdst__rows_resnet_bottleneck_imagenet), .args = {3, 4, 6, 3}},
    {STEM7("101", kdst__rows_resnet_bottleneck_imagenet), .args = {3, 4, 23, 3}},
    {MODEL("resnext29_8x64d", "ResNeXt for 32x32 images, 29 layers, 8 groups", CIFAR, kdst__rows_resnext),
     .conv = NORMAL_FAN_OUT, .linear = NORMAL_FAN_IN_ZERO_BIAS},
    {DENSE_CIFAR("121"), .args = {32, 6, 12, 24, 16}},
    {DENSE_CIFAR("169"), .args = {32, 6, 12, 32, 32}},
    {DENSE_CIFAR("201"), .args = {32, 6, 12, 48, 32}},
    {DENSE_CIFAR("161"), .args = {48, 6, 12, 36, 24}},
    {MODEL("mobilenetv2_cifar", "MobileNetV2 for 32x32 images", CIFAR, kdst__rows_mobilenetv2_cifar)},
    {MODEL("shufflenetv2_cifar", "ShuffleNetV2 for 32x32 images", CIFAR, kdst__rows_shufflenetv2_cifar),
     .ratios = shuffle_ratios},
    {MODEL("googlenet_cifar", "GoogLeNet for 32x32 images", CIFAR, kdst__rows_googlenet_cifar)},
    {VGG("19_bn"), CIFAR, .args = {4, 1}},
    {VGG("19"), CIFAR, .args = {4, 0}},
    {VGG("16"), IMAGENET, .args = {3, 0}},
    {MODEL("alexnet", "AlexNet for 224x224 images", IMAGENET, kdst__rows_alexnet)},
    {DENSE("121"), .args = {32, 6, 12, 24, 16, 64}},
    {DENSE("169"), .args = {32, 6, 12, 32, 32, 64}},
    {DENSE("201"), .args = {32, 6, 12, 48, 32, 64}},
    {DENSE("161"), .args = {48, 6, 12, 36, 24, 96}},
    {MODEL(
         "googlenet", "GoogLeNet with batch norm for 224x224 images, without auxiliary heads", IMAGENET,
         kdst__rows_googlenet),
     .eps = 0.001, .conv = TRUNCATED(0.01), .linear = TRUNCATED(0.01)},
    {BACKBONE("18"), .args = {2, 2, 2, 2}},
    {BACKBONE("34"), .args = {3, 4, 6, 3}},
    {ADASHARE("18"), .args = {2, 2, 2, 2}},
    {ADASHARE("34"), .args = {3, 4, 6, 3}},
    {TEXT("nli_bowman", "inference on pairs of sentences, two hidden layers", KDST__TEXT_BOWMAN)},
    {TEXT("nli_minimal", "inference on pairs of sentences, a product and one layer", KDST__TEXT_MINIMAL)},
    {TEXT("sentiment", "sentiment of sentences", KDST__TEXT_SENTIMENT)},
};
const int64_t kdst__model_number = KDST__COUNT(kdst__models);
