// SPDX-License-Identifier: Apache-2.0
// The entry of libFuzzer, which no installed header declares (llvm.org/docs/LibFuzzer.html, "Using libFuzzer
// as a library").
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*run)(const uint8_t *octets, size_t count));
