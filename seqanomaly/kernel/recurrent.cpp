// rnn, gru and lstm.

#include "vector.h"

// tanh of n values.
EXPORT void NAME(seqanom_tanh)(const float* x, float* y, int64_t n) {
  for (int64_t i = 0; i < n; i += LANES) {
    float part[LANES] = {};
    const int64_t count = n - i < LANES ? n - i : LANES;
    memcpy(part, x + i, count * sizeof(float));
    store(part, tanh(load(part)));
    memcpy(y + i, part, count * sizeof(float));
  }
}
