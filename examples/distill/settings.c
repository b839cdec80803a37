/* SPDX-License-Identifier: Apache-2.0 */
/* Command line of the distillation driver: table of options, presets, checks. */
#include "settings.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const variant_names[VARIANTS] = {"baseline", "lsr", "kd", "rekd", "dekd", "self", "reg"};
const char *const variant_titles[VARIANTS] = {
    "Baseline", "Label smoothing", "KD", "Re-KD", "De-KD", "Tf-KD self", "Tf-KD reg"};

static const char help_text[] =
    "usage: distill [options]\n"
    "\n"
    "Trains a student with each variant of knowledge distillation and writes a report.\n"
    "\n"
    "data and output\n"
    "  --data DIR            folder with the files of (Fashion-)MNIST (IDX) or CIFAR-10/100 (binary), gzip or not\n"
    "                        (default /usr/share/datasets/fashion-mnist)\n"
    "  --out DIR             where runs, log.jsonl and report.html go (default results/distill)\n"
    "  --train-count N       train on N images, class-balanced (default 0: all)\n"
    "  --test-count N        test on N images, class-balanced (default 0: all)\n"
    "  --holdout N           hold N training images out and test on them instead of the test set (default 0)\n"
    "  --crop-padding N      random crops with so much padding (default 0)\n"
    "  --flip                random horizontal flips\n"
    "\n"
    "what to train\n"
    "  --variants LIST       of baseline,lsr,kd,rekd,dekd,self,reg or all (default all)\n"
    "  --student NAME        model (default mlp)      --width X          its width multiplier (default 1)\n"
    "  --teacher NAME        model (default lenet)    --teacher-width X  its width multiplier (default 1)\n"
    "  --seeds LIST          one run of each variant per seed (default 1,2,3)\n"
    "  --epochs N            of students (default 20)\n"
    "  --teacher-epochs N    of teachers and of the larger net in Re-KD (default: as --epochs)\n"
    "  --dekd-accuracy X     stop De-KD's teacher at this accuracy (default 0.35; 0.15 to 0.5)\n"
    "  --set VARIANT.KEY=V   an option of the variant's loss, for example --set kd.alpha=0.9\n"
    "                        --set kd.temperature=20 --set reg.preset=official (the schemas loss.* list them)\n"
    "\n"
    "how\n"
    "  --optimizer NAME      sgd or adam (default sgd)\n"
    "  --learning-rate X     of students (default 0.05; adam 0.001)\n"
    "  --teacher-rate X      of teachers (default: as --learning-rate)\n"
    "  --momentum X          (default 0.9)           --weight-decay X  (default 5e-4)\n"
    "  --schedule NAME       cosine, step (x0.2 at 3/10, 6/10, 8/10 of the epochs) or constant (default cosine)\n"
    "  --warmup N            epochs of linear warm-up (default 1)\n"
    "  --batch N             (default 128)           --threads N       (default: one per core)\n"
    "\n"
    "running\n"
    "  --preset quick        two minutes on two cores: 2 epochs, one seed, all variants\n"
    "  --resume              keep what is in --out: finished runs are reused, an interrupted one goes on\n"
    "  --report-only         only write the report from the runs in --out\n"
    "  --checkpoint-every S  seconds between checkpoints within a run (default 30)\n"
    "  --quiet               no progress\n"
    "  --help                this text\n";

enum {
    O_DATA = 256, O_OUT, O_TRAIN_COUNT, O_TEST_COUNT, O_HOLDOUT, O_CROP, O_FLIP, O_VARIANTS, O_STUDENT, O_TEACHER, O_WIDTH,
    O_TEACHER_WIDTH, O_SEEDS, O_EPOCHS, O_TEACHER_EPOCHS, O_DEKD, O_SET, O_OPTIMIZER, O_RATE, O_TEACHER_RATE, O_MOMENTUM,
    O_DECAY, O_SCHEDULE, O_WARMUP, O_BATCH, O_THREADS, O_PRESET, O_RESUME, O_REPORT, O_CHECKPOINT, O_QUIET, O_HELP
};

static const struct option long_options[] = {
    {"data", 1, 0, O_DATA}, {"out", 1, 0, O_OUT}, {"train-count", 1, 0, O_TRAIN_COUNT}, {"test-count", 1, 0, O_TEST_COUNT},
    {"holdout", 1, 0, O_HOLDOUT}, {"crop-padding", 1, 0, O_CROP}, {"flip", 0, 0, O_FLIP}, {"variants", 1, 0, O_VARIANTS},
    {"student", 1, 0, O_STUDENT}, {"teacher", 1, 0, O_TEACHER}, {"width", 1, 0, O_WIDTH},
    {"teacher-width", 1, 0, O_TEACHER_WIDTH}, {"seeds", 1, 0, O_SEEDS}, {"epochs", 1, 0, O_EPOCHS},
    {"teacher-epochs", 1, 0, O_TEACHER_EPOCHS}, {"dekd-accuracy", 1, 0, O_DEKD}, {"set", 1, 0, O_SET},
    {"optimizer", 1, 0, O_OPTIMIZER}, {"learning-rate", 1, 0, O_RATE}, {"teacher-rate", 1, 0, O_TEACHER_RATE},
    {"momentum", 1, 0, O_MOMENTUM}, {"weight-decay", 1, 0, O_DECAY}, {"schedule", 1, 0, O_SCHEDULE},
    {"warmup", 1, 0, O_WARMUP}, {"batch", 1, 0, O_BATCH}, {"threads", 1, 0, O_THREADS}, {"preset", 1, 0, O_PRESET},
    {"resume", 0, 0, O_RESUME}, {"report-only", 0, 0, O_REPORT}, {"checkpoint-every", 1, 0, O_CHECKPOINT},
    {"quiet", 0, 0, O_QUIET}, {"help", 0, 0, O_HELP}, {0, 0, 0, 0}};

/* ---- values ---- */

static int whole(const char *name, const char *text, int64_t low, int64_t high, int64_t *out)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || value < low || value > high) {
        fprintf(stderr, "distill: --%s is \"%s\", expected a whole number from %lld to %lld\n", name, text, (long long)low,
                (long long)high);
        return 2;
    }
    *out = value;
    return 0;
}

static int number(const char *name, const char *text, double low, double high, double *out)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= low && value <= high)) {
        fprintf(stderr, "distill: --%s is \"%s\", expected a number from %g to %g\n", name, text, low, high);
        return 2;
    }
    *out = value;
    return 0;
}

static int one_of(const char *name, const char *text, const char *const *names, int count, int *out)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(text, names[i])) return *out = i, 0;
    fprintf(stderr, "distill: --%s is \"%s\", expected one of", name, text);
    for (int i = 0; i < count; i++) fprintf(stderr, "%s %s", i ? "," : "", names[i]);
    fprintf(stderr, "\n");
    return 2;
}

/* Next element of a comma-separated list into `item`; 0 at the end, -1 when it is empty or too long. */
static int next_item(const char **list, char *item, size_t size)
{
    if (!*list) return 0;
    const char *comma = strchr(*list, ',');
    size_t length = comma ? (size_t)(comma - *list) : strlen(*list);
    if (!length || length >= size) return -1;
    memcpy(item, *list, length);
    item[length] = 0;
    *list = comma ? comma + 1 : NULL;
    return 1;
}

static int parse_variants(const char *text, settings *s)
{
    char item[32];
    int more, variant;
    memset(s->variants, 0, sizeof s->variants);
    if (!strcmp(text, "all")) {
        for (int v = 0; v < VARIANTS; v++) s->variants[v] = true;
        return 0;
    }
    while ((more = next_item(&text, item, sizeof item)) > 0) {
        if (one_of("variants", item, variant_names, VARIANTS, &variant)) return 2;
        s->variants[variant] = true;
    }
    if (more < 0) fprintf(stderr, "distill: --variants has an empty or overlong entry\n");
    return more < 0 ? 2 : 0;
}

static int parse_seeds(const char *text, settings *s)
{
    char item[32];
    int more;
    s->seed_count = 0;
    while ((more = next_item(&text, item, sizeof item)) > 0) {
        int64_t seed;
        if (s->seed_count == MAX_SEEDS) {
            fprintf(stderr, "distill: --seeds has more than %d entries\n", MAX_SEEDS);
            return 2;
        }
        if (whole("seeds", item, 0, INT64_MAX, &seed)) return 2;
        s->seeds[s->seed_count++] = (uint64_t)seed;
    }
    if (more < 0) fprintf(stderr, "distill: --seeds has an empty or overlong entry\n");
    return more < 0 ? 2 : 0;
}

/* VARIANT.KEY=VALUE */
static int parse_set(const char *text, settings *s)
{
    const char *dot = strchr(text, '.'), *equals = dot ? strchr(dot, '=') : NULL;
    char variant[32];
    loss_setting *l = &s->loss[s->loss_count];
    if (!equals || dot - text >= (long)sizeof variant || equals - dot > (long)sizeof l->key || equals == dot + 1 || !equals[1]
        || strlen(equals + 1) >= sizeof l->value) {
        fprintf(stderr, "distill: --set is \"%s\", expected VARIANT.KEY=VALUE\n", text);
        return 2;
    }
    if (s->loss_count == MAX_LOSS_SETTINGS) {
        fprintf(stderr, "distill: more than %d --set\n", MAX_LOSS_SETTINGS);
        return 2;
    }
    snprintf(variant, sizeof variant, "%.*s", (int)(dot - text), text);
    if (one_of("set", variant, variant_names, VARIANTS, &l->variant)) return 2;
    snprintf(l->key, sizeof l->key, "%.*s", (int)(equals - dot - 1), dot + 1);
    snprintf(l->value, sizeof l->value, "%s", equals + 1);
    s->loss_count++;
    return 0;
}

static int parse_preset(const char *text, settings *s)
{
    static const char *const names[] = {"quick"};
    int preset;
    if (one_of("preset", text, names, 1, &preset)) return 2;
    s->epochs = 2;
    s->teacher_epochs = 1;
    s->seed_count = 1;
    return 0;
}

static int parse_name(const char *name, const char *text, const char **out)
{
    if (!*text) {
        fprintf(stderr, "distill: --%s is empty\n", name);
        return 2;
    }
    *out = text;
    return 0;
}

static int parse_one(int option, const char *name, const char *value, settings *s)
{
    static const char *const optimizers[] = {"sgd", "adam"}, *const schedules[] = {"cosine", "step", "constant"};
    int index = 0, result;
    switch (option) {
    case O_DATA: return parse_name(name, value, &s->data);
    case O_OUT: return parse_name(name, value, &s->out);
    case O_STUDENT: return parse_name(name, value, &s->student);
    case O_TEACHER: return parse_name(name, value, &s->teacher);
    case O_TRAIN_COUNT: return whole(name, value, 0, INT32_MAX, &s->train_count);
    case O_TEST_COUNT: return whole(name, value, 0, INT32_MAX, &s->test_count);
    case O_HOLDOUT: return whole(name, value, 0, INT32_MAX, &s->holdout);
    case O_CROP: return whole(name, value, 0, 64, &s->crop_padding);
    case O_FLIP: s->flip = true; return 0;
    case O_VARIANTS: return parse_variants(value, s);
    case O_WIDTH: return number(name, value, 0.01, 100, &s->width);
    case O_TEACHER_WIDTH: return number(name, value, 0.01, 100, &s->teacher_width);
    case O_SEEDS: return parse_seeds(value, s);
    case O_EPOCHS: return whole(name, value, 1, 100000, &s->epochs);
    case O_TEACHER_EPOCHS: return whole(name, value, 1, 100000, &s->teacher_epochs);
    case O_DEKD: return number(name, value, 0.15, 0.5, &s->dekd_accuracy);
    case O_SET: return parse_set(value, s);
    case O_OPTIMIZER: if (!(result = one_of(name, value, optimizers, 2, &index))) s->optimizer = optimizers[index]; return result;
    case O_SCHEDULE: if (!(result = one_of(name, value, schedules, 3, &index))) s->schedule = schedules[index]; return result;
    case O_RATE: return number(name, value, 1e-9, 100, &s->learning_rate);
    case O_TEACHER_RATE: return number(name, value, 1e-9, 100, &s->teacher_rate);
    case O_MOMENTUM: return number(name, value, 0, 0.9999, &s->momentum);
    case O_DECAY: return number(name, value, 0, 10, &s->weight_decay);
    case O_WARMUP: return whole(name, value, 0, 100000, &s->warmup_epochs);
    case O_BATCH: return whole(name, value, 1, 1000000, &s->batch);
    case O_THREADS: return whole(name, value, 1, 1024, &s->threads);
    case O_PRESET: return parse_preset(value, s);
    case O_RESUME: s->resume = true; return 0;
    case O_REPORT: s->report_only = true; return 0;
    case O_CHECKPOINT: return whole(name, value, 0, 1000000, &s->checkpoint_seconds);
    case O_QUIET: s->quiet = true; return 0;
    default: return 2; /* getopt has said what is wrong */
    }
}

int settings_parse(int argc, char **argv, settings *s)
{
    int option, at = 0, result;
    *s = (settings){.data = "/usr/share/datasets/fashion-mnist", .out = "results/distill", .teacher = "lenet", .student = "mlp",
                    .optimizer = "sgd", .schedule = "cosine", .seeds = {1, 2, 3}, .seed_count = 3, .epochs = 20, .batch = 128,
                    .momentum = 0.9, .weight_decay = 5e-4, .warmup_epochs = 1, .dekd_accuracy = 0.35, .width = 1,
                    .teacher_width = 1, .checkpoint_seconds = 30};
    for (int v = 0; v < VARIANTS; v++) s->variants[v] = true;
    while ((option = getopt_long(argc, argv, "", long_options, &at)) != -1) {
        if (option == O_HELP) return fputs(help_text, stdout), 1;
        result = parse_one(option, option == '?' ? "" : long_options[at].name, optarg, s);
        if (result) return fprintf(stderr, "distill: --help lists the options\n"), 2;
    }
    if (optind < argc) {
        fprintf(stderr, "distill: unexpected argument \"%s\"\n", argv[optind]);
        return 2;
    }
    if (!s->teacher_epochs) s->teacher_epochs = s->epochs;
    if (!s->learning_rate) s->learning_rate = strcmp(s->optimizer, "adam") ? 0.05 : 0.001;
    if (!s->teacher_rate) s->teacher_rate = s->learning_rate;
    return 0;
}

void settings_fingerprint(const settings *s, int variant, bool is_teacher_net, char *out, int size)
{
    int64_t epochs = is_teacher_net ? s->teacher_epochs : s->epochs;
    int n = snprintf(
        out, (size_t)size,
        "data=%s train=%lld test=%lld holdout=%lld crop=%lld flip=%d net=%s width=%.17g epochs=%lld batch=%lld optimizer=%s "
        "rate=%.17g momentum=%.17g decay=%.17g schedule=%s warmup=%lld",
        s->data, (long long)s->train_count, (long long)s->test_count, (long long)s->holdout, (long long)s->crop_padding, s->flip,
        is_teacher_net ? s->teacher : s->student, is_teacher_net ? s->teacher_width : s->width, (long long)epochs,
        (long long)s->batch, s->optimizer, is_teacher_net ? s->teacher_rate : s->learning_rate, s->momentum, s->weight_decay,
        s->schedule, (long long)s->warmup_epochs);
    if (variant == DEKD && n < size) n += snprintf(out + n, (size_t)(size - n), " dekd=%.17g", s->dekd_accuracy);
    for (int i = 0; i < s->loss_count && n < size; i++)
        if (s->loss[i].variant == variant)
            n += snprintf(out + n, (size_t)(size - n), " %s=%s", s->loss[i].key, s->loss[i].value);
}
