// The base losses of losses/base.py with their gradients: one sequence's weighted sum, and the gradient by its outputs.
#pragma once

#include <math.h>

#include "loss.h"

namespace {

// Binary cross-entropy of the logits z with labels y, both [steps], and its derivative in place of z.
INLINE vec bce(vec z, vec y, vec& derivative) {
  const vec e = exp(choose(z < 0, z, -z));  // e^-|z|
  const vec one = all(1.0f), q = one / (one + e);
  derivative = choose(z < 0, e * q, q) - y;
  return (one - y) * z + at_least(vec{}, -z) + log1p(e);
}

// Cross-entropy of one step's logits z [classes] with class y, and its derivative in place of z; NaN if y is no class.
inline float ce(float* z, int64_t classes, int64_t y) {
  if (y < 0 || y >= classes) return NAN;
  float most = z[0], sum_all = 0;
  for (int64_t c = 1; c < classes; c++) most = z[c] > most ? z[c] : most;
  const float at = z[y];
  for (int64_t first = 0; first < classes; first += LANES) {
    float part[LANES] = {};
    const int64_t count = classes - first < LANES ? classes - first : LANES;
    for (int64_t i = 0; i < count; i++) part[i] = z[first + i] - most;
    store(part, exp(load(part)));
    for (int64_t i = 0; i < count; i++) sum_all += z[first + i] = part[i];
  }
  for (int64_t c = 0; c < classes; c++) z[c] /= sum_all;
  z[y] -= 1;
  return logf(sum_all) - (at - most);
}

// Mean squared error of one step's outputs z [outputs], and its derivative in place of z.
inline float mse(float* z, int64_t outputs, const float* y) {
  float total = 0;
  for (int64_t o = 0; o < outputs; o++) {
    const float d = z[o] - y[o];
    total += d * d;
    z[o] = 2 * d / outputs;
  }
  return total / outputs;
}

// Sum over the valid steps of one sequence of loss times weight. The outputs in `z`, rows `ld` apart, become the
// gradient of that sum times `share`, 0 at steps that are not valid.
//
// target: [..][steps] float for bce, int64 for ce, [..][steps][outputs] float for mse; the member's begins at `begin`
// and the sequence's steps at `at` after that. scratch: 3 (steps + LANES) floats.
inline double step_losses(
    int64_t loss, float* z, int64_t ld, int64_t outputs, int64_t steps, const void* target, int64_t begin, int64_t at,
    const uint8_t* valid, const float* weight, float share, float* scratch) {
  double total = 0;
  if (loss == BCE) {
    float *logit = scratch, *value = scratch + steps + LANES, *label = value + steps + LANES;
    const float* y = (const float*)target + begin + at;
    for (int64_t t = 0; t < steps + LANES; t++) {
      const bool real = t < steps && valid[t];
      logit[t] = real ? z[t * ld] : 0.0f;
      label[t] = real ? y[t] : 0.0f;
    }
    for (int64_t t = 0; t < steps; t += LANES) {
      vec derivative;
      store(value + t, bce(load(logit + t), load(label + t), derivative));
      store(logit + t, derivative);
    }
    for (int64_t t = 0; t < steps; t++) {
      if (valid[t]) total += value[t] * weight[t];
      z[t * ld] = valid[t] ? logit[t] * (weight[t] * share) : 0.0f;
    }
    return total;
  }
  for (int64_t t = 0; t < steps; t++, z += ld) {
    if (!valid[t]) {
      memset(z, 0, outputs * sizeof(float));
      continue;
    }
    const float value = loss == CE ? ce(z, outputs, ((const int64_t*)target)[begin + at + t])
                                   : mse(z, outputs, (const float*)target + begin + (at + t) * outputs);
    total += (double)value * weight[t];
    const float factor = weight[t] * share;
    for (int64_t o = 0; o < outputs; o++) z[o] *= factor;
  }
  return total;
}

}  // namespace
