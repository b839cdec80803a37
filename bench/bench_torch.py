#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The training steps and layers of kdst-bench in PyTorch, for a comparison on one machine.

    bench/bench_torch.py [--case NAME] [--threads N] [--runs N] [--json]

A step is zero_grad, forward, cross-entropy, backward and SGD (momentum 0.9, weight decay 5e-4) on random images, as in
bench/main.c. A layer is run forward, summed up and differentiated by input and parameters. Each set-up of PyTorch runs in a
process of its own, because the BLAS below it reads its settings at the start:

    default         as it is installed
    skylakex        OPENBLAS_CORETYPE=SkylakeX, on CPUs with AVX-512: OpenBLAS 0.3.21 does not know the newest ones
    channels_last   the same with channels_last tensors
    blis            BLIS in place of OpenBLAS (Debian: libblis4-openmp)

One line a set-up, then the fastest; with --json one object a line and nothing else.
"""
import argparse
import json
import os
import subprocess
import sys
import time

BLIS = '/usr/lib/x86_64-linux-gnu/blis-openmp'
CASES = {'mlp': ((1, 28, 28), 128), 'lenet': ((1, 28, 28), 64), 'resnet20': ((3, 32, 32), 128), 'resnet18': ((3, 32, 32), 64)}
LAYERS = {'depthwise': (64, 64, 32, 32), 'lstm': (32, 64, 128)}  # shapes of their input
WARM_UP = 3


def setups():
    """Name -> environment, of those that this machine can run."""
    with open('/proc/cpuinfo') as file:
        avx512 = 'avx512dq' in file.read()
    core = {'OPENBLAS_CORETYPE': 'SkylakeX'} if avx512 else {}
    found = {'default': {}, 'channels_last': core}
    if avx512:
        found['skylakex'] = core
    if os.path.isdir(BLIS):
        found['blis'] = {'LD_LIBRARY_PATH': BLIS, **({'BLIS_ARCH_TYPE': '0'} if avx512 else {})}
    return found


def network(name):
    from torch import nn
    from torch.nn import functional as f

    class Block(nn.Module):
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
        layers, inside = [nn.Conv2d(3, widths[0], 3, 1, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()], widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                layers.append(Block(inside, width, 2 if stage and not block else 1, project))
                inside = width
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inside, 10))

    if name == 'mlp':
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 400), nn.ReLU(), nn.Linear(400, 400), nn.ReLU(), nn.Linear(400, 10))
    if name == 'lenet':
        return nn.Sequential(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(),
                             nn.MaxPool2d(2), nn.Flatten(), nn.Linear(3136, 1024), nn.ReLU(), nn.Linear(1024, 10))
    return residual((16, 32, 64), 3, False) if name == 'resnet20' else residual((64, 128, 256, 512), 2, True)


def training_step(case, setup):
    import torch
    shape, batch = CASES[case]
    model, images, labels = network(case).train(), torch.randn(batch, *shape), torch.arange(batch) % 10
    if setup == 'channels_last':
        model, images = model.to(memory_format=torch.channels_last), images.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=5e-4)

    def run():
        optimizer.zero_grad(set_to_none=True)
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return run


def layer_step(case, setup):
    import torch
    shape = LAYERS[case]
    x = torch.randn(*shape, requires_grad=True)
    layer = torch.nn.LSTM(shape[2], shape[2]) if case == 'lstm' else torch.nn.Conv2d(shape[1], shape[1], 3, padding=1, groups=shape[1])
    if setup == 'channels_last' and len(shape) == 4:
        layer, x = layer.to(memory_format=torch.channels_last), x.detach().contiguous(memory_format=torch.channels_last).requires_grad_()

    def run():
        layer.zero_grad(set_to_none=True)
        x.grad = None
        y = layer(x)
        (y[0] if case == 'lstm' else y).sum().backward()
    return run


def measure(case, setup, threads, runs):
    import torch
    torch.set_num_threads(threads)
    step, times = (layer_step if case in LAYERS else training_step)(case, setup), []
    for run in range(-WARM_UP, runs):
        start = time.perf_counter()
        step()
        if run >= 0:
            times.append(1e3 * (time.perf_counter() - start))
    times.sort()
    median = (times[runs // 2] + times[(runs - 1) // 2]) / 2
    return {'case': case, 'threads': threads, 'setup': setup, 'torch': torch.__version__, 'median_ms': round(median, 4),
            'min_ms': round(times[0], 4), 'runs': runs}


def in_process(case, setup, environment, arguments):
    counts = dict.fromkeys(('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'BLIS_NUM_THREADS'), str(arguments.threads))
    command = [sys.executable, __file__, '--case', case, '--threads', str(arguments.threads), '--runs', str(arguments.runs),
               '--setup', setup]
    result = subprocess.run(command, env={**os.environ, **counts, **environment}, stdout=subprocess.PIPE, text=True)
    return json.loads(result.stdout) if result.returncode == 0 else None


def main():
    parser = argparse.ArgumentParser(usage='bench_torch.py [--case NAME] [--threads N] [--runs N] [--json]')
    parser.add_argument('--case', choices=[*CASES, *LAYERS])
    parser.add_argument('--threads', type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument('--runs', type=int, default=20)
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--setup', help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.setup:
        print(json.dumps(measure(arguments.case, arguments.setup, arguments.threads, arguments.runs)))
        return 0
    for case in [arguments.case] if arguments.case else [*CASES, *LAYERS]:
        records = [r for name, environment in setups().items() if (r := in_process(case, name, environment, arguments))]
        if not records:
            return 1
        for record in records:
            print(json.dumps(record) if arguments.json else
                  '%(case)-10s %(threads)d threads  %(setup)-14s median %(median_ms)9.3f ms  min %(min_ms)9.3f ms' % record, flush=True)
        if not arguments.json:
            print('%-10s fastest: %s' % (case, min(records, key=lambda r: r['median_ms'])['setup']))
    return 0


if __name__ == '__main__':
    sys.exit(main())
