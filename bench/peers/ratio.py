#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""libkdst beside its peers on one machine: a table of ratios.

    bench/peers/ratio.py [--bench build/bench/kdst-bench] [--case NAME[,NAME]...] [--threads 1,2] [--rounds 10]
                         [--seconds 1] [--memory] [--python /usr/bin/python3] [--onnxruntime FOLDER] [--json FILE]

Training steps meet every set-up of PyTorch that the machine has (bench_torch.py says which), inference meets
onnxruntime on the file that libkdst writes. In a round each program runs once in a process of its own, for --seconds
after its warm-up; rounds begin with another program by turns, so that none is always the one after a pause. A program's
figure is the median over the rounds of the median of a process. The ratio is that of the fastest peer to libkdst, and
its range holds the middle half of the rounds.

With --memory the figure is the growth of the resident high-water mark over three steps, and the ratio libkdst's part of
the peer that takes least. A peer that is not installed is left out. Markdown on standard output, progress on standard
error, everything in --json.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile

import bench_torch

HERE = os.path.dirname(os.path.abspath(__file__))
STEPS = ['resnet18', 'resnet20', 'lenet', 'mlp', 'mobilenetv2', 'shufflenetv2', 'tssl_mlp', 'tssl_cnn']
INFERENCES = {'resnet18_infer1': '1x3x32x32', 'resnet18_infer64': '64x3x32x32'}
BY_HAND = '_by_hand'
OURS = 'libkdst'


def environment(threads, more):
    counts = dict.fromkeys(('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'BLIS_NUM_THREADS'), str(threads))
    return {**{k: v for k, v in os.environ.items() if k not in bench_torch.READ_BY_BLAS}, **counts, **more}


class Programs:
    """What can be run for a case: name -> (command, environment)."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.onnx_path = {'PYTHONPATH': options.onnxruntime} if options.onnxruntime else {}
        self.torch, self.onnx = self.imports('torch', {}), self.imports('onnxruntime', self.onnx_path)

    def imports(self, module, more):
        command = [self.options.python, '-c', 'import ' + module]
        result = subprocess.run(command, env={**os.environ, **more}, capture_output=True)
        if result.returncode:
            print('no %s: left out' % module, file=sys.stderr)
        return result.returncode == 0

    def measured(self, threads):
        how = ['--memory'] if self.options.memory else ['--seconds', str(self.options.seconds)]
        return ['--threads', str(threads), *how]

    def of(self, case, threads):
        ours = [self.options.bench, '--case', case, '--json', *self.measured(threads)]
        found = {OURS: (ours, environment(threads, {}))}
        if case in INFERENCES and self.onnx:
            path = os.path.join(self.folder, case + '.onnx')
            if not os.path.exists(path):
                subprocess.run([self.options.bench, '--case', case, '--onnx', path], check=True)
            command = [self.options.python, os.path.join(HERE, 'bench_onnxruntime.py'), path, INFERENCES[case]]
            found['onnxruntime'] = command + self.measured(threads), environment(threads, self.onnx_path)
        elif self.torch and case.removesuffix(BY_HAND) in bench_torch.CASES:
            for setup, more in bench_torch.setups().items():
                command = [self.options.python, os.path.join(HERE, 'bench_torch.py'), '--here', setup]
                command += ['--case', case.removesuffix(BY_HAND), *self.measured(threads)]
                found[setup] = command, environment(threads, more)
        return found


def run(command, env):
    result = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        raise SystemExit('%s ended with status %d' % (' '.join(command), result.returncode))
    return json.loads(result.stdout)


def measure(programs, case, threads, rounds, metric):
    """name -> one figure a round, and the records they are from."""
    found, records = programs.of(case, threads), []
    names, figures = list(found), {name: [] for name in found}
    for index in range(rounds):
        shift = index % len(names)
        for name in names[shift:] + names[:shift]:
            record = {'program': name, 'round': index, **run(*found[name]), 'case': case}
            figures[name].append(record[metric])
            records.append(record)
            print('%s, %d threads, round %d of %d: %s %.3f' % (case, threads, index + 1, rounds, name, record[metric]),
                  file=sys.stderr)
    return figures, records


def summarise(case, threads, figures, memory):
    """A row of the table."""
    medians = {name: statistics.median(values) for name, values in figures.items()}
    peers = {name: value for name, value in medians.items() if name != OURS}
    row = {'case': case, 'threads': threads, 'medians': medians, 'rounds': len(figures[OURS])}
    if peers:
        best = min(peers, key=peers.get)
        each = sorted(o / p if memory else p / o for p, o in zip(figures[best], figures[OURS]))
        n = len(each)
        row.update(best=best, ratio=medians[OURS] / peers[best] if memory else peers[best] / medians[OURS],
                   low=each[n // 4], high=each[n - 1 - n // 4])
    return row


def table(rows, memory):
    """Markdown; a column for each peer that any row has."""
    names = list(dict.fromkeys(n for row in rows for n in row['medians'] if n != OURS))
    unit = 'MiB' if memory else 'ms'
    lines = ['| case | threads | libkdst %s | %s | %s | middle half of the rounds |' %
             (unit, ' | '.join(names), 'part of the least' if memory else 'ratio to the fastest'),
             '|---|---|---|%s---|---|' % ('---|' * len(names))]
    for row in rows:
        medians = row['medians']
        cells = ['`%s`' % row['case'], str(row['threads']), '%.4g' % medians[OURS]]
        cells += [('**%.4g**' if n == row.get('best') else '%.4g') % medians[n] if n in medians else '' for n in names]
        cells += ['**%.2f**' % row['ratio'], '%.2f to %.2f' % (row['low'], row['high'])] if 'ratio' in row else ['', '']
        lines.append('| %s |' % ' | '.join(cells))
    return '\n'.join(lines)


def machine():
    with open('/proc/cpuinfo') as file:
        names = [line.split(':', 1)[1].strip() for line in file if line.startswith('model name')]
    cpu = names[0] if names else platform.processor()
    return {'cpu': cpu, 'cores': len(os.sched_getaffinity(0)), 'system': platform.platform()}


def parse():
    parser = argparse.ArgumentParser(description='libkdst beside its peers on one machine.')
    parser.add_argument('--bench', default='build/bench/kdst-bench')
    parser.add_argument('--case', help='list with commas; default the networks (with --memory: resnet18)')
    parser.add_argument('--threads', default='1,2', type=lambda text: [int(n) for n in text.split(',')])
    parser.add_argument('--rounds', type=int, default=10)
    parser.add_argument('--seconds', type=float, default=1)
    parser.add_argument('--memory', action='store_true')
    parser.add_argument('--python', default='/usr/bin/python3', help='that has torch and onnxruntime')
    parser.add_argument('--onnxruntime', metavar='FOLDER', help='where onnxruntime is installed, if not beside torch')
    parser.add_argument('--json', metavar='FILE')
    options = parser.parse_args()
    default = ['resnet18'] if options.memory else [*STEPS, *INFERENCES]
    options.cases = options.case.split(',') if options.case else default
    return options


def main():
    options, rows, records = parse(), [], []
    metric = 'memory_mb' if options.memory else 'median_ms'
    with tempfile.TemporaryDirectory() as folder:
        programs = Programs(options, folder)
        for case in options.cases:
            for threads in options.threads:
                figures, found = measure(programs, case, threads, options.rounds, metric)
                records += found
                rows.append(summarise(case, threads, figures, options.memory))
    print(table(rows, options.memory))
    if options.json:
        with open(options.json, 'w') as file:
            json.dump({'machine': machine(), 'rows': rows, 'records': records}, file, indent=1)
    return 0


if __name__ == '__main__':
    sys.exit(main())
