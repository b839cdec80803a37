/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisation by means and variances. Statistics are computed in double precision whatever the type. */
#ifndef KDST_NORMALIZATION_H
#define KDST_NORMALIZATION_H

#include <kdst/autograd.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Batch normalisation (Ioffe and Szegedy 2015).
 *
 *  y = (x - mean_c) / sqrt(var_c + eps) * gamma_c + beta_c; in training mean and biased variance of the batch, and the
 *  running statistics move towards them (the variance unbiased); otherwise the running statistics.
 *
 *  @param      x             [N, C], [N, C, L] or [N, C, H, W]
 *  @param      gamma         [C], nullable (1)
 *  @param      beta          [C], nullable (0)
 *  @param      running_mean  [C], updated in training; nullable in training
 *  @param      running_var   [C], updated in training; nullable in training
 *  @param      options       nullable; schema "batch_norm": training 0 | 1 = 1, momentum [0,1] = 0.1, eps (0,inf) = 1e-5,
 *                            activation "none" | "relu" | "relu6" = "none"
 *  @param[out] out           new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, option), SHAPE (also: one value a channel in training), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_batch_norm(
    kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, kdst_tensor *running_mean, kdst_tensor *running_var,
    const kdst_options *options, kdst_tensor **out);

/** Batch normalisation, a sum and an activation in one pass: the end of a residual block (He et al. 2016).
 *
 *  y = act(batch_norm(x) + addend), act as option "activation" says.
 *
 *  @param      x             [N, C], [N, C, L] or [N, C, H, W]
 *  @param      gamma         [C], nullable (1)
 *  @param      beta          [C], nullable (0)
 *  @param      running_mean  [C], updated in training; nullable in training
 *  @param      running_var   [C], updated in training; nullable in training
 *  @param      addend        of x's shape, nullable (0)
 *  @param      options       nullable; schema "batch_norm", as kdst_batch_norm
 *  @param[out] out           new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, option), SHAPE (also: one value a channel in training), DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_batch_norm_add(
    kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, kdst_tensor *running_mean, kdst_tensor *running_var,
    kdst_tensor *addend, const kdst_options *options, kdst_tensor **out);

/** Layer normalisation (Ba, Kiros, Hinton 2016): each sample by itself, over the last axes.
 *
 *  y = (x - mean) / sqrt(var + eps) * gamma + beta, with mean and biased variance of what the last `axes` axes hold.
 *
 *  @param      x        rank 1 or more; the last axes not empty
 *  @param      gamma    shape of the last axes, nullable (1)
 *  @param      beta     shape of the last axes, nullable (0)
 *  @param      axes     1 to the rank of x
 *  @param      options  nullable; schema "layer_norm": eps (0,inf) = 1e-5
 *  @param[out] out      new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, axes, option), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_layer_norm(
    kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, int64_t axes, const kdst_options *options, kdst_tensor **out);

/** Group normalisation (Wu and He 2018): each sample by itself, over groups of channels with all their pixels.
 *
 *  y = (x - mean) / sqrt(var + eps) * gamma_c + beta_c, with mean and biased variance of the group; as many groups as channels
 *  make it instance normalisation.
 *
 *  @param      x        [N, C, ...]; a sample not empty
 *  @param      gamma    [C], nullable (1)
 *  @param      beta     [C], nullable (0)
 *  @param      groups   1 to C, divides C
 *  @param      options  nullable; schema "group_norm": eps (0,inf) = 1e-5
 *  @param[out] out      new; released with kdst_tensor_release
 *  @status INVALID_ARGUMENT (NULL, another context, groups, option), SHAPE, DTYPE, OUT_OF_MEMORY
 *  @thread context   @since 0.1 */
KDST_API KDST_NODISCARD kdst_status kdst_group_norm(
    kdst_tensor *x, kdst_tensor *gamma, kdst_tensor *beta, int64_t groups, const kdst_options *options, kdst_tensor **out);

#ifdef __cplusplus
}
#endif

#endif
