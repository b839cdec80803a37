# SPDX-License-Identifier: Apache-2.0
"""libkdst through ctypes and kdst-api.json, as the exchange tests use it: failures raise, arrays are NumPy's."""
import ctypes
import json
import tempfile

import numpy

SCALARS = {'int32_t': ctypes.c_int32, 'int64_t': ctypes.c_int64, 'uint64_t': ctypes.c_uint64, 'float': ctypes.c_float,
           'double': ctypes.c_double, 'void': None}
DTYPES = {1: numpy.float32, 2: numpy.float64, 3: numpy.int32, 4: numpy.uint8, 5: numpy.bool_}


class Library:
    """One context; `call(name, arguments…)` without the prefix kdst_, `new` where the last parameter gets a handle."""

    def __init__(self, path, api_path):
        with open(api_path) as file:
            self.api = json.load(file)
        self.native = ctypes.CDLL(path)
        self.types = {**SCALARS, **{a['name']: SCALARS[a['type']] for a in self.api['aliases']},
                      **{c['name']: ctypes.c_void_p for c in self.api['callbacks']}}
        self.functions = {entry['name']: self.bind(entry) for entry in self.api['functions']}
        self.ctx = self.new('context_create', None)

    def bind(self, entry):
        function = getattr(self.native, entry['name'])
        function.restype = self.type(entry['returns'])
        function.argtypes = [self.type(p['type']) for p in entry['parameters']]
        return function

    def type(self, text):
        if text == 'const char *':
            return ctypes.c_char_p
        return ctypes.c_void_p if '*' in text else self.types[text]

    def message(self):
        return self.functions['kdst_context_message'](self.ctx).decode()

    def get(self, name, *arguments):
        return self.functions['kdst_' + name](*arguments)

    def call(self, name, *arguments):
        status = self.get(name, *arguments)
        if status:
            raise RuntimeError('%s: status %d: %s' % (name, status, self.message() if hasattr(self, 'ctx') else ''))

    def new(self, name, *arguments):
        out = ctypes.c_void_p()
        self.call(name, *arguments, ctypes.byref(out))
        return out

    def options(self, **values):
        options = self.new('options_create')
        for key, value in values.items():
            setter = 'options_set_' + {str: 'string', float: 'float', int: 'int'}[type(value)]
            self.call(setter, options, key.encode(), value.encode() if isinstance(value, str) else value)
        return options

    def tensor(self, array):
        array = numpy.asarray(array, order='C')
        dtype = next(d for d, t in DTYPES.items() if array.dtype == t)
        shape = (ctypes.c_int64 * max(array.ndim, 1))(*array.shape)
        return self.new('tensor_create_from', self.ctx, dtype, array.ndim, shape, array.ctypes.data)

    def array(self, tensor):
        shape = [self.get('tensor_get_size', tensor, i) for i in range(self.get('tensor_get_rank', tensor))]
        out = numpy.empty(shape, DTYPES[self.get('tensor_get_dtype', tensor)])
        self.call('tensor_get_data', tensor, out.ctypes.data, out.nbytes)
        return out

    def close(self):
        live = self.get('context_live_count', self.ctx)
        self.get('context_release', self.ctx)
        check(live == 0, '%d handles are left' % live)


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def run(tests, path, api_path):
    """Runs each test with a library and a folder of its own."""
    for test in tests:
        library = Library(path, api_path)
        with tempfile.TemporaryDirectory() as folder:
            test(library, folder)
        library.close()
        print(test.__name__, 'passed')
