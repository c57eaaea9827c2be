// The losses of loss.h where the steps of one sequence, rather than sequences, lie beside each other in the lanes.
#pragma once

#include "loss.h"

namespace {

// Floats that step_losses needs: outputs, targets, mask and weights of some steps.
INLINE int64_t loss_scratch(int64_t outputs) { return (2 * outputs + 2) * LANES; }

// Weighted loss, added up over one sequence. The outputs in `z`, rows `ld` apart, become the gradient of that sum times
// `share`, 0 at steps that are not valid.
//
// target: float for BCE, int64 for CE, each [steps], float [steps][outputs] for MSE; valid, weight: [steps].
inline double step_losses(int base, float* z, int64_t ld, int64_t outputs, int64_t steps, const void* target,
                          const uint8_t* valid, const float* weight, float share, float* scratch) {
  const int64_t targets = base == MSE ? outputs : 1;
  float *out = scratch, *wanted = out + outputs * LANES, *mask = wanted + outputs * LANES, *factor = mask + LANES;
  double total = 0;
  for (int64_t t = 0; t < steps; t += LANES) {
    const int64_t count = steps - t < LANES ? steps - t : LANES;
    memset(scratch, 0, loss_scratch(outputs) * sizeof(float));
    for (int64_t i = 0; i < count; i++) {
      for (int64_t o = 0; o < outputs; o++) out[o * LANES + i] = z[(t + i) * ld + o];
      for (int64_t o = 0; o < targets; o++) {
        const int64_t at = (t + i) * targets + o;
        wanted[o * LANES + i] = base == CE ? (float)((const int64_t*)target)[at] : ((const float*)target)[at];
      }
      mask[i] = valid[t + i];
      factor[i] = weight[t + i];
    }
    total += sum(step_loss<1>(base, outputs, out, wanted, mask, factor, share, 0));
    for (int64_t i = 0; i < count; i++)
      for (int64_t o = 0; o < outputs; o++) z[(t + i) * ld + o] = out[o * LANES + i];
  }
  return total;
}

}  // namespace
