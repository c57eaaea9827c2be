// Products of panels: causal convolutions and the gradients of their weights, in tiles that stay in registers.
//
// A panel holds one sequence, a row per step and a column per channel: rows are `ld` floats apart, with PAD rows of
// zeros before the first step and after the last. A convolution sums shifted rows of a panel times the weights of each
// tap. Every sum has the same order whatever tile it is in, so a value does not depend on the number of steps.
#pragma once

#include "vector.h"

namespace {

constexpr int PAD = 12;  // rows of the largest tile

template <typename V> INLINE V read(const float* p) {
  V v;
  memcpy(&v, p, sizeof v);
  return v;
}

template <typename V> INLINE void write(float* p, V v) { memcpy(p, &v, sizeof v); }

// a * b + c, rounded once where the machine can.
template <typename V> INLINE V product(V a, V b, V c) {
#if defined(__AVX512F__)
  if constexpr (sizeof(V) == 64) return (V)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#endif
#if defined(__AVX2__)
  if constexpr (sizeof(V) == 32) return (V)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#endif
  return a * b + c;
}

// Both keep what is no number.
template <typename V> INLINE V relu(V x) { return x < 0 ? V{} : x; }
template <typename V> INLINE V gated(V x, V gate) { return gate <= 0 ? V{} : x; }

INLINE int64_t round8(int64_t n) { return (n + 7) / 8 * 8; }

// Distance of the rows of a panel with n columns: one of few, so that a tile knows it when it is compiled.
INLINE int64_t distance(int64_t n) {
  return n <= 8 ? 8 : n <= 16 ? 16 : n <= 32 ? 32 : n <= 64 ? 64 : n <= 128 ? 128 : round8(n);
}

// Columns are taken in groups of 32, 16 and 8: `group` is the one at `at`, ROWS the most rows of its tiles, so that
// their sums fit the registers.
#if defined(__AVX512F__)
INLINE int64_t group(int64_t left) { return left >= 32 ? 32 : left >= 16 ? 16 : 8; }
template <int WIDTH> constexpr int ROWS = 12;
template <int WIDTH> struct Wide { typedef vec type; };
template <> struct Wide<8> { typedef float type __attribute__((vector_size(32))); };
#elif defined(__AVX2__)
INLINE int64_t group(int64_t left) { return left >= 16 ? 16 : 8; }
template <int WIDTH> constexpr int ROWS = WIDTH == 16 ? 6 : 12;
template <int WIDTH> struct Wide { typedef vec type; };
#else
INLINE int64_t group(int64_t) { return 8; }
template <int WIDTH> constexpr int ROWS = 6;
template <int WIDTH> struct Wide { typedef vec type; };
#endif

// What becomes of the sums; all panels have the distance `ld`.
struct Finish {
  enum Kind {
    SUM,       // out = sum
    RELU,      // out = relu(sum)
    RESIDUAL,  // out = relu(sum), second = relu(out + add)
    GATE,      // out = sum where gate > 0
    GATES,     // out = sum + add where gate > 0, second = out where gate2 > 0
  } kind;
  int64_t ld;
  float* out;
  float* second;
  const float *add, *gate, *gate2;
};

template <typename V> INLINE void finish(const Finish& f, int64_t at, V v) {
  switch (f.kind) {
    case Finish::SUM: break;
    case Finish::RELU: v = relu(v); break;
    case Finish::RESIDUAL:
      v = relu(v);
      write<V>(f.second + at, relu(v + read<V>(f.add + at)));
      break;
    case Finish::GATE: v = gated(v, read<V>(f.gate + at)); break;
    case Finish::GATES:
      v = gated(v + read<V>(f.add + at), read<V>(f.gate + at));
      write<V>(f.second + at, gated(v, read<V>(f.gate2 + at)));
      break;
  }
  write<V>(f.out + at, v);
}

// sum[t] = bias + the sum over taps j of in[t + first + j * shift] times weight[j].
struct Convolution {
  const float* in;      // panel, at its first step
  int64_t ld, inputs;   // distance of its rows, its columns
  const float* weight;  // [group][taps][inputs][columns of the group]
  const float* bias;    // [columns]
  int64_t columns, taps, first, shift, steps;
};

template <int WIDTH, int R, int LD>
INLINE void tile(const Convolution& c, const Finish& f, const float* weight, int64_t t, int64_t column) {
  typedef typename Wide<WIDTH>::type V;
  constexpr int L = sizeof(V) / sizeof(float), N = WIDTH / L;
  const int64_t ld = LD ? LD : c.ld;
  V sum[R][N];
#pragma GCC unroll 12
  for (int r = 0; r < R; r++)
#pragma GCC unroll 2
    for (int n = 0; n < N; n++) sum[r][n] = read<V>(c.bias + column + n * L);
  for (int64_t j = 0; j < c.taps; j++) {
    const int64_t from = t + c.first + j * c.shift;
    if (from + R <= 0 || from >= c.steps) continue;  // zeros only
    const float* in = c.in + from * ld;
    const float* w = weight + j * c.inputs * WIDTH;
    for (int64_t i = 0; i < c.inputs; i++, in++, w += WIDTH) {
      V row[N];
#pragma GCC unroll 2
      for (int n = 0; n < N; n++) row[n] = read<V>(w + n * L);
#pragma GCC unroll 12
      for (int r = 0; r < R; r++)
#pragma GCC unroll 2
        for (int n = 0; n < N; n++) sum[r][n] = product<V>(in[r * ld] - V{}, row[n], sum[r][n]);
    }
  }
#pragma GCC unroll 12
  for (int r = 0; r < R; r++)
#pragma GCC unroll 2
    for (int n = 0; n < N; n++) {
      const int64_t at = (t + r) * f.ld + column + n * L;
      finish(f, at, sum[r][n]);
    }
}

template <int WIDTH, int R, int LD>
__attribute__((noinline)) int64_t tiles(
    const Convolution& c, const Finish& f, const float* weight, int64_t t, int64_t column) {
  for (; t + R <= c.steps; t += R) tile<WIDTH, R, LD>(c, f, weight, t, column);
  return t;
}

// All steps of one group of columns, in tiles of like size: 50 steps are 5 of 10 rather than 4 of 12 and one of 2.
template <int WIDTH, int LD>
void one_group(const Convolution& c, const Finish& f, const float* weight, int64_t column) {
  constexpr int MOST = ROWS<WIDTH>;
  const int64_t count = (c.steps + MOST - 1) / MOST, even = (c.steps + count - 1) / count;
  int64_t t = 0;
  if constexpr (MOST == 12) {
    if (even > 10) t = tiles<WIDTH, 12, LD>(c, f, weight, t, column);
    if (even > 8) t = tiles<WIDTH, 10, LD>(c, f, weight, t, column);
    if (even > 6) t = tiles<WIDTH, 8, LD>(c, f, weight, t, column);
  }
  if (even > 5) t = tiles<WIDTH, 6, LD>(c, f, weight, t, column);
  t = tiles<WIDTH, 5, LD>(c, f, weight, t, column);
  t = tiles<WIDTH, 3, LD>(c, f, weight, t, column);
  tiles<WIDTH, 1, LD>(c, f, weight, t, column);
}

template <int LD> void all_groups(const Convolution& c, const Finish& f) {
  for (int64_t at = 0, width; at < c.columns; at += width) {
    width = group(c.columns - at);
    const float* weight = c.weight + at * c.taps * c.inputs;
#if defined(__AVX512F__)
    if (width == 32) one_group<32, LD>(c, f, weight, at);
#endif
#if defined(__AVX2__)
    if (width == 16) one_group<16, LD>(c, f, weight, at);
#endif
    if (width == 8) one_group<8, LD>(c, f, weight, at);
  }
}

void convolve(const Convolution& c, const Finish& f) {
  switch (c.ld) {
    case 8: return all_groups<8>(c, f);
    case 16: return all_groups<16>(c, f);
    case 32: return all_groups<32>(c, f);
    case 64: return all_groups<64>(c, f);
    case 128: return all_groups<128>(c, f);
    default: return all_groups<0>(c, f);
  }
}

// gradient[i][o] += the sum over rows of in[row][i] * out[row][o], for all inputs i and columns o.
struct Outer {
  const float* in;
  int64_t ld_in, inputs;
  const float* out;
  int64_t ld_out, columns, rows;
  float* gradient;  // [inputs][columns]
};

template <int WIDTH, int I> __attribute__((noinline)) void inputs_at(const Outer& g, int64_t i, int64_t column) {
  typedef typename Wide<WIDTH>::type V;
  constexpr int L = sizeof(V) / sizeof(float), N = WIDTH / L;
  const float *in = g.in + i, *out = g.out + column;
  V sum[I][N] = {};
  for (int64_t t = 0; t < g.rows; t++, in += g.ld_in, out += g.ld_out) {
    V row[N];
#pragma GCC unroll 2
    for (int n = 0; n < N; n++) row[n] = read<V>(out + n * L);
#pragma GCC unroll 12
    for (int r = 0; r < I; r++)
#pragma GCC unroll 2
      for (int n = 0; n < N; n++) sum[r][n] = product<V>(in[r] - V{}, row[n], sum[r][n]);
  }
#pragma GCC unroll 12
  for (int r = 0; r < I; r++)
#pragma GCC unroll 2
    for (int n = 0; n < N; n++) {
      float* to = g.gradient + (i + r) * g.columns + column + n * L;
      write<V>(to, read<V>(to) + sum[r][n]);
    }
}

template <int WIDTH> void all_inputs(const Outer& g, int64_t column) {
  int64_t i = 0;
  if constexpr (ROWS<WIDTH> == 12)
    for (; i + 8 <= g.inputs; i += 8) inputs_at<WIDTH, 8>(g, i, column);
  for (; i + 5 <= g.inputs; i += 5) inputs_at<WIDTH, 5>(g, i, column);
  for (; i + 3 <= g.inputs; i += 3) inputs_at<WIDTH, 3>(g, i, column);
  for (; i < g.inputs; i++) inputs_at<WIDTH, 1>(g, i, column);
}

void outer(const Outer& g) {
  for (int64_t at = 0, width; at < g.columns; at += width) {
    width = group(g.columns - at);
#if defined(__AVX512F__)
    if (width == 32) all_inputs<32>(g, at);
#endif
#if defined(__AVX2__)
    if (width == 16) all_inputs<16>(g, at);
#endif
    if (width == 8) all_inputs<8>(g, at);
  }
}

// to[o] += the sum over rows of in[row][o], for N vectors of columns and then for those that are left.
template <int N> INLINE void add_rows_of(const float* in, int64_t ld, int64_t columns, int64_t rows, float* to) {
  typedef Wide<8>::type V;
  constexpr int L = sizeof(V) / sizeof(float);
  for (; columns >= N * L; columns -= N * L, in += N * L, to += N * L) {
    V sum[N] = {};
    for (int64_t t = 0; t < rows; t++)
#pragma GCC unroll 8
      for (int n = 0; n < N; n++) sum[n] += read<V>(in + t * ld + n * L);
    for (int n = 0; n < N; n++) write<V>(to + n * L, read<V>(to + n * L) + sum[n]);
  }
  if constexpr (N > 1) add_rows_of<N / 2>(in, ld, columns, rows, to);
}

// The same for all columns.
void add_rows(const float* in, int64_t ld, int64_t columns, int64_t rows, float* to) {
  add_rows_of<8>(in, ld, columns, rows, to);
}

}  // namespace
