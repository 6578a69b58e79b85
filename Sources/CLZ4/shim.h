// SPDX-License-Identifier: Apache-2.0
//
// liblz4, and one call of the C library that Swift's Glibc leaves out (it stands behind _GNU_SOURCE).
#include <lz4.h>

extern int syncfs(int fd);
