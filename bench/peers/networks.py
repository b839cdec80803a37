# SPDX-License-Identifier: Apache-2.0
"""The networks and layers of kdst-bench as PyTorch modules."""
import torch
from torch import nn
from torch.nn import functional as f

import spiking

CLASSES = 10


class Residual(nn.Module):
    """Basic residual block; its shortcut is padded with zeros or, with `project`, a 1x1 convolution."""

    def __init__(self, inside, out, stride, project):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inside, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        self.grows, self.more = stride != 1 or inside != out, (out - inside) // 2
        if self.grows and project:
            self.shortcut = nn.Sequential(nn.Conv2d(inside, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        y = self.bn2(self.conv2(f.relu(self.bn1(self.conv1(x)))))
        if hasattr(self, 'shortcut'):
            x = self.shortcut(x)
        elif self.grows:
            x = f.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more, self.more))
        return f.relu(y + x)


def residual(widths, blocks, project):
    inside = widths[0]
    layers = [nn.Conv2d(3, inside, 3, 1, 1, bias=False), nn.BatchNorm2d(inside), nn.ReLU()]
    for stage, width in enumerate(widths):
        for block in range(blocks):
            layers.append(Residual(inside, width, 2 if stage and not block else 1, project))
            inside = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inside, CLASSES))


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 400), nn.ReLU(),
                         nn.Linear(400, CLASSES))


def lenet():
    return nn.Sequential(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(3136, 1024), nn.ReLU(), nn.Linear(1024, CLASSES))


def unit(inside, out, kernel=1, stride=1, groups=1, padding=None, activation=None):
    """Convolution with bias, batch norm and an activation."""
    padding = kernel // 2 if padding is None else padding
    layers = [nn.Conv2d(inside, out, kernel, stride, padding, groups=groups), nn.BatchNorm2d(out)]
    return layers + ([activation()] if activation else [])


class Bottleneck(nn.Module):
    """Inverted residual of MobileNetV2: wider by `expansion`, depthwise, narrow again."""

    def __init__(self, inside, out, stride, expansion):
        super().__init__()
        wide = inside * expansion
        self.body = nn.Sequential(*unit(inside, wide, activation=nn.ReLU6),
                                  *unit(wide, wide, 3, stride, groups=wide, activation=nn.ReLU6), *unit(wide, out))
        self.adds = stride == 1 and inside == out

    def forward(self, x):
        return x + self.body(x) if self.adds else self.body(x)


def mobilenetv2():
    """MobileNetV2 for 32x32 images; its 1x1 stem pads by 1, so that the first map is 34x34."""
    layers, inside = unit(3, 32, padding=1, activation=nn.ReLU6), 32
    for out, count, stride, expansion in ((16, 1, 1, 1), (24, 2, 2, 6), (32, 3, 2, 6), (64, 4, 2, 6), (96, 3, 1, 6),
                                          (160, 3, 1, 6), (320, 1, 1, 6)):
        for index in range(count):
            layers.append(Bottleneck(inside, out, 1 if index else stride, expansion))
            inside = out
    head = [nn.AdaptiveAvgPool2d(1), nn.Conv2d(1280, CLASSES, 1), nn.Flatten()]
    return nn.Sequential(*layers, *unit(inside, 1280, activation=nn.ReLU6), *head)


def shuffle(x):
    """Channels of the first half and of the second by turns."""
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class Shuffle(nn.Module):
    """Unit of ShuffleNetV2: half of the channels pass; with stride 2 both branches read all of them."""

    def __init__(self, inside, out, stride):
        super().__init__()
        self.splits, branch = stride == 1, out // 2
        width = inside // 2 if self.splits else inside
        self.residual = nn.Sequential(*unit(width, width, activation=nn.ReLU),
                                      *unit(width, width, 3, stride, groups=width),
                                      *unit(width, branch, activation=nn.ReLU))
        if not self.splits:
            self.shortcut = nn.Sequential(*unit(inside, inside, 3, stride, groups=inside),
                                          *unit(inside, branch, activation=nn.ReLU))

    def forward(self, x):
        passed, taken = x.chunk(2, 1) if self.splits else (x, x)
        residual = self.residual(taken)
        return shuffle(torch.cat([passed if self.splits else self.shortcut(passed), residual], 1))


def shufflenetv2():
    layers, inside = unit(3, 24, 3), 24
    for out, count in ((116, 4), (232, 8), (464, 4)):
        for index in range(count):
            layers.append(Shuffle(inside, out, 1 if index else 2))
            inside = out
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, CLASSES)]
    return nn.Sequential(*layers, *unit(inside, 1024, activation=nn.ReLU), *head)


# Case -> module, shape of one sample, batch, parameters (of the library's own network).
STEPS = {
    'mlp': (mlp, (1, 28, 28), 128, 478410),
    'lenet': (lenet, (1, 28, 28), 64, 3274634),
    'resnet20': (lambda: residual((16, 32, 64), 3, False), (3, 32, 32), 128, 269722),
    'resnet18': (lambda: residual((64, 128, 256, 512), 2, True), (3, 32, 32), 64, 11173962),
    'mobilenetv2': (mobilenetv2, (3, 32, 32), 64, 2254090),
    'shufflenetv2': (shufflenetv2, (3, 32, 32), 64, 1268646),
}
# Case -> spiking network.
SPIKING = {'tssl_mlp': spiking.mlp, 'tssl_cnn': spiking.cnn}
# Case -> layer, shape of its input.
LAYERS = {
    'depthwise': (lambda: nn.Conv2d(64, 64, 3, padding=1, groups=64), (64, 64, 32, 32)),
    'lstm': (lambda: nn.LSTM(128, 128), (32, 64, 128)),
}


def training_step(case, channels_last):
    """One step as a function: zero_grad, forward, cross-entropy, backward, SGD with momentum and weight decay."""
    if case in SPIKING:
        return spiking.training_step(SPIKING[case], 50, channels_last)
    make, shape, batch, parameters = STEPS[case]
    model, images, labels = make().train(), torch.randn(batch, *shape), torch.arange(batch) % CLASSES
    found = sum(p.numel() for p in model.parameters())
    if found != parameters:
        raise SystemExit('%s has %d parameters, not %d' % (case, found, parameters))
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)

    def run():
        optimizer.zero_grad(set_to_none=True)
        f.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return run


def layer_step(case, channels_last):
    """A layer forward, the sum of what comes out, and the gradients of input and parameters."""
    make, shape = LAYERS[case]
    layer, x = make(), torch.randn(*shape)
    if channels_last and len(shape) == 4:
        layer, x = layer.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    x.requires_grad_()

    def run():
        layer.zero_grad(set_to_none=True)
        x.grad = None
        y = layer(x)
        (y[0] if isinstance(y, tuple) else y).sum().backward()
    return run
