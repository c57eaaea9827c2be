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
constexpr int64_t LANE = 16;  // columns of a vector
constexpr int MOST = 13;      // pairs of a tile: 26 sums, and what they are made of, fit the registers

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

// Dilations are powers of 2.
INLINE int64_t first_step(int64_t pair, int64_t d) { return 2 * pair - (pair & (d - 1)); }

// Columns of the group that begins with `left` columns to come.
INLINE int64_t pair_group(int64_t left) { return left >= 2 * LANE ? 2 * LANE : LANE; }

// The products' weights, `plane` floats apart, of weights g0, g1, g2 at the earlier, the middle and the own step.
INLINE void pack_products(float g0, float g1, float g2, float* to, int64_t plane) {
  to[0] = g0;
  to[plane] = (g0 + g1 + g2) * 0.5f;
  to[2 * plane] = (g0 - g1 + g2) * 0.5f;
  to[3 * plane] = g2;
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
  const float* weight;  // [group][4][columns][columns of the group]
  const float* bias;    // [columns]
  int64_t columns, dilation, steps;
};

// One of the products of R pairs and N vectors of columns, summed over `inputs` rows of weights, into to [R][N].
template <int R, int N, int LD>
ALONE void sum_product(const float* u, int64_t distance, const float* w, int64_t inputs, vec* to) {
  const int64_t ld = LD ? LD : distance;
  vec sum[R][N] = {};
  for (int64_t i = 0; i < inputs; i++, u++, w += N * LANE) {
    vec row[N];
#pragma GCC unroll 2
    for (int n = 0; n < N; n++) row[n] = load(w + n * LANE);
#pragma GCC unroll 13
    for (int r = 0; r < R; r++) {
      const vec x = all(u[r * ld]);
#pragma GCC unroll 2
      for (int n = 0; n < N; n++) sum[r][n] = fma(x, row[n], sum[r][n]);
    }
  }
#pragma GCC unroll 13
  for (int r = 0; r < R; r++)
#pragma GCC unroll 2
    for (int n = 0; n < N; n++) to[r * N + n] = sum[r][n];
}

// The same for `count` pairs, of which there are R at most.
template <int R, int N, int LD>
INLINE void sum_pairs(int64_t count, const float* u, int64_t distance, const float* w, int64_t inputs, vec* to) {
  if (count == R) return sum_product<R, N, LD>(u, distance, w, inputs, to);
  if constexpr (R > 1) sum_pairs<R - 1, N, LD>(count, u, distance, w, inputs, to);
}

// All pairs of one group of columns, in tiles of like size.
template <int N, int LD> void pair_tiles(const Paired& c, const Finish& f, const float* weight, int64_t column) {
  const int64_t ld = distance(c.columns), count = pairs(c.steps, c.dilation), plane = c.columns * N * LANE;
  vec sum[PRODUCTS][MOST * N];
  for (int64_t p = 0, size, left = (count + MOST - 1) / MOST; p < count; p += size, left--) {
    size = (count - p + left - 1) / left;
    for (int m = 0; m < PRODUCTS; m++)
      sum_pairs<MOST, N, LD>(size, c.u + (m * count + p) * ld, ld, weight + m * plane, c.columns, sum[m]);
    for (int64_t r = 0; r < size; r++) {
      const int64_t t = first_step(p + r, c.dilation), next = t + c.dilation;
      for (int64_t n = 0; n < N; n++) {
        const int64_t k = r * N + n, at = column + n * LANE;
        const vec bias = load(c.bias + at);
        finish(f, t * f.ld + at, bias + (sum[0][k] + sum[1][k] + sum[2][k]));
        if (next < c.steps) finish(f, next * f.ld + at, bias + (sum[1][k] - sum[2][k] - sum[3][k]));
      }
    }
  }
}

template <int LD> void pair_groups(const Paired& c, const Finish& f) {
  for (int64_t at = 0, width; at < c.columns; at += width) {
    width = pair_group(c.columns - at);
    const float* weight = c.weight + at * c.columns * PRODUCTS;
    if (width == LANE) pair_tiles<1, LD>(c, f, weight, at);
    else pair_tiles<2, LD>(c, f, weight, at);
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
