#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a small, class-balanced subset of a data set in IDX files (MNIST, Fashion-MNIST).

    tools/make-subset.py FULL OUT [TRAIN_PER_CLASS [TEST_PER_CLASS]]

FULL holds the four files of the set, gzip-compressed; OUT gets four files of the same names with 160 training and 40 test
images of each class unless told otherwise. Of the n images of a class, in the order of the file, number k of m chosen ones is
floor(k n / m): evenly spread, nothing random. The chosen images keep the order of the file. The same input gives the
same images, and with the same zlib the same bytes.
"""
import gzip
import struct
import sys
from pathlib import Path

PARTS = ('train', 't10k')


def read_idx(path, axes):
    """Sizes and elements of an IDX file of unsigned bytes."""
    data = gzip.decompress(path.read_bytes())
    if data[:4] != bytes((0, 0, 8, axes)):
        sys.exit('%s: no IDX file of unsigned bytes with %d axes' % (path, axes))
    sizes = struct.unpack_from('>%dI' % axes, data, 4)
    elements = data[4 + 4 * axes:]
    count = 1
    for size in sizes:
        count *= size
    if len(elements) != count:
        sys.exit('%s: %d elements, the header says %d' % (path, len(elements), count))
    return sizes, elements


def write_idx(path, sizes, elements):
    header = bytes((0, 0, 8, len(sizes))) + struct.pack('>%dI' % len(sizes), *sizes)
    # mtime 0 and no file name: nothing of the day or the machine gets into the file
    path.write_bytes(gzip.compress(header + elements, compresslevel=9, mtime=0))


def choose(labels, per_class):
    """Indices of the chosen samples, rising."""
    chosen = []
    for label in sorted(set(labels)):
        own = [i for i, other in enumerate(labels) if other == label]
        if len(own) < per_class:
            sys.exit('class %d has %d images, %d are wanted' % (label, len(own), per_class))
        chosen += [own[k * len(own) // per_class] for k in range(per_class)]
    return sorted(chosen)


def make_part(full, out, part, per_class):
    image_name, label_name = '%s-images-idx3-ubyte.gz' % part, '%s-labels-idx1-ubyte.gz' % part
    (count, height, width), pixels = read_idx(full / image_name, 3)
    (label_count,), labels = read_idx(full / label_name, 1)
    if count != label_count:
        sys.exit('%s: %d images, %d labels' % (part, count, label_count))
    size = height * width
    chosen = choose(labels, per_class)
    write_idx(out / image_name, (len(chosen), height, width), b''.join(pixels[i * size:(i + 1) * size] for i in chosen))
    write_idx(out / label_name, (len(chosen),), bytes(labels[i] for i in chosen))


def main(arguments):
    if not 2 <= len(arguments) <= 4:
        sys.exit(__doc__)
    full, out = Path(arguments[0]), Path(arguments[1])
    counts = [int(n) for n in arguments[2:]] + [160, 40][len(arguments) - 2:]
    out.mkdir(parents=True, exist_ok=True)
    for part, per_class in zip(PARTS, counts):
        make_part(full, out, part, per_class)


if __name__ == '__main__':
    main(sys.argv[1:])
