# SPDX-License-Identifier: Apache-2.0
"""Every public function with NULL and 0 in place of its arguments, driven by kdst-api.json alone.

    test_nulls.py LIBRARY API_JSON

Three rounds: everything NULL; a living handle first and NULL after it; living handles wherever one is taken and NULL elsewhere, with
each handle parameter in turn NULL. A call must return, with a status it documents; after a failure each out handle is NULL and
the context has a message. At the end nothing is left alive.
"""
import ctypes
import json
import sys
import tempfile

from test_ctypes import Library, check

MARK = 0x5a5a5a5a5a5a5a5a
# Their messages lie elsewhere; the frozen network's context may be in use by another thread.
CONTEXT_FREE = ('kdst_options_', 'kdst_schema_', 'kdst_context_create', 'kdst_frozen_share')


class Handles:
    """One living handle of each type."""

    def __init__(self, kdst):
        self.kdst, self.of, self.order = kdst, {}, []
        self.make('kdst_options', 'kdst_options_create')
        self.make('kdst_context', 'kdst_context_create', None)
        ctx = self.of['kdst_context']
        shape, label_shape = (ctypes.c_int64 * 4)(4, 1, 2, 2), (ctypes.c_int64 * 1)(4)
        self.make('kdst_tensor', 'kdst_tensor_create', ctx, 1, 4, shape)
        labels = self.raw('kdst_tensor_create', ctx, 3, 1, label_shape)
        self.make('kdst_layer', 'kdst_layer_linear_create', ctx, 4, 3, None)
        self.make('kdst_loss', 'kdst_loss_cross_entropy_create', ctx, None)
        self.make('kdst_average', 'kdst_average_create', self.of['kdst_layer'], None)
        rank, rows = (ctypes.c_int64 * 1)(2), (ctypes.c_int64 * 2)(5, 4)
        self.make('kdst_frozen', 'kdst_frozen_create', self.of['kdst_layer'], 1, None, rank, rows, None)
        mutual = self.raw('kdst_loss_mutual_create', ctx, None)
        self.make('kdst_peers', 'kdst_peers_create', ctx, mutual, None)
        kdst.kdst_loss_release(mutual)
        self.make('kdst_optimizer', 'kdst_optimizer_sgd_create', ctx, None)
        self.make('kdst_schedule', 'kdst_schedule_constant_create', ctx)
        self.make('kdst_dataset', 'kdst_dataset_create', ctx, self.of['kdst_tensor'], labels, 3)
        self.make('kdst_loader', 'kdst_loader_create', self.of['kdst_dataset'], 2, None)
        self.make('kdst_augmentation', 'kdst_augmentation_create', ctx)
        self.make('kdst_metrics', 'kdst_metrics_create', ctx, 3, None)
        with tempfile.NamedTemporaryFile(suffix='.npz') as file:
            check(kdst.kdst_npz_save(ctx, file.name.encode(), None, None, 0) == 0, 'an empty archive')
            self.make('kdst_npz', 'kdst_npz_open', ctx, file.name.encode())
        self.make('kdst_state', 'kdst_state_create', ctx)
        self.make('kdst_trainer', 'kdst_trainer_create', self.of['kdst_layer'], self.of['kdst_loss'], self.of['kdst_optimizer'],
                  self.of['kdst_loader'], None)
        for kind in ('kdst_neuron', 'kdst_stdp', 'kdst_srdp'):
            self.make(kind, kind + '_create', ctx, None)
        self.make('kdst_neuron_state', 'kdst_neuron_state_create', self.of['kdst_neuron'], 1, 1, label_shape)
        kdst.kdst_tensor_release(labels)

    def raw(self, function, *arguments):
        out = ctypes.c_void_p()
        check(getattr(self.kdst, function)(*arguments, ctypes.byref(out)) == 0 and out, function)
        return out

    def make(self, kind, function, *arguments):
        self.of[kind] = self.raw(function, *arguments)
        self.order.append(kind)

    def release(self):
        for kind in reversed(self.order):
            if kind != 'kdst_context':
                getattr(self.kdst, kind + '_release')(self.of[kind])
        left = self.kdst.kdst_context_live_count(self.of['kdst_context'])
        check(left == 0, '%d handles are left' % left)
        self.kdst.kdst_context_release(self.of['kdst_context'])


def handle_kind(parameter):
    """"kdst_tensor" for a parameter of type (const) kdst_tensor *, else None."""
    kind = parameter['type'].replace('const ', '').rstrip()
    return kind[:-2] if kind.startswith('kdst_') and kind.endswith(' *') else None


def is_out_handle(parameter):
    return parameter['role'] == 'out' and parameter['type'].startswith('kdst_') and parameter['type'].endswith('**')


def is_array(parameter, entry):
    """Whether its length is another parameter, which is 0 here: nothing of it may be written."""
    return parameter.get('shape') in [p['name'] for p in entry['parameters']]


def call(kdst, handles, constants, entry, given):
    """Calls with `given` (position -> value), NULL or 0 elsewhere; out handles are marked beforehand."""
    outs, values = [], []
    for position, parameter in enumerate(entry['parameters']):
        if position in given:
            values.append(given[position])
        elif is_out_handle(parameter) and given:
            outs.append(ctypes.c_void_p(MARK))
            values.append(ctypes.byref(outs[-1]))
        else:
            values.append(None if '*' in parameter['type'] or parameter['type'].endswith('_fn') else 0)
    result = getattr(kdst, entry['name'])(*values)
    if entry['returns'] != 'kdst_status':
        return
    status = next(name for name, value in constants.items() if name.startswith('KDST_STATUS_') and value == result)
    what = '%s%r returns %s' % (entry['name'], tuple(given), status)
    check(status == 'KDST_STATUS_OK' or status[len('KDST_STATUS_'):] in entry['statuses'], what)
    if status == 'KDST_STATUS_OK':
        for parameter, out in zip([p for p in entry['parameters'] if is_out_handle(p)], outs):
            if 'new' == parameter.get('ownership') and out and out.value != MARK:
                getattr(kdst, parameter['type'].split()[0] + '_release')(out)
        return
    for parameter, out in zip([p for p in entry['parameters'] if is_out_handle(p)], outs):
        if is_array(parameter, entry):
            check(out.value == MARK, '%s, but writes past the end of an array' % what)
        else:
            check(not out, '%s, but its out handle is not NULL' % what)
    # the context is the first handle's
    first = next((i for i, p in enumerate(entry['parameters']) if handle_kind(p) in set(handles.of) - {'kdst_options'}), None)
    if first in given and not entry['name'].startswith(CONTEXT_FREE):
        check(kdst.kdst_context_message(handles.of['kdst_context']), '%s without a message' % what)


def rounds(entry, handles):
    kinds = {i: handle_kind(p) for i, p in enumerate(entry['parameters'])}
    living = {i: handles.of[kind] for i, kind in kinds.items() if kind in handles.of}
    yield {}
    if living:
        first = min(living)
        yield {first: living[first]}
        yield living
    for position in living:
        yield {i: handle for i, handle in living.items() if i != position}


def main():
    api = json.load(open(sys.argv[2]))
    kdst = Library(sys.argv[1], api)
    constants = {v['name']: v['value'] for e in api['enumerations'] for v in e['values']}
    calls = 0
    for entry in api['functions']:
        if not entry['parameters'] or entry['name'].endswith(('_retain', '_release')):
            continue
        print(entry['name'], file=sys.stderr)  # the last line names the one that did not return
        handles = Handles(kdst)
        for given in rounds(entry, handles):
            call(kdst, handles, constants, entry, given)
            calls += 1
        if entry['name'] == 'kdst_no_grad_begin':
            kdst.kdst_no_grad_end(handles.of['kdst_context'])
        kdst.kdst_context_cancel(None)
        handles.release()
    print('%d calls of %d functions' % (calls, len(api['functions'])))


main()
