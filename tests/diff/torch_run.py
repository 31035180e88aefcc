#!/usr/bin/python3
"""Runs the modules that test_torch_run writes into a folder and compares their outputs with those
of the executor. Lines on stdin say what is there: "group NAME"; "case NAME", its "in TYPE SIZE..."
and "out TYPE SIZE...", then "run". NAME.bin holds all elements as float32, in the same order. The
files of a case that agrees are removed."""
import importlib.util
import os
import sys

import numpy as np
import torch

TOLERANCE = 1e-4


def load(folder, name):
    spec = importlib.util.spec_from_file_location(name, os.path.join(folder, name + '.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.load()


def take(f, shape):
    return torch.from_numpy(np.fromfile(f, np.float32, int(np.prod(shape))).reshape(shape))


def difference(got, want, shape):
    """Largest difference, relative to the largest value where that is above 1."""
    if tuple(got.shape) != shape:
        return float('inf')
    got = got.to(torch.float32)
    same = (got == want) | (got.isnan() & want.isnan())
    off = torch.where(same, torch.zeros(()), (got - want).abs())
    scale = want[want.isfinite()].abs().max().item() if want.isfinite().any() else 1
    worst = off.max().item() if off.numel() else 0
    return worst / max(1, scale) if worst == worst else float('inf')


def run(folder, name, inputs, outputs):
    model = load(folder, name)
    with open(os.path.join(folder, name + '.bin'), 'rb') as f, torch.no_grad():
        x = [take(f, shape).to(getattr(torch, dtype)) for dtype, shape in inputs]
        y = model(*x)
        y = y if isinstance(y, tuple) else (y,)
        assert len(y) == len(outputs), 'number of outputs'
        return max(difference(y[i], take(f, s), s) for i, (_, s) in enumerate(outputs))


class Group:
    def __init__(self, title):
        self.title, self.n, self.failed, self.worst, self.at = title, 0, 0, 0, ''

    def add(self, folder, name, inputs, outputs):
        self.n += 1
        try:
            off = run(folder, name, inputs, outputs)
            why = '' if off <= TOLERANCE else 'off by %g' % off
            if off > self.worst:
                self.worst, self.at = off, name
        except Exception as e:
            why = '%s: %s' % (type(e).__name__, e)
        if why:
            print('FAILED %s: %s' % (name, why))
            self.failed += 1
            return
        for suffix in ('.py', '.npz', '.bin'):
            os.remove(os.path.join(folder, name + suffix))

    def report(self):
        print('%s: %d of %d agree, largest difference %.2g (%s)'
              % (self.title, self.n - self.failed, self.n, self.worst, self.at), flush=True)
        return self.failed > 0 or self.n == 0


def main(folder):
    torch.set_num_threads(1)
    groups, case = [], None
    for line in sys.stdin:
        word, *rest = line.split()
        if word == 'group':
            groups.append(Group(rest[0]))
        elif word == 'case':
            case = (rest[0], [], [])
        elif word == 'run':
            groups[-1].add(folder, *case)
        else:
            case[1 if word == 'in' else 2].append((rest[0], tuple(int(d) for d in rest[1:])))
    return any([g.report() for g in groups]) or not groups


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
