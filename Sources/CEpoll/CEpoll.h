// epoll(7), which Swift's Glibc module leaves out. Its packed event stays on this side.
#pragma once
#include <stdint.h>
#include <sys/epoll.h>

enum { cepoll_batch = 256 };
enum { cepoll_add = EPOLL_CTL_ADD, cepoll_change = EPOLL_CTL_MOD, cepoll_remove = EPOLL_CTL_DEL };

struct cepoll_ready {
    uint64_t number;
    int reads;
    int writes;
};

static inline int cepoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

static inline int cepoll_control(int set, int operation, int socket, uint64_t number, int reads, int writes) {
    struct epoll_event event = {.events = (reads ? EPOLLIN : 0) | (writes ? EPOLLOUT : 0), .data = {.u64 = number}};
    return epoll_ctl(set, operation, socket, &event);
}

// What is ready now, at most cepoll_batch; an error or a hang-up is found by reading.
static inline int cepoll_look(int set, struct cepoll_ready *ready) {
    struct epoll_event events[cepoll_batch];
    int count = epoll_wait(set, events, cepoll_batch, 0);
    for (int i = 0; i < count; i++) {
        ready[i].number = events[i].data.u64;
        ready[i].reads = (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0;
        ready[i].writes = (events[i].events & EPOLLOUT) != 0;
    }
    return count;
}
