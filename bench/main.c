/* SPDX-License-Identifier: Apache-2.0 */
/* kdst-bench: one binary over the list in cases.def.
 *
 *     build/bench/kdst-bench --case gemm_1024 --threads 1 --runs 20 --json
 *
 * Each case is warmed up, then timed; median and minimum are given. With --json there is one object a line on standard
 * output and nothing else; everything meant for people goes to standard error. An unknown case ends with status 2.
 */
#include "cases.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help_text[] =
    "usage: kdst-bench [--case NAME[,NAME]...] [--level auto|baseline|avx2|avx512] [--threads N] [--exact]\n"
    "                  [--runs N | --seconds S] [--memory] [--json]\n"
    "       kdst-bench --case NAME --onnx FILE | --scaling FILE | --list\n"
    "\n"
    "  --case     what to run, repeatable; without it every case\n"
    "  --level    instruction set; default the machine's best\n"
    "  --threads  of the context; default one per core\n"
    "  --exact    no algorithm that trades accuracy for speed\n"
    "  --runs     timed repetitions after warm-up, default 20\n"
    "  --seconds  as many repetitions as begin within S seconds instead, at least 3\n"
    "  --memory   growth of the resident high-water mark over three repetitions instead of times\n"
    "  --json     one object a line\n"
    "  --onnx     write the network of one case as an ONNX file, for another program to run\n"
    "  --scaling  write a chart (SVG) of GFLOP/s by batch and by channels; its figures on standard output\n"
    "  --list     names of the cases\n";

enum { MOST_LISTS = 64 };

typedef struct arguments {
    bench_settings settings;
    const char *wanted[MOST_LISTS], *scaling;
    int count;
    bool memory, list, help;
} arguments;

static int parse_count(const char *name, const char *text, int64_t high, int64_t *out)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || value < 1 || value > high) {
        fprintf(stderr, "kdst-bench: --%s is \"%s\", expected 1 to %lld\n", name, text, (long long)high);
        return 2;
    }
    *out = value;
    return 0;
}

static int parse_seconds(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    if (end == text || *end || !(*out > 0 && *out <= 3600))
        return fprintf(stderr, "kdst-bench: --seconds is \"%s\", expected a number up to 3600\n", text), 2;
    return 0;
}

static int parse(int argc, char **argv, arguments *a)
{
    static const struct option options[] = {
        {"case", 1, 0, 'c'}, {"level", 1, 0, 'l'},   {"threads", 1, 0, 't'}, {"exact", 0, 0, 'e'},
        {"runs", 1, 0, 'r'}, {"seconds", 1, 0, 's'}, {"memory", 0, 0, 'm'},  {"json", 0, 0, 'j'},
        {"onnx", 1, 0, 'o'}, {"scaling", 1, 0, 'S'}, {"list", 0, 0, 'L'},    {"help", 0, 0, 'h'},
        {0, 0, 0, 0}};
    int option, result = 0;
    while (!result && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            if (a->count == MOST_LISTS) return fprintf(stderr, "kdst-bench: too many --case\n"), 2;
            a->wanted[a->count++] = optarg;
            break;
        case 'l':
            a->settings.level = optarg;
            break;
        case 't':
            result = parse_count("threads", optarg, 1024, &a->settings.threads);
            break;
        case 'e':
            a->settings.exact = true;
            break;
        case 'r':
            result = parse_count("runs", optarg, BENCH_MAX_RUNS, &a->settings.runs);
            break;
        case 's':
            result = parse_seconds(optarg, &a->settings.seconds);
            break;
        case 'm':
            a->memory = true;
            break;
        case 'j':
            a->settings.json = true;
            break;
        case 'o':
            a->settings.onnx = optarg;
            break;
        case 'S':
            a->scaling = optarg;
            break;
        case 'L':
            a->list = true;
            break;
        case 'h':
            a->help = true;
            break;
        default:
            return fputs(help_text, stderr), 2;
        }
    }
    if (!result && optind < argc)
        return fprintf(stderr, "kdst-bench: unexpected argument \"%s\"\n%s", argv[optind], help_text), 2;
    return result ? result : bench_check_names(a->wanted, a->count);
}

static int save_onnx(bench *b, const bench_settings *s)
{
    if (!b->model) return fprintf(stderr, "kdst-bench: %s is no network\n", b->c->name), 2;
    if (kdst_onnx_save(b->model, 1, NULL, &b->c->rank, b->c->shape, s->onnx, NULL))
        return fprintf(stderr, "kdst-bench: %s: %s\n", s->onnx, kdst_context_message(b->ctx)), 1;
    return 0;
}

int main(int argc, char **argv)
{
    arguments a = {.settings.runs = 20};
    int result = parse(argc, argv, &a);
    if (result) return result;
    if (a.help) return fputs(help_text, stdout), 0;
    if (a.scaling) return bench_scaling(a.scaling, &a.settings);
    if (a.settings.onnx && (a.count != 1 || strchr(a.wanted[0], ',')))
        return fprintf(stderr, "kdst-bench: --onnx takes one --case\n"), 2;
    for (int i = 0; i < bench_case_count && !result; i++) {
        const bench_case *c = &bench_cases[i];
        if (!bench_is_wanted(c, a.wanted, a.count)) continue;
        if (a.list)
            puts(c->name);
        else if (a.memory)
            result = bench_print_memory(c, &a.settings);
        else
            result = bench_run_case(c, &a.settings, a.settings.onnx ? save_onnx : bench_print_times);
    }
    return result;
}
