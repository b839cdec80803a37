/* SPDX-License-Identifier: Apache-2.0 */
/* Options of the spiking driver: the table for command line and experiment files, defaults. */
#include "settings.h"

#include "../common/files.h"

#include <stdarg.h>
#include <string.h>

const char *const rule_names[RULES + 1] = {"tssl-bp", "surrogate", NULL};
const char *const rule_titles[RULES] = {"TSSL-BP", "Surrogate gradient"};

#define DEFAULT_DATA "/usr/share/datasets/fashion-mnist"

static const char *const help_text[] = {
    "usage: spiking [options]\n"
    "\n"
    "Trains networks of spiking neurons by TSSL-BP (Zhang and Li 2020) and by surrogate gradients, and writes a report.\n"
    "\n"
    "  --config NAME         an official network: fashion-400-400 (the default), fashion-cnn, mnist-cnn or cifar10; or a file\n"
    "                        of options (JSON, the same names; config.json in --out is one). Later options win.\n"
    "\n"
    "data and output\n"
    "  --data DIR            folder with the files of (Fashion-)MNIST (IDX) or CIFAR-10/100 (binary), gzip or not\n"
    "                        (default " DEFAULT_DATA ")\n"
    "  --out DIR             where runs, log.jsonl and report.html go (default results/spiking)\n"
    "  --train-count N       train on N images, class-balanced (default 0: all)\n"
    "  --test-count N        test on N images, class-balanced (default 0: all)\n"
    "  --holdout N           hold N training images out and test on them instead of the test set (default 0)\n"
    "  --normalization NAME  official: the constants of MNIST, for Fashion-MNIST too, or of CIFAR-10; data: mean and deviation\n"
    "                        of the training images (default official)\n"
    "  --crop-padding N      random crops with so much padding    --flip     random horizontal flips\n"
    "  --title TEXT          of the report                        --note TEXT  below its heading\n"
    "  --sample N            the test image whose spikes are drawn (default 0)\n"
    "\n"
    "the network\n"
    "  --architecture TEXT   nCk: n channels by kernels of k x k, Pk: sum pooling, n: n neurons; such as 32C5-P2-1024-10\n"
    "  --steps N             time steps (default 5)\n"
    "  --padding LIST        of convolutions, one for all or one for each (default 0)\n"
    "  --pooling-factor X    of the sums (default 1.1)\n"
    "  --weight-scale X      on the initial weights of convolutions, --linear-scale X of the others (default 1)\n"
    "  --dropout X           rate (default 0)                     --dropout-unit row | element (default row)\n"
    "\n",
    "neuron and rule\n"
    "  --rules LIST          of tssl-bp,surrogate: a run of each for each seed (default tssl-bp)\n"
    "  --tau-m X, --tau-s X  time constants of membrane and synapse, in steps (default 5 and 3)\n"
    "  --threshold X         (default 1)\n"
    "  --slope-bound X       tssl-bp: the largest slope of a firing time (default 8)\n"
    "  --silent-surrogate W  tssl-bp: the surrogate of silent neurons is on always, off, or the first N epochs (default always)\n"
    "  --surrogate NAME      surrogate: sigmoid, fast_sigmoid, soft_sign, superspike, arctan, triangle, rectangle,\n"
    "                        two_sided_exponential or erf (default sigmoid)\n"
    "  --steepness X         of it (default 0: the function's own)\n"
    "  --reset-gradient      surrogate: the reset is differentiated, too\n"
    "\n"
    "training: AdamW at a constant rate\n"
    "  --loss NAME           kernel (distance of spike trains), count or softmax (default kernel)\n"
    "  --filters W           kernel: the desired train passes the synapse twice, as in the official code, or once, as in the\n"
    "                        paper (default twice)\n"
    "  --desired X           count: current of the true class over all steps (default 5), --undesired X others (default 1)\n"
    "  --seeds LIST          one run of each rule per seed (default 1,2,3)\n"
    "  --epochs N            (default 100)           --batch N         (default 100)\n"
    "  --learning-rate X     (default 5e-4)          --weight-decay X  (default 0.01)\n"
    "  --clip-norm X         scales gradients down to this norm (default 1; 0: not)\n"
    "\n",
    "running\n"
    "  --threads N           (default: one per core)\n"
    "  --exact               no Winograd convolution, which is faster and rounds a little more\n"
    "  --dry-run             print the runs, the network, and what they will take in time and memory\n"
    "  --preset quick        2 epochs, one seed\n"
    "  --resume              keep what is in --out: finished runs are reused, an interrupted one goes on\n"
    "  --report-only         only write the report from the runs in --out\n"
    "  --checkpoint-every S  seconds between checkpoints within a run (default 30)\n"
    "  --quiet               no progress\n"
    "  --help                this text\n", NULL};

#define TABLE(member) offsetof(settings, member)

static const char *const normalizations[] = {"official", "data", NULL};
static const char *const units[] = {"row", "element", NULL};
static const char *const losses[] = {"kernel", "count", "softmax", NULL};
static const char *const filters[] = {"twice", "once", NULL};
static const char *const surrogates[] = {"sigmoid", "fast_sigmoid", "soft_sign", "superspike", "arctan", "triangle", "rectangle",
                                         "two_sided_exponential", "erf", NULL};
static const option_table table;

static bool set_rules(void *to, const char *text)
{
    settings *s = to;
    char item[32];
    int more, rule;
    memset(s->rules, 0, sizeof s->rules);
    while ((more = option_item(&table, "rules", &text, item, sizeof item)) > 0) {
        if (!option_word(&table, "rules", item, rule_names, &rule)) return false;
        s->rules[rule] = true;
    }
    return more == 0;
}

static bool get_rule(const void *from, int index, char *out, size_t size)
{
    const settings *s = from;
    for (int r = 0; r < RULES; r++)
        if (s->rules[r] && index-- == 0) return snprintf(out, size, "%s", rule_names[r]), true;
    return false;
}

static bool set_seeds(void *to, const char *text) { return seeds_set(&table, &((settings *)to)->seeds, text); }

static bool get_seed(const void *from, int index, char *out, size_t size)
{
    return seeds_get(&((const settings *)from)->seeds, index, out, size);
}

static bool set_padding(void *to, const char *text)
{
    settings *s = to;
    char item[32];
    int more;
    s->padding_count = 0;
    while ((more = option_item(&table, "padding", &text, item, sizeof item)) > 0) {
        if (s->padding_count == MAX_CONVOLUTIONS) {
            fprintf(stderr, "spiking: --padding has more than %d entries\n", MAX_CONVOLUTIONS);
            return false;
        }
        if (!option_whole(&table, "padding", item, 0, 1024, &s->padding[s->padding_count++])) return false;
    }
    return more == 0;
}

static bool get_padding(const void *from, int index, char *out, size_t size)
{
    const settings *s = from;
    if (index < s->padding_count) snprintf(out, size, "%lld", (long long)s->padding[index]);
    return index < s->padding_count;
}

static bool set_preset(void *to, const char *text)
{
    static const char *const names[] = {"quick", NULL};
    settings *s = to;
    int preset;
    if (!option_word(&table, "preset", text, names, &preset)) return false;
    s->epochs = 2;
    s->seeds.count = 1;
    return true;
}

static const option_row rows[] = {
    {.name = "data", .kind = OPTION_TEXT, .offset = TABLE(data)},
    {.name = "out", .kind = OPTION_TEXT, .offset = TABLE(out)},
    {.name = "title", .kind = OPTION_TEXT, .offset = TABLE(title)},
    {.name = "note", .kind = OPTION_TEXT, .offset = TABLE(note)},
    {.name = "train-count", .kind = OPTION_WHOLE, .offset = TABLE(train_count), .high = INT32_MAX},
    {.name = "test-count", .kind = OPTION_WHOLE, .offset = TABLE(test_count), .high = INT32_MAX},
    {.name = "holdout", .kind = OPTION_WHOLE, .offset = TABLE(holdout), .high = INT32_MAX},
    {.name = "normalization", .kind = OPTION_CHOICE, .offset = TABLE(normalization), .choices = normalizations},
    {.name = "crop-padding", .kind = OPTION_WHOLE, .offset = TABLE(crop_padding), .high = 64},
    {.name = "flip", .kind = OPTION_FLAG, .offset = TABLE(flip)},
    {.name = "sample", .kind = OPTION_WHOLE, .offset = TABLE(sample), .high = INT32_MAX},
    {.name = "architecture", .kind = OPTION_TEXT, .offset = TABLE(architecture)},
    {.name = "steps", .kind = OPTION_WHOLE, .offset = TABLE(steps), .low = 1, .high = 100000},
    {.name = "padding", .kind = OPTION_LIST, .set = set_padding, .get = get_padding},
    {.name = "pooling-factor", .kind = OPTION_NUMBER, .offset = TABLE(pooling_factor), .low = -1e6, .high = 1e6},
    {.name = "weight-scale", .kind = OPTION_NUMBER, .offset = TABLE(weight_scale), .low = 1e-6, .high = 1000},
    {.name = "linear-scale", .kind = OPTION_NUMBER, .offset = TABLE(linear_scale), .low = 1e-6, .high = 1000},
    {.name = "dropout", .kind = OPTION_NUMBER, .offset = TABLE(dropout), .high = 0.999},
    {.name = "dropout-unit", .kind = OPTION_CHOICE, .offset = TABLE(dropout_unit), .choices = units},
    {.name = "rules", .kind = OPTION_LIST, .set = set_rules, .get = get_rule},
    {.name = "tau-m", .kind = OPTION_NUMBER, .offset = TABLE(tau_m), .low = 1, .high = 1e9},
    {.name = "tau-s", .kind = OPTION_NUMBER, .offset = TABLE(tau_s), .low = 1, .high = 1e9},
    {.name = "threshold", .kind = OPTION_NUMBER, .offset = TABLE(threshold), .low = 1e-9, .high = 1e9},
    {.name = "slope-bound", .kind = OPTION_NUMBER, .offset = TABLE(slope_bound), .low = 1e-9, .high = 1e9},
    {.name = "silent-surrogate", .kind = OPTION_TEXT, .offset = TABLE(silent_text)},
    {.name = "surrogate", .kind = OPTION_CHOICE, .offset = TABLE(surrogate), .choices = surrogates},
    {.name = "steepness", .kind = OPTION_NUMBER, .offset = TABLE(steepness), .high = 1e9},
    {.name = "reset-gradient", .kind = OPTION_FLAG, .offset = TABLE(reset_gradient)},
    {.name = "loss", .kind = OPTION_CHOICE, .offset = TABLE(loss), .choices = losses},
    {.name = "filters", .kind = OPTION_CHOICE, .offset = TABLE(filters), .choices = filters},
    {.name = "desired", .kind = OPTION_NUMBER, .offset = TABLE(desired), .low = -1e6, .high = 1e6},
    {.name = "undesired", .kind = OPTION_NUMBER, .offset = TABLE(undesired), .low = -1e6, .high = 1e6},
    {.name = "seeds", .kind = OPTION_LIST, .set = set_seeds, .get = get_seed},
    {.name = "epochs", .kind = OPTION_WHOLE, .offset = TABLE(epochs), .low = 1, .high = 100000},
    {.name = "batch", .kind = OPTION_WHOLE, .offset = TABLE(batch), .low = 1, .high = 1000000},
    {.name = "learning-rate", .kind = OPTION_NUMBER, .offset = TABLE(learning_rate), .low = 1e-9, .high = 100},
    {.name = "weight-decay", .kind = OPTION_NUMBER, .offset = TABLE(weight_decay), .high = 10},
    {.name = "clip-norm", .kind = OPTION_NUMBER, .offset = TABLE(clip_norm), .high = 1e9},
    {.name = "exact", .kind = OPTION_FLAG, .offset = TABLE(exact)},
    {.name = "threads", .kind = OPTION_WHOLE, .offset = TABLE(threads), .low = 1, .high = 1024, .transient = true},
    {.name = "preset", .kind = OPTION_PRESET, .set = set_preset},
    {.name = "resume", .kind = OPTION_FLAG, .offset = TABLE(resume), .transient = true},
    {.name = "report-only", .kind = OPTION_FLAG, .offset = TABLE(report_only), .transient = true},
    {.name = "dry-run", .kind = OPTION_FLAG, .offset = TABLE(dry_run), .transient = true},
    {.name = "checkpoint-every", .kind = OPTION_WHOLE, .offset = TABLE(checkpoint_seconds), .high = 1000000, .transient = true},
    {.name = "quiet", .kind = OPTION_FLAG, .offset = TABLE(quiet), .transient = true},
};
static const option_table table = {"spiking", help_text, rows, (int)(sizeof rows / sizeof *rows), settings_configure};

static bool set_silent(settings *s)
{
    if (!strcmp(s->silent_text, "always")) s->silent_epochs = INT64_MAX;
    else if (!strcmp(s->silent_text, "off")) s->silent_epochs = 0;
    else if (!option_whole(&table, "silent-surrogate", s->silent_text, 1, 100000, &s->silent_epochs)) {
        fprintf(stderr, "spiking: --silent-surrogate may also be always or off\n");
        return false;
    }
    return true;
}

int settings_parse(int argc, char **argv, settings *s)
{
    *s = (settings){.data = DEFAULT_DATA, .out = "results/spiking", .normalization = "official", .dropout_unit = "row",
                    .rules = {[RULE_TSSL_BP] = true}, .slope_bound = 8, .silent_text = "always", .surrogate = "sigmoid", .desired = 5,
                    .undesired = 1, .weight_decay = 0.01, .clip_norm = 1, .seeds = {{1, 2, 3}, 3}, .checkpoint_seconds = 30};
    settings_configure(s, "fashion-400-400");
    int result = options_parse(&table, argc, argv, s);
    if (result) return result;
    if (*s->wanted_data && !strcmp(s->data, DEFAULT_DATA)) {
        fprintf(stderr, "spiking: this network is for %s; --data names the folder with its files\n", s->wanted_data);
        return 2;
    }
    return set_silent(s) ? 0 : 2;
}

bool settings_write(const settings *s, const char *const *info)
{
    char path[4096];
    return join_path(path, sizeof path, s->out, "config.json") && options_write(&table, s, info, path);
}

/* Appends to a text of which `used` bytes are there; what does not fit makes it as long as the room. */
static void append(char *out, size_t size, size_t *used, const char *format, ...) __attribute__((format(printf, 4, 5)));

static void append(char *out, size_t size, size_t *used, const char *format, ...)
{
    va_list args;
    if (*used >= size) return;
    va_start(args, format);
    int n = vsnprintf(out + *used, size - *used, format, args);
    va_end(args);
    *used = n < 0 || (size_t)n >= size - *used ? size : *used + (size_t)n;
}

void settings_fingerprint(const settings *s, int rule, char *out, size_t size)
{
    size_t used = 0;
    append(out, size, &used, "data=%s train=%lld test=%lld holdout=%lld normalization=%s crop=%lld flip=%d", s->data,
           (long long)s->train_count, (long long)s->test_count, (long long)s->holdout, s->normalization, (long long)s->crop_padding, s->flip);
    append(out, size, &used, " net=%s steps=%lld padding=", s->architecture, (long long)s->steps);
    for (int i = 0; i < s->padding_count; i++) append(out, size, &used, i ? ",%lld" : "%lld", (long long)s->padding[i]);
    append(out, size, &used, " scale=%.17g,%.17g pooling=%.17g dropout=%.17g,%s tau=%.17g,%.17g threshold=%.17g", s->weight_scale,
           s->linear_scale, s->pooling_factor, s->dropout, s->dropout_unit, s->tau_m, s->tau_s, s->threshold);
    append(out, size, &used, " epochs=%lld batch=%lld rate=%.17g decay=%.17g clip=%.17g loss=%s", (long long)s->epochs, (long long)s->batch,
           s->learning_rate, s->weight_decay, s->clip_norm, s->loss);
    if (!strcmp(s->loss, "kernel")) append(out, size, &used, " filters=%s", s->filters);
    if (!strcmp(s->loss, "count")) append(out, size, &used, " desired=%.17g,%.17g", s->desired, s->undesired);
    if (s->exact) append(out, size, &used, " exact=1");
    if (rule == RULE_TSSL_BP)
        append(out, size, &used, " rule=tssl-bp bound=%.17g silent=%s", s->slope_bound, s->silent_text);
    else
        append(out, size, &used, " rule=surrogate %s=%.17g reset=%d", s->surrogate, s->steepness, s->reset_gradient);
}
