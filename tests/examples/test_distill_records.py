# SPDX-License-Identifier: Apache-2.0
"""What the distillation driver reads back may be anybody's, and what it writes may not get through.

    test_distill_records.py DISTILL DATA      DATA is a folder with the four IDX files
"""
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM, DATA = sys.argv[1], sys.argv[2]
TINY = ['--data', DATA, '--train-count', '200', '--test-count', '50', '--epochs', '2', '--width', '0.05', '--batch', '40',
        '--threads', '1', '--warmup', '0', '--variants', 'lsr', '--seeds', '1', '--schedule', 'constant']
NAME = 'lsr-mlp-seed1'


def run(folder, *arguments, **options):
    options = {'stdout': subprocess.PIPE, **options}
    return subprocess.run([PROGRAM, *TINY, '--out', folder, *map(str, arguments)], stderr=subprocess.PIPE, text=True,
                          timeout=60, **options)


class Records(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix='kdst-records-'))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.straight = cls.folder / 'straight'
        result = run(cls.straight)
        assert result.returncode == 0, result.stderr
        cls.record = json.loads((cls.straight / NAME / 'result.json').read_text())

    def setUp(self):
        self.out = self.folder / 'out'
        shutil.copytree(self.straight, self.out)
        self.addCleanup(shutil.rmtree, self.out)

    def report(self, text, names=(NAME,)):
        """Of runs with this record; the page and what was said."""
        for name in names:
            (self.out / name / 'result.json').write_text(text)
        (self.out / 'report.html').unlink(missing_ok=True)
        result = run(self.out, '--report-only')
        self.assertEqual(result.returncode, 0, result.stderr)  # the other run's record is fine
        self.assertNotIn('runtime error', result.stderr)
        return (self.out / 'report.html').read_text(), result.stderr

    def test_refused_records(self):
        r = self.record
        classes = 10
        forged = [
            {'confusion': [-1] + r['confusion'][1:]},
            {'confusion': [1e300] + r['confusion'][1:]},
            {'confusion': [0.5] + r['confusion'][1:]},
            {'confusion': [None] + r['confusion'][1:]},
            {'confusion': r['confusion'][:-1]},
            {'confusion': [0] * (1001 * 1001)},
            {'confusion': {'0': 1}},
            {'best_epoch': 1e300},
            {'best_epoch': -1},
            {'best_epoch': 1.5},
            {'history': []},
            {'history': r['history'][:-1]},
            {'history': [0] * 600006},
            {'reliability': r['reliability'][:-1]},
            {'reliability': [0] * 3003},
            {'variant': 'none'},
            {'name': 'n' * 128},
            {'seed': 1},
            {'settings': None},
        ]
        self.assertEqual(len(r['confusion']), classes * classes)
        texts = [json.dumps({**r, **change}) for change in forged]
        texts += ['', '[]', '{}', '[' * 100000, json.dumps(r)[:-2], '\0' + json.dumps(r)]
        for text in texts:
            with self.subTest(text=text[:100]):
                _, said = self.report(text)
                self.assertIn('%s/result.json is no result of a run' % NAME, said)
                self.assertIn('1 of 2 runs are finished', said)

    def test_record_that_is_too_large(self):
        path = self.out / NAME / 'result.json'
        with path.open('r+b') as file:
            file.truncate((64 << 20) + 1)
        result = run(self.out, '--report-only')
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn('File too large', result.stderr)

    def test_figures_of_any_size(self):
        """Two epochs of six figures; the axes end whatever the figures are."""
        pairs = [(1e16, 1e16 + 2), (1e15, 1e15 - 0.125), (0, 5e-324), (5e-324, 1e-323), (-1e308, 1e308), (None, None), (1, None),
                 (1, 1 + 2e-16), (-1e15, 1e15), (1e-99, 3e-99), (0, 0), (-3, -3)]
        for one, other in pairs:
            with self.subTest(pair=(one, other)):
                forged = {**self.record, 'history': [one] * 6 + [other] * 6}
                page, _ = self.report(json.dumps(forged), names=(NAME, 'baseline-mlp-seed1'))
                self.assertLess(len(page), 200000)
                self.assertNotIn('"nan"', page)
                self.assertNotIn('"inf"', page)

    def test_texts_are_escaped(self):
        page, _ = self.report(json.dumps({**self.record, 'net': '<script>&"\''}))
        self.assertNotIn('<script>', page)
        self.assertIn('&lt;script&gt;&amp;&quot;&#39;', page)

    # ---- output ----

    def test_full_log(self):
        log = self.out / 'log.jsonl'
        log.unlink()
        log.symlink_to('/dev/full')
        result = run(self.out)
        self.assertEqual(result.returncode, 1)
        self.assertIn('log.jsonl', result.stderr)
        self.assertIn('could not be written', result.stderr)

    def test_full_output(self):
        with open('/dev/full', 'w') as full:
            result = run(self.out, '--report-only', stdout=full)
        self.assertEqual(result.returncode, 1)
        self.assertIn('the output cannot be written', result.stderr)

    def test_settings_that_would_be_cut(self):
        data = DATA + '/.' * ((1000 - len(DATA)) // 2)
        result = run(self.out, '--variants', 'kd', '--data', data)  # the teacher's settings are part of a student's
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r'the settings of kd-mlp-seed1 take more than \d+ bytes')


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1], verbosity=1)
