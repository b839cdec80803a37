#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Inference of an ONNX file in onnxruntime (pip install onnxruntime), as kdst-bench times its own.

    build/bench/kdst-bench --case resnet18_infer1 --onnx resnet18.onnx
    bench/peers/bench_onnxruntime.py resnet18.onnx 1x3x32x32 [--threads N] [--runs N | --seconds S] [--memory]

Prints one JSON object. The input is random, of the shape that is given; the file takes batches of any size.
"""
import argparse
import json
import sys

import measure


def session(path, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider']), onnxruntime.__version__


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('file')
    parser.add_argument('shape', type=lambda text: [int(n) for n in text.split('x')])
    parser.add_argument('--case', default='')
    measure.add_options(parser)
    arguments = parser.parse_args()
    import numpy
    network, version = session(arguments.file, arguments.threads)
    feed = {network.get_inputs()[0].name: numpy.random.default_rng(0).standard_normal(arguments.shape, numpy.float32)}
    result = measure.measured(lambda: network.run(None, feed), arguments)
    print(json.dumps({'case': arguments.case or arguments.file, 'threads': arguments.threads, 'setup': 'onnxruntime',
                      'onnxruntime': version, **result}))
    return 0


if __name__ == '__main__':
    sys.exit(main())
