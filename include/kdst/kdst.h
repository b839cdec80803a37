/* SPDX-License-Identifier: Apache-2.0 */
/* Everything libkdst offers. The headers can also be included one by one. */
#ifndef KDST_KDST_H
#define KDST_KDST_H

#include <kdst/autograd.h>
#include <kdst/context.h>
#include <kdst/init.h>
#include <kdst/layer.h>
#include <kdst/model.h>
#include <kdst/ops.h>
#include <kdst/optimizer.h>
#include <kdst/options.h>
#include <kdst/schedule.h>
#include <kdst/status.h>
#include <kdst/tensor.h>
#include <kdst/version.h>

#endif
