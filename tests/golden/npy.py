# SPDX-License-Identifier: Apache-2.0
"""npy files (format 1.0, C order, little-endian) with nothing but the standard library."""
import ast
import struct

CODES = {'<f8': 'd', '<f4': 'f', '<i4': 'i', '|u1': 'B'}


def read(path):
    """(descr, shape, flat list)"""
    data = path.read_bytes()
    size = struct.unpack('<H', data[8:10])[0]
    header = ast.literal_eval(data[10:10 + size].decode('latin-1'))
    assert data[:8] == b'\x93NUMPY\x01\x00' and not header['fortran_order'], path
    code = CODES[header['descr']]
    count = (len(data) - 10 - size) // struct.calcsize(code)
    return header['descr'], header['shape'], list(struct.unpack('<%d%s' % (count, code), data[10 + size:]))


def write(path, descr, shape, values):
    header = str({'descr': descr, 'fortran_order': False, 'shape': tuple(shape)})
    header += ' ' * (-(len(header) + 11) % 64) + '\n'
    body = struct.pack('<%d%s' % (len(values), CODES[descr]), *values)
    path.write_bytes(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(header)) + header.encode('latin-1') + body)
