/* SPDX-License-Identifier: Apache-2.0 */
/* Classification metrics, added up over batches: accuracy, likelihood, calibration, confusion. */
#ifndef KDST_METRICS_H
#define KDST_METRICS_H

#include <kdst/layer.h>
#include <kdst/loader.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Sums over the samples seen so far. */
typedef struct kdst_metrics kdst_metrics;

/** Makes an empty set of metrics.
 *
 *  @param      ctx      the context; retained by the metrics
 *  @param      classes  K, 1 to 100000
 *  @param      options  nullable; schema "metrics": bins [1,1000] = 15 (equal-width confidence bins of the reliability diagram),
 *                       top [1,100000] = 5 (for "top"), confusion "auto" (up to 2048 classes) | "yes" | "no": keep the confusion matrix,
 *                       whose memory is the square of the classes
 *  @param[out] out      new; released with kdst_metrics_release
 *  @status INVALID_ARGUMENT (NULL, classes, option), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_metrics_create(
    kdst_context *ctx, int64_t classes, const kdst_options *options, kdst_metrics **out);

/** Adds a reference.
 *
 *  @param metrics  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_metrics_retain(kdst_metrics *metrics);

/** Drops a reference; the last one frees.
 *
 *  @param metrics  nullable
 *  @thread any   @since 0.1 */
KDST_API void kdst_metrics_release(kdst_metrics *metrics);

/** Forgets every sample.
 *
 *  @param metrics  the metrics
 *  @status INVALID_ARGUMENT (NULL)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_metrics_reset(kdst_metrics *metrics);

/** Adds a batch. The prediction is the largest logit, the first of equal ones.
 *
 *  @param metrics  the metrics
 *  @param logits   [B, K] float32 or float64, finite
 *  @param labels   int32 [B], each in [0, K)
 *  @status INVALID_ARGUMENT (NULL, another context, label out of range, logit not finite), SHAPE, DTYPE, OUT_OF_MEMORY;
 *          after a failure the metrics are as they were
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_metrics_add(kdst_metrics *metrics, kdst_tensor *logits, kdst_tensor *labels);

/** Runs a model over one epoch of a loader in eval mode, without recording, and adds every batch.
 *
 *  The training flags of the model and the loader's epoch are as before afterwards; its position is 0.
 *
 *  @param metrics  the metrics
 *  @param model    makes logits [B, K] from the loader's images
 *  @param loader   the data
 *  @status INVALID_ARGUMENT (NULL, another context, label out of range, logit not finite), SHAPE, DTYPE, OUT_OF_MEMORY,
 *          CANCELLED, and what the loader and the model give: STATE, NOT_FOUND, IO, FORMAT, UNSUPPORTED, CALLBACK
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_metrics_add_loader(
    kdst_metrics *metrics, kdst_layer *model, kdst_loader *loader);

/** One figure.
 *
 *  @param      metrics  the metrics
 *  @param      key      "count" (samples), "accuracy", "top5" (label among the five largest logits), "nll" (mean -log p of the
 *                       label), "ece" (expected calibration error, Guo et al. 2017), "brier" (mean squared distance of p to one-hot),
 *                       "top" (label among as many of the largest logits as option top says), "balanced_accuracy" (mean recall of
 *                       the classes that occur among the labels), "macro_precision", "macro_recall", "macro_f1" (means over the
 *                       classes that occur among labels or predictions), "weighted_f1" (mean over the labels); fractions in [0, 1]
 *  @param[out] out      the value; NaN while no sample has been added, but for "count"
 *  @status INVALID_ARGUMENT (NULL), NOT_FOUND (unknown key)
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_metrics_get(kdst_metrics *metrics, const char *key, double *out);

/** Confusion matrix: rows are labels, columns predictions.
 *
 *  @param      metrics  the metrics
 *  @param[out] out      new; int32 [K, K]; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), STATE (none is kept: option confusion), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_metrics_get_confusion(kdst_metrics *metrics, kdst_tensor **out);

/** Precision, recall, F1 and number of labels of each class; a fraction of nothing is 0.
 *
 *  @param      metrics  the metrics
 *  @param[out] out      new; float64 [K, 4]; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_metrics_get_classes(kdst_metrics *metrics, kdst_tensor **out);

/** Reliability diagram: for each confidence bin ((i)/bins, (i+1)/bins] the samples, their mean confidence and their accuracy.
 *
 *  @param      metrics  the metrics
 *  @param[out] out      new; float64 [bins, 3], zeros for an empty bin; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_metrics_get_reliability(kdst_metrics *metrics, kdst_tensor **out);

#ifdef __cplusplus
}
#endif

#endif
