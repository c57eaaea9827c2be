// Vectors of floats as wide as the instruction set has them, and functions of them. Included once per set.
//
// Every sum and product is written out (contraction is off), so a value does not depend on which function computed it.
// Comparisons let NaN pass: what goes in as NaN comes out as NaN.
#pragma once

#include <stdint.h>
#include <string.h>

#ifdef SEQANOM_X86
#pragma GCC diagnostic ignored "-Wuninitialized"  // gcc 12 warns about its own header
#include <immintrin.h>
#endif

#define SEQANOM_JOIN2(a, b) a##_##b
#define SEQANOM_JOIN(a, b) SEQANOM_JOIN2(a, b)
// NAME(f) is the exported name f_avx2 and so on.
#define NAME(function) SEQANOM_JOIN(function, SEQANOM_SET)
#define EXPORT extern "C" __attribute__((visibility("default")))
#define INLINE static inline __attribute__((always_inline))
// For the innermost products: within a large function the compiler keeps fewer of their sums in registers.
#define ALONE static __attribute__((noinline))

namespace {

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX2__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif

// While one lives, floats nearer to 0 than 1.2e-38 are 0, as operands and as results. Gradients that vanish over many
// steps end there, and processors take up to a hundred times as long for such numbers.
struct Flush {
#if defined(SEQANOM_X86)
  const unsigned before = _mm_getcsr();
  Flush() { _mm_setcsr(before | 0x8040); }  // results, operands
  ~Flush() { _mm_setcsr(before); }
#elif defined(__aarch64__)
  uint64_t before;
  Flush() {
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    set(before | 1 << 24);
  }
  ~Flush() { set(before); }
  static void set(uint64_t value) { __asm__ volatile("msr fpcr, %0" : : "r"(value)); }
#endif
};

typedef float vec __attribute__((vector_size(LANES * 4)));
typedef int32_t ivec __attribute__((vector_size(LANES * 4)));

INLINE vec load(const float* p) {
  vec v;
  memcpy(&v, p, sizeof v);
  return v;
}

INLINE void store(float* p, vec v) { memcpy(p, &v, sizeof v); }

INLINE vec all(float value) { return value - vec{}; }

// a * b + c, rounded once where the machine can.
INLINE vec fma(vec a, vec b, vec c) {
#if defined(__AVX512F__)
  return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

INLINE vec choose(ivec where, vec yes, vec no) { return (vec)((where & (ivec)yes) | (~where & (ivec)no)); }

// The smaller, the larger of `limit` and x; NaN where x is NaN.
INLINE vec at_most(vec limit, vec x) {
#if defined(__AVX512F__)
  return (vec)_mm512_min_ps((__m512)limit, (__m512)x);
#elif defined(__AVX2__)
  return (vec)_mm256_min_ps((__m256)limit, (__m256)x);
#else
  return choose(limit < x, limit, x);
#endif
}

INLINE vec at_least(vec limit, vec x) {
#if defined(__AVX512F__)
  return (vec)_mm512_max_ps((__m512)limit, (__m512)x);
#elif defined(__AVX2__)
  return (vec)_mm256_max_ps((__m256)limit, (__m256)x);
#else
  return choose(limit > x, limit, x);
#endif
}

// The lanes added up, always in the same order.
INLINE float sum(vec v) {
  float lane[LANES];
  memcpy(lane, &v, sizeof v);
  for (int half = LANES / 2; half; half /= 2)
    for (int i = 0; i < half; i++) lane[i] += lane[i + half];
  return lane[0];
}

// From here on tanh is 1: where the rational function first rounds to it.
#if defined(__FMA__)
constexpr float TANH_IS_ONE = 7.99881172180175781f;
#else
constexpr float TANH_IS_ONE = 7.90531110763549805f;
#endif

// tanh by a rational function of degrees 13 and 6, to 4e-7 of the value, and exactly 1 in size where it saturates, so
// that gradients end there. Source of the numbers: Eigen, MathFunctionsImpl.h.
INLINE vec tanh(vec x) {
  x = at_least(all(-TANH_IS_ONE), at_most(all(TANH_IS_ONE), x));
  const vec s = x * x;
  vec p = fma(s, all(-2.76076847742355e-16f), all(2.00018790482477e-13f));
  p = fma(s, p, all(-8.60467152213735e-11f));
  p = fma(s, p, all(5.12229709037114e-08f));
  p = fma(s, p, all(1.48572235717979e-05f));
  p = fma(s, p, all(6.37261928875436e-04f));
  p = fma(s, p, all(4.89352455891786e-03f));
  vec q = fma(s, all(1.19825839466702e-06f), all(1.18534705686654e-04f));
  q = fma(s, q, all(2.26843463243900e-03f));
  q = fma(s, q, all(4.89352518554385e-03f));
  return x * p / q;
}

// exp to 2 units in the last place; 0 below -87.3, infinite above 88.7. Source: Cephes, single/expf.c.
INLINE vec exp(vec x) {
  const vec kept = at_least(all(-87.33654f), at_most(all(88.72284f), x));
  const vec shift = all(12582912.0f);  // 1.5 * 2^23: adding it rounds to a whole number
  const vec shifted = fma(kept, all(1.44269504088896341f), shift);
  const vec n = shifted - shift;
  vec r = fma(n, all(-0.693359375f), kept);
  r = fma(n, all(2.12194440e-4f), r);
  vec p = fma(r, all(1.9875691500e-4f), all(1.3981999507e-3f));
  p = fma(r, p, all(8.3334519073e-3f));
  p = fma(r, p, all(4.1665795894e-2f));
  p = fma(r, p, all(1.6666665459e-1f));
  p = fma(r, p, all(5.0000001201e-1f));
  p = fma(r * r, p, r + 1);
  // times 2^n, in two halves because 2^128 is not a float
  const ivec whole = (ivec)shifted - (ivec)shift, half = whole >> 1;
  p = p * (vec)((half + 127) << 23) * (vec)((whole - half + 127) << 23);
  p = choose(x < all(-87.33654f), vec{}, p);
  p = choose(x > all(88.72284f), all(__builtin_inff()), p);
  return choose(x != x, x, p);
}

// log(1 + f) for f in [0, 1] as 2 atanh(f / (2 + f)), to 2e-7 of the value.
INLINE vec log1p(vec f) {
  const vec s = f / (f + 2), z = s * s;  // z up to 1/9
  vec p = fma(z, all(1 / 17.0f), all(1 / 15.0f));
  p = fma(z, p, all(1 / 13.0f));
  p = fma(z, p, all(1 / 11.0f));
  p = fma(z, p, all(1 / 9.0f));
  p = fma(z, p, all(1 / 7.0f));
  p = fma(z, p, all(1 / 5.0f));
  p = fma(z, p, all(1 / 3.0f));
  return 2 * fma(s * z, p, s);
}

// log of finite numbers of at least 1; infinity and NaN stay.
INLINE vec log(vec x) {
  const ivec bits = (ivec)x, n = (bits >> 23) - 127;
  const vec m = (vec)((bits & 0x007fffff) | 0x3f800000);  // [1, 2)
  const vec y = fma(__builtin_convertvector(n, vec), all(0.693147180559945f), log1p(m - 1));
  return choose(x < all(__builtin_inff()), y, x);
}

}  // namespace
