// liburing 2.3 for Swift, and what Swift's importer or that version leaves out.
//
// Constants that are newer than the Debian 12 header carry the kernel version that brought them; whoever uses one probes
// for it first. Swift cannot import IOSQE_* (an anonymous enum used by shifts) or io_uring_for_each_cqe (a macro).
#pragma once
#include <fcntl.h>
// Before liburing.h, whose own copy has the same include guard: another module of the same program (swift-system's) takes
// the system's, and clang refuses two definitions of one struct.
#include <linux/io_uring.h>
#include <liburing.h>
#include <linux/falloc.h>
#include <linux/stat.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

// glibc shows O_DIRECT under _GNU_SOURCE only, which the rest of this module must not set.
static const int CURING_O_DIRECT = __O_DIRECT;
// glibc shows it under _GNU_SOURCE only (renameat2.2).
static const unsigned CURING_RENAME_NOREPLACE = 1U << 0;
static const int CURING_EFD_CLOEXEC = EFD_CLOEXEC;
static const unsigned char CURING_FIXED_FILE = 1U << IOSQE_FIXED_FILE_BIT;
// SEND_ZC: ask the notification to say whether the kernel copied after all (Linux 6.2).
static const unsigned short CURING_SEND_ZC_REPORT_USAGE = 1U << 3;
static const unsigned CURING_NOTIF_USAGE_ZC_COPIED = 1U << 31;
// NOP that completes with the result given in `len` (Linux 6.10); the way to inject an errno on a real ring.
static const unsigned CURING_NOP_INJECT_RESULT = 1U << 0;

// One completion, copied out of the ring so that its entry can be given back at once.
typedef struct {
  unsigned long long user_data;
  int res;
  unsigned flags;
} curing_completion;

// Copies up to `limit` completions and advances the queue once.
static inline unsigned curing_reap(struct io_uring *ring, curing_completion *out, unsigned limit) {
  struct io_uring_cqe *cqe;
  unsigned head, count = 0;
  io_uring_for_each_cqe(ring, head, cqe) {
    if (count == limit) break;
    out[count].user_data = cqe->user_data;
    out[count].res = cqe->res;
    out[count].flags = cqe->flags;
    count++;
  }
  io_uring_cq_advance(ring, count);
  return count;
}

static inline unsigned curing_overflow(struct io_uring *ring) { return *ring->cq.koverflow; }

// Asks for the result as the lowest free fixed file. Swift imports the field's union under no stable name, and
// liburing 2.3's io_uring_prep_*_direct add one to IORING_FILE_INDEX_ALLOC, which makes it 0: a plain descriptor.
static inline void curing_set_direct(struct io_uring_sqe *sqe) {
  sqe->file_index = IORING_FILE_INDEX_ALLOC;
}

static inline void curing_prep_nop_result(struct io_uring_sqe *sqe, int result) {
  io_uring_prep_nop(sqe);
  sqe->len = (unsigned)result;
  sqe->rw_flags = (int)CURING_NOP_INJECT_RESULT;
}

// The calling thread's name as top and perf show it; prctl is variadic, which Swift cannot call.
static inline void curing_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }

// The CPUs the calling thread may run on, one bit each; glibc's functions need _GNU_SOURCE. Return -1 and errno, as they do.
static inline long curing_get_affinity(unsigned long *mask, unsigned long bytes) {
  return syscall(SYS_sched_getaffinity, 0, bytes, mask);
}
static inline long curing_set_affinity(const unsigned long *mask, unsigned long bytes) {
  return syscall(SYS_sched_setaffinity, 0, bytes, mask);
}

// When a file was made, nanoseconds; 0 where its file system does not say (statx.2).
static inline unsigned long long curing_birth_time(int file) {
  struct statx facts;
  if (syscall(SYS_statx, file, "", 0x1000 /* AT_EMPTY_PATH */, STATX_BTIME, &facts) != 0) return 0;
  if (!(facts.stx_mask & STATX_BTIME)) return 0;
  return (unsigned long long)facts.stx_btime.tv_sec * 1000000000ULL + facts.stx_btime.tv_nsec;
}

// io_uring_register(2) for what is newer than liburing 2.3.
static inline long curing_register(int ring, unsigned code, void *argument, unsigned count) {
  return syscall(SYS_io_uring_register, ring, code, argument, count);
}
