# SPDX-License-Identifier: Apache-2.0
"""Weights between PyTorch and libkdst, both ways: the same network, the same logits. Exit status 77 without PyTorch.

    test_pytorch.py LIBRARY API_JSON

Every family of networks is there, built in torch_networks.py from its published description; the safetensors format is
read and written here, in the few lines that it needs, so that nothing of libkdst is on the other side.
"""
import json
import re
import struct
import sys

try:
    import numpy
    import torch
except ImportError:
    print('NumPy or PyTorch is missing')
    sys.exit(77)

from library import check, run  # noqa: E402
from torch_networks import NETWORKS, Mlp  # noqa: E402

TYPES = {'F64': torch.float64, 'F32': torch.float32, 'F16': torch.float16, 'BF16': torch.bfloat16, 'I64': torch.int64,
         'I32': torch.int32, 'I16': torch.int16, 'I8': torch.int8, 'U8': torch.uint8, 'BOOL': torch.bool}


# ---- the format ----

def write_safetensors(path, state):
    header, chunks, at = {'__metadata__': {'format': 'pt'}}, [], 0
    for name, value in state.items():
        raw = value.contiguous().view(torch.int16) if value.dtype == torch.bfloat16 else value.contiguous()
        chunks.append(raw.numpy().tobytes())
        kind = next(k for k, t in TYPES.items() if t == value.dtype)
        header[name] = {'dtype': kind, 'shape': list(value.shape), 'data_offsets': [at, at + len(chunks[-1])]}
        at += len(chunks[-1])
    text = json.dumps(header).encode()
    with open(path, 'wb') as file:
        file.write(struct.pack('<Q', len(text)) + text + b''.join(chunks))


def read_safetensors(path):
    with open(path, 'rb') as file:
        whole = file.read()
    size = struct.unpack('<Q', whole[:8])[0]
    header = json.loads(whole[8:8 + size])
    header.pop('__metadata__', None)
    state = {}
    for name, entry in header.items():
        begin, end = entry['data_offsets']
        check((8 + size + begin) % 4 == 0, 'alignment of ' + name)
        flat = torch.frombuffer(bytearray(whole[8 + size + begin:8 + size + end]), dtype=TYPES[entry['dtype']])
        state[name] = flat.reshape(entry['shape'])
    check(sum(e['data_offsets'][1] - e['data_offsets'][0] for e in header.values()) == len(whole) - 8 - size, 'data')
    return state


# ---- the networks ----

def images(image, count=3):
    return torch.rand(count, image[0], image[1], image[1]) * 2 - 1


def make_network(make, image):
    """With running statistics that are not those of a new network."""
    torch.manual_seed(3)
    net = make()
    with torch.no_grad():
        for _ in range(2):
            net(images(image, 8))
        for value in net.parameters():
            if value.dim() == 1:
                value.add_(torch.rand_like(value) * 0.2)
    return net.eval()


def model(kdst, name, options):
    given = kdst.options(**options)
    layer = kdst.new('model_create', kdst.ctx, name.encode(), given)
    kdst.get('options_release', given)
    kdst.call('layer_set_training', layer, 0)
    return layer


def logits(kdst, layer, x):
    tensor = kdst.tensor(x.numpy())
    y = kdst.new('layer_run', layer, tensor)
    out = kdst.array(y)
    kdst.get('tensor_release', y)
    kdst.get('tensor_release', tensor)
    return out


def same_logits(name, have, want):
    difference = numpy.abs(have - want).max() / numpy.abs(want).max()
    print('  %-26s differs by %.1e of the largest logit' % (name, difference))
    check(difference < 1e-4, 'logits of ' + name)


# ---- tests ----

def pytorch_to_kdst(kdst, folder):
    path = folder + '/weights.safetensors'
    for name, options, make, image in NETWORKS:
        net, layer, x = make_network(make, image), model(kdst, name, options), images(image)
        write_safetensors(path, net.state_dict())
        kdst.call('layer_load', layer, path.encode(), None)
        with torch.no_grad():
            same_logits(name, logits(kdst, layer, x), net(x).numpy())
        kdst.get('layer_release', layer)


def kdst_to_pytorch(kdst, folder):
    path = folder + '/weights.safetensors'
    for name, options, make, image in NETWORKS:
        layer, x = model(kdst, name, options), images(image)
        kdst.call('layer_set_training', layer, 1)
        for _ in range(2):
            logits(kdst, layer, images(image, 8))  # moves the running statistics
        kdst.call('layer_set_training', layer, 0)
        kdst.call('layer_save', layer, path.encode())
        net = make()
        net.load_state_dict(read_safetensors(path), strict=True)
        counters = [v for k, v in net.state_dict().items() if k.endswith('num_batches_tracked')]
        check(all(v.dtype == torch.int64 and v.item() == 2 for v in counters), 'counted batches of ' + name)
        check(len(counters) > 0 or not re.search('resnet|dense|google|bn', name), 'there are counters')
        with torch.no_grad():
            same_logits(name, logits(kdst, layer, x), net.eval()(x).numpy())
        kdst.get('layer_release', layer)


def there_and_back(kdst, folder):
    """Not one bit changes, and the order of the names is PyTorch's."""
    there, back = folder + '/there.safetensors', folder + '/back.safetensors'
    for name, options, make, image in NETWORKS:
        state = make_network(make, image).state_dict()
        layer = model(kdst, name, options)
        write_safetensors(there, state)
        kdst.call('layer_load', layer, there.encode(), None)
        kdst.call('layer_save', layer, back.encode())
        again = read_safetensors(back)
        check(list(again) == list(state), 'names of ' + name)
        check(all(torch.equal(again[k].to(v.dtype), v) for k, v in state.items()), 'values of ' + name)
        kdst.get('layer_release', layer)


def other_types(kdst, folder):
    """Half precision, bfloat16 and float64 weights, and every type in a state."""
    path = folder + '/weights.safetensors'
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        net, layer, x = make_network(Mlp, (1, 28)).to(dtype), model(kdst, 'mlp', {}), images((1, 28))
        write_safetensors(path, net.state_dict())
        kdst.call('layer_load', layer, path.encode(), None)
        with torch.no_grad():
            same_logits(str(dtype)[6:], logits(kdst, layer, x), net.float()(x).numpy())
        kdst.get('layer_release', layer)
    values = {k: (torch.arange(6) * 3).reshape(2, 3).to(t) for k, t in TYPES.items()}
    write_safetensors(path, values)
    state = kdst.new('state_load', kdst.ctx, path.encode())
    for name, value in values.items():
        have = kdst.array(kdst.new('state_get', state, name.encode()))
        check(have.shape == (2, 3) and (have == value.to(torch.float64).numpy()).all(), name)
    kdst.get('state_release', state)


def strictness(kdst, folder):
    """What PyTorch's strict loading refuses is refused here."""
    path = folder + '/weights.safetensors'
    net, layer = make_network(Mlp, (1, 28)), model(kdst, 'mlp', {})
    for name, change, text in (('missing', lambda s: s.pop('fc2.bias'), 'fc2.bias'),
                               ('left over', lambda s: s.update(more=torch.zeros(2)), 'more'),
                               ('shape', lambda s: s.update({'fc3.bias': torch.zeros(11)}), '[11]')):
        state = dict(net.state_dict())
        change(state)
        write_safetensors(path, state)
        try:
            kdst.call('layer_load', layer, path.encode(), None)
        except RuntimeError as error:
            check(text in str(error), '%s: %s' % (name, error))
        else:
            check(False, name + ' is accepted')
    kdst.get('layer_release', layer)


torch.set_num_threads(1)
run([pytorch_to_kdst, kdst_to_pytorch, there_and_back, other_types, strictness], *sys.argv[1:3])
