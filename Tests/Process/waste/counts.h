// What one process counts, as it lies in the file that a test maps. All words are little-endian
// 64-bit; `counting.py` has the same layout.
#ifndef CATENA_WASTE_COUNTS_H
#define CATENA_WASTE_COUNTS_H

#include <stdatomic.h>
#include <stdint.h>

#define COUNTS_MAGIC 0x31454E4F44455341ull
#define PLACES 1024  // a power of two
#define DEPTH 6      // callers kept of each place

enum kind {
    ALLOCATE,  // malloc, calloc, realloc and the aligned kinds
    FREE,
    OBJECT,  // swift_allocObject; its malloc counts as ALLOCATE too
    RETAIN,
    RELEASE,
    ACCESS,     // swift_beginAccess: an exclusivity check at run time
    COPY_SMALL, // memcpy and memmove below PAYLOAD_BYTES
    COPY_PAYLOAD,
    KINDS
};

// A header is 128 bytes and a control payload below 512; a page is the least of a payload.
#define PAYLOAD_BYTES 1024

struct place {
    _Atomic uint64_t key;  // 0: free
    _Atomic uint64_t kind;
    _Atomic uint64_t count;
    _Atomic uint64_t callers[DEPTH];
};

struct counts {
    uint64_t magic;
    _Atomic uint64_t threads;  // how many threads of the wanted name were met
    _Atomic uint64_t count[KINDS];
    _Atomic uint64_t bytes[KINDS];  // of allocations and copies
    _Atomic uint64_t lost;          // places that found no room in the table
    struct place places[PLACES];
};

#endif
