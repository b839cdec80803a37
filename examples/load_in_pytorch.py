# SPDX-License-Identifier: Apache-2.0
"""Loads what save_for_pytorch wrote: the same network in PyTorch, the same logits.

    python3 examples/load_in_pytorch.py /tmp/lenet.safetensors

With the safetensors package, read() is safetensors.torch.load_file and write() is save_file. Without it both are short: a
file is 8 bytes with the length of a JSON header, the header (name, type, shape, offsets), and the plain little-endian data.
"""
import json
import sys

import torch

TYPES = {'F32': torch.float32, 'F64': torch.float64, 'I32': torch.int32, 'I64': torch.int64, 'U8': torch.uint8,
         'BOOL': torch.bool}


def read(path):
    with open(path, 'rb') as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), 'little')))
        data = bytearray(file.read())
    header.pop('__metadata__', None)
    state = {}
    for name, entry in header.items():
        begin, end = entry['data_offsets']
        state[name] = torch.frombuffer(data[begin:end], dtype=TYPES[entry['dtype']]).reshape(entry['shape'])
    return state


def write(path, state):
    names, header, chunks, at = {t: n for n, t in TYPES.items()}, {}, [], 0
    for name, tensor in state.items():
        chunks.append(tensor.detach().contiguous().numpy().tobytes())
        header[name] = {'dtype': names[tensor.dtype], 'shape': list(tensor.shape), 'data_offsets': [at, at + len(chunks[-1])]}
        at += len(chunks[-1])
    text = json.dumps(header).encode()
    with open(path, 'wb') as file:
        file.write(len(text).to_bytes(8, 'little') + text + b''.join(chunks))


class LeNet(torch.nn.Module):
    """The attributes carry the names of libkdst's "lenet"."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = torch.nn.Conv2d(1, 32, 5, padding=2), torch.nn.Conv2d(32, 64, 5, padding=2)
        self.fc1, self.fc2 = torch.nn.Linear(64 * 7 * 7, 1024), torch.nn.Linear(1024, 10)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = torch.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.fc2(torch.relu(self.fc1(torch.flatten(x, 1))))


if __name__ == '__main__':
    model = LeNet()
    model.load_state_dict(read(sys.argv[1]))
    with torch.no_grad():
        logits = model(torch.full((1, 1, 28, 28), 0.5))[0]
    print('logits of a grey image:', *('%.4f' % value for value in logits))
