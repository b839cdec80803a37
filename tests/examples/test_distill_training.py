# SPDX-License-Identifier: Apache-2.0
"""The distillation driver's options of training on tiny data: optimisers, schedules, averages, patience, mixing; the report's test.

    test_distill_training.py DISTILL DATA      DATA is a folder with the four IDX files
"""
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

PROGRAM, DATA = sys.argv[1], sys.argv[2]
TINY = ['--data', DATA, '--train-count', '400', '--test-count', '100', '--epochs', '2', '--width', '0.05', '--teacher-width', '0.05',
        '--batch', '40', '--threads', '2', '--warmup', '0', '--quiet']
FIRST = 'data=%s train=400 test=100 holdout=0 crop=0 flip=0 net=mlp width=0.050000000000000003 epochs=2 batch=40 optimizer=sgd ' \
        'rate=0.050000000000000003 momentum=0.90000000000000002 decay=0.00050000000000000001 schedule=cosine warmup=0'


class Training(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix='kdst-training-'))
        self.addCleanup(shutil.rmtree, self.folder)

    def run_driver(self, *arguments, out='out'):
        return subprocess.run([PROGRAM, *TINY, '--out', str(self.folder / out), *map(str, arguments)], capture_output=True, text=True,
                              timeout=300)

    def good(self, *arguments, out='out'):
        result = self.run_driver(*arguments, out=out)
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        return result

    def record(self, run, out='out'):
        return json.loads((self.folder / out / run / 'result.json').read_text())

    def rates(self, *arguments):
        """Learning rates at the last step of each epoch, over the first."""
        out = '-'.join(map(str, arguments)).replace('/', '')
        self.good('--variants', 'baseline', '--seeds', 1, '--learning-rate', 0.01, *arguments, out=out)
        return [row[5] / 0.01 for row in self.rows('baseline-mlp-seed1', out)]

    def rows(self, run, out='out'):
        history = self.record(run, out)['history']
        return [history[i:i + 6] for i in range(0, len(history), 6)]

    # ---- what each option does ----

    def test_each_option_makes_another_run(self):
        plain = ['--variants', 'baseline', '--seeds', '1']
        self.good(*plain)
        first = self.record('baseline-mlp-seed1')
        self.assertEqual(first['settings'], FIRST % DATA)  # as in records from before these options
        seen = {json.dumps(first['history'])}
        cases = [['--optimizer', 'adam'], ['--optimizer', 'adamw'], ['--optimizer', 'rmsprop'], ['--schedule', 'one-cycle'],
                 ['--schedule', 'exponential'], ['--schedule', 'polynomial'], ['--clip-norm', '0.1'], ['--average-decay', '0.9'],
                 ['--mixup', '0.2'], ['--cutmix', '1'], ['--mixup', '1', '--cutmix', '1'], ['--cutout', '8'],
                 ['--no-decay-norms', '--weight-decay', '0.1'], ['--weight-decay', '0.1']]
        for i, case in enumerate(cases):
            with self.subTest(case=case):
                self.good(*plain, *case, out=str(i))
                record = self.record('baseline-mlp-seed1', str(i))
                self.assertNotEqual(record['settings'], first['settings'])
                self.assertTrue(all(math.isfinite(x) for x in record['history']))
                self.assertNotIn(json.dumps(record['history']), seen)
                seen.add(json.dumps(record['history']))
                again = self.good('--config', self.folder / str(i) / 'config.json', '--resume', out=str(i))
                self.assertIn('reused', again.stdout)
        defaults = ['--clip-norm', '0', '--average-decay', '0', '--mixup', '0', '--cutmix', '0', '--cutout', '0', '--patience', '0']
        self.assertIn('reused', self.good(*plain, *defaults, '--resume').stdout)
        changed = self.run_driver(*plain, '--clip-norm', '0.1', '--resume')
        self.assertIn('made with other settings', changed.stderr)

    def test_schedules(self):
        """Ten steps an epoch."""
        for got, expected in [
                (self.rates('--schedule', 'exponential', '--epochs', 4), [0.01 ** (e / 4) for e in range(4)]),
                (self.rates('--schedule', 'polynomial', '--epochs', 4), [1 - (10 * e + 9) / 40 for e in range(4)]),
                (self.rates('--schedule', 'polynomial', '--epochs', 4, '--warmup', 2),
                 [(1 - 9 / 40) * 0.5, 1 - 19 / 40, 1 - 29 / 40, 1 - 39 / 40])]:
            self.assertEqual(len(got), len(expected))
            for a, b in zip(got, expected):
                self.assertAlmostEqual(a, b, places=9)
        cycle = self.rates('--schedule', 'one-cycle', '--epochs', 10)
        self.assertAlmostEqual(cycle[2], 1)
        self.assertAlmostEqual(cycle[9], 1 / 25e4)
        self.assertEqual(sorted(cycle[2:], reverse=True), cycle[2:])

    def test_the_average_is_what_is_kept(self):
        """A teacher has the accuracy that its own run was validated with, which is that of the average."""
        self.good('--average-decay', '0.99', '--variants', 'kd,dekd', '--seeds', '1')
        taught = self.record('kd-mlp-seed1')
        self.assertEqual(taught['teacher_accuracy'], self.rows('teacher-lenet-seed1')[-1][2])
        self.good('--variants', 'kd', '--seeds', '1', out='plain')
        self.assertNotEqual(self.rows('teacher-lenet-seed1')[-1][3], self.rows('teacher-lenet-seed1', 'plain')[-1][3])
        averaged, plain = ((self.folder / out / 'teacher-lenet-seed1' / 'model.safetensors').read_bytes() for out in ('out', 'plain'))
        self.assertNotEqual(averaged, plain)  # the steps are the same
        self.assertEqual(self.record('dekd-mlp-seed1')['teacher_accuracy'], self.record('stopped-lenet-seed1')['best_accuracy'])

    def test_patience(self):
        stands = ['--variants', 'lsr', '--seeds', '1', '--learning-rate', '1e-9', '--epochs', '50', '--patience', '2']
        self.good(*stands)
        self.assertEqual(len(self.rows('lsr-mlp-seed1')), 3)
        self.assertIn('report: ', self.good(*stands, '--report-only').stdout)
        self.assertEqual(self.good(*stands, '--resume').stdout.count('reused'), 2)

    def test_goes_on_with_all_of_it(self):
        arguments = ['--variants', 'baseline', '--seeds', '3', '--epochs', '12', '--checkpoint-every', '0', '--optimizer', 'adamw', '--schedule',
                     'one-cycle', '--clip-norm', '1', '--average-decay', '0.9', '--mixup', '0.5', '--cutmix', '1', '--cutout', '6',
                     '--patience', '9', '--no-decay-norms']
        self.good(*arguments, out='whole')
        run = self.folder / 'cut' / 'baseline-mlp-seed3'
        process = subprocess.Popen([PROGRAM, *TINY, *arguments, '--out', str(self.folder / 'cut')], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        while process.poll() is None and not (run / 'checkpoint.safetensors').exists():
            time.sleep(0.0005)
        process.kill()
        process.wait()
        self.good(*arguments, '--resume', out='cut')
        weights = [(self.folder / out / 'baseline-mlp-seed3' / 'model.safetensors').read_bytes() for out in ('whole', 'cut')]
        self.assertEqual(weights[0], weights[1])
        self.assertEqual(self.rows('baseline-mlp-seed3', 'whole'), self.rows('baseline-mlp-seed3', 'cut'))

    def test_bad_values(self):
        cases = [
            (['--average-decay', '1'], r'--average-decay is "1", expected a number from 0 to'),
            (['--mixup', '-1'], r'--mixup is "-1"'),
            (['--cutmix', '1001'], r'--cutmix is "1001"'),
            (['--cutout', '-2'], r'--cutout is "-2"'),
            (['--patience', '1.5'], r'--patience is "1.5"'),
            (['--clip-norm', 'inf'], r'--clip-norm is "inf"'),
            (['--optimizer', 'lion'], r'--optimizer is "lion", expected one of sgd, adam, adamw, rmsprop'),
            (['--schedule', 'cycle'], r'--schedule is "cycle", expected one of .*one-cycle'),
            *[(['--variants', 'mutual', option, '1e-1' if option != '--patience' else '1'],
               r'%s is not possible with the variant mutual' % option)
              for option in ('--clip-norm', '--average-decay', '--patience', '--mixup', '--cutmix')],
        ]
        for arguments, message in cases:
            with self.subTest(arguments=arguments):
                result = self.run_driver(*arguments)
                self.assertEqual((result.returncode, result.stdout), (2, ''))
                self.assertRegex(result.stderr, message)
        self.assertFalse((self.folder / 'out').exists())

    # ---- what is told ----

    def test_dry_run_tells_of_the_layers(self):
        text = self.good('--variants', 'kd', '--seeds', '1', '--dry-run').stdout
        self.assertRegex(text, r'student mlp: 16330 parameters\nlayer +operation +result +parameters +multiply-adds\n')
        self.assertRegex(text, r'\nfc1 +linear +\[1, 20\] +15,700 +15,680\n')
        self.assertRegex(text, r'teacher lenet: 11030 parameters\n')
        self.assertRegex(text, r'\nconv1 +conv2d +\[1, 2, 28, 28\] +52 +39,200\n')
        self.assertRegex(text.splitlines()[-1], r'^about \d+ s on this machine as it is now, and \d+ MiB of memory$')

    def table(self, out='out'):
        """Cells of the report's first table, by the name of the variant."""
        text = (self.folder / out / 'report.html').read_text()
        rows = re.findall(r'<tr[^>]*>(.*?)</tr>', text[text.index('<table>'):text.index('</table>')])
        cells = [[re.sub(r'<[^>]+>', '', cell) for cell in re.findall(r'<t[dh][^>]*>(.*?)</t[dh]>', row)] for row in rows]
        return text, {row[0]: dict(zip(cells[0], row)) for row in cells[1:]}

    def paired_p(self, role, base, seeds):
        """With two degrees of freedom the distribution function of t is 1/2 + t / (2 sqrt(2 + t^2))."""
        last = lambda run: self.rows(run)[-1][2]
        mean = lambda name, seed: sum(last('%s-seed%d' % (n, seed)) for n in name) / len(name)
        d = [mean(role, seed) - mean(base, seed) for seed in seeds]
        m = sum(d) / 3
        deviation = math.sqrt(sum((x - m) ** 2 for x in d) / 2)
        t = m / (deviation / math.sqrt(3))
        return 1 - abs(t) / math.sqrt(2 + t * t)

    def test_paired_test(self):
        self.good('--variants', 'lsr,rekd,mutual', '--seeds', '4,5,6')
        text, table = self.table()
        self.assertIn('paired t-test', text)
        for title, role, base in (('Label smoothing', ['lsr-mlp'], ['baseline-mlp']), ('Re-KD', ['rekd-lenet'], ['teacher-lenet']),
                                  ('Mutual learning', ['mutual1-mlp', 'mutual2-mlp'], ['baseline-mlp'])):
            expected = self.paired_p(role, base, (4, 5, 6))
            shown = table[title]['p'].replace('&lt; ', '')
            self.assertAlmostEqual(float(shown), expected, delta=0.00051 if expected >= 0.001 else 0.001, msg=title)
        self.assertEqual((table['Student alone']['p'], table['Teacher alone']['p']), ('', ''))

    def test_two_seeds_are_too_few(self):
        self.good('--variants', 'lsr,mutual', '--seeds', '1,2')
        text, table = self.table()
        self.assertNotIn('t-test', text)
        self.assertNotIn('p', table['Label smoothing'])


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1], verbosity=2)
