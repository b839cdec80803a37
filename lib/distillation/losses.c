/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of Yuan et al., CVPR 2020: KD, label smoothing, Tf-KD self and Tf-KD reg, as settings of the fused pass.
 *
 * Paper and official code differ in three ways, each an option: the official KL is a mean over B K elements, 1/K of the
 * equation's; it carries T^2 (KD, self) where the equation has none; the virtual teacher's student is not softened and
 * its probabilities are fed into the softmax as if they were logits. `multiplier` is in no equation.
 */
#include "nn/loss.h"

#include <kdst/distillation.h>

#include <math.h>

typedef struct settings {
    int32_t preset, reduction, smoothing, virtual_logits;
    int64_t t_squared, soften_student;
    double alpha, temperature, multiplier, epsilon, correct_prob;
} settings;

#define PRESET                                                                                                         \
  KDST__CHOICE(                                                                                                        \
      settings, preset, "none", "none|paper|official", "other defaults: the equation's form or the official code's")
#define REDUCTION                                                                                                      \
  KDST__CHOICE(                                                                                                        \
      settings, reduction, "batchmean", "batchmean|elementmean", "KL averaged over the batch, or over all elements")
#define T_SQUARED(standard)                                                                                            \
  KDST__INT(settings, t_squared, standard, 0, 1, "1: multiply the KL with the squared temperature")
#define ALPHA(standard)                                                                                                \
  KDST__FLOAT(settings, alpha, standard, 0, 1, "weight of the KL; the cross-entropy has 1 - alpha")
#define TEMPERATURE(standard)                                                                                          \
  KDST__FLOAT_OPEN(settings, temperature, standard, 0, 1e100, "temperature of the softened distributions")
#define MULTIPLIER KDST__FLOAT(settings, multiplier, 1, 0, INFINITY, "factor on the KL, in the official code alone")

static const kdst__preset kd_presets[] = {
    {"paper", "reduction", "batchmean"},
    {"paper", "t_squared", "0"},
    {"official", "reduction", "elementmean"},
    {"official", "t_squared", "1"},
};
static const kdst__option kd_options[] = {ALPHA(0.5), TEMPERATURE(4), REDUCTION, T_SQUARED(1), PRESET};
const kdst__schema kdst__schema_loss_kd = {
    "loss.kd", kd_options, KDST__COUNT(kd_options), kd_presets, KDST__COUNT(kd_presets)};

static const kdst__option self_options[] = {ALPHA(0.5), TEMPERATURE(4), MULTIPLIER, REDUCTION, T_SQUARED(1), PRESET};
const kdst__schema kdst__schema_loss_tfkd_self = {
    "loss.tfkd_self", self_options, KDST__COUNT(self_options), kd_presets, KDST__COUNT(kd_presets)};

static const kdst__preset lsr_presets[] = {{"paper", "smoothing", "uniform"}, {"official", "smoothing", "others"}};
static const kdst__option lsr_options[] = {
    KDST__FLOAT(settings, epsilon, 0.1, 0, 1, "share that is taken from the label"),
    KDST__CHOICE(
        settings, smoothing, "uniform", "uniform|others", "spread over all K classes, or over the K - 1 others"),
    PRESET,
};
const kdst__schema kdst__schema_loss_lsr = {
    "loss.lsr", lsr_options, KDST__COUNT(lsr_options), lsr_presets, KDST__COUNT(lsr_presets)};

static const kdst__preset reg_presets[] = {
    {"paper", "reduction", "batchmean"},      {"paper", "soften_student", "1"},    {"paper", "t_squared", "0"},
    {"official", "reduction", "elementmean"}, {"official", "soften_student", "0"}, {"official", "t_squared", "0"},
};
static const kdst__option reg_options[] = {
    ALPHA(0.1),
    TEMPERATURE(20),
    KDST__FLOAT_ABOVE(settings, correct_prob, 0.99, 0, 1, "the virtual teacher's probability of the label"),
    MULTIPLIER,
    REDUCTION,
    T_SQUARED(0),
    KDST__INT(settings, soften_student, 0, 0, 1, "1: the student is softened with the same temperature"),
    KDST__CHOICE(
        settings, virtual_logits, "prob", "prob|logprob",
        "what the temperature divides: the probabilities or their logarithms"),
    PRESET,
};
const kdst__schema kdst__schema_loss_tfkd_reg = {
    "loss.tfkd_reg", reg_options, KDST__COUNT(reg_options), reg_presets, KDST__COUNT(reg_presets)};

static kdst_status create(
    kdst_context *ctx, const char *name, const kdst__schema *schema, int32_t soft, const kdst_options *options,
    kdst_loss **out)
{
    settings s = {.temperature = 1, .multiplier = 1};
    if (out) *out = NULL;
    if (!ctx) return KDST_STATUS_INVALID_ARGUMENT;
    kdst__enter(ctx);
    if (!out) return kdst__fail(ctx, KDST_STATUS_INVALID_ARGUMENT, "%s: out is NULL", name);
    kdst_status status = kdst__options_parse(ctx, name, schema, options, &s);
    if (!status && soft == KDST__SOFT_VIRTUAL)
        status = kdst__virtual_check(ctx, name, s.correct_prob, s.virtual_logits);
    double squared = s.t_squared ? s.temperature * s.temperature : 1;
    if (!status && !isfinite(s.multiplier * squared))
        status = kdst__fail(
            ctx, KDST_STATUS_INVALID_ARGUMENT,
            "%s: multiplier is %g, times the squared temperature %g it is not finite", name, s.multiplier, squared);
    if (status) return status;
    bool softened = soft == KDST__SOFT_TEACHER || s.soften_student;
    const kdst__loss_config config = {
        .name = name,
        .alpha = s.alpha,
        .temperature = soft ? s.temperature : 1,
        .student_temperature = soft && softened ? s.temperature : 1,
        .factor = s.multiplier * squared,
        .epsilon = s.epsilon,
        .others = s.smoothing,
        .element_mean = s.reduction,
        .soft = soft,
        .correct_prob = s.correct_prob,
        .logprob = s.virtual_logits};
    return kdst__loss_new(ctx, &config, out);
}

kdst_status kdst_loss_kd_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out)
{
    return create(ctx, "kd", &kdst__schema_loss_kd, KDST__SOFT_TEACHER, options, out);
}

kdst_status kdst_loss_lsr_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out)
{
    return create(ctx, "lsr", &kdst__schema_loss_lsr, KDST__SOFT_NONE, options, out);
}

kdst_status kdst_loss_tfkd_self_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out)
{
    return create(ctx, "tfkd_self", &kdst__schema_loss_tfkd_self, KDST__SOFT_TEACHER, options, out);
}

kdst_status kdst_loss_tfkd_reg_create(kdst_context *ctx, const kdst_options *options, kdst_loss **out)
{
    return create(ctx, "tfkd_reg", &kdst__schema_loss_tfkd_reg, KDST__SOFT_VIRTUAL, options, out);
}
