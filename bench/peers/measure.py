# SPDX-License-Identifier: Apache-2.0
"""What the peers share: timed repetitions and memory, as bench/timing.c and bench/memory.c do them."""
import time

WARM_UP, MIN_RUNS, MAX_RUNS, MEMORY_RUNS = 3, 3, 100000, 3


def add_options(parser):
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--runs', type=int, default=20, help='timed repetitions after warm-up')
    parser.add_argument('--seconds', type=float, help='as many as begin within so long instead, at least %d' % MIN_RUNS)
    parser.add_argument('--memory', action='store_true',
                        help='growth of the resident high-water mark over %d repetitions' % MEMORY_RUNS)


def summary(times):
    """Milliseconds of sorted seconds."""
    count = len(times)
    median = (times[count // 2] + times[(count - 1) // 2]) / 2
    return {'median_ms': round(1e3 * median, 4), 'min_ms': round(1e3 * times[0], 4), 'runs': count}


def repeat(run, runs, seconds=None):
    for _ in range(WARM_UP):
        run()
    times, since = [], time.perf_counter()

    def goes_on():
        if not seconds:
            return len(times) < runs
        return len(times) < MIN_RUNS or len(times) < MAX_RUNS and time.perf_counter() - since < seconds

    while goes_on():
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return summary(sorted(times))


def high_water_mark():
    """Most that this process had in memory, in MiB."""
    with open('/proc/self/status') as file:
        return next(int(line.split()[1]) for line in file if line.startswith('VmHWM:')) / 1024


def growth(run):
    try:
        with open('/proc/self/clear_refs', 'w') as file:
            file.write('5')  # the mark falls to what is resident
    except OSError:
        pass
    before = high_water_mark()
    for _ in range(MEMORY_RUNS):
        run()
    return {'memory_mb': round(high_water_mark() - before, 2), 'runs': MEMORY_RUNS}


def measured(run, arguments):
    return growth(run) if arguments.memory else repeat(run, arguments.runs, arguments.seconds)
