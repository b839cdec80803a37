# SPDX-License-Identifier: Apache-2.0
"""Spiking networks trained by TSSL-BP (Zhang and Li 2020) in PyTorch, as kdst-bench's tssl_mlp and tssl_cnn.

Written for speed rather than after the official code: time is folded into the batch for the linear parts, the filters of
the backward pass are recursions over T steps, and the currents of the static input are computed once.
"""
import torch
from torch import nn
from torch.nn import functional as f

STEPS, TAU_M, TAU_S, THRESHOLD = 5, 5.0, 3.0, 1.0


class Neurons(torch.autograd.Function):
    """Currents [T, ...] to postsynaptic currents; backward is the rule of TSSL-BP."""

    @staticmethod
    def forward(ctx, current):
        m, q = torch.zeros_like(current[0]), torch.zeros_like(current[0])
        increments, membranes, psc = [], [], []
        for t in range(len(current)):
            d = current[t] - m / TAU_M
            u = m + d
            s = (u > THRESHOLD).to(u.dtype)
            m = u * (1 - s)
            q = q + (s - q) / TAU_S
            increments.append(d)
            membranes.append(u)
            psc.append(q)
        ctx.save_for_backward(torch.stack(increments), torch.stack(membranes), torch.stack(psc))
        return torch.stack(psc)

    @staticmethod
    def backward(ctx, grad):
        d, u, a = ctx.saved_tensors
        out, filtered, carried = torch.empty_like(grad), torch.zeros_like(grad[0]), torch.zeros_like(grad[0])
        fired = u > THRESHOLD
        steep = (1 / d).clamp(0, 8)
        e = torch.exp(((THRESHOLD - u) / 0.2).clamp(-8, 8))
        quiet_slope = e / ((1 + e) ** 2 * 0.2)
        quiet = a < 1 / (4 * TAU_S)
        for t in range(len(grad) - 1, -1, -1):
            filtered = grad[t] / TAU_S + (1 - 1 / TAU_S) * filtered
            carried = torch.where(fired[t], steep[t] * (filtered + u[t] * carried / TAU_M), (1 - 1 / TAU_M) * carried)
            out[t] = torch.where(quiet[t], filtered * quiet_slope[t], carried)
        return out


def input_gain():
    """What a synapse makes of a constant input, step by step."""
    q, gain = 0.0, []
    for _ in range(STEPS):
        q += 1 - q / TAU_S
        gain.append(q / TAU_S)
    return torch.tensor(gain)


class Spiking(nn.Module):
    """A linear layer or convolution and its neurons; the first one of a network reads the image itself."""

    def __init__(self, layer, first=False):
        super().__init__()
        self.layer, self.gain = layer, input_gain() if first else None

    def forward(self, x):
        if self.gain is not None:
            response = self.layer(x.flatten(1) if isinstance(self.layer, nn.Linear) else x)
            return Neurons.apply(self.gain.view(-1, *[1] * response.dim()) * response)
        folded = x.flatten(0, 1)
        response = self.layer(folded.flatten(1) if isinstance(self.layer, nn.Linear) else folded)
        return Neurons.apply(response.unflatten(0, (STEPS, -1)))


class SumPool(nn.Module):
    def forward(self, x):
        return (4.4 * f.avg_pool2d(x.flatten(0, 1), 2)).unflatten(0, (STEPS, -1))


def mlp():
    return nn.Sequential(Spiking(nn.Linear(784, 400, bias=False), True), Spiking(nn.Linear(400, 400, bias=False)),
                         Spiking(nn.Linear(400, 10, bias=False)))


def cnn():
    return nn.Sequential(Spiking(nn.Conv2d(1, 32, 5, padding=2, bias=False), True), SumPool(),
                         Spiking(nn.Conv2d(32, 64, 5, padding=2, bias=False)), SumPool(),
                         Spiking(nn.Linear(3136, 1024, bias=False)), Spiking(nn.Linear(1024, 10, bias=False)))


def desired():
    """The train of the true class behind two synapses."""
    y = [float(t % 5 != 0) for t in range(STEPS)]
    for _ in range(2):
        q = 0.0
        for t in range(STEPS):
            q += y[t] - q / TAU_S
            y[t] = q / TAU_S
    return torch.tensor(y)


def training_step(make, batch, channels_last):
    """zero_grad, forward, kernel loss, backward, clipping to a norm of 1, AdamW."""
    model, images, labels = make().train(), torch.randn(batch, 1, 28, 28), torch.arange(batch) % 10
    if channels_last:
        model, images = model.to(memory_format=torch.channels_last), images.contiguous(memory_format=torch.channels_last)
    target = desired().view(-1, 1, 1) * f.one_hot(labels, 10)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4, weight_decay=0.01)

    def run():
        optimizer.zero_grad(set_to_none=True)
        (0.5 * (model(images) - target) ** 2).sum().backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1)
        optimizer.step()
        with torch.no_grad():
            for p in model.parameters():
                p.clamp_(-4, 4)
    return run
