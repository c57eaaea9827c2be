// What this machine can run, and what was compiled: the only part that is compiled once, without an instruction set of
// its own.

extern "C" __attribute__((visibility("default"))) int seqanom_has(int set) {
  // set: 0 plain, 1 avx2, 2 avx512; the operating system's support is part of the answer
  if (set == 0) return 1;
#ifdef SEQANOM_X86
  __builtin_cpu_init();
  if (set == 1) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (set == 2)
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
#endif
  return 0;
}

extern "C" __attribute__((visibility("default"))) unsigned seqanom_sources() {
  return SEQANOM_SOURCES;  // checksum of what was compiled
}
