# SPDX-License-Identifier: Apache-2.0
"""Includes in lib/ point upwards only: a folder may use itself and what stands above it; methods stand side by side."""
import re
import source_check

METHODS = ('distillation', 'multitask', 'evolution', 'spiking', 'explain')
ABOVE = {
    'core': (),
    'compute': ('core',),
    'tensor': ('core', 'compute'),
    'autograd': ('core', 'compute', 'tensor'),
    'nn': ('core', 'compute', 'tensor', 'autograd'),
    'io': ('core', 'compute', 'tensor', 'autograd', 'nn'),
    'data': ('core', 'compute', 'tensor', 'autograd', 'nn', 'io'),
    'train': ('core', 'compute', 'tensor', 'autograd', 'nn', 'io', 'data'),
}
for method in METHODS:
    ABOVE[method] = (*ABOVE['train'], 'train')

PUBLIC = re.compile(r'kdst/(?:experimental/)?\w+\.h')
# What only some folders may see: C headers are free, libraries are not.
LIBRARIES = {'blis.h': ('core', 'compute'), 'zlib.h': ('io',), 'png.h': ('io',), 'jpeglib.h': ('io',), 'jerror.h': ('io',), 'dlpack/dlpack.h': ('tensor',)}


def check_include(folder, name, quoted, own_folder):
    if PUBLIC.fullmatch(name):
        return None
    if name in LIBRARIES:
        return None if folder in LIBRARIES[name] else '%s is for lib/%s' % (name, ', lib/'.join(LIBRARIES[name]))
    if not quoted:
        return None
    target = name.split('/')[0] if '/' in name else None
    if target is None:
        return None if name.endswith('.def') else '"%s" must name its folder' % name
    if target == folder or (target not in ABOVE and (own_folder / name).exists()):
        return None
    if target not in ABOVE:
        return '"%s" names no folder of the library' % name
    return None if target in ABOVE[folder] else 'lib/%s must not use lib/%s ("%s")' % (folder, target, name)


def check(root):
    found = []
    for path in sorted((root / 'lib').rglob('*')):
        parts = path.relative_to(root / 'lib').parts
        if path.suffix not in ('.c', '.h', '.def') or len(parts) < 2:
            continue
        where = path.relative_to(root)
        if parts[0] not in ABOVE:
            found.append('%s: lib/%s has no place in the order of folders' % (where, parts[0]))
            continue
        for number, line in enumerate(path.read_text().split('\n'), 1):
            match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
            wrong = match and check_include(parts[0], match.group(2), match.group(1) == '"', path.parent)
            if wrong:
                found.append('%s:%d: %s' % (where, number, wrong))
    return found


CLEAN = {
    'lib/core/memory.h': '#include <stddef.h>\n#include <kdst/status.h>\n',
    'lib/nn/layer.c': '#include "nn/layer.h"\n#include "autograd/op.h"\n#include "core/memory.h"\n',
    'lib/data/idx.c': '#include "io/file.h"\n',
}
PLANTS = [
    ({'lib/core/a.c': '#include "tensor/tensor.h"\n'}, 'lib/core must not use lib/tensor'),
    ({'lib/compute/kernels/a.c': '#  include "autograd/op.h"\n'}, 'lib/compute must not use lib/autograd'),
    ({'lib/io/a.c': '#include "data/idx.h"\n'}, 'lib/io must not use lib/data'),
    ({'lib/spiking/a.h': '#include "distillation/kd.h"\n'}, 'lib/spiking must not use lib/distillation'),
    ({'lib/train/a.c': '#include "distillation/kd.h"\n'}, 'lib/train must not use lib/distillation'),
    ({'lib/tensor/a.c': '#include "op.h"\n'}, 'must name its folder'),
    ({'lib/tensor/a.c': '#include "../nn/layer.h"\n'}, 'names no folder'),
    ({'lib/nn/a.c': '#include <zlib.h>\n'}, 'zlib.h is for'),
    ({'lib/misc/a.c': '\n'}, 'no place in the order'),
]

if __name__ == '__main__':
    source_check.main(check, CLEAN, PLANTS)
