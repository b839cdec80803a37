/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that three repetitions take beyond what the case needs to stand: the growth of the resident high-water mark.
 *
 * Each case has a process of its own, so that nothing is left of an earlier one. The mark (VmHWM) is set back to what
 * is resident before the first repetition, where the kernel allows it; without that it still can only have been
 * higher.
 */
#include "bench.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEPS = 3 };

static void reset_mark(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (!file) return;
    fputs("5", file);
    fclose(file);
}

/* In KiB; -1 where the system does not tell. */
static long read_mark(void)
{
    char line[256];
    long value = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && value < 0 && fgets(line, sizeof line, file))
        sscanf(line, "VmHWM: %ld", &value);
    if (file) fclose(file);
    return value;
}

static int print_growth(bench *b, const bench_settings *s)
{
    reset_mark();
    long before = read_mark();
    kdst_status status = KDST_STATUS_OK;
    for (int i = 0; i < STEPS && !status; i++) {
        if (b->c->kind->prepare) status = b->c->kind->prepare(b);
        if (!status) status = b->c->kind->run(b);
    }
    if (status) return fprintf(stderr, "kdst-bench: %s: %s\n", b->c->name, kdst_context_message(b->ctx)), 1;
    long after = read_mark();
    if (before < 0 || after < 0)
        return fprintf(stderr, "kdst-bench: this system tells no resident high-water mark\n"), 1;
    printf(
        s->json ? "{\"case\":\"%s\",\"threads\":%s,\"level\":\"%s\",\"memory_mb\":%.2f,\"runs\":%d}\n"
                : "%-32s %s threads  %-8s  %9.2f MiB more over %d runs\n",
        b->c->name, kdst_context_get_info(b->ctx, "threads"), kdst_context_get_info(b->ctx, "level"),
        (double)(after - before) / 1024, STEPS);
    fflush(stdout);
    return 0;
}

int bench_print_memory(const bench_case *c, const bench_settings *s)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child < 0) return perror("kdst-bench: fork"), 1;
    if (child == 0) _exit(bench_run_case(c, s, print_growth));
    if (waitpid(child, &status, 0) < 0) return perror("kdst-bench: waitpid"), 1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
