/* SPDX-License-Identifier: Apache-2.0 */
/* Options of the distillation driver: the table for command line and experiment files, presets, defaults. */
#include "settings.h"

#include "../common/files.h"

#include <stdio.h>
#include <string.h>

const char *const variant_names[VARIANTS + 1] = {
    "baseline", "lsr", "kd", "rekd", "dekd", "self", "reg", "hint", "attention", "similarity", "relational", "mutual", "ban",
    "ensemble", NULL};
const char *const variant_titles[VARIANTS] = {
    "Baseline", "Label smoothing", "KD", "Re-KD", "De-KD", "Tf-KD self", "Tf-KD reg", "FitNet hint", "Attention transfer",
    "Similarity preserving", "Relational KD", "Mutual learning", "Born again", "Teacher ensemble"};

static const char *const help_text[] = {
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
    "  --cutout N            a black square of N pixels at a random place of each image (default 0: none)\n"
    "  --mixup X             blends pairs of images, shares from Beta(X, X); --cutmix X pastes boxes instead; with both\n"
    "                        each is done to half of the batches (default 0: neither)\n"
    "\n"
    "what to train\n"
    "  --variants LIST       of baseline,lsr,kd,rekd,dekd,self,reg (these: paper, the default) and\n"
    "                        hint,attention,similarity,relational,mutual,ban,ensemble; or all\n"
    "  --student NAME        model (default mlp)      --width X          its width multiplier (default 1)\n"
    "  --teacher NAME        model (default lenet)    --teacher-width X  its width multiplier (default 1)\n"
    "  --seeds LIST          one run of each variant per seed (default 1,2,3)\n"
    "  --epochs N            of students (default 20)\n"
    "  --teacher-epochs N    of teachers and of the larger net in Re-KD (default: as --epochs)\n"
    "  --dekd-accuracy X     stop De-KD's teacher at this accuracy (default 0.35; 0.15 to 0.5)\n"
    "  --set VARIANT.KEY=V   an option of the variant's loss, for example --set kd.alpha=0.9\n"
    "                        --set kd.temperature=20 --set reg.preset=official (the schemas loss.* list them);\n"
    "                        --set hint.weight=100, attention 1000, similarity 3000, relational 1: beside the\n"
    "                        cross-entropy (the defaults); ensemble.mode is that of the ensemble\n"
    "  --taps LIST           where hint, attention, similarity and relational look: student:teacher, layers by path,\n"
    "                        such as layer2:layer2,layer3:layer4 (default: the last map of each)\n"
    "  --generations N       of ban, born-again networks (default 2)\n"
    "  --teachers N          of ensemble (default 2)     --peers N         of mutual (default 2)\n"
    "\n",
    "how\n"
    "  --optimizer NAME      sgd, adam, adamw or rmsprop (default sgd)\n"
    "  --learning-rate X     of students (default 0.05; 0.001 with another optimizer than sgd)\n"
    "  --teacher-rate X      of teachers (default: as --learning-rate)\n"
    "  --momentum X          of sgd (default 0.9)    --weight-decay X  (default 5e-4)\n"
    "  --no-decay-norms      no weight decay for biases and normalisation layers\n"
    "  --schedule NAME       cosine, step (x0.2 at 3/10, 6/10, 8/10 of the epochs), exponential (to 1/100 over all epochs),\n"
    "                        polynomial (straight to 0), one-cycle (up for 3/10, then down; no --warmup beside it) or\n"
    "                        constant (default cosine)\n"
    "  --warmup N            epochs of linear warm-up (default 1)\n"
    "  --clip-norm X         scales gradients down to this norm (default 0: not)\n"
    "  --average-decay X     tests and keeps the moving average of the weights, such as 0.999; its decay grows\n"
    "                        with the steps (default 0: none)\n"
    "  --patience N          ends a run after N epochs without a better test accuracy (default 0: never)\n"
    "                        mutual takes no --clip-norm, --average-decay, --patience, --mixup and --cutmix\n"
    "  --batch N             (default 128)           --threads N       (default: one per core)\n"
    "  --exact               no Winograd convolution, which is faster and rounds a little more\n"
    "\n"
    "running\n"
    "  --config FILE         read options from an experiment file (JSON, the same names); later options win.\n"
    "                        config.json in --out is such a file\n"
    "  --dry-run             print the runs, the networks, and what they will take in time and memory\n"
    "  --preset quick        two minutes on two cores: 2 epochs, one seed, all variants\n"
    "  --resume              keep what is in --out: finished runs are reused, an interrupted one goes on\n"
    "  --report-only         only write the report from the runs in --out\n"
    "  --checkpoint-every S  seconds between checkpoints within a run (default 30)\n"
    "  --quiet               no progress\n"
    "  --help                this text\n", NULL};

#define TABLE(member) offsetof(settings, member)

static const char *const optimizers[] = {"sgd", "adam", "adamw", "rmsprop", NULL};
static const char *const schedules[] = {"cosine", "step", "constant", "exponential", "polynomial", "one-cycle", NULL};
static const option_table table;

/* ---- lists ---- */

static bool set_variants(void *to, const char *text)
{
    settings *s = to;
    char item[32];
    int more, variant;
    memset(s->variants, 0, sizeof s->variants);
    if (!strcmp(text, "all")) {
        for (int v = 0; v < VARIANTS; v++) s->variants[v] = true;
        return true;
    }
    if (!strcmp(text, "paper")) {
        for (int v = 0; v < PAPER_VARIANTS; v++) s->variants[v] = true;
        return true;
    }
    while ((more = option_item(&table, "variants", &text, item, sizeof item)) > 0) {
        if (!option_word(&table, "variants", item, variant_names, &variant)) return false;
        s->variants[variant] = true;
    }
    return more == 0;
}

static bool get_variant(const void *from, int index, char *out, size_t size)
{
    const settings *s = from;
    for (int v = 0; v < VARIANTS; v++)
        if (s->variants[v] && index-- == 0) return snprintf(out, size, "%s", variant_names[v]), true;
    return false;
}

static bool set_seeds(void *to, const char *text) { return seeds_set(&table, &((settings *)to)->seeds, text); }

static bool get_seed(const void *from, int index, char *out, size_t size)
{
    return seeds_get(&((const settings *)from)->seeds, index, out, size);
}

/* VARIANT.KEY=VALUE; the last one of a key counts. */
static bool add_set(void *to, const char *text)
{
    settings *s = to;
    const char *dot = strchr(text, '.'), *equals = dot ? strchr(dot, '=') : NULL;
    char variant[32];
    loss_setting l;
    if (!equals || dot - text >= (long)sizeof variant || equals - dot > (long)sizeof l.key || equals == dot + 1 || !equals[1]
        || strlen(equals + 1) >= sizeof l.value) {
        fprintf(stderr, "distill: --set is \"%s\", expected VARIANT.KEY=VALUE\n", text);
        return false;
    }
    snprintf(variant, sizeof variant, "%.*s", (int)(dot - text), text);
    if (!option_word(&table, "set", variant, variant_names, &l.variant)) return false;
    snprintf(l.key, sizeof l.key, "%.*s", (int)(equals - dot - 1), dot + 1);
    snprintf(l.value, sizeof l.value, "%s", equals + 1);
    int at = 0;
    while (at < s->loss_count && (s->loss[at].variant != l.variant || strcmp(s->loss[at].key, l.key))) at++;
    if (at == MAX_LOSS_SETTINGS) {
        fprintf(stderr, "distill: more than %d --set\n", MAX_LOSS_SETTINGS);
        return false;
    }
    s->loss[at] = l;
    if (at == s->loss_count) s->loss_count++;
    return true;
}

static bool get_set(const void *from, int index, char *out, size_t size)
{
    const settings *s = from;
    if (index >= s->loss_count) return false;
    snprintf(out, size, "%s.%s=%s", variant_names[s->loss[index].variant], s->loss[index].key, s->loss[index].value);
    return true;
}

/* STUDENT:TEACHER,… */
static bool set_taps(void *to, const char *text)
{
    settings *s = to;
    char item[2 * TAP_SIZE];
    int more;
    s->tap_count = 0;
    while ((more = option_item(&table, "taps", &text, item, sizeof item)) > 0) {
        char *colon = strchr(item, ':');
        if (!colon || colon == item || !colon[1] || colon - item >= TAP_SIZE || strlen(colon + 1) >= TAP_SIZE
            || s->tap_count == MAX_TAPS) {
            fprintf(stderr, "distill: --taps has \"%s\", expected at most %d pairs STUDENT:TEACHER\n", item, MAX_TAPS);
            return false;
        }
        *colon = 0;
        snprintf(s->taps[s->tap_count][0], TAP_SIZE, "%.*s", TAP_SIZE - 1, item);
        snprintf(s->taps[s->tap_count++][1], TAP_SIZE, "%.*s", TAP_SIZE - 1, colon + 1);
    }
    return more == 0;
}

static bool get_tap(const void *from, int index, char *out, size_t size)
{
    const settings *s = from;
    if (index < s->tap_count) snprintf(out, size, "%s:%s", s->taps[index][0], s->taps[index][1]);
    return index < s->tap_count;
}

static bool set_preset(void *to, const char *text)
{
    static const char *const names[] = {"quick", NULL};
    settings *s = to;
    int preset;
    if (!option_word(&table, "preset", text, names, &preset)) return false;
    s->epochs = 2;
    s->teacher_epochs = 1;
    s->seeds.count = 1;
    return true;
}

/* ---- the table ---- */

static const option_row rows[] = {
    {.name = "data", .kind = OPTION_TEXT, .offset = TABLE(data)},
    {.name = "out", .kind = OPTION_TEXT, .offset = TABLE(out)},
    {.name = "train-count", .kind = OPTION_WHOLE, .offset = TABLE(train_count), .high = INT32_MAX},
    {.name = "test-count", .kind = OPTION_WHOLE, .offset = TABLE(test_count), .high = INT32_MAX},
    {.name = "holdout", .kind = OPTION_WHOLE, .offset = TABLE(holdout), .high = INT32_MAX},
    {.name = "crop-padding", .kind = OPTION_WHOLE, .offset = TABLE(crop_padding), .high = 64},
    {.name = "flip", .kind = OPTION_FLAG, .offset = TABLE(flip)},
    {.name = "cutout", .kind = OPTION_WHOLE, .offset = TABLE(cutout), .high = 65536},
    {.name = "mixup", .kind = OPTION_NUMBER, .offset = TABLE(mixup), .high = 1000},
    {.name = "cutmix", .kind = OPTION_NUMBER, .offset = TABLE(cutmix), .high = 1000},
    {.name = "variants", .kind = OPTION_LIST, .set = set_variants, .get = get_variant},
    {.name = "student", .kind = OPTION_TEXT, .offset = TABLE(student)},
    {.name = "width", .kind = OPTION_NUMBER, .offset = TABLE(width), .low = 0.01, .high = 64},
    {.name = "teacher", .kind = OPTION_TEXT, .offset = TABLE(teacher)},
    {.name = "teacher-width", .kind = OPTION_NUMBER, .offset = TABLE(teacher_width), .low = 0.01, .high = 64},
    {.name = "seeds", .kind = OPTION_LIST, .set = set_seeds, .get = get_seed},
    {.name = "epochs", .kind = OPTION_WHOLE, .offset = TABLE(epochs), .low = 1, .high = 100000},
    {.name = "teacher-epochs", .kind = OPTION_WHOLE, .offset = TABLE(teacher_epochs), .low = 1, .high = 100000},
    {.name = "dekd-accuracy", .kind = OPTION_NUMBER, .offset = TABLE(dekd_accuracy), .low = 0.15, .high = 0.5},
    {.name = "taps", .kind = OPTION_LIST, .set = set_taps, .get = get_tap, .may_be_empty = true},
    {.name = "generations", .kind = OPTION_WHOLE, .offset = TABLE(generations), .low = 1, .high = MAX_MEMBERS},
    {.name = "teachers", .kind = OPTION_WHOLE, .offset = TABLE(teachers), .low = 1, .high = MAX_MEMBERS},
    {.name = "peers", .kind = OPTION_WHOLE, .offset = TABLE(peers), .low = 2, .high = MAX_MEMBERS},
    {.name = "set", .kind = OPTION_REPEAT, .set = add_set, .get = get_set},
    {.name = "optimizer", .kind = OPTION_CHOICE, .offset = TABLE(optimizer), .choices = optimizers},
    {.name = "learning-rate", .kind = OPTION_NUMBER, .offset = TABLE(learning_rate), .low = 1e-9, .high = 100},
    {.name = "teacher-rate", .kind = OPTION_NUMBER, .offset = TABLE(teacher_rate), .low = 1e-9, .high = 100},
    {.name = "momentum", .kind = OPTION_NUMBER, .offset = TABLE(momentum), .high = 0.9999},
    {.name = "weight-decay", .kind = OPTION_NUMBER, .offset = TABLE(weight_decay), .high = 10},
    {.name = "no-decay-norms", .kind = OPTION_FLAG, .offset = TABLE(no_decay_norms)},
    {.name = "schedule", .kind = OPTION_CHOICE, .offset = TABLE(schedule), .choices = schedules},
    {.name = "warmup", .kind = OPTION_WHOLE, .offset = TABLE(warmup_epochs), .high = 100000},
    {.name = "clip-norm", .kind = OPTION_NUMBER, .offset = TABLE(clip_norm), .high = 1e9},
    {.name = "average-decay", .kind = OPTION_NUMBER, .offset = TABLE(average_decay), .high = 0.9999999},
    {.name = "patience", .kind = OPTION_WHOLE, .offset = TABLE(patience), .high = 100000},
    {.name = "batch", .kind = OPTION_WHOLE, .offset = TABLE(batch), .low = 1, .high = 1000000},
    {.name = "exact", .kind = OPTION_FLAG, .offset = TABLE(exact)},
    {.name = "threads", .kind = OPTION_WHOLE, .offset = TABLE(threads), .low = 1, .high = 1024, .transient = true},
    {.name = "preset", .kind = OPTION_PRESET, .set = set_preset},
    {.name = "resume", .kind = OPTION_FLAG, .offset = TABLE(resume), .transient = true},
    {.name = "report-only", .kind = OPTION_FLAG, .offset = TABLE(report_only), .transient = true},
    {.name = "dry-run", .kind = OPTION_FLAG, .offset = TABLE(dry_run), .transient = true},
    {.name = "checkpoint-every", .kind = OPTION_WHOLE, .offset = TABLE(checkpoint_seconds), .high = 1000000, .transient = true},
    {.name = "quiet", .kind = OPTION_FLAG, .offset = TABLE(quiet), .transient = true},
};
static const option_table table = {.program = "distill", .help = help_text, .rows = rows, .count = (int)(sizeof rows / sizeof *rows)};

/* Mutual learning steps all peers at once, not by a trainer, and has one label a picture. */
static bool fits(const settings *s)
{
    const char *wrong = s->clip_norm > 0 ? "clip-norm" : s->average_decay > 0 ? "average-decay" : s->patience ? "patience"
        : s->mixup > 0 ? "mixup" : s->cutmix > 0 ? "cutmix" : NULL;
    if (!wrong || !s->variants[MUTUAL]) return true;
    fprintf(stderr, "distill: --%s is not possible with the variant mutual\n", wrong);
    return false;
}

int settings_parse(int argc, char **argv, settings *s)
{
    *s = (settings){.data = "/usr/share/datasets/fashion-mnist", .out = "results/distill", .teacher = "lenet", .student = "mlp",
                    .optimizer = "sgd", .schedule = "cosine", .seeds = {{1, 2, 3}, 3}, .epochs = 20, .batch = 128,
                    .momentum = 0.9, .weight_decay = 5e-4, .warmup_epochs = 1, .dekd_accuracy = 0.35, .width = 1,
                    .teacher_width = 1, .checkpoint_seconds = 30, .generations = 2, .teachers = 2, .peers = 2};
    for (int v = 0; v < PAPER_VARIANTS; v++) s->variants[v] = true;
    int result = options_parse(&table, argc, argv, s);
    if (result) return result;
    if (!s->teacher_epochs) s->teacher_epochs = s->epochs;
    if (!s->learning_rate) s->learning_rate = strcmp(s->optimizer, "sgd") ? 0.001 : 0.05;
    if (!s->teacher_rate) s->teacher_rate = s->learning_rate;
    return fits(s) ? 0 : 2;
}

bool settings_write(const settings *s, const char *const *info)
{
    char path[4096];
    return join_path(path, sizeof path, s->out, "config.json") && options_write(&table, s, info, path);
}

const char *settings_of(const settings *s, int variant, const char *key)
{
    for (int i = 0; i < s->loss_count; i++)
        if (s->loss[i].variant == variant && !strcmp(s->loss[i].key, key)) return s->loss[i].value;
    return NULL;
}

/* What was added to the options later stands in a fingerprint when it is not at its default: older records stay good. */
static int fingerprint_rest(const settings *s, char *out, size_t size)
{
    const struct { const char *name; double value; } rest[] = {
        {"clip", s->clip_norm}, {"average", s->average_decay}, {"patience", (double)s->patience}, {"mixup", s->mixup},
        {"cutmix", s->cutmix}, {"cutout", (double)s->cutout}, {"plain-norms", s->no_decay_norms}};
    int n = 0;
    for (size_t i = 0; i < sizeof rest / sizeof *rest && n < (int)size; i++)
        if (rest[i].value != 0) n += snprintf(out + n, size - (size_t)n, " %s=%.17g", rest[i].name, rest[i].value);
    return n;
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
    if (n < size) n += fingerprint_rest(s, out + n, (size_t)(size - n));
    if (s->exact && n < size) n += snprintf(out + n, (size_t)(size - n), " exact=1");
    if (variant == MUTUAL && n < size) n += snprintf(out + n, (size_t)(size - n), " peers=%lld", (long long)s->peers);
    if (variant == ENSEMBLE && n < size) n += snprintf(out + n, (size_t)(size - n), " teachers=%lld", (long long)s->teachers);
    for (int i = 0; matches_features(variant) && i < s->tap_count && n < size; i++)
        n += snprintf(out + n, (size_t)(size - n), " tap=%s:%s", s->taps[i][0], s->taps[i][1]);
    if (variant == DEKD && n < size) n += snprintf(out + n, (size_t)(size - n), " dekd=%.17g", s->dekd_accuracy);
    for (int i = 0; i < s->loss_count && n < size; i++)
        if (s->loss[i].variant == variant)
            n += snprintf(out + n, (size_t)(size - n), " %s=%s", s->loss[i].key, s->loss[i].value);
}
