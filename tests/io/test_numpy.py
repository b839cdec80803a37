# SPDX-License-Identifier: Apache-2.0
"""npy files between NumPy and libkdst, both ways. Exit status 77 (skipped) without NumPy.

    test_numpy.py LIBRARY API_JSON
"""
import ctypes
import gzip
import io
import sys

try:
    import numpy
except ImportError:
    print('NumPy is missing')
    sys.exit(77)

from library import check, run  # noqa: E402

SHAPES = [(), (1,), (7,), (0,), (3, 4), (2, 0, 3), (2, 3, 4), (2, 1, 3, 1, 2, 1, 2, 2)]
KINDS = ['?', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'f2', 'f4', 'f8']
NATIVE = {'?': '?', 'u1': 'u1', 'f8': 'f8', 'f2': 'f4', 'f4': 'f4'}  # the others become int32


def values(kind, shape):
    random = numpy.random.default_rng(5)
    if kind[0] == 'f':
        return random.standard_normal(shape).astype(kind)
    if kind == '?':
        return random.integers(0, 2, shape).astype(bool)
    info = numpy.iinfo(kind)
    low, high = max(info.min, -1 << 31), min(info.max, (1 << 31) - 1)
    return random.integers(low, high, shape, dtype='i8', endpoint=True).astype(kind)


def load(kdst, path, **options):
    given = kdst.options(**options)
    tensor = kdst.new('npy_load', kdst.ctx, path.encode(), given)
    array = kdst.array(tensor)
    kdst.get('tensor_release', tensor)
    kdst.get('options_release', given)
    return array


def from_numpy(kdst, folder):
    path = folder + '/array.npy'
    for kind in KINDS:
        for shape in SHAPES:
            array = values(kind, shape)
            wanted = array.astype(NATIVE.get(kind, 'i4'))
            for order in '<>':
                for turned in (array, numpy.asarray(array, order='F')):
                    numpy.save(path, turned.astype(turned.dtype.newbyteorder(order), order='K'))
                    have = load(kdst, path)
                    check(have.dtype == wanted.dtype and have.shape == wanted.shape and (have == wanted).all(),
                          'array of %s %s %s' % (order, kind, shape))


def from_numpy_converted(kdst, folder):
    path = folder + '/array.npy'
    numbers = {'f4': 'float32', 'f8': 'float64', 'i4': 'int32', '?': 'bool'}
    for kind in KINDS:
        array = values(kind, (4, 5))
        numpy.save(path, array)
        for wanted, name in numbers.items():
            check((load(kdst, path, dtype=name) == array.astype(wanted)).all(), '%s to %s' % (kind, name))


def from_every_version(kdst, folder):
    path = folder + '/array.npy'
    array = values('f4', (5, 6))
    for version in ((1, 0), (2, 0), (3, 0)):
        with open(path, 'wb') as file:
            numpy.lib.format.write_array(file, array, version)
        check((load(kdst, path) == array).all(), 'version %d' % version[0])


def from_gzip(kdst, folder):
    path = folder + '/array.npy.gz'
    if kdst.get('build_info', b'zlib') != b'yes':
        print('  built without zlib')
        return
    array = values('f8', (100, 101))
    with gzip.open(path, 'wb') as file:
        numpy.save(file, array)
    check((load(kdst, path) == array).all(), 'gzip')


def to_numpy(kdst, folder):
    path = folder + '/array.npy'
    for kind in ('?', 'u1', 'i4', 'f4', 'f8'):
        for shape in SHAPES:
            array = values(kind, shape)
            tensor = kdst.tensor(array)
            kdst.call('npy_save', tensor, path.encode())
            kdst.get('tensor_release', tensor)
            with open(path, 'rb') as file:
                whole = file.read()
            have = numpy.load(io.BytesIO(whole), allow_pickle=False)
            check(have.dtype == array.dtype and have.shape == array.shape and (have == array).all(),
                  '%s %s' % (kind, shape))
            wanted = io.BytesIO()
            numpy.lib.format.write_array(wanted, array, (1, 0))
            check(len(wanted.getvalue()) == len(whole), 'the length NumPy gives to %s %s' % (kind, shape))


def from_npz(kdst, folder):
    path = folder + '/arrays.npz'
    arrays = {'a': values('f4', (3, 4)), 'b.c': values('i8', (7,)), 'd': values('f8', ())}
    for save in (numpy.savez, numpy.savez_compressed):
        if save is numpy.savez_compressed and kdst.get('build_info', b'zlib') != b'yes':
            continue
        save(path, **arrays)
        npz = kdst.new('npz_open', kdst.ctx, path.encode())
        check(kdst.get('npz_get_count', npz) == len(arrays), 'members of %s' % save.__name__)
        for name, array in arrays.items():
            tensor = kdst.new('npz_load', npz, name.encode(), None)
            have = kdst.array(tensor)
            kdst.get('tensor_release', tensor)
            check(have.shape == array.shape and (have == array).all(), '%s of %s' % (name, save.__name__))
        kdst.get('npz_release', npz)


def to_npz(kdst, folder):
    path = folder + '/arrays.npz'
    arrays = [values('f4', (3, 4)), values('i4', (0,)), values('u1', (5,))]
    names = ['weights', 'empty', 'gr\u00fc\u00dfe']
    tensors = [kdst.tensor(array) for array in arrays]
    kdst.call('npz_save', kdst.ctx, path.encode(), (ctypes.c_char_p * 3)(*(name.encode() for name in names)),
              (ctypes.c_void_p * 3)(*tensors), 3)
    for tensor in tensors:
        kdst.get('tensor_release', tensor)
    with numpy.load(path, allow_pickle=False) as have:
        check(sorted(have.files) == sorted(names), 'names of the archive')
        for name, array in zip(names, arrays):
            check(have[name].dtype == array.dtype and (have[name] == array).all(), '%s of an archive' % name)


run([from_npz, to_npz, from_numpy, from_numpy_converted, from_every_version, from_gzip, to_numpy], *sys.argv[1:3])
