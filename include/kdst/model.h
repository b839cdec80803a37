/* SPDX-License-Identifier: Apache-2.0 */
/* Networks by name, with the parameter names of their origin. */
#ifndef KDST_MODEL_H
#define KDST_MODEL_H

#include <kdst/layer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Makes a network by its name, freshly initialised, in training mode.
 *
 *  Networks on sentences, by Mu and Andreas (2020), take tokens int32 [T, N] and lengths int32 [N] of one sentence ("sentiment", which gives
 *  [N]) or of two ("nli_bowman" and "nli_minimal": tokens1, lengths1, tokens2, lengths2; they give [N, 3]) and are run with
 *  kdst_layer_run_many. Token 1 is the padding. Their options: vocabulary (must be set), embedding
 *  [1,..) = 300, hidden [1,..) = 512, mlp [0,..) = 0 (hidden units of the classifier; 0: 1024, sentiment 50), classes [0,..) = 0 (0: 3,
 *  sentiment 1), dropout, dtype.
 *
 *  Networks for several dense tasks, by Sun et al. (AdaShare, 2020), "adashare_resnet18" and "adashare_resnet34": input [N, channels, H, W] of
 *  any size that the windows fit, one output [N, outputs, h, w] for each task at stride 8. Their state begins with policy logits [blocks, 2]
 *  of every task ("task1_logits"), which no gradient reaches while all blocks are executed. Options:
 *  tasks (list of 1 to 16 numbers of outputs, must be set), channels = 3, dropout [0,1) = 0.5 (in the heads), dtype.
 *
 *  @param      ctx      the context; retained by the layer
 *  @param      name     one of kdst_model_get_name, such as "lenet" or "resnet18"
 *  @param      options  nullable; schema "model": classes [1,1000000] = 10, channels [0,4096] = 0 and image_size [0,4096] = 0 (of the
 *                       input; 0: the network's own), width (0,64] = 1 (hidden widths become ceil(width * c)), dropout
 *                       [0,1) or -1 = -1 (rate of all dropout layers; -1: the network's own), eps "official" | "clean" (of
 *                       googlenet_cifar), ratio "x1" | "x0.5" | "x1.5" | "x2" (of shufflenetv2_cifar), dtype "float32" |
 *                       "float64", names "official" | "pytorch" (where the origin names parameters in another way than torchvision, such
 *                       as "linear" for "fc"); of networks on sentences schema "model.text", of those for several tasks schema
 *                       "model.adashare"
 *  @param[out] out      new; input [N, channels, image_size, image_size] (mlp also [N, D]), output [N, classes]; of a backbone, which
 *                       has no classes, a map;
 *                       released with kdst_layer_release
 *  @status INVALID_ARGUMENT (NULL, option, an option this network does not have, an image too small for it), NOT_FOUND (no
 *          such network), OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_model_create(
    kdst_context *ctx, const char *name, const kdst_options *options, kdst_layer **out);

/** Number of networks known by name.
 *
 *  @return  the number
 *  @thread any   @since 0.1 */
KDST_API int64_t kdst_model_count(void);

/** Name of a network.
 *
 *  @param index  from 0
 *  @return       static text; NULL past the end
 *  @thread any   @since 0.1 */
KDST_API const char *kdst_model_get_name(int64_t index);

/** One line about a network.
 *
 *  @param index  from 0
 *  @return       static text; NULL past the end
 *  @thread any   @since 0.1 */
KDST_API const char *kdst_model_get_help(int64_t index);

/** Input channels of a network when the option "channels" is not set.
 *
 *  @param index  from 0
 *  @return       the number; 0 for a network on sentences, and past the end
 *  @thread any   @since 0.1 */
KDST_API int64_t kdst_model_get_channels(int64_t index);

/** Height and width of a network's input when the option "image_size" is not set.
 *
 *  @param index  from 0
 *  @return       the number; 0 for a network that takes images of any size or none, and past the end
 *  @thread any   @since 0.1 */
KDST_API int64_t kdst_model_get_image_size(int64_t index);

#ifdef __cplusplus
}
#endif

#endif
