// The base losses of losses/base.py and their gradients by the outputs: of a step in each lane.
#pragma once

#include "vector.h"

namespace {

enum Base { BCE = 0, MSE = 1, CE = 2 };

// What a gradient is made of, and how many numbers its members lie apart; they may share what they read.
//
// rows: [members][size]; x: [batch][steps][features]; target: float [batch][steps] for BCE, int64 for CE, float
// [batch][steps][outputs] for MSE; mask, weight: [batch][steps].
struct Given {
  const float* rows;
  const float* x;
  int64_t x_stride;
  const void* target;
  int64_t target_stride;
  const uint8_t* mask;
  int64_t mask_stride;
  const float* weight;
  int64_t weight_stride;

  // The target of a member from the sequence's step `at` on, `at` counted in targets.
  const void* target_of(int64_t base, int64_t member, int64_t at = 0) const {
    const int64_t size = base == CE ? sizeof(int64_t) : sizeof(float);
    return static_cast<const char*>(target) + (member * target_stride + at) * size;
  }
};

// Loss of each lane, weighted; `out` [outputs] rows become their gradients.
//
// target: one row, for CE of classes (the loss is NaN where it is none), for MSE a row per output; mask: 1 where a step
// counts, else 0 and nothing else matters; weight: of the step; scale: what the mean divides by, inverted.
template <int V>
INLINE vec step_loss(int base, int64_t outputs, float* out, const float* target, const float* mask, const float* weight,
                     float scale, int v) {
  const int64_t row = V * LANES;
  out += v * LANES, target += v * LANES;
  const ivec counts = load(mask + v * LANES) != vec{};
  const vec w = load(weight + v * LANES), factor = w * scale;
  vec loss = {};
  if (base == BCE) {
    const vec z = load(out), y = load(target);
    const vec size = choose(z < vec{}, -z, z), e = exp(-size);  // e = exp(-|z|) in [0, 1]
    loss = (at_least(vec{}, z) - z * y) + log1p(e);
    const vec p = choose(z < vec{}, e, all(1)) / (1 + e);
    store(out, choose(counts, (p - y) * factor, vec{}));
  } else if (base == MSE) {
    for (int64_t o = 0; o < outputs; o++) {
      const vec residual = load(out + o * row) - load(target + o * row);
      loss = fma(residual, residual, loss);
      store(out + o * row, choose(counts, residual * (2 / static_cast<float>(outputs)) * factor, vec{}));
    }
    loss /= static_cast<float>(outputs);
  } else {
    vec top = load(out);
    for (int64_t o = 1; o < outputs; o++) {
      const vec z = load(out + o * row);
      top = choose(z > top, z, top);
    }
    const vec y = load(target);
    vec total = {}, own = all(__builtin_nanf(""));
    for (int64_t o = 0; o < outputs; o++) {
      const vec z = load(out + o * row) - top, e = exp(z);
      own = choose(y == static_cast<float>(o), z, own);
      total += e;
      store(out + o * row, e);
    }
    loss = log(total) - own;
    for (int64_t o = 0; o < outputs; o++) {
      const vec p = load(out + o * row) / total;
      store(out + o * row, choose(counts, (choose(y == static_cast<float>(o), p - 1, p)) * factor, vec{}));
    }
  }
  return choose(counts, loss * w, vec{});
}

}  // namespace
