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
    check(kdst.kdst_context_live_count(ctx) == 0, 'nothing leaks')
    kdst.kdst_context_release(ctx)
    kdst.kdst_options_release(options)
    print('%d functions, %d schemas' % (len(api['functions']), len(api['schemas'])))


if __name__ == '__main__':
    main()
