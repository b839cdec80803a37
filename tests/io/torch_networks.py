# SPDX-License-Identifier: Apache-2.0
"""The networks that libkdst knows by name, in PyTorch, from published descriptions and with the names of their origin.

NETWORKS lists name, options of kdst_model_create, constructor and image [channels, side]; of a family one member stands
for all, large ones in a slim form.
"""
from torch_branches import DenseNet, GoogLeNet, GoogLeNetCifar, MobileNetV2, ShuffleNetV2
from torch_plain import (AlexNetCifar, Backbone, Basic, Bottleneck, Cnn, LeNet, LeNet5, Mlp, ResNet, ResNeXt, W,
                         WideResNet, alexnet, vgg)

MNIST, CIFAR, SMALL = (1, 28), (3, 32), (3, 64)
FOUR = (64, 128, 256, 512)
NETWORKS = [
    ('mlp', {}, Mlp, MNIST),
    ('lenet', {}, LeNet, MNIST),
    ('lenet5', {}, LeNet5, MNIST),
    ('cnn', {}, Cnn, CIFAR),
    ('alexnet_cifar', {}, AlexNetCifar, CIFAR),
    ('alexnet', {'width': 0.125, 'image_size': 64}, lambda: alexnet(W(0.125)), SMALL),
    ('vgg19', {'width': 0.125}, lambda: vgg(4, False, W(0.125)), CIFAR),
    ('vgg19_bn', {'width': 0.125}, lambda: vgg(4, True, W(0.125)), CIFAR),
    ('vgg16', {'width': 0.125, 'image_size': 64}, lambda: vgg(3, False, W(0.125)), SMALL),
    ('resnet20', {}, lambda: ResNet(Basic, (16, 32, 64), (3, 3, 3), None, 'fc'), CIFAR),
    ('resnet32_proj', {}, lambda: ResNet(Basic, (16, 32, 64), (5, 5, 5), 'downsample', 'fc'), CIFAR),
    ('resnet18', {}, lambda: ResNet(Basic, FOUR, (2, 2, 2, 2), 'shortcut', 'linear'), CIFAR),
    ('resnet18', {'names': 'pytorch'}, lambda: ResNet(Basic, FOUR, (2, 2, 2, 2), 'downsample', 'fc'), CIFAR),
    ('resnet50', {'names': 'pytorch'}, lambda: ResNet(Bottleneck, FOUR, (3, 4, 6, 3), 'downsample', 'fc'), CIFAR),
    ('resnet18_imagenet', {}, lambda: ResNet(Basic, FOUR, (2, 2, 2, 2), 'downsample', 'fc', True), SMALL),
    ('resnet50_imagenet', {}, lambda: ResNet(Bottleneck, FOUR, (3, 4, 6, 3), 'downsample', 'fc', True), SMALL),
    ('wrn16_1', {}, lambda: WideResNet(2, 1), CIFAR),
    ('wrn16_2', {}, lambda: WideResNet(2, 2), CIFAR),
    ('resnext29_8x64d', {'width': 0.33}, lambda: ResNeXt(W(0.33)), CIFAR),
    ('densenet121_cifar', {}, lambda: DenseNet(32, (6, 12, 24, 16), True, True), CIFAR),
    ('densenet121_cifar', {'names': 'pytorch'}, lambda: DenseNet(32, (6, 12, 24, 16), True, False), CIFAR),
    ('densenet121', {'image_size': 64}, lambda: DenseNet(32, (6, 12, 24, 16), False, False), SMALL),
    ('googlenet', {'image_size': 64}, GoogLeNet, SMALL),
    ('googlenet_cifar', {}, GoogLeNetCifar, CIFAR),
    ('googlenet_cifar', {'eps': 'clean'}, lambda: GoogLeNetCifar(True), CIFAR),
    ('mobilenetv2_cifar', {}, MobileNetV2, CIFAR),
    ('shufflenetv2_cifar', {}, lambda: ShuffleNetV2((116, 232, 464, 1024)), CIFAR),
    ('shufflenetv2_cifar', {'ratio': 'x0.5'}, lambda: ShuffleNetV2((48, 96, 192, 1024)), CIFAR),
    ('adashare_resnet18_backbone', {}, lambda: Backbone((2, 2, 2, 2)), SMALL),
]
