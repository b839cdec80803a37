# SPDX-License-Identifier: Apache-2.0
"""The spiking driver on tiny data: bad options, whole runs with their files, being killed and resumed, the report.

    test_spiking.py SPIKING DATA      DATA is a folder with the four IDX files
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
from html.parser import HTMLParser
from pathlib import Path

PROGRAM, DATA = sys.argv[1], sys.argv[2]
TINY = ['--data', DATA, '--train-count', '400', '--test-count', '100', '--epochs', '2', '--architecture', '40-10', '--batch', '40',
        '--threads', '2', '--seeds', '1']
VOID = {'meta', 'br'}


def run(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=300)


class Page(HTMLParser):
    """Every opened element is closed, and nothing is fetched from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.open, self.problems, self.text = [], [], []
        self.feed(text)
        self.close()
        if self.open:
            self.problems.append('left open: %s' % self.open)

    def handle_starttag(self, tag, attributes):
        if tag in ('script', 'link', 'img', 'iframe', 'object'):
            self.problems.append('<%s>' % tag)
        self.problems += ['%s=%s' % a for a in attributes if a[0] in ('src', 'href') or a[0].startswith('on')]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append('</%s> closes nothing' % tag)

    def handle_data(self, data):
        self.text.append(data)


class Spiking(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix='kdst-spiking-'))
        self.addCleanup(shutil.rmtree, self.folder)

    def out(self, name='out'):
        return self.folder / name

    def good(self, *arguments, out='out'):
        result = run(*TINY, '--out', self.out(out), *arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        return result

    def record(self, name='tssl-bp-seed1', out='out'):
        return json.loads((self.out(out) / name / 'result.json').read_text())

    def weights(self, name='tssl-bp-seed1', out='out'):
        return (self.out(out) / name / 'model.safetensors').read_bytes()

    # ---- options ----

    def test_help(self):
        result = run('--help')
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        for option in ('--config', '--rules', '--architecture', '--silent-surrogate', '--filters', '--resume'):
            self.assertIn(option, result.stdout)

    def test_bad_options(self):
        cases = [
            (['--config', 'fashion-lenet'], r'cannot read fashion-lenet'),
            (['--config', 'mnist-cnn'], r'this network is for MNIST; --data names'),
            (['--config', 'cifar10'], r'this network is for CIFAR-10'),
            (['--rules', 'stdp'], r'--rules is "stdp", expected one of tssl-bp, surrogate'),
            (['--rules', ''], r'--rules has an empty'),
            (['--loss', 'mse'], r'--loss is "mse", expected one of kernel, count, softmax'),
            (['--filters', '2'], r'--filters is "2", expected one of twice, once'),
            (['--surrogate', 'relu'], r'--surrogate is "relu", expected one of sigmoid'),
            (['--silent-surrogate', 'never'], r'--silent-surrogate is "never".*\n.*may also be always or off'),
            (['--silent-surrogate', '0'], r'--silent-surrogate is "0", expected a whole number from 1'),
            (['--tau-m', '0.5'], r'--tau-m is "0.5"'),
            (['--steps', '0'], r'--steps is "0"'),
            (['--normalization', 'none'], r'--normalization is "none"'),
        ]
        for arguments, message in cases:
            with self.subTest(arguments=arguments):
                result = run(*arguments, '--out', self.out())
                self.assertEqual((result.returncode, result.stdout), (2, ''), result.stderr)
                self.assertRegex(result.stderr, message)
        self.assertFalse(self.out().exists())

    def test_what_the_library_refuses(self):
        cases = [
            (['--architecture', '40-'], r'"40-" is not nCk, Pk or n at character 4'),
            (['--architecture', '4C29-10'], r'4C29 does not fit'),
            (['--padding', '1,0', '--architecture', '4C3-10'], r'padding has 2 numbers for 1 convolutions'),
            (['--loss', 'count', '--desired', '1'], r'desired'),
            (['--holdout', '1600'], r'--holdout is 1600 of 1600'),
            (['--sample', '100'], r'--sample: '),
            (['--data', self.folder], r'no training images in'),
        ]
        for arguments, message in cases:
            with self.subTest(arguments=arguments):
                result = run(*TINY, '--out', self.out(), *arguments)
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertRegex(result.stderr, message)

    def test_dry_run_writes_nothing(self):
        result = self.good('--dry-run', '--rules', 'tssl-bp,surrogate', '--seeds', '1,2')
        self.assertRegex(result.stdout, r'40-10: 31760 parameters\n')
        self.assertRegex(result.stdout, r'\nhidden_1 +lif +\[5, 1, 40\]')
        self.assertRegex(result.stdout, r'\nsurrogate-seed2 +2 epochs of 10 steps of [\d.]+ ms: \d+ s\n')
        self.assertRegex(result.stdout.splitlines()[-1], r'^about \d+ s on this machine as it is now, and \d+ MiB of memory$')
        self.assertFalse(self.out().exists())

    # ---- runs ----

    def test_run_and_report(self):
        result = self.good('--rules', 'tssl-bp,surrogate', '--seeds', '1,2', '--epochs', '6', '--train-count', '1600', '--note', '<b>&')
        self.assertRegex(result.stdout, r'tssl-bp-seed1 +last [\d.]+ %  best [\d.]+ % \(epoch \d\)')
        for name in ('tssl-bp-seed1', 'tssl-bp-seed2', 'surrogate-seed1', 'surrogate-seed2'):
            record = self.record(name)
            history = [record['history'][i:i + 6] for i in range(0, 36, 6)]
            self.assertGreater(record['best_accuracy'], 0.6, name)  # ten classes
            self.assertLess(history[-1][0], history[0][0])
            self.assertEqual(record['best_accuracy'], max(row[2] for row in history))
            self.assertEqual(sum(record['confusion']), 100)
            self.assertEqual([(l['name'], l['neurons']) for l in record['layers']], [('hidden_1', 40), ('output', 10)])
            for layer in record['layers']:
                self.assertTrue(0 < layer['rate'] < 1 and 0 <= layer['dead'] <= layer['silent'] < 1, layer)
                self.assertGreaterEqual(1 - layer['silent'], layer['rate'])  # who is silent has no spikes
        log = [json.loads(line) for line in (self.out() / 'log.jsonl').read_text().splitlines()]
        self.assertEqual([(line['run'], line['epoch']) for line in log[:6]], [('tssl-bp-seed1', n) for n in range(1, 7)])
        self.assertNotEqual(self.weights('tssl-bp-seed1'), self.weights('surrogate-seed1'))
        self.assertNotEqual(self.weights('tssl-bp-seed1'), self.weights('tssl-bp-seed2'))
        text = (self.out() / 'report.html').read_text()
        page = Page(text)
        self.assertEqual(page.problems, [])
        for part in ('TSSL-BP', 'Surrogate gradient', '2 seeds', 'hidden_1', '<b>&'):
            self.assertIn(part, page.text)
        self.assertRegex(text, r'TSSL-BP: class \d, predicted \d')
        again = self.good('--rules', 'tssl-bp,surrogate', '--seeds', '1,2', '--report-only')
        self.assertNotIn('made', again.stdout)

    def test_report_of_what_is_there(self):
        self.good()
        result = run(*TINY, '--out', self.out(), '--seeds', '1,2', '--report-only')
        self.assertEqual(result.returncode, 0)
        self.assertIn('1 of 2 runs are finished', result.stderr)
        path = self.out() / 'tssl-bp-seed1' / 'result.json'
        record = self.record()
        for text in ('', '[]', '{}', json.dumps({**record, 'history': []}), json.dumps({**record, 'rule': 'stdp'}),
                     json.dumps({**record, 'layers': 1}), json.dumps({**record, 'layers': record['layers'] * 20}),
                     json.dumps({**record, 'confusion': [-1] * 100})):
            path.write_text(text)
            result = run(*TINY, '--out', self.out(), '--report-only')
            self.assertEqual(result.returncode, 1)
            self.assertIn('result.json is no result of a run', result.stderr)

    def test_each_option_makes_another_run(self):
        self.good()
        seen = {json.dumps(self.record()['history'])}
        cases = [['--loss', 'count', '--desired', '3'], ['--loss', 'softmax'], ['--filters', 'once'], ['--tau-m', '8'], ['--tau-s', '4'],
                 ['--threshold', '0.8'], ['--steps', '6'], ['--silent-surrogate', 'off'], ['--silent-surrogate', '1'], ['--slope-bound', '2'],
                 ['--dropout', '0.3'], ['--normalization', 'data'], ['--crop-padding', '2'], ['--flip'], ['--linear-scale', '2'],
                 ['--weight-decay', '0.5'], ['--clip-norm', '0.01'], ['--learning-rate', '1e-3'], ['--exact', '--architecture', '4C5-P2-10'],
                 ['--architecture', '4C5-P2-10', '--weight-scale', '2'], ['--architecture', '4C5-P2-10', '--padding', '2'],
                 ['--architecture', '4C5-P2-10', '--pooling-factor', '1'], ['--architecture', '4C5-P2-10', '--dropout', '0.3'],
                 ['--architecture', '4C5-P2-10', '--dropout', '0.3', '--dropout-unit', 'element'],
                 ['--rules', 'surrogate'], ['--rules', 'surrogate', '--surrogate', 'arctan'], ['--rules', 'surrogate', '--steepness', '9'],
                 ['--rules', 'surrogate', '--reset-gradient']]
        for i, case in enumerate(cases):
            with self.subTest(case=case):
                name = ('surrogate' if 'surrogate' in case else 'tssl-bp') + '-seed1'
                self.good(*case, out=str(i))
                record = self.record(name, str(i))
                self.assertTrue(all(math.isfinite(x) for x in record['history']))
                self.assertNotIn(json.dumps(record['history']), seen)
                seen.add(json.dumps(record['history']))
                again = run('--config', self.out(str(i)) / 'config.json', '--resume')
                self.assertIn('reused', again.stdout)
        changed = run(*TINY, '--out', self.out(), '--tau-m', '8', '--resume')
        self.assertIn('made with other settings', changed.stderr)

    def test_official_networks(self):
        """What the configurations say, from config.json of a run that trains on a few images."""
        few = ['--data', DATA, '--train-count', '20', '--test-count', '10', '--epochs', '1', '--seeds', '1', '--threads', '2', '--out']
        expected = {
            'fashion-400-400': dict(architecture='400-400-10', batch=100, padding=[0], dropout=0),
            'fashion-cnn': dict(architecture='32C5-P2-64C5-P2-1024-10', batch=50, padding=[2], dropout=0),
            'mnist-cnn': dict(architecture='15C5-P2-40C5-P2-300-10', batch=50, padding=[0], dropout=0)}
        for name, values in expected.items():
            result = run('--config', name, *few, self.out(name))
            self.assertEqual((result.returncode, result.stderr), (0, ''))
            config = json.loads((self.out(name) / 'config.json').read_text())
            common = {'steps': 5, 'tau-m': 5, 'tau-s': 3, 'threshold': 1, 'learning-rate': 5e-4, 'weight-decay': 0.01, 'clip-norm': 1,
                      'loss': 'kernel', 'filters': 'twice', 'pooling-factor': 1.1, 'weight-scale': 1, 'silent-surrogate': 'always'}
            for key, value in {**common, **values}.items():
                self.assertEqual(config[key], value, (name, key))

    def test_goes_on_after_being_killed(self):
        arguments = ['--epochs', '12', '--silent-surrogate', '6', '--dropout', '0.2', '--crop-padding', '2', '--checkpoint-every', '0',
                     '--quiet']
        self.good(*arguments, out='whole')
        checkpoint = self.out('cut') / 'tssl-bp-seed1' / 'checkpoint.safetensors'
        process = subprocess.Popen([PROGRAM, *TINY, *arguments, '--out', str(self.out('cut'))], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        while process.poll() is None and not checkpoint.exists():
            time.sleep(0.0005)
        process.kill()
        process.wait()
        result = self.good(*arguments, '--resume', out='cut')
        self.assertRegex(result.stdout, r'goes on after \d+ steps')
        self.assertEqual(self.weights(out='whole'), self.weights(out='cut'))
        self.assertEqual(self.record(out='whole')['history'], self.record(out='cut')['history'])
        self.assertFalse(checkpoint.exists())

    def test_threads_do_not_change_a_bit(self):
        for threads in (1, 3):
            self.good('--threads', threads, '--architecture', '6C5-P2-20-10', out=str(threads))
        self.assertEqual(self.weights(out='1'), self.weights(out='3'))


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1], verbosity=1)
