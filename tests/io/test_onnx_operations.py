# SPDX-License-Identifier: Apache-2.0
"""Single operations, saved as ONNX from layers by callback, give in onnxruntime what they give here.

    test_onnx_operations.py LIBRARY      status 77 (skipped) without onnxruntime
"""
import ctypes
import os
import sys
import tempfile
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_double, c_int32, c_int64, c_void_p

try:
    import numpy
    import onnxruntime
except ImportError:
    print('onnxruntime is not installed')
    sys.exit(77)

KDST = ctypes.CDLL(sys.argv[1])
KDST.kdst_context_message.restype = c_char_p
for name in ('kdst_tensor_get_rank', 'kdst_tensor_get_size'):
    getattr(KDST, name).restype = c_int64
FORWARD = CFUNCTYPE(c_int32, c_void_p, c_void_p, POINTER(c_void_p), c_int64, c_int32, POINTER(c_void_p))
DTYPES = {'float32': 1, 'int32': 3}
TOLERANCE = 1e-5
CTX = c_void_p()


def check(status):
    if status:
        raise RuntimeError(KDST.kdst_context_message(CTX).decode())


def options(**values):
    out = c_void_p()
    check(KDST.kdst_options_create(byref(out)))
    for key, value in values.items():
        if isinstance(value, str):
            check(KDST.kdst_options_set_string(out, key.encode(), value.encode()))
        elif isinstance(value, tuple):
            check(KDST.kdst_options_set_ints(out, key.encode(), (c_int64 * len(value))(*value), c_int64(len(value))))
        else:
            check(KDST.kdst_options_set_int(out, key.encode(), c_int64(value)))
    return out


def tensor(array):
    out = c_void_p()
    array = numpy.ascontiguousarray(array)
    check(KDST.kdst_tensor_create_from(CTX, DTYPES[str(array.dtype)], c_int64(array.ndim),
                                       (c_int64 * max(array.ndim, 1))(*array.shape), array.ctypes.data_as(c_void_p), byref(out)))
    return out


def array(handle):
    out = numpy.empty([KDST.kdst_tensor_get_size(handle, c_int64(i)) for i in range(KDST.kdst_tensor_get_rank(handle))], 'float32')
    check(KDST.kdst_tensor_get_data(handle, out.ctypes.data_as(c_void_p), c_int64(out.nbytes)))
    return out


def plain(name, *arguments):
    """The function `name` on all inputs, then further arguments."""
    return lambda x, n, out: getattr(KDST, 'kdst_' + name)(*[c_void_p(x[i]) for i in range(n)], *arguments, out)


def listed(name, axis):
    return lambda x, n, out: getattr(KDST, 'kdst_' + name)(x, c_int64(n), c_int64(axis), out)


def ints(*values):
    return (c_int64 * len(values))(*values)


def cases(draw, random):
    """Name, inputs, call. Axis 0 of each input is the batch, unless a third entry says otherwise."""
    x = [draw(2, 3, 4)]
    image = [draw(2, 4, 7, 9)]
    positive = [numpy.abs(x[0]) + 0.1]
    for name in ('sigmoid', 'log_sigmoid', 'tanh', 'relu', 'relu6', 'silu', 'exp', 'abs', 'sign', 'neg', 'square'):
        yield name, [4 * x[0]], plain(name)
    for name in ('log', 'sqrt', 'reciprocal'):
        yield name, positive, plain(name)
    for name, numbers in (('leaky_relu', (0.2,)), ('elu', (0.7,)), ('clamp', (-0.3, 0.4)), ('add_scalar', (1.5,)), ('mul_scalar', (-2.5,))):
        yield name, x, plain(name, *[c_double(n) for n in numbers])
    yield 'pow', positive, plain('pow', c_double(1.7))
    yield 'gelu', x, plain('gelu', None)
    yield 'gelu tanh', x, plain('gelu', options(approximate='tanh'))
    yield 'softplus', x, plain('softplus', None)
    for name in ('add', 'sub', 'mul', 'div', 'minimum', 'maximum'):
        yield name, [x[0], positive[0]], plain(name)
    yield 'pow_tensor', [positive[0], x[0]], plain('pow_tensor')
    yield 'matmul', [draw(2, 3, 4), draw(2, 4, 5)], plain('matmul')
    yield 'softmax', x, plain('softmax', c_int64(1))
    yield 'log_softmax', x, plain('log_softmax', c_int64(-1))
    yield 'sum', x, plain('sum', ints(2), c_int64(1), c_int32(1))
    yield 'mean', x, plain('mean', ints(1, 2), c_int64(2), c_int32(0))
    yield 'reshape', x, plain('reshape', c_int64(2), ints(-1, 4))
    yield 'transpose', x, plain('transpose', c_int64(0), c_int64(2))
    yield 'permute', x, plain('permute', ints(1, 2, 0), c_int64(3))
    yield 'unsqueeze', x, plain('unsqueeze', c_int64(1))
    yield 'squeeze', [draw(2, 1, 4)], plain('squeeze', c_int64(1))
    yield 'slice', x, plain('slice', c_int64(2), c_int64(1), c_int64(4), c_int64(2))
    yield 'channel_shuffle', [draw(2, 6, 3, 2)], plain('channel_shuffle', c_int64(3))
    yield 'channel_shuffle of rows', [draw(3, 6)], plain('channel_shuffle', c_int64(2))
    yield 'channel_slice', [draw(2, 6, 3)], plain('channel_slice', c_int64(2), c_int64(3))
    yield 'flip', x, plain('flip', c_int64(2))
    yield 'pad', x, plain('pad', c_int64(1), c_int64(1), c_int64(2))
    yield 'broadcast_to', [draw(2, 1, 4)], plain('broadcast_to', c_int64(3), ints(2, 3, 4)), False
    yield 'concat', [draw(2, 3), draw(2, 5)], listed('concat', 1)
    yield 'stack', [draw(2, 3), draw(2, 3), draw(2, 3)], listed('stack', 1)
    indices = random.integers(0, 3, 5).astype('int32')
    yield 'index_select', [x[0], indices], lambda t, n, out: KDST.kdst_index_select(c_void_p(t[0]), c_int64(1), c_void_p(t[1]), out), False
    rows = random.integers(0, 3, (2, 3, 4)).astype('int32')
    yield 'gather', [x[0], rows], lambda t, n, out: KDST.kdst_gather(c_void_p(t[0]), c_int64(1), c_void_p(t[1]), out)
    yield 'max_pool2d', image, plain('max_pool2d', options(kernel=(3, 3), stride=(2, 2), padding=(1, 1)))
    yield 'max_pool2d ceil', image, plain('max_pool2d', options(kernel=(2, 2), stride=(2, 2), ceil_mode=1))
    yield 'avg_pool2d', image, plain('avg_pool2d', options(kernel=(3, 3), stride=(2, 2), padding=(1, 1)))
    yield 'avg_pool2d inside', image, plain('avg_pool2d', options(kernel=(3, 3), stride=(2, 2), padding=(1, 1), count_include_pad=0))
    yield 'adaptive_avg_pool2d', image, plain('adaptive_avg_pool2d', c_int64(3), c_int64(12))
    yield 'global_avg_pool2d', image, plain('global_avg_pool2d')
    weight = [image[0], draw(6, 2, 3, 3), draw(6)]
    yield 'conv2d', weight, plain('conv2d', options(stride=(1, 2), padding=(2, 1), dilation=(2, 1), groups=2)), False
    weight = [image[0], draw(4, 3, 3, 2), draw(6)]
    settings = options(stride=(2, 3), padding=(1, 0), output_padding=(1, 0), groups=2)
    yield 'conv_transpose2d', weight, plain('conv_transpose2d', settings), False
    statistics = [image[0], draw(4), draw(4), draw(4), numpy.abs(draw(4)) + 0.5]
    yield 'batch_norm', statistics, plain('batch_norm', options(training=0)), False
    yield 'linear', [draw(2, 4), draw(5, 4), draw(5)], plain('linear'), False


def save(layer, arrays, path, dynamic):
    ranks = ints(*[a.ndim for a in arrays])
    dtypes = (c_int32 * len(arrays))(*[DTYPES[str(a.dtype)] for a in arrays])
    given = options(dynamic_batch=int(dynamic))
    status = KDST.kdst_onnx_save(layer, c_int64(len(arrays)), dtypes, ranks, ints(*[n for a in arrays for n in a.shape]), path.encode(), given)
    KDST.kdst_options_release(given)
    check(status)


def compare(what, layer, arrays, path, dynamic):
    save(layer, arrays, path, dynamic)
    tensors, y = [tensor(a) for a in arrays], (c_void_p * 3)()
    check(KDST.kdst_layer_run_many(layer, (c_void_p * len(tensors))(*tensors), c_int64(len(tensors)), y, c_int64(3), None))
    here = [array(c_void_p(t)) for t in y if t]
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    there = session.run(None, {i.name: a for i, a in zip(session.get_inputs(), arrays)})
    worst = 0
    for a, b in zip(here, there):
        if a.shape != b.shape:
            raise RuntimeError('shapes %s and %s' % (a.shape, b.shape))
        worst = max(worst, float(numpy.abs(a - b).max() / numpy.abs(a).max()))
    if len(here) != len(there) or not worst <= TOLERANCE:
        raise RuntimeError('differs by %.2g of the largest' % worst)
    for t in tensors + [c_void_p(t) for t in y if t]:
        KDST.kdst_tensor_release(t)


def operation(what, arrays, call, path, dynamic=True):
    layer = c_void_p()
    forward = FORWARD(lambda user, own, inputs, count, training, out: call(inputs, count, out))
    given = options(inputs=len(arrays))
    check(KDST.kdst_layer_custom_create(CTX, what.encode(), forward, None, None, given, byref(layer)))
    try:
        compare(what, layer, arrays, path, dynamic)
    finally:
        KDST.kdst_layer_release(layer)


def lstm(draw, path):
    """Two layers, both directions, states of the caller's; all three outputs."""
    layer = c_void_p()
    check(KDST.kdst_layer_lstm_create(CTX, c_int64(5), c_int64(4), options(num_layers=2, bidirectional=1), byref(layer)))
    arrays = [draw(6, 3, 5), numpy.array([6, 2, 4], 'int32'), draw(4, 3, 4), draw(4, 3, 4)]
    compare('lstm', layer, arrays, path, False)
    KDST.kdst_layer_release(layer)


def main():
    check(KDST.kdst_context_create(None, byref(CTX)))
    random = numpy.random.default_rng(11)

    def draw(*shape):
        return random.standard_normal(shape).astype('float32')
    failures, count = [], 0
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'operation.onnx')
        every = list(cases(draw, random)) + [('lstm', None, None)]
        for case in every:
            try:
                if case[1] is None:
                    lstm(draw, path)
                else:
                    operation(case[0], case[1], case[2], path, *case[3:])
            except Exception as error:  # one failure does not hide the others
                failures.append('%s: %s' % (case[0], str(error).splitlines()[0]))
            count += 1
    print('%d operations' % count, *failures, sep='\n')
    sys.exit(1 if failures else 0)


main()
