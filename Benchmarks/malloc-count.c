// SPDX-License-Identifier: Apache-2.0
// Reads   nothing.
// Writes  one line to standard error when the process ends: `malloc-count: CALLS BYTES`.
// Leaves  what is freed: a figure of the packet path is the difference of two runs.
//
// Preloaded by Benchmarks/replay. Counts every request for memory that goes through the C library, which in a Swift
// program is every one. glibc's own names are called, so that nothing has to be looked up while memory is asked for.

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

static atomic_ulong calls;
static atomic_ulong octets;

static void note(size_t size) {
    atomic_fetch_add_explicit(&calls, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&octets, size, memory_order_relaxed);
}

void *malloc(size_t size) {
    note(size);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    note(count * size);
    return __libc_calloc(count, size);
}

void *realloc(void *pointer, size_t size) {
    note(size);
    return __libc_realloc(pointer, size);
}

void *memalign(size_t alignment, size_t size) {
    note(size);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    note(size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **pointer, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0) {
        return EINVAL;
    }
    note(size);
    void *made = __libc_memalign(alignment, size);
    if (made == NULL) {
        return ENOMEM;
    }
    *pointer = made;
    return 0;
}

// dprintf takes no memory from the heap for a line this short, and standard error may be closed: then nothing is said.
__attribute__((destructor)) static void report(void) {
    unsigned long calls_now = atomic_load(&calls), octets_now = atomic_load(&octets);
    dprintf(STDERR_FILENO, "\nmalloc-count: %lu %lu\n", calls_now, octets_now);
}
