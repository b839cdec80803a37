#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The training steps and layers of kdst-bench in PyTorch.

    bench/peers/bench_torch.py [--case NAME] [--threads N] [--runs N | --seconds S] [--memory] [--setup NAME] [--json]

Each set-up of PyTorch runs in a process of its own, because the BLAS below it reads its settings at the start:

    default         as it is installed
    skylakex        OPENBLAS_CORETYPE=SkylakeX, on CPUs with AVX-512: OpenBLAS 0.3.21 does not know the newest ones
    channels_last   the same with channels_last tensors
    blis            BLIS in place of OpenBLAS as libblas (Debian: libblis4-openmp), on CPUs with AVX-512 as for SkylakeX

One line a set-up, then the fastest; with --json one object a line and nothing else. ratio.py puts libkdst beside them.
"""
import argparse
import json
import os
import platform
import subprocess
import sys

import measure

CASES = ('mlp', 'lenet', 'resnet20', 'resnet18', 'mobilenetv2', 'shufflenetv2', 'depthwise', 'lstm', 'tssl_mlp', 'tssl_cnn')
BLIS = '/usr/lib/%s-linux-gnu/blis-openmp' % platform.machine()
READ_BY_BLAS = ('OPENBLAS_CORETYPE', 'BLIS_ARCH_TYPE')


def setups():
    """Name -> environment, of those that this machine can run."""
    with open('/proc/cpuinfo') as file:
        avx512 = 'avx512dq' in file.read()
    core = {'OPENBLAS_CORETYPE': 'SkylakeX'} if avx512 else {}
    found = {'default': {}, 'channels_last': core}
    if avx512:
        found['skylakex'] = core
    if os.path.exists(os.path.join(BLIS, 'libblas.so.3')):
        found['blis'] = {'LD_LIBRARY_PATH': BLIS, **({'BLIS_ARCH_TYPE': '0'} if avx512 else {})}
    return found


def mapped_blas():
    """Where the library is that does PyTorch's products, which shows that a set-up is what it says."""
    with open('/proc/self/maps') as file:
        paths = {line.split()[-1] for line in file if 'libblas.so' in line or 'libmkl' in line}
    return ' '.join(sorted({os.path.basename(os.path.dirname(p)) for p in paths}))


def run_here(case, setup, arguments):
    import networks
    import torch
    torch.set_num_threads(arguments.threads)
    make = networks.layer_step if case in networks.LAYERS else networks.training_step
    result = measure.measured(make(case, setup == 'channels_last'), arguments)
    return {'case': case, 'threads': arguments.threads, 'setup': setup, 'torch': torch.__version__,
            'blas': mapped_blas(), **result}


def in_process(case, setup, environment, arguments):
    """The record of a new process; None when it fails."""
    counts = dict.fromkeys(('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'BLIS_NUM_THREADS'), str(arguments.threads))
    command = [sys.executable, __file__, '--case', case, '--here', setup, '--threads', str(arguments.threads),
               '--runs', str(arguments.runs)]
    command += ['--seconds', str(arguments.seconds)] if arguments.seconds else []
    command += ['--memory'] if arguments.memory else []
    clean = {k: v for k, v in os.environ.items() if k not in READ_BY_BLAS}
    result = subprocess.run(command, env={**clean, **counts, **environment}, stdout=subprocess.PIPE, text=True)
    return json.loads(result.stdout) if result.returncode == 0 else None


def describe(record):
    what = '%.2f MiB more' % record['memory_mb'] if 'memory_mb' in record else \
        'median %9.3f ms  min %9.3f ms' % (record['median_ms'], record['min_ms'])
    return '%-12s %d threads  %-14s %s' % (record['case'], record['threads'], record['setup'], what)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--case', choices=CASES)
    parser.add_argument('--setup', choices=['default', 'skylakex', 'channels_last', 'blis'], help='this one alone')
    parser.add_argument('--json', action='store_true')
    parser.add_argument('--here', help=argparse.SUPPRESS)
    measure.add_options(parser)
    arguments = parser.parse_args()
    if arguments.here:
        print(json.dumps(run_here(arguments.case, arguments.here, arguments)))
        return 0
    for case in [arguments.case] if arguments.case else CASES:
        wanted = {n: e for n, e in setups().items() if arguments.setup in (None, n)}
        records = [r for n, e in wanted.items() if (r := in_process(case, n, e, arguments))]
        if not records:
            return 1
        for record in records:
            print(json.dumps(record) if arguments.json else describe(record), flush=True)
        if not arguments.json and not arguments.memory:
            print('%-12s fastest: %s' % (case, min(records, key=lambda r: r['median_ms'])['setup']))
    return 0


if __name__ == '__main__':
    sys.exit(main())
