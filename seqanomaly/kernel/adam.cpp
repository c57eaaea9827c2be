// Adam and AdamW over the rows of a stack, in one pass over memory; see training/optimizers.py for the formula.

#include <math.h>

#include "vector.h"

// One update of rows [members][size]; `steps` [members] counts them. A decoupled decay shrinks the parameters, else it
// is added to the gradient.
EXPORT void NAME(seqanom_adam)(
    int64_t members, int64_t size, float* rows, const float* gradient, float* mean, float* square, int64_t* steps,
    const float* lr, double weight_decay, int64_t decoupled) {
  const Flush flush{};
  for (int64_t k = 0; k < members; k++, rows += size, gradient += size, mean += size, square += size) {
    const double step = (double)++steps[k];
    const float rate = (float)(lr[k] / (1 - pow(0.9, step))), spread = (float)(1 / sqrt(1 - pow(0.999, step)));
    const float shrink = decoupled ? (float)(1 - lr[k] * weight_decay) : 1.0f;
    const float decay = decoupled ? 0.0f : (float)weight_decay;
    for (int64_t i = 0; i < size; i++) {
      const float row = rows[i] * shrink, g = gradient[i] + decay * row;
      const float m = mean[i] + 0.1f * (g - mean[i]), v = 0.999f * square[i] + 0.001f * (g * g);
      mean[i] = m;
      square[i] = v;
      rows[i] = row - rate * m / (sqrtf(v) * spread + 1e-8f);
    }
  }
}
