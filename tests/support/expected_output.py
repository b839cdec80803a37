# SPDX-License-Identifier: Apache-2.0
"""Compares what a program printed with what its text says it prints: words exactly, numbers within their last digit.

A number may be off by one unit of the last digit that is shown (rounding), and by `relative` times itself where the program
computes in float32 for long. Spaces must agree too, since columns are part of what is shown.
"""
import re

NUMBER = re.compile(r'[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?')


def unit(text):
    """One unit of the last digit: '0.25' -> 0.01, '12' -> 0 (whole numbers are counts and must be equal)."""
    digits = re.match(r'[-+]?\d+\.(\d+)', text)
    exponent = re.search(r'e([-+]?\d+)', text)
    return 10.0 ** (int(exponent.group(1)) if exponent else 0) * 10.0 ** -len(digits.group(1)) if digits else 0


def number_differs(got, expected, relative):
    return abs(float(got) - float(expected)) > 1.001 * unit(expected) + relative * abs(float(expected))


def line_differs(got, expected, relative):
    numbers, wanted = NUMBER.findall(got), NUMBER.findall(expected)
    if NUMBER.split(got) != NUMBER.split(expected):
        return True
    return any(number_differs(a, b, relative if unit(b) else 0) for a, b in zip(numbers, wanted))


def differences(got, expected, relative=0.0):
    """Lines that differ, as text; [] when all agree."""
    lines, wanted = got.rstrip('\n').split('\n'), expected.rstrip('\n').split('\n')
    found = ['printed %r, expected %r' % pair for pair in zip(lines, wanted) if line_differs(*pair, relative)]
    if len(lines) != len(wanted):
        found.append('printed %d lines, expected %d' % (len(lines), len(wanted)))
    return found


def self_test():
    text = 'a 1.25 of 3\nb -0.50'
    good = [text, 'a 1.26 of 3\nb -0.49', 'a 1.24 of 3\nb -0.50\n']
    bad = ['a 1.28 of 3\nb -0.50', 'a 1.25 of 4\nb -0.50', 'a 1.25 of 3', 'a 1.25 of 3\nc -0.50', 'a 1.25 of 3\nb 0.50',
           'a 1.25 of  3\nb -0.50', 'a nan of 3\nb -0.50', text + '\nc', '']
    failed = [t for t in good if differences(t, text)] + [t for t in bad if not differences(t, text)]
    if differences('x 101.0', 'x 100.0', 0.02) or not differences('x 103.0', 'x 100.0', 0.02):
        failed.append('the relative tolerance')
    return ['judged wrongly: %r' % t for t in failed]
