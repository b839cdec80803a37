# SPDX-License-Identifier: Apache-2.0
"""Weights move both ways between libkdst and PyTorch: what is saved here gives the same logits there, and the reverse.

    test_pytorch.py SAVE_FOR_PYTORCH LIBRARY ROOT      status 77 (skipped) without PyTorch
"""
import ctypes
import re
import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import torch
except ImportError:
    print('PyTorch is not installed')
    sys.exit(77)

SAVE, LIBRARY, ROOT = sys.argv[1], sys.argv[2], Path(sys.argv[3])
sys.path.insert(0, str(ROOT / 'examples'))
import load_in_pytorch  # noqa: E402

TOLERANCE = 2e-4  # of float32 sums over 3136 terms of size 1, with the 4 digits that are printed


def logits_of(output):
    line = re.search(r'logits of a grey image:(.*)', output).group(1)
    return torch.tensor([float(word) for word in line.split()])


def program(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def expect_close(what, a, b):
    worst = float((a - b).abs().max())
    print('%s: differ by %.2g' % (what, worst))
    if len(a) != 10 or not worst <= TOLERANCE:
        sys.exit('%s: %s and %s' % (what, a, b))


def logits_in_library(path, image):
    """Logits of "lenet" with the weights of a file, through ctypes."""
    kdst = ctypes.CDLL(LIBRARY)
    kdst.kdst_context_message.restype = ctypes.c_char_p
    handle = ctypes.c_void_p
    ctx, model, x, y = handle(), handle(), handle(), handle()
    pixels = (ctypes.c_float * 784)(*image.flatten().tolist())
    shape, out = (ctypes.c_int64 * 4)(1, 1, 28, 28), (ctypes.c_float * 10)()

    def check(status):
        if status:
            sys.exit(kdst.kdst_context_message(ctx))
    check(kdst.kdst_context_create(None, ctypes.byref(ctx)))
    check(kdst.kdst_model_create(ctx, b'lenet', None, ctypes.byref(model)))
    check(kdst.kdst_layer_load(model, str(path).encode(), None))
    check(kdst.kdst_tensor_create_from(ctx, 1, ctypes.c_int64(4), shape, pixels, ctypes.byref(x)))
    check(kdst.kdst_layer_run(model, x, ctypes.byref(y)))
    check(kdst.kdst_tensor_get_data(y, out, ctypes.c_int64(40)))
    for release, it in (('tensor', y), ('tensor', x), ('layer', model), ('context', ctx)):
        getattr(kdst, 'kdst_%s_release' % release)(it)
    return torch.tensor(list(out))


def main():
    torch.manual_seed(7)
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / 'ours.safetensors', Path(folder) / 'theirs.safetensors'
        here = logits_of(program(SAVE, str(ours)))
        there = logits_of(program(sys.executable, str(ROOT / 'examples' / 'load_in_pytorch.py'), str(ours)))
        expect_close('saved here, loaded there', here, there)

        model, image = load_in_pytorch.LeNet(), torch.rand(1, 1, 28, 28)
        load_in_pytorch.write(theirs, model.state_dict())
        again = load_in_pytorch.read(theirs)
        if any(not torch.equal(again[name], tensor) for name, tensor in model.state_dict().items()):
            sys.exit('what is written is not what is read')
        with torch.no_grad():
            there = model(image)[0]
        expect_close('saved there, loaded here', logits_in_library(theirs, image), there)
        if float((there - here).abs().max()) <= 10 * TOLERANCE:
            sys.exit('both networks give the same logits: nothing was compared')


main()
