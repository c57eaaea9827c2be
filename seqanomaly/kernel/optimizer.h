// Adam, AdamW and SGD over rows of parameters, in one pass over memory; see training/optimizers.py for the formulas.
#pragma once

#include <math.h>

#include "vector.h"

namespace {

enum Rule { SGD = 0, ADAM = 1, ADAMW = 2 };

// What changes rows [members][size], and what it keeps of each; the same order as in Python. Numbers that a rule has no
// use for are not looked at. A gradient longer than `clip` is shortened to it; 0 for no limit.
struct Optimizer {
  int64_t rule, size;
  float *rows, *mean, *square;  // mean: the velocity of SGD
  int64_t* steps;               // updates of each member so far, [members]
  const float* lr;              // [members]
  double weight_decay, momentum, clip;
};

// What a gradient is multiplied by, so that its norm is at most `clip`; NaN where it has none.
INLINE float shortening(const float* gradient, int64_t size, double clip) {
  double squares = 0;
  for (int64_t i = 0; i < size; i++) squares += (double)gradient[i] * gradient[i];
  const double norm = sqrt(squares);
  return (float)(norm <= clip ? 1 : clip / norm);
}

// One update of the row of member k.
inline void update(const Optimizer& o, int64_t k, const float* gradient) {
  float *const rows = o.rows + k * o.size, *const mean = o.mean + k * o.size;
  const float factor = o.clip > 0 ? shortening(gradient, o.size, o.clip) : 1.0f;
  if (o.rule == SGD) {
    const float momentum = (float)o.momentum, decay = (float)o.weight_decay, rate = o.lr[k];
    for (int64_t i = 0; i < o.size; i++) {
      mean[i] = (momentum * mean[i] + gradient[i] * factor) + decay * rows[i];
      rows[i] -= rate * mean[i];
    }
    return;
  }
  float* const square = o.square + k * o.size;
  const double step = (double)++o.steps[k];
  const float rate = (float)(o.lr[k] / (1 - pow(0.9, step))), spread = (float)(1 / sqrt(1 - pow(0.999, step)));
  const float shrink = o.rule == ADAMW ? (float)(1 - o.lr[k] * o.weight_decay) : 1.0f;
  const float decay = o.rule == ADAMW ? 0.0f : (float)o.weight_decay;
  for (int64_t i = 0; i < o.size; i++) {
    const float row = rows[i] * shrink, g = gradient[i] * factor + decay * row;
    const float m = mean[i] + 0.1f * (g - mean[i]), v = 0.999f * square[i] + 0.001f * (g * g);
    mean[i] = m;
    square[i] = v;
    rows[i] = row - rate * m / (sqrtf(v) * spread + 1e-8f);
  }
}

}  // namespace
