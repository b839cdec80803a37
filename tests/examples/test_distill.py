# SPDX-License-Identifier: Apache-2.0
"""The distillation driver on tiny data: bad options, a whole run with its files, being killed and resumed, a terminal.

    test_distill.py DISTILL DATA      DATA is a folder with the four IDX files
"""
import gzip
import json
import os
import pty
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from html.parser import HTMLParser
from pathlib import Path

PROGRAM, DATA = sys.argv[1], sys.argv[2]
TINY = ['--data', DATA, '--train-count', '400', '--test-count', '100', '--epochs', '2', '--width', '0.05', '--teacher-width', '0.05',
        '--batch', '40', '--threads', '2', '--warmup', '0']
RUNS = ['baseline-mlp', 'teacher-lenet', 'stopped-lenet', 'lsr-mlp', 'kd-mlp', 'dekd-mlp', 'self-mlp', 'reg-mlp', 'rekd-lenet']
VOID = {'meta', 'br'}
SEED = 20


def run(*arguments, **options):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=300, **options)


class Page(HTMLParser):
    """Every opened element is closed, and nothing is fetched from elsewhere."""

    def __init__(self, text):
        super().__init__()
        self.open, self.count, self.problems, self.text = [], {}, [], []
        self.feed(text)
        self.close()
        if self.open:
            self.problems.append('left open: %s' % self.open)

    def handle_starttag(self, tag, attributes):
        self.count[tag] = self.count.get(tag, 0) + 1
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


class Distill(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix='kdst-distill-'))
        self.addCleanup(shutil.rmtree, self.folder)

    def out(self, name='out'):
        return self.folder / name

    def good(self, *arguments, out='out'):
        result = run(*TINY, '--out', self.out(out), *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    # ---- options ----

    def test_help(self):
        result = run('--help')
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        for option in ('--data', '--seeds', '--resume', '--set', '--preset', '--dekd-accuracy'):
            self.assertIn(option, result.stdout)

    def test_bad_options(self):
        cases = [
            (['--epochs', '0'], r'--epochs is "0", expected a whole number from 1 to'),
            (['--epochs', '2x'], r'--epochs is "2x"'),
            (['--batch', '-1'], r'--batch is "-1"'),
            (['--seeds', '1,,2'], r'--seeds has an empty'),
            (['--seeds', '1,x'], r'--seeds is "x"'),
            (['--seeds', ''], r'--seeds has an empty'),
            (['--variants', 'kd,foo'], r'--variants is "foo", expected one of baseline, lsr, kd, rekd, dekd, self, reg, hint,'),
            (['--optimizer', 'lion'], r'--optimizer is "lion", expected one of sgd, adam'),
            (['--schedule', 'poly'], r'--schedule is "poly"'),
            (['--learning-rate', 'nan'], r'--learning-rate is "nan"'),
            (['--dekd-accuracy', '0.9'], r'--dekd-accuracy is "0.9", expected a number from 0.15 to 0.5'),
            (['--set', 'kd.alpha'], r'--set is "kd.alpha", expected VARIANT.KEY=VALUE'),
            (['--set', 'xx.alpha=1'], r'--set is "xx"'),
            (['--preset', 'slow'], r'--preset is "slow"'),
            (['--data', ''], r'--data is empty'),
            (['--frobnicate'], r'unrecognized option'),
            (['extra'], r'unexpected argument "extra"'),
        ]
        for arguments, message in cases:
            with self.subTest(arguments=arguments):
                result = run(*arguments, '--out', self.out())
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertRegex(result.stderr, message)
                self.assertEqual(result.stdout, '')
        self.assertFalse(self.out().exists())
        result = run('--epochs')
        self.assertEqual(result.returncode, 2)
        self.assertIn('requires an argument', result.stderr)

    def test_bad_files_and_names(self):
        (self.folder / 'file').write_text('x')
        broken = self.folder / 'broken'
        shutil.copytree(DATA, broken)
        images = broken / 'train-images-idx3-ubyte.gz'
        images.write_bytes(images.read_bytes()[:5000])
        cases = [
            (['--data', self.folder / 'nowhere'], r'no training images in .*nowhere'),
            (['--data', broken], r'train-images-idx3-ubyte.gz: '),
            (['--student', 'mpl'], r'mpl.*mlp'),
            (['--out', self.folder / 'file' / 'below'], r'cannot make .*Not a directory'),
            (['--set', 'kd.alhpa=1'], r'kd: .*alhpa.*alpha'),
            (['--set', 'kd.alpha=1.5'], r'alpha is 1.5, allowed is'),
            (['--set', 'reg.temperature=0'], r'temperature is 0'),
            (['--holdout', '1600'], r'--holdout is 1600 of 1600'),
        ]
        for arguments, message in cases:
            with self.subTest(arguments=arguments):
                result = run(*TINY, '--out', self.out(), *arguments)
                self.assertEqual(result.returncode, 1, result.stderr)
                self.assertRegex(result.stderr, message)

    # ---- experiment files and the estimate ----

    def config(self, text):
        path = self.folder / 'wanted.json'
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        return path

    def test_config_is_written_and_read(self):
        self.good('--seeds', '5', '--variants', 'lsr,kd', '--set', 'kd.alpha=0.9', '--set', 'kd.alpha=0.8', '--flip')
        kept = json.loads((self.out() / 'config.json').read_text())
        self.assertEqual(kept['variants'], ['lsr', 'kd'])
        self.assertEqual((kept['seeds'], kept['set'], kept['flip'], kept['width']), ([5], ['kd.alpha=0.8'], True, 0.05))
        self.assertEqual(kept['made_by']['program'], 'distill')
        self.assertTrue({'libkdst', 'compiler', 'level'} <= set(kept['made_by']))
        self.assertFalse({'threads', 'resume', 'quiet', 'preset', 'config'} & set(kept))
        again = run('--config', self.out() / 'config.json', '--out', self.out('again'), '--threads', 1)
        self.assertEqual(again.returncode, 0, again.stderr)
        for name in ('baseline-mlp-seed5', 'kd-mlp-seed5'):
            first, second = (json.loads((self.out(out) / name / 'result.json').read_text()) for out in ('out', 'again'))
            self.assertEqual(first['history'], second['history'])
        rewritten = json.loads((self.out('again') / 'config.json').read_text())
        self.assertEqual({**rewritten, 'out': kept['out']}, kept)

    def test_config_among_options(self):
        path = self.config({'epochs': 7, 'seeds': '3,4', 'teacher': 'lenet', 'set': 'kd.alpha=0.5', 'flip': False})
        result = run(*TINY, '--config', path, '--epochs', '3', '--variants', 'lsr', '--dry-run')
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn('lsr-mlp-seed4', result.stdout)
        self.assertIn('3 epochs, ', result.stdout)
        self.assertNotIn('seed1', result.stdout)

    def test_bad_configs(self):
        cases = [
            ('{"epochs": 0}', r'--epochs is "0", expected a whole number from 1 to'),
            ('{"epochs": 1.5}', r'--epochs is "1.5"'),
            ('{"epochs": [1]}', r'the value of "epochs" is of no use'),
            ('{"epochs": null}', r'the value of "epochs" is of no use'),
            ('{"flip": "true"}', r'the value of "flip" is of no use'),
            ('{"seeds": []}', r'--seeds has an empty'),
            ('{"seeds": [{}]}', r'the value of "seeds" is of no use'),
            ('{"set": ["kd.alpha"]}', r'expected VARIANT.KEY=VALUE'),
            ('{"epoch": 3}', r'there is no option "epoch"'),
            ('{"preset": "quick"}', r'there is no option "preset"'),
            ('{"data": ""}', r'--data is empty'),
            ('{"data": "%s"}' % ('x' * 2000), r'--data is too long'),
            ('[1]', r'is not a JSON object'),
            ('{"epochs": 3', r'is not a JSON object'),
            ('{"epochs": 3} more', r'is not a JSON object'),
            ('', r'is not a JSON object'),
        ]
        for text, message in cases:
            with self.subTest(text=text[:40]):
                result = run('--config', self.config(text), '--out', self.out())
                self.assertEqual((result.returncode, result.stdout), (2, ''), result.stderr)
                self.assertRegex(result.stderr, message)
        result = run('--config', self.folder / 'missing.json')
        self.assertEqual(result.returncode, 2)
        self.assertIn('missing.json', result.stderr)

    def test_dry_run_writes_nothing(self):
        result = run(*TINY, '--out', self.out(), '--seeds', '1,2', '--dry-run')
        self.assertEqual((result.returncode, result.stderr), (0, ''))
        for name in RUNS:
            self.assertRegex(result.stdout, r'%s-seed2 ' % name)
        self.assertRegex(result.stdout, r'kd-mlp-seed1 .*taught by teacher-lenet-seed1, 20 steps of [\d.]+ ms')
        self.assertRegex(result.stdout, r'student mlp: 16330 parameters')
        self.assertRegex(result.stdout, r'about \d+ s on this machine as it is now, and \d+ MiB')
        self.assertFalse(self.out().exists())

    # ---- the survey's variants ----

    SURVEY = ['--variants', 'hint,attention,similarity,relational,mutual,ban,ensemble', '--student', 'lenet', '--seeds', '1',
              '--set', 'hint.weight=0.1', '--set', 'attention.weight=1', '--set', 'similarity.weight=1']
    SURVEY_RUNS = ['baseline', 'teacher', 'hint', 'attention', 'similarity', 'relational', 'mutual1', 'mutual2', 'ban1', 'ban2',
                   'teacher2', 'ensemble']

    def record(self, role, out='out'):
        return json.loads((self.out(out) / ('%s-lenet-seed1' % role) / 'result.json').read_text())

    def test_survey(self):
        result = self.good(*self.SURVEY)
        self.assertEqual(result.stderr, '')
        self.assertRegex(result.stdout, r"mutual1-lenet-seed1 +the mean of the 2 peers' predictions: [\d.]+ %")
        for role in self.SURVEY_RUNS:
            record = self.record(role)
            self.assertEqual(len(record['history']), 12, role)
            self.assertEqual(sum(record['confusion']), 100, role)
        self.assertEqual(self.record('ban2')['teacher'], 'ban1-lenet-seed1')
        different = {json.dumps(self.record(role)['history']) for role in self.SURVEY_RUNS}
        self.assertEqual(len(different), len(self.SURVEY_RUNS) - 1)  # student and teacher are one network here
        page = Page((self.out() / 'report.html').read_text())
        self.assertEqual(page.problems, [])
        for title in ('FitNet hint', 'Attention transfer', 'Similarity preserving', 'Relational KD', 'Mutual learning', 'Born again 2',
                      'Teacher ensemble'):
            self.assertIn(title, page.text)
        again = self.good(*self.SURVEY, '--resume')
        self.assertEqual(again.stdout.count('reused'), len(self.SURVEY_RUNS) - 1)  # mutual2 comes with mutual1
        other = self.good(*self.SURVEY, '--peers', '3', '--resume')
        self.assertEqual(other.stderr.count('made with other settings'), 1)  # which makes the second anew, too
        self.assertIn('the mean of the 3 peers', other.stdout)

    def test_mutual_goes_on(self):
        """Killed after an epoch's checkpoint, the peers end as without the interruption."""
        arguments = ['--variants', 'mutual', '--student', 'lenet', '--seeds', '1', '--epochs', '6']
        self.good(*arguments, out='whole')
        checkpoint = self.out('cut') / 'mutual1-lenet-seed1' / 'checkpoint.safetensors'
        process = subprocess.Popen([PROGRAM, *TINY, *arguments, '--out', str(self.out('cut'))], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        while process.poll() is None and not checkpoint.exists():
            time.sleep(0.001)
        process.kill()
        process.wait()
        self.good(*arguments, '--resume', out='cut')
        for role in ('mutual1', 'mutual2'):
            whole, cut = self.record(role, 'whole'), self.record(role, 'cut')
            self.assertEqual(whole['history'], cut['history'])
            self.assertEqual(whole['confusion'], cut['confusion'])

    def test_taps(self):
        student = ['--student', 'resnet20', '--teacher', 'resnet20', '--width', '0.1', '--teacher-width', '0.2', '--seeds', '1',
                   '--train-count', '80', '--epochs', '1', '--data', self.cifar('cifar', 1, [('train.bin', 80)], ('test.bin', 20))]
        self.good(*student, '--variants', 'hint,attention', '--taps', 'layer2:layer2,layer3:layer2')
        cases = [
            (['--taps', 'layer2'], 2, r'--taps has "layer2", expected at most 8 pairs STUDENT:TEACHER'),
            (['--taps', 'layer9:layer2'], 1, r'layer9.*layer'),
            (['--taps', 'layer2:nowhere'], 1, r'nowhere'),
            (['--set', 'attention.power=0.5'], 1, r'attention: power is 0.5'),
        ]
        for arguments, status, message in cases:
            with self.subTest(arguments=arguments):
                result = run(*TINY, *student, '--variants', 'attention', '--out', self.out('bad'), *arguments)
                self.assertEqual(result.returncode, status, result.stderr)
                self.assertRegex(result.stderr, message)
        result = run(*TINY, '--variants', 'hint', '--seeds', '1', '--out', self.out('mlp'))
        self.assertEqual(result.returncode, 1)
        self.assertIn('the student has no map to look at; --taps names layers', result.stderr)

    # ---- CIFAR ----

    def cifar(self, name, labels, train, test):
        """A folder of records: label bytes (the last one counts), then 3,072 bytes of pixels that tell the two classes apart."""
        folder = self.folder / name
        folder.mkdir()
        for file, count in (*train, test):
            records = [bytes([*[1] * (labels - 1), i % 2, *[40 + 150 * (i % 2) + i % 7] * 3072]) for i in range(count)]
            data = b''.join(records)
            (folder / file).write_bytes(gzip.compress(data) if file.endswith('.gz') else data)
        return folder

    def test_cifar(self):
        cases = [
            ('hundred', 2, [('train_few.bin.gz', 60)], ('test_few.bin.gz', 20), '60 training and 20 test images of 100 classes'),
            ('ten[*]', 1, [('data_batch_1.bin', 40), ('data_batch_2.bin', 30)], ('test_batch.bin', 10),
             '70 training and 10 test images of 10 classes'),
        ]
        for name, labels, train, test, line in cases:
            with self.subTest(name=name):
                folder = self.cifar(name, labels, train, test)
                result = run('--data', folder, '--variants', 'lsr', '--seeds', 1, '--epochs', 4, '--batch', 10, '--width', 0.1,
                             '--out', self.out(name))
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn(line, result.stdout)
                self.assertIn('last 100.00 %', result.stdout)
        (folder / 'test_batch.bin').write_bytes(b'x' * 100)
        result = run('--data', folder, '--out', self.out())
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r'test_batch.bin: ')

    # ---- whole runs ----

    def test_whole_plan(self):
        result = self.good('--seeds', '1,2')
        self.assertEqual(result.stderr, '')
        self.assertRegex(result.stdout, r'stopped-lenet-seed1 +stopped after \d+ steps at [\d.]+ % on \d+ training images')
        self.assertIn('report: %s' % (self.out() / 'report.html'), result.stdout)
        for name in RUNS:
            for seed in (1, 2):
                record = json.loads((self.out() / ('%s-seed%d' % (name, seed)) / 'result.json').read_text())
                self.assertEqual(record['seed'], str(seed))
                self.assertEqual(sum(record['confusion']), 100)
                self.assertEqual(record['teacher'] != '', record['variant'] in ('kd', 'rekd', 'dekd', 'self'))
                if name == 'stopped-lenet':
                    self.assertTrue(0.15 <= record['best_accuracy'] <= 0.5)
        lines = [json.loads(line) for line in (self.out() / 'log.jsonl').read_text().splitlines()]
        self.assertEqual(len(lines), 2 * 2 * (len(RUNS) - 1))
        self.assertTrue(all({'run', 'epoch', 'loss', 'accuracy', 'nll', 'ece'} <= line.keys() for line in lines))
        page = Page((self.out() / 'report.html').read_text())
        self.assertEqual(page.problems, [])
        text = ' '.join(page.text)
        for title in ('Student alone', 'Teacher alone', 'Label smoothing', 'KD', 'Re-KD', 'De-KD', 'Tf-KD self', 'Tf-KD reg', '±'):
            self.assertIn(title, text)
        self.assertEqual(page.count['svg'], 4 + 2 + 2 * 8)
        again = self.good('--seeds', '1,2', '--report-only')
        self.assertIn('report: ', again.stdout)

    def test_same_bits_for_any_threads(self):
        first = None
        for threads in (1, 2, 3, 7):
            self.good('--variants', 'kd', '--seeds', '3', '--threads', threads, '--flip', '--crop-padding', '2', out='t%d' % threads)
            bits = (self.out('t%d' % threads) / 'kd-mlp-seed3' / 'model.safetensors').read_bytes()
            first = first or bits
            self.assertEqual(bits, first, '%d threads' % threads)

    def test_rates_of_the_step_schedule(self):
        """A fifth after 3, 6 and 8 tenths of the epochs; few epochs have fewer steps."""
        for epochs, falls in ((1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (5, [0, 1, 1, 2, 3]), (10, [0, 0, 0, 1, 1, 1, 2, 2, 3, 3])):
            name = 'e%d' % epochs
            self.good('--variants', 'baseline', '--seeds', '1', '--schedule', 'step', '--epochs', epochs, out=name)
            lines = (self.out(name) / 'log.jsonl').read_text().splitlines()
            rates = [json.loads(line)['learning_rate'] for line in lines]
            self.assertEqual(rates, [float('%.6g' % (0.05 * 0.2 ** n)) for n in falls], '%d epochs' % epochs)

    # ---- interruptions ----

    def test_killed_and_resumed(self):
        """Each run is killed a moment after its first checkpoint appeared, which makes one after every step."""
        rng = random.Random(SEED)
        names = ['baseline-mlp-seed5', 'teacher-lenet-seed5', 'kd-mlp-seed5', 'self-mlp-seed5']
        arguments = ['--variants', 'kd,self', '--seeds', '5', '--checkpoint-every', '0', '--flip', '--epochs', '12']
        self.good(*arguments, out='straight')
        kills = 0
        for name in names:
            process = subprocess.Popen([PROGRAM, *TINY, '--out', self.out('killed'), *arguments, '--resume'],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            checkpoint = self.out('killed') / name / 'checkpoint.safetensors'
            while process.poll() is None and not checkpoint.exists():
                time.sleep(0.0005)
            time.sleep(rng.uniform(0, 0.02))
            process.kill()
            kills += process.wait() == -signal.SIGKILL
        self.good(*arguments, '--resume', out='killed')
        self.assertGreater(kills, 0)
        for name in names:
            one, other = (self.out(o) / name / 'model.safetensors' for o in ('straight', 'killed'))
            self.assertEqual(one.read_bytes(), other.read_bytes(), '%s after %d kills (seed %d)' % (name, kills, SEED))

    def test_killed_after_its_last_checkpoint(self):
        """Nothing is left to train; the figures of the validation are those of a run without interruption."""
        arguments = ['--variants', 'lsr', '--seeds', '1', '--checkpoint-every', '0']
        self.good(*arguments, out='straight')
        result = self.out('killed') / 'lsr-mlp-seed1' / 'result.json'
        result.mkdir(parents=True)  # the record cannot be written
        self.assertEqual(run(*TINY, '--out', self.out('killed'), *arguments).returncode, 1)
        self.assertTrue((result.parent / 'checkpoint.safetensors').exists())
        result.rmdir()
        self.good(*arguments, '--resume', out='killed')
        records = [json.loads((self.out(o) / 'lsr-mlp-seed1' / 'result.json').read_text()) for o in ('straight', 'killed')]
        for key in ('confusion', 'reliability', 'history'):
            self.assertEqual(records[0][key], records[1][key], key)

    def test_interrupt_says_how_to_go_on(self):
        process = subprocess.Popen([PROGRAM, *TINY, '--out', self.out(), '--variants', 'lsr', '--seeds', '1', '--epochs', '100000'],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        folder = self.out() / 'baseline-mlp-seed1'
        for _ in range(1000):
            if (folder / 'settings.txt').exists():
                break
            time.sleep(0.01)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1)
        self.assertIn('--resume goes on from here', errors)
        self.assertTrue((folder / 'checkpoint.safetensors').exists())

    def test_finished_runs_are_reused(self):
        self.good('--variants', 'lsr', '--seeds', '1')
        again = self.good('--variants', 'lsr', '--seeds', '1', '--resume')
        self.assertEqual(again.stdout.count('reused'), 2)
        other = self.good('--variants', 'lsr', '--seeds', '1', '--resume', '--set', 'lsr.epsilon=0.2')
        self.assertIn('reused', other.stdout)
        self.assertIn('lsr-mlp-seed1 was made with other settings', other.stderr)

    def test_another_teacher_is_another_run(self):
        self.good('--variants', 'kd', '--seeds', '1')
        other = self.good('--variants', 'kd', '--seeds', '1', '--resume', '--teacher-epochs', '1')
        self.assertIn('kd-mlp-seed1 was made with other settings', other.stderr)

    def test_broken_checkpoint(self):
        self.good('--variants', 'lsr', '--seeds', '1')
        folder = self.out() / 'lsr-mlp-seed1'
        (folder / 'result.json').unlink()
        (folder / 'checkpoint.safetensors').write_bytes(b'\0' * 100)
        result = run(*TINY, '--out', self.out(), '--variants', 'lsr', '--seeds', '1', '--resume')
        self.assertEqual(result.returncode, 1)
        self.assertIn('checkpoint.safetensors', result.stderr)

    # ---- a terminal ----

    def test_progress_on_a_terminal(self):
        try:
            ours, theirs = pty.openpty()
        except OSError as error:  # a chroot without /dev/pts
            self.skipTest(str(error))
        process = subprocess.Popen([PROGRAM, *TINY, '--out', self.out(), '--variants', 'lsr', '--seeds', '1', '--epochs', '40'],
                                   stdout=subprocess.DEVNULL, stderr=theirs)
        os.close(theirs)
        shown = b''
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            shown += part
        os.close(ours)
        self.assertEqual(process.wait(timeout=60), 0)
        self.assertRegex(shown.decode(), re.compile(r'epoch \d+/40  loss [\d.]+  train [\d.]+ %.*images/s  \d+:\d\d left'))


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1], verbosity=2)
