/* SPDX-License-Identifier: Apache-2.0 */
/* Everything libkdst offers. The headers can also be included one by one. */
#ifndef KDST_KDST_H
#define KDST_KDST_H

#include <kdst/augmentation.h>
#include <kdst/autograd.h>
#include <kdst/average.h>
#include <kdst/context.h>
#include <kdst/criterion.h>
#include <kdst/dataset.h>
#include <kdst/distillation.h>
#include <kdst/elementwise.h>
#include <kdst/encoding.h>
#include <kdst/events.h>
#include <kdst/frozen.h>
#include <kdst/hook.h>
#include <kdst/indexing.h>
#include <kdst/init.h>
#include <kdst/layer.h>
#include <kdst/layers.h>
#include <kdst/loader.h>
#include <kdst/loss.h>
#include <kdst/metrics.h>
#include <kdst/model.h>
#include <kdst/neuron.h>
#include <kdst/normalization.h>
#include <kdst/npy.h>
#include <kdst/npz.h>
#include <kdst/onnx.h>
#include <kdst/ops.h>
#include <kdst/optimizer.h>
#include <kdst/options.h>
#include <kdst/plasticity.h>
#include <kdst/pooling.h>
#include <kdst/reduction.h>
#include <kdst/schedule.h>
#include <kdst/sequence.h>
#include <kdst/shape.h>
#include <kdst/spiking.h>
#include <kdst/state.h>
#include <kdst/stats.h>
#include <kdst/status.h>
#include <kdst/tensor.h>
#include <kdst/trace.h>
#include <kdst/trainer.h>
#include <kdst/transfer.h>
#include <kdst/version.h>

#endif
