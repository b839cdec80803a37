# SPDX-License-Identifier: Apache-2.0
"""The conformance program must fail on whatever is altered, and on whatever it does not know.

    test_altered.py CONFORMANCE background|distillation|models DIR

For one case of each kind of the vectors in DIR: a copy that holds this case alone passes; a copy with one expected
number or one element of one expected array off by three tolerances fails on that comparison; so does a copy with an
unknown field, kind or tolerance, a missing file, another shape or type. Prints what went wrong; the exit status is 1
then.
"""
import copy
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import npy

CLOSING = re.compile(r'(\d+) passed, (\d+) failed')


class Check:
    def __init__(self, program, vectors, folder):
        self.program, self.vectors, self.folder = program, Path(vectors), Path(folder)
        self.runs, self.wrong = 0, []

    def command(self, *arguments):
        return subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True, timeout=300)

    def write(self, manifest):
        """A directory with this manifest and every file of the vectors that it names."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        for name in re.findall(r'"([^"]+\.npy)"', text):
            if (self.vectors / name).exists() and not (self.folder / name).exists():
                shutil.copyfile(self.vectors / name, self.folder / name)
        (self.folder / 'manifest.json').write_text(text)

    def expect(self, what, passed, failed, text='', arguments=()):
        """Runs the folder; counts, exit status and the report must be as expected."""
        self.runs += 1
        result = self.command(*arguments, self.folder)
        lines = result.stdout.splitlines() or ['']
        closing = CLOSING.fullmatch(lines[-1])
        report = [line for line in lines[:-1] if line.startswith('FAIL ')]
        good = (closing and (int(closing[1]), int(closing[2])) == (passed, failed) and len(report) == failed and
                len(lines) == failed + 1 and result.returncode == (1 if failed else 0) and
                (not text or any(re.search(text, line) for line in report)))
        if not good:
            self.wrong.append('%s: wanted %d passed, %d failed, "%s"; status %d, output:\n%s%s' % (
                what, passed, failed, text, result.returncode, result.stdout, result.stderr))

    def fails(self, what, manifest, text):
        self.write(manifest)
        self.expect(what, 0, 1, text)

    def usage(self, *arguments):
        self.runs += 1
        result = self.command(*arguments)
        if result.returncode != 2 or 'usage' not in result.stderr:
            self.wrong.append('%s: the status is %d' % (' '.join(arguments), result.returncode))


def walk(node, path=()):
    """(path, leaf) of everything below an object or list."""
    if isinstance(node, (dict, list)):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from walk(value, path + (key,))
    else:
        yield path, node


def at(node, path):
    for key in path:
        node = node[key]
    return node


def changed(manifest, path, value):
    other = copy.deepcopy(manifest)
    at(other, path[:-1])[path[-1]] = value
    return other


def without(manifest, path):
    other = copy.deepcopy(manifest)
    del at(other, path[:-1])[path[-1]]
    return other


def elements(count):
    return sorted({0, count // 2, count - 1})


# ---- alterations that every manifest must notice ----

def alter_array(check, manifest, name, what, tolerance, text):
    """Elements of an expected file in turn: `tolerance` of the element's value and the largest one, three times."""
    descr, shape, values = npy.read(check.vectors / name)
    largest = max(map(abs, values))
    for i in elements(len(values)):
        for value in (values[i] + 3 * tolerance(values[i], largest), math.nan):
            check.write(manifest)
            npy.write(check.folder / name, descr, shape, values[:i] + [value] + values[i + 1:])
            check.expect('%s[%d] = %r' % (what, i, value), 0, 1, text if value == value else '')


def alter_file(check, manifest, name, what):
    """Another shape or type, a cut file, none."""
    descr, shape, values = npy.read(check.vectors / name)
    other = {'<f8': '<f4', '<f4': '<f8', '<i4': '<f4'}[descr]
    longer = (shape[0] + 1,) + tuple(shape[1:])
    for how, arguments in (('shape', (descr, (1,) + tuple(shape), values)), ('type', (other, shape, values)),
                           ('size', (descr, longer, values + values[:len(values) // shape[0]]))):
        check.write(manifest)
        npy.write(check.folder / name, *arguments)
        check.expect('%s has another %s' % (what, how), 0, 1, re.escape(name))
    check.write(manifest)
    (check.folder / name).write_bytes((check.vectors / name).read_bytes()[:-1])
    check.expect('%s is cut' % what, 0, 1, 'FORMAT')
    (check.folder / name).unlink()
    check.expect('%s is missing' % what, 0, 1, 'NOT_FOUND')


def alter_objects(check, manifest, root, optional):
    """An unknown member in each object below `root`; each member missing, unless `optional` says that it may."""
    objects = [root] + [root + path[:-1] for path, _ in walk(at(manifest, root))]
    for path in sorted({p for p in objects if isinstance(at(manifest, p), dict)}, key=str):
        check.fails('unknown field in %s' % (path,), changed(manifest, path + ('surprise',), 1), 'surprise')
        for member in at(manifest, path):
            if not optional(path + (member,)):
                check.fails('%s without %s' % (path, member), without(manifest, path + (member,)), '')


def alter_manifests(check, manifest):
    for what, text, report in (
            ('empty object', '{}', 'system'), ('no object', '[]', 'object'), ('no text', '', 'object'),
            ('cut', json.dumps(manifest)[:-1], 'object'), ('more behind', json.dumps(manifest) + '}', 'object'),
            ('unknown system', json.dumps(dict(manifest, system='alchemy')), 'alchemy'),
            ('unknown section', json.dumps(dict(manifest, appendix=[])), '')):
        check.write(text)
        check.expect(what, 1 if what == 'unknown section' else 0, 1, report)
    check.fails('no case', dict(manifest, cases=[]), 'no case')
    check.write(manifest)
    (check.folder / 'manifest.json').unlink()
    check.expect('no manifest', 0, 1, 'manifest.json')
    check.write(manifest)
    check.expect('unknown kind', 0, 1, 'no case of this kind', ('--only', 'alchemy'))
    check.usage()
    check.usage('--only', 'kd')
    check.usage('--only', ',', str(check.folder))
    check.usage('--alchemy', str(check.folder))


# ---- distillation ----

def loss_case(check, head, case):
    narrow = case['dtype'] == 'float32'
    manifest, kind = dict(head, cases=[case]), '%s %s' % (case['family'], case['dtype'])
    check.write(manifest)
    check.expect(kind, 1, 0)
    check.expect(kind + ' by name', 1, 0, '', ('--only', case['family']))
    check.expect(kind + ' and more', 1, 1, '--only none', ('--only', 'none,' + case['family']))
    expect, tol = case['expect'], case['tol']
    tol_grad = case.get('tol_grad', tol)

    def of_loss(value, _):
        return tol['atol'] + tol['rtol'] * abs(value)

    def of_grad(value, _):
        return tol_grad['atol'] + tol_grad['rtol'] * abs(value)

    base = ('cases', 0, 'expect')
    for name, value in expect.items():
        text = name.split('_')[0] + '.* got .* want '
        if isinstance(value, float):
            other = value + 3 * of_loss(value, 0)
            check.fails('%s: %s' % (kind, name), changed(manifest, base + (name,), other), text)
        elif isinstance(value, str):
            alter_array(check, manifest, value, '%s: %s' % (kind, name), of_grad, text)
            alter_file(check, manifest, value, '%s: %s' % (kind, name))
    for part in expect.get('official_f32_error', {}):
        path = base + ('official_f32_error', part)
        other = changed(manifest, path, at(manifest, path) * 1.001 + 1e-12)
        check.fails('%s: %s' % (kind, path), other, 'official_f32_error')
    for name, value in case['inputs'].items():
        alter_file(check, manifest, value, '%s: %s' % (kind, name))
    loss_structure(check, manifest, narrow)


def loss_structure(check, manifest, narrow):
    """Fields, kinds, tolerances; references as objects."""
    case = manifest['cases'][0]
    soft = case['family'].startswith(('kd', 'tfkd'))
    may_miss = {'origin', 'input_seed', 'input_styles'}
    if not soft or case['family'].startswith('tfkd'):
        may_miss.add('teacher_logits')

    def optional(path):
        return path[-1] in may_miss or (path[2] == 'params' and path[3:] not in (('T',), ('alpha',)) and len(path) > 3)

    alter_objects(check, manifest, ('cases', 0), optional)
    for path, value, text in (
            (('family',), 'alchemy', 'alchemy'), (('dtype',), 'float16', 'float16'),
            (('batch',), case['batch'] + 1, ''), (('classes',), case['classes'] + 1, ''),
            (('tol', 'rtol'), -1, 'negative'), (('tol', 'atol'), 'much', 'atol'),
            (('tol', 'against'), 'alchemy', 'against')):
        check.fails('%s = %r' % (path, value), changed(manifest, ('cases', 0) + path, value), text)
    reference = {'file': case['inputs']['labels'], 'dtype': 'int32', 'shape': [case['batch']]}
    path = ('cases', 0, 'inputs', 'labels')
    check.write(changed(manifest, path, reference))
    check.expect('labels as an object', 1, 0)
    for part, value in (('dtype', 'float32'), ('shape', [case['batch'] + 1]), ('shape', [1, case['batch']]),
                        ('file', 'none.npy')):
        check.fails('labels with %s' % part, changed(manifest, path, dict(reference, **{part: value})), '')
    if not narrow:
        check.fails('tol_grad in float64', changed(manifest, ('cases', 0, 'tol_grad'), case['tol']), 'tol_grad')


def teacher_case(check, head, section):
    for row in (0, len(section['table']) - 1):
        manifest = dict(head, virtual_teacher=dict(section, table=[section['table'][row]]))
        check.write(manifest)
        check.expect('virtual_teacher', 1, 0, '', ('--only', 'virtual_teacher'))
        base = ('virtual_teacher', 'table', 0)
        for kind in ('raw', 'prob', 'logprob'):
            for i in range(2):
                value = at(manifest, base + (kind, i))
                other = changed(manifest, base + (kind, i), value * (1 + 3e-12))
                check.fails('%s[%d]' % (kind, i), other, kind + '.* got .* want ')
        alter_objects(check, manifest, base, lambda path: False)
        check.write(changed(manifest, ('virtual_teacher', 'tolerance', 'ulp'), 1))
        check.expect('unknown tolerance', 1, 1, 'ulp')
        check.fails('no table', changed(manifest, ('virtual_teacher', 'table'), []), 'no case')


def training_case(check, head, case):
    manifest, kind = dict(head, training=[case]), 'training ' + case['family']
    check.write(manifest)
    check.expect(kind, 1, 0, '', ('--only', 'training'))

    def tolerance(value, _):
        return case['tol']['atol'] + case['tol']['rtol'] * abs(value)

    base = ('training', 0, 'expect')
    for i, loss in enumerate(case['expect']['losses']):
        other = changed(manifest, base + ('losses', i), loss + 3 * tolerance(loss, 0))
        check.fails('%s: losses[%d]' % (kind, i), other, r'losses\[%d\].* got .* want ' % i)
    check.fails('a loss is missing', without(manifest, base + ('losses', 0)), 'losses')
    for name in ('w', 'b'):
        what, text = '%s: %s' % (kind, name), name + r'\[.* got .* want '
        alter_array(check, manifest, case['expect'][name], what, tolerance, text)
        alter_file(check, manifest, case['expect'][name], what)
    may_miss = {'momentum', 'weight_decay', 'nesterov', 'eps', 'multiplier', 'correct_prob'}
    if 'T' not in case['params']:
        may_miss.add('teacher_w')
    alter_objects(check, manifest, ('training', 0), lambda path: path[-1] in may_miss)


def distillation(check, manifest):
    head = {k: v for k, v in manifest.items() if k not in ('cases', 'virtual_teacher', 'training')}
    seen = set()
    for case in manifest['cases']:
        key = (case['family'], case['dtype'])
        if key in seen or case['classes'] < 3 or case['classes'] > 100 or case['params'].get('alpha', 1) == 0:
            continue
        seen.add(key)
        loss_case(check, head, case)
    if {family for family, _ in seen} != set(manifest['families']):
        check.wrong.append('not every family was altered: %s' % sorted(seen))
    teacher_case(check, head, manifest['virtual_teacher'])
    for case in manifest['training'][:2]:
        training_case(check, head, case)
    alter_manifests(check, dict(head, cases=[manifest['cases'][0]]))


# ---- background ----

def background_case(check, head, case):
    """Off by three tolerances of the float64 path, the sharp one."""
    manifest, kind = dict(head, cases=[case]), case['name']
    check.write(manifest)
    check.expect(kind, 1, 0, '', ('--only', case['kind']))
    tol, base = case['tol']['f64'], ('cases', 0, 'expected_f64')

    def tolerance(value, _):
        return tol['abs'] + tol['rel'] * abs(value)

    for name, value in case['expected_f64'].items():
        text = re.escape(name) + '.* got .* want '
        if isinstance(value, float):
            other = changed(manifest, base + (name,), value + 3 * tolerance(value, 0))
            check.fails('%s: %s' % (kind, name), other, text)
        else:
            alter_array(check, manifest, value['file'], '%s: %s' % (kind, name), tolerance, text)
            alter_file(check, manifest, value['file'], '%s: %s' % (kind, name))
    for name, value in case['params'].items():
        if isinstance(value, str) and name != 'kl':
            check.fails('%s: %s' % (kind, name), changed(manifest, ('cases', 0, 'params', name), 'alchemy'), '')
    may_miss = {'note', 'checked_against', 'kl'}
    alter_objects(check, manifest, ('cases', 0), lambda path: path[-1] in may_miss or may_miss_of(case, path))
    for path, value, text in ((('kind',), 'alchemy', 'alchemy'), (('tol', 'f64', 'rel'), -1, 'negative'),
                              (('tol', 'f32', 'rel'), 'much', 'rel'), (('tol', 'f32', 'abs_of_max'), -1, 'negative')):
        check.fails('%s: %s = %r' % (kind, path, value), changed(manifest, ('cases', 0) + path, value), text)


def may_miss_of(case, path):
    """What stands in some cases of a kind alone, or has a standard."""
    optional = {'fitnet': {'regressed'}, 'attention_transfer': {'att_s', 'att_t'},
                'similarity_preserving': {'gram_s', 'gram_t'}, 'rkd_distance': {'dist_s', 'dist_t', 'reduction'},
                'rkd_angle': {'angle_s', 'reduction'}, 'dml': {'T', 'log_eps'},
                'teacher_ensemble': {'target'}}.get(case['kind'], set())
    return len(path) == 4 and path[-1] in optional


def background_options(check, head, cases):
    """Parameters that none of the vectors has: what changes nothing passes, what changes something fails."""
    def regressor(text):
        return dict(cases['fitnet_reg_same']['params'], regressor=text)

    plain = cases['fitnet_reg_same']['params']['regressor']
    ensemble, four, two = (cases[name]['params'] for name in ('ensemble_mean_probability', 'dml_four', 'dml_two'))
    schedule = cases['dml_schedule_alternating']['params']
    for name, params, passes in (
            ('fitnet_reg_same', dict(regressor(plain), use_relu=True), True),
            ('fitnet_reg_same', dict(regressor(plain), use_relu=False), False),
            ('fitnet_reg_same', regressor(plain.replace('ReLU', 'no ReLU')), False),
            ('fitnet_reg_same', regressor(plain.replace('BN', 'no BN')), False),
            ('ensemble_mean_probability', dict(ensemble, weights=[2, 2, 2]), True),
            ('ensemble_mean_probability', dict(ensemble, weights=[1, 2, 3]), False),
            ('ensemble_mean_probability', dict(ensemble, weights=[1, 2]), False),
            ('dml_two', dict(two, kl=two['kl'].replace('mean over peers', 'sum over peers')), True),
            ('dml_four', dict(four, kl=four['kl'].replace('mean over peers', 'sum over peers')), False),
            ('dml_four', dict(four, T=2), False), ('dml_schedule_alternating', dict(schedule, networks=2), True),
            ('dml_schedule_alternating', dict(schedule, networks=3), False),
            ('dml_schedule_alternating', dict(schedule, log_eps=0.1), False)):
        check.write(dict(head, cases=[dict(cases[name], params=params)]))
        check.expect('%s with %s' % (name, params), int(passes), int(not passes))


def background(check, manifest):
    head = {k: v for k, v in manifest.items() if k != 'cases'}
    seen = set()
    for case in manifest['cases']:
        key = (case['kind'], 'regressed' in case['expected_f64'])
        if key not in seen:
            seen.add(key)
            background_case(check, head, case)
    background_options(check, head, {case['name']: case for case in manifest['cases']})
    alter_manifests(check, dict(head, cases=[manifest['cases'][0]]))


# ---- models ----

def model_case(check, head, tolerances, case):
    """Arrays are off by three tolerances of the float64 path, the sharp one."""
    manifest, kind = dict(head, cases=[case]), case['name']
    check.write(manifest)
    check.expect(kind, 1, 0, '', ('--only', kind))
    for name, expected in case['expected'].items():
        stored_narrow = expected['dtype'] == 'float32'
        t = tolerances['grad_first, grad_last (stored as float32)' if stored_narrow else 'default']

        def tolerance(value, largest, t=t):
            return t['atol_of_max'] * largest + t['rtol'] * abs(value)

        what, text = '%s: %s' % (kind, name), re.escape(name) + '.* got .* want '
        alter_array(check, manifest, expected['file'], what, tolerance, text)
        alter_file(check, manifest, expected['file'], what)
    base = ('cases', 0)
    for path, value in ((('trainable_parameters',), case['trainable_parameters'] + 1), (('weights_crc32',), '00000000'),
                        (('input_crc32',), '00000000'), (('seed',), case['seed'] + 1), (('g',), case['g'] * 2),
                        (('num_classes',), case['num_classes'] + 1), (('labels', 0, 0), 2), (('first',), case['last']),
                        (('name',), 'alchemy'), (('state', 0, 'name'), 'alchemy'), (('state', 0, 'rule'), 'alchemy'),
                        (('state', 0, 'shape', 0), 1), (('state', 0, 't'), 7),
                        (('parameters', 0), case['parameters'][1]), (('num_classes',), [case['num_classes']]),
                        (('num_classes',), []), (('num_classes',), [1] * 9), (('labels',), []),
                        (('labels',), case['labels'] * 2), (('labels', 0), case['labels'][0][1:]),
                        (('labels', 0, 0), 0.5), (('labels', 0, 0), case['num_classes'])):
        check.fails('%s: %s' % (kind, path), changed(manifest, base + path, value), '')
    sizes = case['input_shape']
    for member in sizes if isinstance(sizes, dict) else range(len(sizes)):
        path = base + ('input_shape', member)
        for value in (at(manifest, path) + 1, 0):
            check.fails('%s: %s = %r' % (kind, path, value), changed(manifest, path, value), '')
    check.fails('a state entry is missing', without(manifest, base + ('state', 0)), '')
    may_miss = {'source', 'class', 'macs_per_sample', 'macs_full', 'measured_float32', 'measured_noise'}
    if len(case['state']) < 20:
        alter_objects(check, dict(head, cases=[dict(case, macs_full=None)]), base, lambda path: path[-1] in may_miss)


def models(check, manifest):
    head = {k: v for k, v in manifest.items() if k != 'cases'}
    for case in manifest['cases']:
        if case['name'] in ('mlp', 'resnet20', 'nli_minimal'):
            model_case(check, head, manifest['tolerance_f64'], case)
    one = dict(head, cases=[manifest['cases'][0]])
    alter_manifests(check, one)
    for where in ((), ('default',)):
        check.write(changed(one, ('tolerance_f64',) + where + ('ulp',), 1))
        check.expect('unknown tolerance', 1, 1, 'ulp')


def main():
    program, system, vectors = sys.argv[1:]
    manifest = json.loads((Path(vectors) / 'manifest.json').read_text())
    with tempfile.TemporaryDirectory() as folder:
        check = Check(program, vectors, Path(folder) / 'case')
        {'background': background, 'distillation': distillation, 'models': models}[system](check, manifest)
    for text in check.wrong:
        print(text)
    print('%d runs, %d wrong' % (check.runs, len(check.wrong)))
    sys.exit(1 if check.wrong else 0)


if __name__ == '__main__':
    main()
