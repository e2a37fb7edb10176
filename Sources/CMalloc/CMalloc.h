// glibc's malloc parameters, which Swift's Glibc module leaves out.
#pragma once
#include <malloc.h>

// An allocation from this length on is a mapping of its own, which goes back to the system when it is freed. Set by
// hand, the threshold stays where it is: by itself it grows with the first long allocation that is freed.
static inline int cmalloc_map_from(int bytes) { return mallopt(M_MMAP_THRESHOLD, bytes); }
