# SPDX-License-Identifier: Apache-2.0
"""A binding made at run time from kdst-api.json alone: every function resolves, a few are used.

    test_ctypes.py LIBRARY API_JSON
"""
import ctypes
import json
import sys

SCALARS = {'int32_t': ctypes.c_int32, 'int64_t': ctypes.c_int64, 'uint64_t': ctypes.c_uint64, 'float': ctypes.c_float,
           'double': ctypes.c_double, 'void': None}


class Library:
    def __init__(self, path, api):
        self.native = ctypes.CDLL(path)
        self.types = {**SCALARS, **{a['name']: SCALARS[a['type']] for a in api['aliases']},
                      **{c['name']: ctypes.c_void_p for c in api['callbacks']}}
        for entry in api['functions']:
            function = getattr(self.native, entry['name'])
            function.restype = self.type(entry['returns'])
            function.argtypes = [self.type(p['type']) for p in entry['parameters']]
            setattr(self, entry['name'], function)

    def type(self, text):
        if text == 'const char *':
            return ctypes.c_char_p
        return ctypes.c_void_p if '*' in text else self.types[text]


def check(condition, what):
    if not condition:
        sys.exit('failed: ' + what)


def check_roles(api):
    """What a generator has to know and cannot see in the types."""
    roles = {(f['name'], p['name']): p for f in api['functions'] for p in f['parameters']}
    for function, name, nullable, ownership in (
            ('kdst_linear', 'bias', True, 'call'), ('kdst_linear', 'weight', False, 'call'),
            ('kdst_batch_norm', 'running_mean', True, 'call'), ('kdst_loss_run', 'teacher', True, 'call'),
            ('kdst_context_set_log', 'log', True, 'retained'), ('kdst_context_set_log', 'user_data', True, 'retained'),
            ('kdst_tensor_create_foreign', 'data', False, 'retained'), ('kdst_tensor_create_dlpack', 'managed', False, 'retained'),
            ('kdst_gradient_check', 'function', False, 'call'), ('kdst_options_set_string', 'value', False, 'copied')):
        role = roles[function, name]
        check((role['nullable'], role['ownership']) == (nullable, ownership), '%s of %s' % (name, function))
    temperature = next(option for option in api['schemas']['loss.kd'] if option['name'] == 'temperature')
    check((temperature['min'], temperature['min_allowed'], temperature['count']) == (0, False, 1), 'an open bound')
    reduction = next(option for option in api['schemas']['loss.kd'] if option['name'] == 'reduction')
    check(reduction['presets'] == {'paper': 'batchmean', 'official': 'elementmean'}, 'presets')


def check_layers(kdst, ctx, constants):
    """A layer written in Python, with two inputs and two outputs."""
    ok, shape = constants['KDST_STATUS_OK'], (ctypes.c_int64 * 1)(2)
    seen = []

    @ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.c_int64,
                      ctypes.c_int32, ctypes.POINTER(ctypes.c_void_p))
    def forward(_user_data, _layer, inputs, count, training, out):
        seen.append((count, training))
        sum_, product = ctypes.c_void_p(), ctypes.c_void_p()
        status = kdst.kdst_add(inputs[0], inputs[1], ctypes.byref(sum_))
        status = status or kdst.kdst_mul(inputs[0], inputs[1], ctypes.byref(product))
        out[0], out[1] = sum_, product
        return status

    options, layer = ctypes.c_void_p(), ctypes.c_void_p()
    inputs, outputs, number = (ctypes.c_void_p * 2)(), (ctypes.c_void_p * 3)(), ctypes.c_int64()
    check(kdst.kdst_options_create(ctypes.byref(options)) == ok, 'options')
    for name in (b'inputs', b'outputs'):
        check(kdst.kdst_options_set_int(options, name, 2) == ok, 'set an option')
    check(kdst.kdst_layer_custom_create(ctx, b'pair', ctypes.cast(forward, ctypes.c_void_p), None, None, options,
                                        ctypes.byref(layer)) == ok, 'a layer by callback')
    for i, values in enumerate(((1, 2), (3, 5))):
        made = ctypes.c_void_p()
        data = (ctypes.c_float * 2)(*values)
        check(kdst.kdst_tensor_create_from(ctx, constants['KDST_DTYPE_FLOAT32'], 1, shape, data, ctypes.byref(made)) == ok,
              'tensor')
        inputs[i] = made
    check(kdst.kdst_layer_run_many(layer, inputs, 2, outputs, 3, ctypes.byref(number)) == ok, 'several inputs')
    check(number.value == 2 and outputs[2] is None and seen == [(2, 1)], 'two outputs')
    for i, expected in enumerate(([4, 7], [3, 10])):
        data = (ctypes.c_float * 2)()
        check(kdst.kdst_tensor_get_data(outputs[i], data, 8) == ok and list(data) == expected, 'output %d' % i)
    for handle in (*inputs, *outputs[:2]):
        kdst.kdst_tensor_release(handle)
    kdst.kdst_layer_release(layer)
    kdst.kdst_options_release(options)


def main():
    api = json.load(open(sys.argv[2]))
    kdst = Library(sys.argv[1], api)
    check_roles(api)
    constants = {v['name']: v['value'] for e in api['enumerations'] for v in e['values']}
    ok, invalid = constants['KDST_STATUS_OK'], constants['KDST_STATUS_INVALID_ARGUMENT']

    check(kdst.kdst_version().decode().count('.') == 2, 'version')
    check(kdst.kdst_schema_count() == len(api['schemas']), 'number of schemas')
    options, ctx, tensor = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    check(kdst.kdst_options_create(ctypes.byref(options)) == ok, 'options')
    check(kdst.kdst_options_set_int(options, b'thread', 1) == ok, 'set an option')
    check(kdst.kdst_context_create(options, ctypes.byref(ctx)) == invalid and not ctx, 'unknown option is refused')
    check(b'threads' in kdst.kdst_options_message(options), 'the message suggests the near name')
    check(kdst.kdst_context_create(None, ctypes.byref(ctx)) == ok, 'context')

    shape = (ctypes.c_int64 * 2)(2, 3)
    data = (ctypes.c_double * 6)(*range(6))
    copy = (ctypes.c_double * 6)()
    dtype = constants['KDST_DTYPE_FLOAT64']
    check(kdst.kdst_tensor_create_from(ctx, dtype, 2, shape, data, ctypes.byref(tensor)) == ok, 'tensor')
    check(kdst.kdst_tensor_get_data(tensor, copy, 48) == ok and list(copy) == list(data), 'data come back')
    check(kdst.kdst_tensor_get_data(tensor, copy, 40) == invalid, 'a wrong size is refused')
    kdst.kdst_tensor_release(tensor)
    check_layers(kdst, ctx, constants)
    check(kdst.kdst_context_live_count(ctx) == 0, 'nothing leaks')
    kdst.kdst_context_release(ctx)
    kdst.kdst_options_release(options)
    print('%d functions, %d schemas' % (len(api['functions']), len(api['schemas'])))


if __name__ == '__main__':
    main()
