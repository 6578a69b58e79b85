// SPDX-License-Identifier: Apache-2.0
//
// liblz4, and what Swift's Glibc leaves out of the C library (syncfs stands behind _GNU_SOURCE).
#include <lz4.h>
#include <malloc.h>

extern int syncfs(int fd);
