// Convolutions of three taps by pairs of steps, with 4 products where tiles.h has 6: Winograd's F(2, 3).
//
// A pair is the steps t and t + d, d the dilation. Of the rows x0, x1, x2, x3 = in[t - 2d], in[t - d], in[t], in[t + d]
// it takes x0 - x2, x1 + x2, x2 - x1, x1 - x3, each times weights of its own, and their sums are both steps' outputs.
// Source: Lavin & Gray, arXiv 1509.09308. Which steps are a pair depends on the dilation alone, never on the number of
// steps. Worth it with the registers of AVX-512 and from 32 channels on.
#pragma once

#include "tiles.h"

namespace {

constexpr int PRODUCTS = 4;
constexpr int64_t LANE = 16;  // columns of a group

// Whether a layer is computed so: a rule of shapes.
INLINE bool by_pairs(int64_t inputs, int64_t outputs, int64_t taps, int64_t dilation) {
#if defined(__AVX512F__)
  return taps == 3 && inputs == outputs && inputs >= 32 && inputs % LANE == 0 && dilation <= 8;
#else
  return inputs < 0 && outputs < 0 && taps < 0 && dilation < 0;
#endif
}

// Pairs whose first step is one of `steps`.
INLINE int64_t pairs(int64_t steps, int64_t d) {
  const int64_t rest = steps % (2 * d);
  return steps / (2 * d) * d + (rest < d ? rest : d);
}

INLINE int64_t first_step(int64_t pair, int64_t d) { return pair / d * 2 * d + pair % d; }

// Products [inputs][4][LANE] of one input's weights g0, g1, g2 at the earlier, the middle and the own step.
INLINE void pack_products(float g0, float g1, float g2, float* to) {
  to[0] = g0;
  to[LANE] = (g0 + g1 + g2) * 0.5f;
  to[2 * LANE] = (g0 - g1 + g2) * 0.5f;
  to[3 * LANE] = g2;
}

#if defined(__AVX512F__)

// u [4][pairs][distance(columns)] of a panel whose rows lie `ld` apart, which may go backward.
void transform(const float* in, int64_t ld, int64_t columns, int64_t steps, int64_t d, const float* zeros, float* u) {
  const int64_t count = pairs(steps, d), apart = distance(columns), plane = count * apart;
  const auto row = [=](int64_t t) { return t < 0 || t >= steps ? zeros : in + t * ld; };
  for (int64_t p = 0; p < count; p++, u += apart) {
    const int64_t t = first_step(p, d);
    const float *r0 = row(t - 2 * d), *r1 = row(t - d), *r2 = row(t), *r3 = row(t + d);
    for (int64_t i = 0; i < columns; i += LANE) {
      const vec x0 = load(r0 + i), x1 = load(r1 + i), x2 = load(r2 + i), x3 = load(r3 + i);
      store(u + i, x0 - x2);
      store(u + plane + i, x1 + x2);
      store(u + 2 * plane + i, x2 - x1);
      store(u + 3 * plane + i, x1 - x3);
    }
  }
}

// The gradients e [4][pairs][distance(columns)] by the products, from those by the outputs.
void transform_gradient(
    const float* d_out, int64_t ld, int64_t columns, int64_t steps, int64_t d, const float* zeros, float* e) {
  const int64_t count = pairs(steps, d), apart = distance(columns), plane = count * apart;
  for (int64_t p = 0; p < count; p++, e += apart) {
    const int64_t t = first_step(p, d);
    const float *r0 = d_out + t * ld, *r1 = t + d < steps ? r0 + d * ld : zeros;
    for (int64_t i = 0; i < columns; i += LANE) {
      const vec y0 = load(r0 + i), y1 = load(r1 + i);
      store(e + i, y0);
      store(e + plane + i, y0 + y1);
      store(e + 2 * plane + i, y0 - y1);
      store(e + 3 * plane + i, -y1);
    }
  }
}

struct Paired {
  const float* u;       // [4][pairs][distance(columns)]
  const float* weight;  // [group][columns][4][LANE]
  const float* bias;    // [columns]
  int64_t columns, dilation, steps;
};

template <int R, int LD> int64_t pair_tiles(const Paired& c, const Finish& f, int64_t p, int64_t column) {
  const int64_t ld = LD ? LD : distance(c.columns), count = pairs(c.steps, c.dilation), plane = count * ld;
  for (; p + R <= count; p += R) {
    vec sum[PRODUCTS][R] = {};
    const float *w = c.weight + column * c.columns * PRODUCTS, *u = c.u + p * ld;
    for (int64_t i = 0; i < c.columns; i++, u++, w += PRODUCTS * LANE) {
#pragma GCC unroll 4
      for (int m = 0; m < PRODUCTS; m++) {
        const vec row = load(w + m * LANE);
        const float* x = u + m * plane;
#pragma GCC unroll 6
        for (int r = 0; r < R; r++) sum[m][r] = fma(all(x[r * ld]), row, sum[m][r]);
      }
    }
    const vec bias = load(c.bias + column);
#pragma GCC unroll 6
    for (int r = 0; r < R; r++) {
      const int64_t t = first_step(p + r, c.dilation);
      finish(f, t * f.ld + column, bias + (sum[0][r] + sum[1][r] + sum[2][r]));
      if (t + c.dilation < c.steps)
        finish(f, (t + c.dilation) * f.ld + column, bias + (sum[1][r] - sum[2][r] - sum[3][r]));
    }
  }
  return p;
}

template <int LD> void pair_groups(const Paired& c, const Finish& f) {
  for (int64_t column = 0; column < c.columns; column += LANE) {
    int64_t p = pair_tiles<6, LD>(c, f, 0, column);
    p = pair_tiles<4, LD>(c, f, p, column);
    p = pair_tiles<2, LD>(c, f, p, column);
    pair_tiles<1, LD>(c, f, p, column);
  }
}

void convolve_pairs(const Paired& c, const Finish& f) {
  switch (distance(c.columns)) {
    case 32: return pair_groups<32>(c, f);
    case 64: return pair_groups<64>(c, f);
    case 128: return pair_groups<128>(c, f);
    default: return pair_groups<0>(c, f);
  }
}

#endif

}  // namespace
