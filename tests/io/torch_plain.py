# SPDX-License-Identifier: Apache-2.0
"""Plain and residual networks in PyTorch: see torch_networks.py. W gives the hidden widths of a slim form."""
import math

import torch.nn.functional as F
from torch import nn


class W:
    """c channels of the full network in one of another width."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def __call__(self, c, multiple=1):
        return multiple * math.ceil(self.factor * c / multiple)


def named(*layers):
    """A Sequential of (name, layer)."""
    net = nn.Sequential()
    for name, layer in layers:
        net.add_module(name, layer)
    return net


def conv(a, b, kernel, stride=1, padding=0, bias=False, **more):
    return nn.Conv2d(a, b, kernel, stride, padding, bias=bias, **more)


# ---- plain ----

class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(784, 400), nn.Linear(400, 400), nn.Linear(400, 10)

    def forward(self, x):
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x.flatten(1))))))


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 5, padding=2), nn.Conv2d(32, 64, 5, padding=2)
        self.fc1, self.fc2 = nn.Linear(3136, 1024), nn.Linear(1024, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x.flatten(1))))))


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        for i, (a, b) in enumerate(((3, 32), (32, 64), (64, 128)), 1):
            setattr(self, 'conv%d' % i, nn.Conv2d(a, b, 3, padding=1))
            setattr(self, 'bn%d' % i, nn.BatchNorm2d(b))
        self.fc1, self.fcbn1, self.fc2 = nn.Linear(2048, 128), nn.BatchNorm1d(128), nn.Linear(128, 10)

    def forward(self, x):
        for i in (1, 2, 3):
            x = F.relu(F.max_pool2d(getattr(self, 'bn%d' % i)(getattr(self, 'conv%d' % i)(x)), 2))
        x = F.relu(self.fcbn1(self.fc1(x.flatten(1))))
        return self.fc2(F.dropout(x, 0.5, self.training))


def alexnet_tail(w):
    return [nn.ReLU(), conv(w(192), w(384), 3, 1, 1, True), nn.ReLU(), conv(w(384), w(256), 3, 1, 1, True), nn.ReLU(),
            conv(w(256), w(256), 3, 1, 1, True), nn.ReLU()]


class AlexNetCifar(nn.Module):
    def __init__(self, w=W()):
        super().__init__()
        layers = [conv(3, w(64), 11, 4, 5, True), nn.ReLU(), nn.MaxPool2d(2), conv(w(64), w(192), 5, 1, 2, True)]
        tail = alexnet_tail(w)
        self.features = nn.Sequential(*layers, tail[0], nn.MaxPool2d(2), *tail[1:], nn.MaxPool2d(2))
        self.classifier = nn.Linear(w(256), 10)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


class Classifier(nn.Module):
    """Convolutions, a map of a fixed size, fully connected layers: AlexNet and VGG of torchvision."""

    def __init__(self, features, side, classifier):
        super().__init__()
        self.features, self.side, self.classifier = nn.Sequential(*features), side, nn.Sequential(*classifier)

    def forward(self, x):
        return self.classifier(F.adaptive_avg_pool2d(self.features(x), self.side).flatten(1))


def alexnet(w=W()):
    tail = alexnet_tail(w)
    features = [conv(3, w(64), 11, 4, 2, True), nn.ReLU(), nn.MaxPool2d(3, 2), conv(w(64), w(192), 5, 1, 2, True),
                tail[0], nn.MaxPool2d(3, 2), *tail[1:], nn.MaxPool2d(3, 2)]
    return Classifier(features, 6, [
        nn.Dropout(), nn.Linear(36 * w(256), w(4096)), nn.ReLU(), nn.Dropout(), nn.Linear(w(4096), w(4096)), nn.ReLU(),
        nn.Linear(w(4096), 10)])


def vgg(convolutions, norm, w=W()):
    features, before = [], 3
    for width, count in ((64, 2), (128, 2), (256, convolutions), (512, convolutions), (512, convolutions)):
        for _ in range(count):
            features.append(conv(before, w(width), 3, 1, 1, True))
            features += [nn.BatchNorm2d(w(width)), nn.ReLU()] if norm else [nn.ReLU()]
            before = w(width)
        features.append(nn.MaxPool2d(2))
    return Classifier(features, 7, [
        nn.Linear(49 * w(512), w(4096)), nn.ReLU(), nn.Dropout(), nn.Linear(w(4096), w(4096)), nn.ReLU(), nn.Dropout(),
        nn.Linear(w(4096), 10)])


# ---- residual ----

class Basic(nn.Module):
    """Two 3x3 convolutions beside a shortcut: identity, zero channels around every second pixel, or a projection."""
    expansion = 1

    def __init__(self, width_in, width, stride, projection):
        super().__init__()
        self.conv1 = conv(width_in, width, 3, stride, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3, 1, 1)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride, self.padding, self.path = stride, (width - width_in) // 2, None
        if projection and (stride != 1 or width != width_in):
            self.path = projection
            setattr(self, projection, nn.Sequential(conv(width_in, width, 1, stride), nn.BatchNorm2d(width)))

    def body(self, x):
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))

    def forward(self, x):
        y = self.body(x)
        if self.path:
            x = getattr(self, self.path)(x)
        elif self.padding:
            x = F.pad(x[:, :, ::self.stride, ::self.stride], (0, 0, 0, 0, self.padding, self.padding))
        return F.relu(x + y)


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, width_in, width, stride, projection):
        super().__init__()
        self.conv1, self.bn1 = conv(width_in, width // 4, 1), nn.BatchNorm2d(width // 4)
        self.conv2, self.bn2 = conv(width // 4, width // 4, 3, stride, 1), nn.BatchNorm2d(width // 4)
        self.conv3, self.bn3 = conv(width // 4, width, 1), nn.BatchNorm2d(width)
        self.path = projection if stride != 1 or width != width_in else None
        if self.path:
            setattr(self, projection, nn.Sequential(conv(width_in, width, 1, stride), nn.BatchNorm2d(width)))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(y)))))
        return F.relu(y + (getattr(self, self.path)(x) if self.path else x))


class ResNet(nn.Module):
    def __init__(self, block, widths, blocks, projection, head, imagenet=False):
        super().__init__()
        self.conv1 = conv(3, widths[0], 7, 2, 3) if imagenet else conv(3, widths[0], 3, 1, 1)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.stages, self.head, self.imagenet, before = len(widths), head, imagenet, widths[0]
        for number, (width, count) in enumerate(zip(widths, blocks), 1):
            layers = []
            for i in range(count):
                stride = 2 if i == 0 and number > 1 else 1
                layers.append(block(before, block.expansion * width, stride, projection))
                before = block.expansion * width
            setattr(self, 'layer%d' % number, nn.Sequential(*layers))
        setattr(self, head, nn.Linear(before, 10))

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        if self.imagenet:
            x = F.max_pool2d(x, 3, 2, 1)
        for number in range(1, self.stages + 1):
            x = getattr(self, 'layer%d' % number)(x)
        return getattr(self, self.head)(x.mean((2, 3)))


class WideUnit(nn.Module):
    def __init__(self, width_in, width, stride):
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(width_in), conv(width_in, width, 3, stride, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(width), conv(width, width, 3, 1, 1)
        self.same = width_in == width
        if not self.same:
            self.convShortcut = conv(width_in, width, 1, stride)

    def forward(self, x):
        z = F.relu(self.bn1(x))
        return (x if self.same else self.convShortcut(z)) + self.conv2(F.relu(self.bn2(self.conv1(z))))


class WideBlock(nn.Module):
    def __init__(self, count, before, width, stride):
        super().__init__()
        self.layer = nn.Sequential(*(WideUnit(width if i else before, width, 1 if i else stride) for i in range(count)))

    def forward(self, x):
        return self.layer(x)


class WideResNet(nn.Module):
    def __init__(self, count, k):
        super().__init__()
        self.conv1 = conv(3, 16, 3, 1, 1)
        self.block1, self.block2 = WideBlock(count, 16, 16 * k, 1), WideBlock(count, 16 * k, 32 * k, 2)
        self.block3, self.bn1 = WideBlock(count, 32 * k, 64 * k, 2), nn.BatchNorm2d(64 * k)
        self.fc = nn.Linear(64 * k, 10)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(F.relu(self.bn1(x)).mean((2, 3)))


class ResNeXtUnit(nn.Module):
    def __init__(self, before, out, inside, stride):
        super().__init__()
        self.conv_reduce, self.bn_reduce = conv(before, inside, 1), nn.BatchNorm2d(inside)
        self.conv_conv, self.bn = conv(inside, inside, 3, stride, 1, groups=8), nn.BatchNorm2d(inside)
        self.conv_expand, self.bn_expand = conv(inside, out, 1), nn.BatchNorm2d(out)
        self.shortcut = nn.Sequential()
        if before != out:
            self.shortcut = named(('shortcut_conv', conv(before, out, 1, stride)), ('shortcut_bn', nn.BatchNorm2d(out)))

    def forward(self, x):
        y = F.relu(self.bn_reduce(self.conv_reduce(x)))
        y = self.bn_expand(self.conv_expand(F.relu(self.bn(self.conv_conv(y)))))
        return F.relu(y + self.shortcut(x))


class ResNeXt(nn.Module):
    def __init__(self, w=W()):
        super().__init__()
        self.conv_1_3x3, self.bn_1, before = conv(3, w(64), 3, 1, 1), nn.BatchNorm2d(w(64)), w(64)
        for s, out in enumerate((256, 512, 1024), 1):
            units = []
            for i in range(3):
                unit = ResNeXtUnit(before, w(out), w(2 * out, 8), 2 if s > 1 and i == 0 else 1)
                units.append(('stage_%d_bottleneck_%d' % (s, i), unit))
                before = w(out)
            setattr(self, 'stage_%d' % s, named(*units))
        self.classifier = nn.Linear(before, 10)

    def forward(self, x):
        x = self.stage_3(self.stage_2(self.stage_1(F.relu(self.bn_1(self.conv_1_3x3(x))))))
        return self.classifier(x.mean((2, 3)))


class Dilated(nn.Module):
    def __init__(self, before, width, stride, dilation):
        super().__init__()
        self.conv1 = conv(before, width, 3, stride, dilation, dilation=dilation)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3, 1, dilation, dilation=dilation)
        self.bn2 = nn.BatchNorm2d(width)

    forward = Basic.body


class Backbone(nn.Module):
    """Of AdaShare: blocks, and behind them in the state the projections."""

    def __init__(self, counts):
        super().__init__()
        self.conv1, self.bn1 = conv(3, 64, 7, 2, 3), nn.BatchNorm2d(64)
        blocks, ds, before = [], [], 64
        for count, width, stride, dilation in zip(counts, (64, 128, 256, 512), (1, 2, 1, 1), (1, 1, 2, 4)):
            projection = [conv(before, width, 1, stride), nn.BatchNorm2d(width)] if width != before else []
            ds.append(nn.Sequential(*projection))
            blocks.append(nn.ModuleList(
                Dilated(width if i else before, width, 1 if i else stride, dilation) for i in range(count)))
            before = width
        self.blocks, self.ds = nn.ModuleList(blocks), nn.ModuleList(ds)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1, ceil_mode=True)
        for blocks, ds in zip(self.blocks, self.ds):
            for i, block in enumerate(blocks):
                x = F.relu((x if i else ds(x)) + block(x))
        return x
