# SPDX-License-Identifier: Apache-2.0
"""Networks that concatenate branches, and of depthwise convolutions, in PyTorch: see torch_networks.py."""
import torch
import torch.nn.functional as F
from torch import nn

from torch_plain import conv, named


class Concat(nn.Module):
    """Children side by side; `order` says which output comes first."""

    def __init__(self, *branches, order=None):
        super().__init__()
        for name, branch in branches:
            self.add_module(name, branch)
        self.order = order or [name for name, _ in branches]

    def forward(self, x):
        return torch.cat([getattr(self, name)(x) for name in self.order], 1)


# ---- concatenation ----

class DenseLayer(nn.Sequential):
    def forward(self, x):
        return torch.cat([x, super().forward(x)], 1)


def dense_layer(before, growth, names, inner):
    norm1, conv1, norm2, conv2 = names
    layers = [(norm1, nn.BatchNorm2d(before)), ('relu1', nn.ReLU()), (conv1, conv(before, 4 * growth, 1)),
              (norm2, nn.BatchNorm2d(4 * growth)), ('relu2', nn.ReLU()), (conv2, conv(4 * growth, growth, 3, 1, 1))]
    layer = DenseLayer()
    if inner is None:
        for name, module in layers:
            layer.add_module(name, module)
    else:
        layer.add_module(inner, named(*layers))
    return layer


class DenseNet(nn.Module):
    """torchvision's names, or those of the CIFAR form's origin."""

    def __init__(self, growth, counts, cifar, official):
        super().__init__()
        before = 2 * growth
        stem = conv(3, before, 3, 1, 1) if cifar else conv(3, before, 7, 2, 3)
        self.official = official
        if official:
            self.conv1 = stem
        self.features = nn.Sequential()
        if not official:
            self.features.add_module('conv0', stem)
        if not cifar:
            self.features.add_module('norm0', nn.BatchNorm2d(before))
            self.features.add_module('relu0', nn.ReLU())
            self.features.add_module('pool0', nn.MaxPool2d(3, 2, 1))
        names = ('0', '2', '3', '5') if official else ('norm1', 'conv1', 'norm2', 'conv2')
        for b, count in enumerate(counts):
            block = nn.Sequential()
            for i in range(count):
                name = 'bottle_neck_layer_%d' % i if official else 'denselayer%d' % (i + 1)
                block.add_module(name, dense_layer(before, growth, names, 'bottle_neck' if official else None))
                before += growth
            last = b == len(counts) - 1
            name = ('dense_block3' if last else 'dense_block_layer_%d' % b) if official else 'denseblock%d' % (b + 1)
            self.features.add_module(name, block)
            if not last:
                self.features.add_module('transition_layer_%d' % b if official else 'transition%d' % (b + 1),
                                         self.transition(before, cifar, official))
                before //= 2
        self.features.add_module('bn' if official else 'norm5', nn.BatchNorm2d(before))
        self.head = 'linear' if official else 'classifier'
        setattr(self, self.head, nn.Linear(before, 10))

    @staticmethod
    def transition(before, cifar, official):
        layers = [('0' if official else 'norm', nn.BatchNorm2d(before))] + ([] if cifar else [('relu', nn.ReLU())])
        layers += [('1' if official else 'conv', conv(before, before // 2, 1)), ('pool', nn.AvgPool2d(2))]
        return named(('down_sample', named(*layers))) if official else named(*layers)

    def forward(self, x):
        x = self.features(self.conv1(x) if self.official else x)
        return getattr(self, self.head)(F.relu(x).mean((2, 3)))


INCEPTIONS = (('3a', 'a3', 64, 96, 128, 16, 32, 32), ('3b', 'b3', 128, 128, 192, 32, 96, 64),
              ('4a', 'a4', 192, 96, 208, 16, 48, 64), ('4b', 'b4', 160, 112, 224, 24, 64, 64),
              ('4c', 'c4', 128, 128, 256, 24, 64, 64), ('4d', 'd4', 112, 144, 288, 32, 64, 64),
              ('4e', 'e4', 256, 160, 320, 32, 128, 128), ('5a', 'a5', 256, 160, 320, 32, 128, 128),
              ('5b', 'b5', 384, 192, 384, 48, 128, 128))


def unit(a, b, kernel, stride=1, padding=0):
    norm = nn.BatchNorm2d(b, eps=0.001)
    return named(('conv', conv(a, b, kernel, stride, padding)), ('bn', norm), ('relu', nn.ReLU()))


class GoogLeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.conv3, before = unit(3, 64, 7, 2, 3), unit(64, 64, 1), unit(64, 192, 3, 1, 1), 192
        for name, _, n1, n3r, n3, n5r, n5, pool in INCEPTIONS:
            setattr(self, 'inception' + name, Concat(
                ('branch1', unit(before, n1, 1)),
                ('branch2', nn.Sequential(unit(before, n3r, 1), unit(n3r, n3, 3, 1, 1))),
                ('branch3', nn.Sequential(unit(before, n5r, 1), unit(n5r, n5, 3, 1, 1))),
                ('branch4', nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), unit(before, pool, 1)))))
            before = n1 + n3 + n5 + pool
        self.fc = nn.Linear(before, 10)

    def forward(self, x):
        x = F.max_pool2d(self.conv1(x), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.conv3(self.conv2(x)), 3, 2, ceil_mode=True)
        for name, *_ in INCEPTIONS:
            x = getattr(self, 'inception' + name)(x)
            if name in ('3b', '4e'):
                x = F.max_pool2d(x, 3 if name == '3b' else 2, 2, ceil_mode=True)
        return self.fc(F.dropout(x.mean((2, 3)), 0.2, self.training))


def biased(a, b, kernel, padding=0, eps=1e-5):
    return [conv(a, b, kernel, 1, padding, True), nn.BatchNorm2d(b, eps=eps), nn.ReLU()]


class GoogLeNetCifar(nn.Module):
    """One batch norm of each block has its number of channels for eps, as in the origin, unless `clean`."""

    def __init__(self, clean=False):
        super().__init__()
        self.prelayer, before = nn.Sequential(*biased(3, 192, 3, 1)), 192
        for _, name, n1, n3r, n3, n5r, n5, pool in INCEPTIONS:
            setattr(self, name, Concat(
                ('b1', nn.Sequential(*biased(before, n1, 1))),
                ('b2', nn.Sequential(*biased(before, n3r, 1), *biased(n3r, n3, 3, 1))),
                ('b3', nn.Sequential(
                    *biased(before, n5r, 1), *biased(n5r, n5, 3, 1, 1e-5 if clean else n5), *biased(n5, n5, 3, 1))),
                ('b4', nn.Sequential(nn.MaxPool2d(3, 1, 1), *biased(before, pool, 1)))))
            before = n1 + n3 + n5 + pool
        self.linear = nn.Linear(before, 10)

    def forward(self, x):
        x = self.prelayer(x)
        for _, name, *_ in INCEPTIONS:
            x = getattr(self, name)(x)
            if name in ('b3', 'e4'):
                x = F.max_pool2d(x, 3, 2, 1)
        return self.linear(F.dropout(x.mean((2, 3)), 0.4, self.training))


# ---- depthwise ----

class Inverted(nn.Module):
    def __init__(self, a, b, t, stride):
        super().__init__()
        m = t * a
        self.residual = nn.Sequential(
            conv(a, m, 1, bias=True), nn.BatchNorm2d(m), nn.ReLU6(), conv(m, m, 3, stride, 1, True, groups=m),
            nn.BatchNorm2d(m), nn.ReLU6(), conv(m, b, 1, bias=True), nn.BatchNorm2d(b))
        self.add = stride == 1 and a == b

    def forward(self, x):
        return self.residual(x) + x if self.add else self.residual(x)


class MobileNetV2(nn.Module):
    def __init__(self):
        super().__init__()
        self.pre = nn.Sequential(conv(3, 32, 1, 1, 1, True), nn.BatchNorm2d(32), nn.ReLU6())
        self.stage1, before = Inverted(32, 16, 1, 1), 16
        for s, (width, stride, count) in enumerate(((24, 2, 2), (32, 2, 3), (64, 2, 4), (96, 1, 3), (160, 1, 3)), 2):
            units = []
            for i in range(count):
                units.append(Inverted(before, width, 6, 1 if i else stride))
                before = width
            setattr(self, 'stage%d' % s, nn.Sequential(*units))
        self.stage7 = Inverted(160, 320, 6, 1)
        self.conv1 = nn.Sequential(conv(320, 1280, 1, bias=True), nn.BatchNorm2d(1280), nn.ReLU6())
        self.conv2 = conv(1280, 10, 1, bias=True)

    def forward(self, x):
        x = self.pre(x)
        for s in range(1, 8):
            x = getattr(self, 'stage%d' % s)(x)
        return self.conv2(F.adaptive_avg_pool2d(self.conv1(x), 1)).flatten(1)


def depthwise(a, stride):
    return [conv(a, a, 3, stride, 1, True, groups=a), nn.BatchNorm2d(a)]


def pointwise(a, b):
    return [conv(a, b, 1, bias=True), nn.BatchNorm2d(b), nn.ReLU()]


class Shuffle(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.stride, half = stride, b // 2
        if stride == 1:
            self.residual = nn.Sequential(*pointwise(half, half), *depthwise(half, 1), *pointwise(half, half))
        else:
            self.residual = nn.Sequential(*pointwise(a, a), *depthwise(a, 2), *pointwise(a, half))
            self.shortcut = nn.Sequential(*depthwise(a, 2), *pointwise(a, half))

    def forward(self, x):
        if self.stride == 1:
            first, second = x.chunk(2, 1)
            x = torch.cat([first, self.residual(second)], 1)
        else:
            x = torch.cat([self.shortcut(x), self.residual(x)], 1)
        n, c, h, w = x.shape
        return x.reshape(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class ShuffleNetV2(nn.Module):
    def __init__(self, widths):
        super().__init__()
        self.pre, before = nn.Sequential(conv(3, 24, 3, 1, 1, True), nn.BatchNorm2d(24)), 24
        for s, (width, count) in enumerate(zip(widths, (4, 8, 4)), 2):
            units = []
            for i in range(count):
                units.append(Shuffle(before, width, 1 if i else 2))
                before = width
            setattr(self, 'stage%d' % s, nn.Sequential(*units))
        self.conv5, self.fc = nn.Sequential(*pointwise(before, widths[3])), nn.Linear(widths[3], 10)

    def forward(self, x):
        x = self.conv5(self.stage4(self.stage3(self.stage2(self.pre(x)))))
        return self.fc(x.mean((2, 3)))
