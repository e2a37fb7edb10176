// A library for LD_PRELOAD that counts what a thread of a given name does beside its work:
// allocations, retains and releases, exclusivity checks, copies. The counts lie in a mapped file,
// so that a test reads them while the process runs.
//
//   CATENA_COUNTS         a folder, where the file is named after the process; PID.maps beside it
//   CATENA_COUNTS_THREAD  how the names of the threads that count begin (comm, 15 characters)
//
// Its functions are found before their owners' definitions (ld.so(8), LD_PRELOAD) by every call
// that goes from one object to another. Not seen are retains that libswiftCore makes inside itself,
// and copies of a few words that the compiler makes of instructions.
#define _GNU_SOURCE
#include "counts.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define ALWAYS __attribute__((always_inline)) static inline

// glibc's own names for what is replaced here.
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

static struct counts *counts;
static const char *wanted;
static size_t wanted_length;
static void *(*real_memcpy)(void *, const void *, size_t);
static void *(*real_memmove)(void *, const void *, size_t);

// initial-exec: the first use of a thread-local of a library that was opened late may allocate.
#define LOCAL static __thread __attribute__((tls_model("initial-exec")))
LOCAL enum { UNKNOWN, COUNTS, OTHER } state;
LOCAL uint32_t asked;
LOCAL uintptr_t stack_end;

// A thread gets its name after it has begun: an unknown one is asked again, ever more rarely.
static bool ask(void) {
    if (state == OTHER || !counts) return false;
    asked++;
    if (asked > 1000 && asked % 1000 != 0) return false;
    char name[16] = "";
    prctl(PR_GET_NAME, name);
    if (strncmp(name, wanted, wanted_length) != 0) return false;
    state = OTHER;  // what the next lines allocate is not the thread's
    pthread_attr_t attributes;
    void *base;
    size_t size;
    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        if (pthread_attr_getstack(&attributes, &base, &size) == 0)
            stack_end = (uintptr_t)base + size;
        pthread_attr_destroy(&attributes);
    }
    state = COUNTS;
    atomic_fetch_add(&counts->threads, 1);
    return true;
}

ALWAYS bool is_counted(void) { return __builtin_expect(state == COUNTS, 0) || ask(); }

// Follows the frame pointers, which Swift's code keeps; ends where they leave the stack.
static void note_place(enum kind kind, void **frame, uint64_t first) {
    uint64_t callers[DEPTH] = {first};
    uint64_t key = (first ^ ((uint64_t)kind << 56)) * 0x9E3779B97F4A7C15ull;
    int depth = 1;
    while (depth < DEPTH) {
        uintptr_t at = (uintptr_t)frame;
        if (at < (uintptr_t)__builtin_frame_address(0) || at + 16 > stack_end || at % 8) break;
        void **next = frame[0];
        callers[depth] = (uint64_t)frame[1];
        key = (key ^ callers[depth]) * 0x9E3779B97F4A7C15ull;
        depth++;
        if (next <= frame) break;
        frame = next;
    }
    key |= 1;
    for (uint64_t step = 0; step < 32; step++) {
        struct place *place = &counts->places[((key >> 40) + step) % PLACES];
        uint64_t found = 0;
        if (atomic_compare_exchange_strong(&place->key, &found, key)) {
            atomic_store(&place->kind, kind);
            for (int i = 0; i < DEPTH; i++) atomic_store(&place->callers[i], callers[i]);
        } else if (found != key) {
            continue;
        }
        atomic_fetch_add(&place->count, 1);
        return;
    }
    atomic_fetch_add(&counts->lost, 1);
}

// A macro, because only the replaced function itself knows its frame. Its caller's address lies
// above the saved frame pointer.
#define NOTE(kind, size)                                                          \
    do {                                                                          \
        if (is_counted()) {                                                       \
            atomic_fetch_add(&counts->count[kind], 1);                            \
            atomic_fetch_add(&counts->bytes[kind], (uint64_t)(size));             \
            void **frame = __builtin_frame_address(0);                            \
            note_place(kind, (void **)frame[0], (uint64_t)__builtin_return_address(0)); \
        }                                                                         \
    } while (0)

EXPORT void *malloc(size_t size) {
    NOTE(ALLOCATE, size);
    return __libc_malloc(size);
}

EXPORT void *calloc(size_t number, size_t size) {
    NOTE(ALLOCATE, number * size);
    return __libc_calloc(number, size);
}

EXPORT void *realloc(void *memory, size_t size) {
    NOTE(ALLOCATE, size);
    return __libc_realloc(memory, size);
}

EXPORT void *memalign(size_t alignment, size_t size) {
    NOTE(ALLOCATE, size);
    return __libc_memalign(alignment, size);
}

EXPORT void *aligned_alloc(size_t alignment, size_t size) {
    NOTE(ALLOCATE, size);
    return __libc_memalign(alignment, size);
}

EXPORT int posix_memalign(void **target, size_t alignment, size_t size) {
    NOTE(ALLOCATE, size);
    void *memory = __libc_memalign(alignment, size);
    if (!memory) return 12;  // ENOMEM
    *target = memory;
    return 0;
}

EXPORT void free(void *memory) {
    if (memory) NOTE(FREE, 0);
    __libc_free(memory);
}

// Before the constructor has run.
static void *move_bytes(void *target, const void *source, size_t count) {
    volatile char *to = target;
    const volatile char *from = source;
    if ((uintptr_t)to <= (uintptr_t)from)
        for (size_t i = 0; i < count; i++) to[i] = from[i];
    else
        for (size_t i = count; i-- > 0;) to[i] = from[i];
    return target;
}

EXPORT void *memcpy(void *restrict target, const void *restrict source, size_t count) {
    NOTE(count < PAYLOAD_BYTES ? COPY_SMALL : COPY_PAYLOAD, count);
    return real_memcpy ? real_memcpy(target, source, count) : move_bytes(target, source, count);
}

EXPORT void *memmove(void *target, const void *source, size_t count) {
    NOTE(count < PAYLOAD_BYTES ? COPY_SMALL : COPY_PAYLOAD, count);
    return real_memmove ? real_memmove(target, source, count) : move_bytes(target, source, count);
}

// On arm64 Swift's callers expect these two to keep every register but the result's
// (swift/include/swift/Runtime/RuntimeFunctions.def); on x86-64 they are plain C.
#if defined(__aarch64__)
#define REFCOUNT __attribute__((preserve_most))
#else
#define REFCOUNT
#endif

// X(kind, calling convention, result, name, parameters, arguments, condition under which the call
// does something). Values at or below 0 are immediate (a short string, say): nothing is counted up.
#define IS_OBJECT ((intptr_t)object > 0)
#define RUNTIME(X)                                                                              \
    X(RETAIN, REFCOUNT, void *, swift_retain, (void *object), (object), IS_OBJECT)              \
    X(RETAIN, , void *, swift_retain_n, (void *object, uint32_t n), (object, n), IS_OBJECT)     \
    X(RETAIN, , void *, swift_bridgeObjectRetain, (void *object), (object), IS_OBJECT)          \
    X(RETAIN, , void *, swift_bridgeObjectRetain_n, (void *object, int n), (object, n), IS_OBJECT) \
    X(RETAIN, , void *, swift_unownedRetain, (void *object), (object), IS_OBJECT)               \
    X(RETAIN, , void *, swift_unownedRetainStrong, (void *object), (object), IS_OBJECT)         \
    X(RETAIN, , void *, swift_weakLoadStrong, (void *object), (object), IS_OBJECT)              \
    X(ACCESS, , void, swift_beginAccess, (void *p, void *b, uintptr_t f, void *c),              \
      (p, b, f, c), true)                                                                       \
    X(RELEASE, REFCOUNT, void, swift_release, (void *object), (object), IS_OBJECT)              \
    X(RELEASE, , void, swift_release_n, (void *object, uint32_t n), (object, n), IS_OBJECT)     \
    X(RELEASE, , void, swift_bridgeObjectRelease, (void *object), (object), IS_OBJECT)          \
    X(RELEASE, , void, swift_bridgeObjectRelease_n, (void *object, int n), (object, n), IS_OBJECT) \
    X(RELEASE, , void, swift_unownedRelease, (void *object), (object), IS_OBJECT)               \
    X(RETAIN, , void, swift_arrayInitWithCopy, (void *to, void *from, size_t n, void *type),    \
      (to, from, n, type), n > 0)                                                               \
    X(RELEASE, , void, swift_arrayDestroy, (void *from, size_t n, void *type),                  \
      (from, n, type), n > 0)                                                                   \
    X(OBJECT, , void *, swift_allocObject, (void *type, size_t size, size_t mask),              \
      (type, size, mask), true)

// Libraries that begin before this one call these too.
static bool find(void *pointer, const char *name) {
    void *found = dlsym(RTLD_NEXT, name);
    *(void **)pointer = found;
    return found != NULL;
}

#define DEFINE(kind, convention, result, name, parameters, arguments, condition) \
    static convention result(*real_##name) parameters;                           \
    EXPORT convention result name parameters {                                   \
        if (condition) NOTE(kind, 0);                                            \
        if (__builtin_expect(!real_##name, 0)) find(&real_##name, #name);        \
        return real_##name arguments;                                            \
    }
RUNTIME(DEFINE)

#define FIND(kind, convention, result, name, parameters, arguments, condition) \
    is_whole = find(&real_##name, #name) && is_whole;

static struct counts *map_counts(const char *folder) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%d", folder, (int)getpid());
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (file < 0 || ftruncate(file, sizeof(struct counts)) != 0) return NULL;
    void *memory =
        mmap(NULL, sizeof(struct counts), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    return memory == MAP_FAILED ? NULL : memory;
}

// What lies where, for whoever names the places. Every library that the program is linked with is
// there by now.
static void keep_maps(const char *folder) {
    char path[4096], part[4096];
    snprintf(path, sizeof path, "%s/%d.maps", folder, (int)getpid());
    int from = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    int to = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ssize_t count;
    while ((count = read(from, part, sizeof part)) > 0 && write(to, part, count) == count) {}
    close(from);
    close(to);
}

__attribute__((constructor)) static void begin(void) {
    bool is_whole = find(&real_memcpy, "memcpy") && find(&real_memmove, "memmove");
    RUNTIME(FIND)
    const char *folder = getenv("CATENA_COUNTS");
    wanted = getenv("CATENA_COUNTS_THREAD");
    // A program without Swift's runtime counts nothing, nor one whose runtime lacks a function.
    if (!folder || !wanted || !is_whole) return;
    wanted_length = strlen(wanted);
    keep_maps(folder);
    struct counts *memory = map_counts(folder);
    if (!memory) return;
    memory->magic = COUNTS_MAGIC;
    counts = memory;
}
