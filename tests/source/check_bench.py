# SPDX-License-Identifier: Apache-2.0
"""kdst-bench keeps the interface that other programs read: records, names, exit status, files.

    check_bench.py KDST_BENCH
    check_bench.py --chart KDST_BENCH
"""
import json
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

NAMED = ['mlp', 'lenet', 'resnet18', 'resnet20', 'resnet18_infer1', 'resnet18_infer64', 'mobilenetv2', 'shufflenetv2',
         'lenet_by_hand', 'resnet20_by_hand', 'gemm_1024', 'gemm_1024_f64']
TIMES = {'case', 'threads', 'level', 'median_ms', 'min_ms', 'runs'}


class Checker:
    def __init__(self, program):
        self.program, self.failures, self.checks = program, [], 0

    def run(self, *arguments):
        return subprocess.run([self.program, *arguments], capture_output=True, text=True, timeout=300)

    def want(self, what, holds, result):
        self.checks += 1
        if not holds:
            self.failures.append('%s: status %d\n%s%s' % (what, result.returncode, result.stdout, result.stderr))

    def records(self, what, fields, *arguments):
        """The records of a run that works, whose standard output is records alone."""
        result = self.run(*arguments)
        try:
            found = [json.loads(line) for line in result.stdout.splitlines()]
        except ValueError:
            found = []
        self.want(what, result.returncode == 0 and found and all(set(r) == fields for r in found), result)
        return found

    def check_records(self):
        one = ('--threads', '1', '--runs', '2', '--json')
        found = self.records('a network', TIMES, '--case', 'mlp', *one)
        self.checks += 1
        named = [(r['case'], r['threads'], r['runs']) for r in found] == [('mlp', 1, 2)]
        if not named or not 0 < found[0]['min_ms'] <= found[0]['median_ms']:
            self.failures.append('a network: %s' % found)
        self.records('a product', TIMES | {'gflops', 'peak_share'}, '--case', 'gemm_128x10x400', *one)
        self.records('a loss', TIMES | {'gbs', 'bandwidth_share'}, '--case', 'softmax', *one)
        both = TIMES | {'gflops', 'peak_share', 'gbs', 'bandwidth_share'}
        gradients = 'depthwise3x3_58_data,depthwise3x3_58_weights'
        found = self.records('depthwise', both, '--case', gradients, '--case', 'depthwise3x3_58_forward', *one)
        self.checks += 1
        if len(found) != 3:
            self.failures.append('%d records of three cases' % len(found))
        fields = {'case', 'threads', 'level', 'memory_mb', 'runs'}
        self.records('memory', fields, '--case', 'mlp', '--memory', '--threads', '1', '--json')
        found = self.records('seconds', TIMES, '--case', 'mlp', '--seconds', '0.001', '--threads', '1', '--json')
        self.checks += 1
        if not found or found[0]['runs'] < 3:
            self.failures.append('fewer than three runs: %s' % found)

    def check_status(self):
        for arguments in (['--case', 'no_such'], ['--case', 'mlp,no_such'], ['--case', ''], ['--runs', '0'],
                          ['--seconds', '-1'], ['--threads', 'x'], ['--no-such'], ['more'], ['--onnx', 'x'],
                          ['--case', 'gemm_1024', '--onnx', 'x']):
            result = self.run(*arguments)
            self.want(' '.join(arguments), result.returncode == 2 and not result.stdout and result.stderr, result)
        result = self.run('--list')
        names = result.stdout.split()
        unique = len(names) == len(set(names))
        self.want('--list', result.returncode == 0 and set(NAMED) <= set(names) and unique, result)

    def check_files(self):
        with tempfile.TemporaryDirectory() as folder:
            onnx = Path(folder) / 'net.onnx'
            result = self.run('--case', 'lenet', '--onnx', str(onnx))
            self.want('--onnx', result.returncode == 0 and onnx.stat().st_size > 12_000_000, result)
            result = self.run('--case', 'lenet', '--onnx', folder + '/none/net.onnx')
            self.want('--onnx in no folder', result.returncode == 1 and result.stderr, result)


def check_chart(checker, program):
    """The chart is well-formed and has the figures that were printed. It takes a while: not in a plain test run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'scaling.svg'
        result = subprocess.run([program, '--scaling', str(path), '--seconds', '0.001'], capture_output=True, text=True)
        points = len(result.stdout.splitlines())
        root = ElementTree.parse(path).getroot()
        circles = root.findall('.//{http://www.w3.org/2000/svg}circle')
        checker.want('--scaling', result.returncode == 0 and points == len(circles) > 40, result)


def main():
    checker = Checker(sys.argv[-1])
    if sys.argv[1] == '--chart':
        check_chart(checker, sys.argv[-1])
    else:
        checker.check_records()
        checker.check_status()
        checker.check_files()
    print(*checker.failures, sep='\n')
    print('%d checks, %d failures' % (checker.checks, len(checker.failures)))
    return 1 if checker.failures else 0


if __name__ == '__main__':
    sys.exit(main())
