# SPDX-License-Identifier: Apache-2.0
"""Networks saved as ONNX give in onnxruntime what they give here, to 1e-4 of the largest output, for the batch they were traced with
and for another one.

    test_onnx.py LIBRARY [NAME ...]     the networks by name; without names all of them, a file at a time
                                        status 77 (skipped) without onnxruntime
"""
import ctypes
import os
import sys
import tempfile
from ctypes import byref, c_char_p, c_double, c_int32, c_int64, c_uint64, c_void_p

try:
    import numpy
    import onnxruntime
except ImportError:
    print('onnxruntime is not installed')
    sys.exit(77)

KDST = ctypes.CDLL(sys.argv[1])
KDST.kdst_context_message.restype = c_char_p
KDST.kdst_model_get_name.restype = c_char_p
for name in ('kdst_layer_get_state_count', 'kdst_model_count', 'kdst_model_get_channels', 'kdst_model_get_image_size',
             'kdst_tensor_get_rank', 'kdst_tensor_get_size'):
    getattr(KDST, name).restype = c_int64
DTYPES = {'float32': 1, 'float64': 2, 'int32': 3}
TOLERANCE = 1e-4
BATCH, OTHER = 2, 3
LENGTH, VOCABULARY = 9, 60  # of sentences
ANY_SIDE = 64  # of images for networks that take every size
DENSE = {'adashare_resnet18', 'adashare_resnet34'}  # an output for each task


class Failed(Exception):
    pass


class Library:
    """The calls of the C API that this needs, with its errors as exceptions."""

    def __init__(self):
        self.ctx = c_void_p()
        self.check(KDST.kdst_context_create(None, byref(self.ctx)))

    def check(self, status):
        if status:
            raise Failed((KDST.kdst_context_message(self.ctx) or b'?').decode())

    def tensor(self, array):
        out = c_void_p()
        shape = (c_int64 * max(array.ndim, 1))(*array.shape)
        data = numpy.ascontiguousarray(array)
        self.check(KDST.kdst_tensor_create_from(
            self.ctx, DTYPES[str(array.dtype)], c_int64(array.ndim), shape, data.ctypes.data_as(c_void_p), byref(out)))
        return out

    def array(self, tensor, dtype):
        shape = [KDST.kdst_tensor_get_size(tensor, c_int64(i)) for i in range(KDST.kdst_tensor_get_rank(tensor))]
        out = numpy.empty(shape, dtype)
        self.check(KDST.kdst_tensor_get_data(tensor, out.ctypes.data_as(c_void_p), c_int64(out.nbytes)))
        return out

    def model(self, name, **options):
        layer, given = c_void_p(), c_void_p()
        self.check(KDST.kdst_options_create(byref(given)))
        for key, value in options.items():
            if isinstance(value, str):
                self.check(KDST.kdst_options_set_string(given, key.encode(), value.encode()))
            elif isinstance(value, list):
                self.check(KDST.kdst_options_set_ints(given, key.encode(), (c_int64 * len(value))(*value), c_int64(len(value))))
            else:
                self.check(KDST.kdst_options_set_int(given, key.encode(), c_int64(value)))
        status = KDST.kdst_model_create(self.ctx, name.encode(), given, byref(layer))
        KDST.kdst_options_release(given)
        self.check(status)
        self.unsettle(layer)
        self.check(KDST.kdst_layer_set_training(layer, c_int32(0)))
        return layer

    def unsettle(self, layer):
        """Statistics and scales other than those of a new network, which would hide a mistake."""
        state_name, tensor = c_char_p(), c_void_p()
        for i in range(KDST.kdst_layer_get_state_count(layer)):
            self.check(KDST.kdst_layer_get_state(layer, c_int64(i), byref(state_name), byref(tensor), None))
            last = state_name.value.decode().split('.')[-1]
            if last == 'running_var' or (last == 'weight' and KDST.kdst_tensor_get_rank(tensor) == 1):
                self.check(KDST.kdst_tensor_set_uniform(tensor, c_double(0.7), c_double(1.3)))
            elif last in ('running_mean', 'bias'):
                self.check(KDST.kdst_tensor_set_uniform(tensor, c_double(-0.1), c_double(0.1)))

    def run(self, layer, arrays, dtype):
        tensors = [self.tensor(a) for a in arrays]
        inputs, outputs, count = (c_void_p * len(tensors))(*tensors), (c_void_p * 32)(), c_int64()
        self.check(KDST.kdst_layer_run_many(layer, inputs, c_int64(len(tensors)), outputs, c_int64(32), byref(count)))
        results = [self.array(c_void_p(outputs[i]), dtype) for i in range(count.value)]
        for t in tensors + [c_void_p(outputs[i]) for i in range(count.value)]:
            KDST.kdst_tensor_release(t)
        return results

    def save(self, layer, arrays, path, axes):
        ranks = (c_int64 * len(arrays))(*[a.ndim for a in arrays])
        sizes = [n for a in arrays for n in a.shape]
        dtypes = (c_int32 * len(arrays))(*[DTYPES[str(a.dtype)] for a in arrays])
        given = c_void_p()
        self.check(KDST.kdst_options_create(byref(given)))
        self.check(KDST.kdst_options_set_ints(given, b'batch_axis', (c_int64 * len(axes))(*axes), c_int64(len(axes))))
        status = KDST.kdst_onnx_save(
            layer, c_int64(len(arrays)), dtypes, ranks, (c_int64 * len(sizes))(*sizes), path.encode(), given)
        KDST.kdst_options_release(given)
        self.check(status)


def sentences(random, batch, pair):
    arrays = []
    for _ in range(2 if pair else 1):
        lengths = random.integers(1, LENGTH + 1, batch).astype('int32')
        lengths[0] = LENGTH
        tokens = random.integers(2, VOCABULARY, (LENGTH, batch)).astype('int32')
        tokens[numpy.arange(LENGTH)[:, None] >= lengths[None]] = 1
        arrays += [tokens, lengths]
    return arrays


def images(random, name, batch, dtype):
    index = [KDST.kdst_model_get_name(c_int64(i)).decode() for i in range(KDST.kdst_model_count())].index(name)
    side = KDST.kdst_model_get_image_size(c_int64(index)) or ANY_SIDE
    return [random.standard_normal((batch, KDST.kdst_model_get_channels(c_int64(index)), side, side)).astype(dtype)]


def compare(library, name, folder, dtype='float32'):
    random = numpy.random.default_rng(7)
    text = KDST.kdst_model_get_channels(c_int64(
        [KDST.kdst_model_get_name(c_int64(i)).decode() for i in range(KDST.kdst_model_count())].index(name))) == 0
    options = {'vocabulary': VOCABULARY} if text else {'tasks': [7, 3]} if name in DENSE else {}
    layer = library.model(name, dtype=dtype, **options)
    pair = KDST.kdst_layer_get_input_count(layer) == 4

    def draw(batch):
        return sentences(random, batch, pair) if text else images(random, name, batch, dtype)
    axes = [1, 0, 1, 0][:4 if pair else 2] if text else [0]
    path = os.path.join(folder, name + '.onnx')
    worst = 0
    try:
        library.save(layer, draw(BATCH), path, axes)
        settings = onnxruntime.SessionOptions()
        settings.log_severity_level = 3
        session = onnxruntime.InferenceSession(path, settings, providers=['CPUExecutionProvider'])
        for batch in (BATCH, OTHER):
            arrays = draw(batch)
            here = library.run(layer, arrays, dtype)
            names = [i.name for i in session.get_inputs()]
            there = session.run(None, dict(zip(names, arrays)))
            if [a.shape for a in here] != [a.shape for a in there]:
                raise Failed('%s: shapes %s and %s' % (name, [a.shape for a in here], [a.shape for a in there]))
            for a, b in zip(here, there):
                largest = numpy.abs(a).max()
                if not largest > 0:
                    raise Failed('%s: the outputs are 0' % name)
                worst = max(worst, float(numpy.abs(a - b).max() / largest))
        if not worst <= TOLERANCE:
            raise Failed('%s: differs by %.2g of the largest' % (name, worst))
    finally:
        KDST.kdst_layer_release(layer)
        if os.path.exists(path):
            os.remove(path)
    print('%-24s %s differs by %.1e of the largest' % (name, dtype, worst), flush=True)


def main():
    library = Library()
    names = sys.argv[2:] or [KDST.kdst_model_get_name(c_int64(i)).decode() for i in range(KDST.kdst_model_count())]
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            name, _, dtype = name.partition(':')
            try:
                compare(library, name, folder, dtype or 'float32')
            except Exception as error:  # one network's failure does not hide the others
                failures.append(name)
                print('%-24s %s' % (name, str(error).splitlines()[0]), flush=True)
    KDST.kdst_context_release(library.ctx)
    if failures:
        sys.exit('%d of %d failed' % (len(failures), len(names)))


main()
