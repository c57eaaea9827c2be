// Matrix products over blocks of sequences that lie beside each other in the lanes of vectors.
//
// A block is V vectors of LANES sequences. Its values are rows of V * LANES floats, one row per feature or unit. Each
// sum has one order, whatever the tile it is computed in.
#pragma once

#include "vector.h"

namespace {

#if defined(__AVX512F__)
constexpr int SUMS = 16;  // sums that registers hold beside what they are made of
#else
constexpr int SUMS = 8;
#endif

// sums[n] += sum over k of w[k * N + n] * in[k], for N rows and `count` rows k.
template <int N, int V>
INLINE void add_product(vec (*sums)[V], const float* w, const float* in, int64_t count) {
  for (int64_t k = 0; k < count; k++) {
    vec x[V];
    for (int v = 0; v < V; v++) x[v] = load(in + (k * V + v) * LANES);
    for (int n = 0; n < N; n++) {
      const vec factor = all(w[k * N + n]);
      for (int v = 0; v < V; v++) sums[n][v] = fma(factor, x[v], sums[n][v]);
    }
  }
}

// out[r * out_row + c] += sum over steps and lanes of a[step][r] * b[step][c], for R x C pairs of rows.
template <int R, int C, int V>
ALONE void add_pairs_tile(const float* a, int64_t a_step, const float* b, int64_t b_step, int64_t steps, float* out,
                           int64_t out_row) {
  vec sums[R][C] = {};
  for (int64_t t = 0; t < steps; t++, a += a_step, b += b_step)
    for (int v = 0; v < V; v++) {
      vec left[R];
      for (int r = 0; r < R; r++) left[r] = load(a + (r * V + v) * LANES);
      for (int c = 0; c < C; c++) {
        const vec right = load(b + (c * V + v) * LANES);
        for (int r = 0; r < R; r++) sums[r][c] = fma(left[r], right, sums[r][c]);
      }
    }
  for (int r = 0; r < R; r++)
    for (int c = 0; c < C; c++) out[r * out_row + c] += sum(sums[r][c]);
}

template <int R, int C, int V>
static void add_pairs_row(const float* a, int64_t a_step, const float* b, int64_t b_step, int64_t columns,
                          int64_t steps, float* out, int64_t out_row) {
  int64_t c = 0;
  for (; c + C <= columns; c += C)
    add_pairs_tile<R, C, V>(a, a_step, b + c * V * LANES, b_step, steps, out + c, out_row);
  for (; c < columns; c++) add_pairs_tile<R, 1, V>(a, a_step, b + c * V * LANES, b_step, steps, out + c, out_row);
}

// The same for all pairs of `rows` and `columns`; `a_step` and `b_step` floats lie between steps.
template <int V>
static void add_pairs(const float* a, int64_t a_step, int64_t rows, const float* b, int64_t b_step, int64_t columns,
                      int64_t steps, float* out, int64_t out_row) {
  constexpr int R = 4, C = SUMS / R;
  int64_t r = 0;
  for (; r + R <= rows; r += R)
    add_pairs_row<R, C, V>(a + r * V * LANES, a_step, b, b_step, columns, steps, out + r * out_row, out_row);
  for (; r < rows; r++)
    add_pairs_row<1, C, V>(a + r * V * LANES, a_step, b, b_step, columns, steps, out + r * out_row, out_row);
}

// out[r] += sum over steps and lanes of a[step][r].
template <int V>
static void add_rows(const float* a, int64_t a_step, int64_t rows, int64_t steps, float* out) {
  for (int64_t r = 0; r < rows; r++) {
    vec total = {};
    for (int64_t t = 0; t < steps; t++)
      for (int v = 0; v < V; v++) total += load(a + t * a_step + (r * V + v) * LANES);
    out[r] += sum(total);
  }
}

// to[i * to_row + r] = from[r * from_row + i] for `rows` rows r of `count` values i.
template <typename Value>
static void turn(const Value* from, int64_t from_row, int64_t rows, int64_t count, float* to, int64_t to_row) {
  for (int64_t i = 0; i < count; i++)
    for (int64_t r = 0; r < rows; r++) to[i * to_row + r] = static_cast<float>(from[r * from_row + i]);
}

#ifdef SEQANOM_X86
template <>
void turn(const float* from, int64_t from_row, int64_t rows, int64_t count, float* to, int64_t to_row) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4, from += 4 * from_row, to += 4) {
    int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
      __m128 a = _mm_loadu_ps(from + i), b = _mm_loadu_ps(from + from_row + i);
      __m128 c = _mm_loadu_ps(from + 2 * from_row + i), d = _mm_loadu_ps(from + 3 * from_row + i);
      _MM_TRANSPOSE4_PS(a, b, c, d);
      _mm_storeu_ps(to + i * to_row, a);
      _mm_storeu_ps(to + (i + 1) * to_row, b);
      _mm_storeu_ps(to + (i + 2) * to_row, c);
      _mm_storeu_ps(to + (i + 3) * to_row, d);
    }
    for (; i < count; i++)
      for (int64_t k = 0; k < 4; k++) to[i * to_row + k] = from[k * from_row + i];
  }
  for (; r < rows; r++, from += from_row, to++)
    for (int64_t i = 0; i < count; i++) to[i * to_row] = from[i];
}
#endif

// `rows` rows of `count` values each become lanes of a block: to[i][row] = from[row][i], zeros past the last row.
template <typename Value>
static void into_lanes(const Value* from, int64_t from_row, int64_t rows, int64_t count, float* to, int64_t lanes) {
  if (rows < lanes) memset(to, 0, count * lanes * sizeof(float));
  turn(from, from_row, rows, count, to, lanes);
}

// Floats that are turned at once, or those of one step if they are more.
constexpr int64_t TURNED = 1 << 14;

// How many steps that are.
template <int V>
INLINE int64_t turned_steps(int64_t columns) {
  const int64_t steps = TURNED / (columns * V * LANES);
  return steps ? steps : 1;
}

// Whole groups of LANES rows of b, so that those of one sequence lie beside each other: [group][step][lane][LANES].
template <int V>
static void turn_groups(const float* b, int64_t b_step, int64_t columns, int64_t steps, float* turned) {
  for (int64_t c = 0; c + LANES <= columns; c += LANES)
    for (int64_t t = 0; t < steps; t++, turned += V * LANES * LANES)
      turn(b + t * b_step + c * V * LANES, V * LANES, LANES, V * LANES, turned, LANES);
}

// What add_pairs adds, for R rows and C groups of columns that were turned: nothing is left to add up over lanes.
template <int R, int C, int V>
ALONE void add_groups_tile(const float* a, int64_t a_step, const float* turned, int64_t steps, float* out,
                            int64_t out_row) {
  const int64_t group = steps * V * LANES * LANES;
  vec sums[R][C] = {};
  for (int64_t t = 0; t < steps; t++, a += a_step)
    for (int lane = 0; lane < V * LANES; lane++, turned += LANES) {
      vec right[C];
      for (int c = 0; c < C; c++) right[c] = load(turned + c * group);
      for (int r = 0; r < R; r++) {
        const vec left = all(a[r * V * LANES + lane]);
        for (int c = 0; c < C; c++) sums[r][c] = fma(left, right[c], sums[r][c]);
      }
    }
  for (int r = 0; r < R; r++)
    for (int c = 0; c < C; c++) {
      float* const at = out + r * out_row + c * LANES;
      store(at, load(at) + sums[r][c]);
    }
}

template <int R, int C, int V>
static void add_groups_rows(const float* a, int64_t a_step, int64_t rows, const float* turned, int64_t steps,
                            float* out, int64_t out_row) {
  int64_t r = 0;
  for (; r + R <= rows; r += R)
    add_groups_tile<R, C, V>(a + r * V * LANES, a_step, turned, steps, out + r * out_row, out_row);
  if constexpr (R > 1)
    add_groups_rows<R / 2, C, V>(a + r * V * LANES, a_step, rows - r, turned, steps, out + r * out_row, out_row);
}

// The same for all rows and all whole groups of `columns`.
template <int V>
static void add_groups(const float* a, int64_t a_step, int64_t rows, const float* turned, int64_t columns,
                       int64_t steps, float* out, int64_t out_row) {
  int64_t c = 0;
  for (; c + 2 * LANES <= columns; c += 2 * LANES, turned += 2 * steps * V * LANES * LANES)
    add_groups_rows<SUMS / 2, 2, V>(a, a_step, rows, turned, steps, out + c, out_row);
  if (c + LANES <= columns) add_groups_rows<SUMS, 1, V>(a, a_step, rows, turned, steps, out + c, out_row);
}

}  // namespace
