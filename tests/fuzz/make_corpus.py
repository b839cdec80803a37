# SPDX-License-Identifier: Apache-2.0
"""Writes the committed corpus of the targets events, npy, npz, image, safetensors and checkpoint. Pillow makes the JPEG files.

    make_corpus.py FUZZ_CHECKPOINT      the built target, which makes a valid checkpoint

Files called valid-… must be accepted, bad-… refused. The other targets' files come from elsewhere.
"""
import gzip
import io
import json
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / 'corpus'


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)


def npy(descr, shape, data, fortran=False, version=1, text=None):
    text = text or "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (descr, fortran, shape)
    head = b'\x93NUMPY' + bytes((version, 0))
    size = 10 if version == 1 else 12
    text += ' ' * (-(size + len(text) + 1) % 64) + '\n'
    return head + struct.pack('<H' if version == 1 else '<I', len(text)) + text.encode('latin1') + data


def make_npy():
    for descr in '|b1 |i1 |u1 <i2 >i2 <i4 <i8 >i8 <u2 <u4 <u8 <f2 <f4 >f4 <f8'.split():
        size = int(descr[-1])
        name = descr[1:] + {'<': '', '|': '', '>': '-big'}[descr[0]]
        data = b''.join(v.to_bytes(size, 'big' if descr[0] == '>' else 'little') for v in (0, 1, 100, 7, 3, 2))
        write('npy', 'valid-%s.npy' % name, npy(descr, (2, 3), data, fortran=size % 2 == 0, version=1 + size % 3))
    one = struct.pack('<f', 1)
    write('npy', 'valid-scalar.npy', npy('<f4', '()', one))
    write('npy', 'valid-empty.npy', npy('<f8', '(0, 5)', b''))
    write('npy', 'valid-rank8.npy', npy('<f4', '(1, 2, 1, 1, 3, 1, 1, 1)', one * 6, fortran=True))
    whole = npy('<f8', '(4, 50)', struct.pack('<200d', *range(200)))
    write('npy', 'valid-gzip.npy.gz', gzip.compress(whole, mtime=0))
    write('npy', 'valid-members.npy.gz', gzip.compress(whole[:70], mtime=0) + gzip.compress(whole[70:], mtime=0))
    write('npy', 'valid-order.npy', npy('', '', one, text="{\"shape\":(1,),'fortran_order':False,'descr':'<f4'}"))
    write('npy', 'bad-empty.npy', b'')
    write('npy', 'bad-magic.npy', b'\x93NUMPX' + whole[6:])
    write('npy', 'bad-version.npy', whole[:6] + b'\x09\x00' + whole[8:])
    write('npy', 'bad-cut.npy', whole[:-3])
    write('npy', 'bad-tail.npy', whole + b'\0')
    write('npy', 'bad-huge.npy', npy('<f8', '(9223372036854775807,)', one))
    write('npy', 'bad-product.npy', npy('<f8', '(4294967296, 4294967296)', one))
    write('npy', 'bad-length.npy', b'\x93NUMPY\x02\x00\xff\xff\xff\xff{')
    write('npy', 'bad-object.npy', npy('|O', '(1,)', one * 2))
    structured = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}"
    write('npy', 'bad-structured.npy', npy('', '', one, text=structured))
    write('npy', 'bad-nested.npy', npy('', '', one, text='{' * 3000))
    packed = bytearray(gzip.compress(whole, mtime=0))
    write('npy', 'bad-gzip-cut.npy.gz', packed[:-9])
    packed[40] ^= 0x55
    write('npy', 'bad-gzip.npy.gz', packed)


def archive(members, method, zip64=False):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', method) as packed:
        for name, data in members:
            with packed.open(zipfile.ZipInfo(name), 'w', force_zip64=zip64) as member:
                member.write(data)
    return out.getvalue()


def deflated(members, zip64=False):
    """As numpy.savez_compressed: ZipInfo has its own method."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as packed:
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            with packed.open(info, 'w', force_zip64=zip64) as member:
                member.write(data)
    return out.getvalue()


def to_zip64(data):
    """The same archive with the directory's numbers of one member in zip64 fields and a zip64 end record."""
    end = data.rindex(b'PK\5\6')
    size, offset = struct.unpack('<II', data[end + 12:end + 20])
    entry = bytearray(data[offset:offset + size])
    crc, packed, plain, name, extra = struct.unpack('<IIIHH', entry[16:32])
    header = struct.unpack('<I', entry[42:46])[0]
    assert size == 46 + name and extra == 0
    field = struct.pack('<HHQQQ', 1, 24, plain, packed, header)
    entry[20:32] = struct.pack('<IIHH', 0xffffffff, 0xffffffff, name, len(field))
    entry[42:46] = struct.pack('<I', 0xffffffff)
    entry += field
    record = struct.pack('<4sQHHIIQQQQ', b'PK\6\6', 44, 45, 45, 0, 0, 1, 1, len(entry), offset)
    locator = struct.pack('<4sIQI', b'PK\6\7', 0, offset + len(entry), 1)
    tail = struct.pack('<4sHHHHIIH', b'PK\5\6', 0, 0, 0xffff, 0xffff, 0xffffffff, 0xffffffff, 0)
    return data[:offset] + bytes(entry) + record + locator + tail


def make_npz():
    ramp = npy('<f8', '(200,)', struct.pack('<200d', *range(200)))
    label = npy('|u1', '(3,)', bytes((0, 1, 2)))
    both = [('ramp.npy', ramp), ('label.npy', label)]
    stored, packed = archive(both, zipfile.ZIP_STORED), deflated(both, zip64=True)
    write('npz', 'valid-stored.npz', stored)
    write('npz', 'valid-deflated.npz', packed)
    write('npz', 'valid-zip64.npz', to_zip64(deflated(both[:1])))
    write('npz', 'bad-empty.npz', b'')
    write('npz', 'bad-cut.npz', packed[:-1])
    write('npz', 'bad-member.npz', archive([('text.npy', b'no array')], zipfile.ZIP_STORED))
    write('npz', 'bad-method.npz', archive(both[:1], zipfile.ZIP_STORED).replace(b'\x14\0\0\0\0\0', b'\x14\0\0\0\x0e\0'))
    broken = bytearray(archive(both[:1], zipfile.ZIP_STORED))
    broken[broken.index(b'\x93NUMPY') + 200] ^= 1
    write('npz', 'bad-checksum.npz', broken)
    bomb = deflated([('zeros.npy', npy('<f8', '(100000,)', bytes(800000)))])
    write('npz', 'valid-ratio.npz', bomb)
    end = bomb.rindex(b'PK\5\6')
    offset = struct.unpack('<I', bomb[end + 16:end + 20])[0]
    huge = bytearray(bomb)
    huge[offset + 24:offset + 28] = b'\xff\xff\xff\x7f'
    write('npz', 'bad-huge.npz', huge)


WIDTH, HEIGHT = 13, 9
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def level(x, y, c):
    return (19 * x + 7 * y + 50 * c) % 256


def png(depth, colour, samples, value=level, extra=b'', interlaced=False, size=(WIDTH, HEIGHT), data=None):
    """`samples` a pixel, each value(x, y, c) of `depth` bits."""
    def rows(xs, ys):
        out = b''
        for y in ys:
            bits = ''.join(format(value(x, y, c), '0%db' % depth) for x in xs for c in range(samples))
            bits += '0' * (-len(bits) % 8)
            out += b'\0' + int(bits, 2).to_bytes(len(bits) // 8, 'big')
        return out
    if interlaced:
        passes = [(range(x, WIDTH, dx), range(y, HEIGHT, dy)) for x, y, dx, dy in ADAM7]
        raw = b''.join(rows(xs, ys) for xs, ys in passes if xs and ys)
    else:
        raw = rows(range(WIDTH), range(HEIGHT))
    header = struct.pack('>IIBBBBB', *size, depth, colour, 0, 0, int(interlaced))
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + extra +
            chunk(b'IDAT', zlib.compress(raw, 9) if data is None else data) + chunk(b'IEND', b''))


def make_png():
    palette = chunk(b'PLTE', b''.join(bytes((i, 255 - i, 3 * i % 256)) for i in range(256)))
    for depth in (1, 2, 4):
        write('image', 'valid-grey%d.png' % depth, png(depth, 0, 1, lambda x, y, c: (x + 2 * y) % (1 << depth)))
    write('image', 'valid-grey8.png', png(8, 0, 1))
    write('image', 'valid-grey16.png', png(16, 0, 1, lambda x, y, c: 257 * level(x, y, c)))
    write('image', 'valid-colour8.png', png(8, 2, 3))
    write('image', 'valid-colour16.png', png(16, 2, 3, lambda x, y, c: 257 * level(x, y, c)))
    write('image', 'valid-interlaced.png', png(8, 2, 3, interlaced=True))
    write('image', 'valid-palette8.png', png(8, 3, 1, extra=palette))
    write('image', 'valid-palette4.png', png(4, 3, 1, lambda x, y, c: (x + y) % 16, extra=palette[:0] + chunk(
        b'PLTE', b''.join(bytes((16 * i, 255 - i, i)) for i in range(16)))))
    write('image', 'valid-alpha8.png', png(8, 6, 4))
    write('image', 'valid-grey-alpha16.png', png(16, 4, 2, lambda x, y, c: 257 * level(x, y, c)))
    write('image', 'valid-transparent.png', png(8, 2, 3, extra=chunk(b'tRNS', bytes(6))))
    whole = png(8, 2, 3)
    write('image', 'bad-cut.png', whole[:-20])
    write('image', 'bad-signature.png', b'\x89PNG\r\n\x1a\r' + whole[8:])
    write('image', 'bad-checksum.png', whole[:30] + bytes((whole[30] ^ 1,)) + whole[31:])
    write('image', 'bad-zero.png', png(8, 2, 3, size=(0, HEIGHT)))
    write('image', 'bad-wide.png', png(8, 2, 3, size=(20000, HEIGHT)))
    write('image', 'bad-pixels.png', png(8, 2, 3, size=(16384, 16384)))
    write('image', 'bad-no-palette.png', png(8, 3, 1))
    write('image', 'bad-deflate.png', png(8, 2, 3, data=b'no deflate data'))
    write('image', 'bad-few-rows.png', png(8, 2, 3, size=(WIDTH, HEIGHT + 1)))
    write('image', 'bad-empty.png', b'')
    write('image', 'bad-text.png', b'no image at all')


def make_jpeg():
    from PIL import Image
    ramp = Image.new('RGB', (40, 24))
    ramp.putdata([(6 * x, 10 * y, 255 - 6 * x) for y in range(24) for x in range(40)])

    def write_jpeg(name, image, **options):
        out = io.BytesIO()
        image.save(out, 'JPEG', quality=95, **options)
        write('image', name, out.getvalue())
        return out.getvalue()

    whole = write_jpeg('valid-colour.jpg', ramp, subsampling=0)
    write_jpeg('valid-halved.jpg', ramp, subsampling=2)
    write_jpeg('valid-progressive.jpg', ramp, subsampling=0, progressive=True)
    write_jpeg('valid-grey.jpg', ramp.convert('L'))
    write_jpeg('bad-printing.jpg', ramp.convert('CMYK'))
    write('image', 'bad-cut.jpg', whole[:-200])
    write('image', 'bad-header.jpg', whole[:100])
    huge = bytearray(whole)
    at = huge.index(b'\xff\xc0')
    huge[at + 5:at + 9] = b'\xff\xff\xff\xff'
    write('image', 'bad-pixels.jpg', huge)


def safetensors(entries, data, metadata=None, text=None):
    header = {} if metadata is None else {'__metadata__': metadata}
    for name, (dtype, shape, begin, end) in entries.items():
        header[name] = {'dtype': dtype, 'shape': shape, 'data_offsets': [begin, end]}
    text = (text if text is not None else json.dumps(header, separators=(',', ':'))).encode()
    text += b' ' * (-len(text) % 8)
    return struct.pack('<Q', len(text)) + text + data


def make_safetensors():
    linear = {'weight': ('F32', [1, 2], 0, 8), 'bias': ('F32', [1], 8, 12)}
    data = struct.pack('<3f', 1, 2, 3)
    write('safetensors', 'valid-linear.safetensors', safetensors(linear, data, {'format': 'pt'}))
    checksum = {'kdst.crc32': '%08x' % zlib.crc32(data)}
    write('safetensors', 'valid-checksum.safetensors', safetensors(linear, data, checksum))
    types = {'BOOL': 1, 'I8': 1, 'U8': 1, 'I16': 2, 'U16': 2, 'F16': 2, 'BF16': 2, 'I32': 4, 'U32': 4, 'F32': 4,
             'I64': 8, 'U64': 8, 'F64': 8}
    entries, at = {}, 0
    for name, size in types.items():
        entries[name] = (name, [3], at, at + 3 * size)
        at += 3 * size
    ones = bytes(1 if i % 24 == 0 else 0 for i in range(at))
    write('safetensors', 'valid-types.safetensors', safetensors(entries, ones))
    write('safetensors', 'valid-nothing.safetensors', safetensors({}, b''))
    empty = {'a': ('F64', [0, 4], 0, 0), 'b': ('U8', [], 0, 1)}
    write('safetensors', 'valid-empty.safetensors', safetensors(empty, b'x'))
    write('safetensors', 'valid-escapes.safetensors', safetensors(
        {'a\n"\\/\u00e4\U0001f600': ('U8', [2], 0, 2)}, b'xy', {'k\t\u20ac': 'v\x01'}))
    turned = {'b': ('U8', [2], 3, 5), 'a': ('U8', [3], 0, 3)}
    write('safetensors', 'valid-order.safetensors', safetensors(turned, b'abcde'))
    bad = {
        'checksum': safetensors(linear, data, {'kdst.crc32': '00000000'}),
        'overlap': safetensors({'a': ('U8', [3], 0, 3), 'b': ('U8', [3], 2, 5)}, b'abcde'),
        'hole': safetensors({'a': ('U8', [2], 0, 2), 'b': ('U8', [2], 3, 5)}, b'abcde'),
        'behind': safetensors({'a': ('U8', [9], 0, 9)}, b'abcde'),
        'tail': safetensors({'a': ('U8', [3], 0, 3)}, b'abcde'),
        'shape': safetensors({'a': ('F32', [3], 0, 5)}, b'abcde'),
        'huge': safetensors({'a': ('F32', [1 << 62, 1 << 62], 0, 5)}, b'abcde'),
        'number': safetensors({'a': ('U8', [1 << 80], 0, 5)}, b'abcde'),
        'type': safetensors({'a': ('F8_E5M2', [5], 0, 5)}, b'abcde'),
        'axes': safetensors({'a': ('U8', [1] * 9, 0, 1)}, b'a'),
        'twice': safetensors({}, b'', text='{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},'
                                           '"\\u0061":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
        'nested': safetensors({}, b'', text='{"a":' + '[' * 5000),
        'surrogate': safetensors({}, b'', text='{"\\ud800":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
        'length': struct.pack('<Q', (1 << 63) + 5) + b'{}',
        'length-behind': struct.pack('<Q', 5000) + b'{}',
        'short': b'\x02\0\0',
    }
    for name, content in bad.items():
        write('safetensors', 'bad-%s.safetensors' % name, content)


def make_events():
    """The first byte has the options: 1 text, 2 count, 4 overflow, 8 fine bins."""
    def event(x, y, polarity, time):
        return (x << 32 | y << 24 | polarity << 23 | time).to_bytes(5, 'big')

    some = [event(i * 7 % 30, i * 5 % 34, i % 2, i * i * 900) for i in range(60)]
    whole, mark = b''.join(some), event(3, 240, 0, 77)
    for choice in (0, 2, 8, 10):
        write('events', 'valid-%d' % choice, bytes((choice,)) + whole)
    write('events', 'valid-one', b'\0' + event(29, 33, 1, (1 << 23) - 1))
    write('events', 'valid-many', b'\2' + event(1, 2, 1, 9) * 300)
    write('events', 'valid-overflow', b'\4' + event(1, 2, 0, 8000) + mark + event(1, 2, 1, 0) + mark * 3 + whole)
    write('events', 'valid-overflow-fine', b'\x0e' + mark + whole)
    write('events', 'valid-text', b'\1' + b'1 1 2 2 7\n2040 8 9 10\r\n\n 1021\t3')
    write('events', 'valid-text-count', b'\3' + b'5 1' + b' 2' * 300)
    bad = {
        'empty': b'\0',
        'cut': b'\0' + whole[:-2],
        'x': b'\0' + whole + event(30, 0, 0, 8000000),
        'y': b'\0' + event(0, 34, 0, 0) + whole,
        'time': b'\0' + event(0, 0, 0, 1) + event(0, 0, 0, 0),
        'overflow': b'\0' + mark + whole,
        'overflow-alone': b'\4' + mark,
        'overflow-time': b'\4' + mark + event(0, 0, 0, 5) + event(0, 0, 0, 4),
        'text-empty': b'\1\n\n',
        'text-id': b'\x012041 1',
        'text-zero': b'\x010 1',
        'text-time': b'\x011 2 1',
        'text-number': b'\x011 12345678901234567890',
        'text-letter': b'\x011 1\n2 x',
    }
    for name, content in bad.items():
        write('events', 'bad-%s' % name, content)


def make_checkpoint(program):
    path = CORPUS / 'checkpoint' / 'valid-run.safetensors'
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([program, '--write', path], check=True)
    whole = path.read_bytes()
    size = struct.unpack('<Q', whole[:8])[0]
    header, data = json.loads(whole[8:8 + size]), whole[8 + size:]
    metadata = header['__metadata__']
    del metadata['kdst.crc32']  # so that mutations of the data are not refused at once

    def variant(name, changes=None, drop=None):
        changed = {**header, '__metadata__': {**metadata, **(changes or {})}}
        if drop:
            changed.pop(drop, None)
            changed['__metadata__'].pop(drop, None)
        write('checkpoint', name, safetensors({}, data, text=json.dumps(changed, separators=(',', ':'))))

    variant('valid-without-checksum.safetensors')
    variant('bad-no-checkpoint.safetensors', drop='kdst.checkpoint')
    variant('bad-format.safetensors', {'kdst.checkpoint': '999'})
    variant('bad-epoch.safetensors', {'kdst.epoch': '99'})
    variant('bad-batch.safetensors', {'kdst.batch': '-1'})
    variant('bad-number.safetensors', {'kdst.step': '12x'})
    variant('bad-rate.safetensors', {'kdst.base_rate': '7ff8000000000000'})
    variant('bad-field.safetensors', drop='kdst.seed')
    write('checkpoint', 'bad-damage.safetensors', whole[:-1] + bytes((whole[-1] ^ 1,)))
    write('checkpoint', 'bad-cut.safetensors', whole[:-1])


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make_events()
    make_npy()
    make_npz()
    make_png()
    make_jpeg()
    make_safetensors()
    make_checkpoint(sys.argv[1])


main()
