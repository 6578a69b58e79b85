// SPDX-License-Identifier: Apache-2.0
//
// libpcap, and three calls of the C library which Swift cannot import: `prctl` has a
// variable argument list, and `capget` and `capset` stand in no header of glibc.
#include <pcap/pcap.h>
#include <linux/capability.h>
#include <sys/prctl.h>

extern int capget(cap_user_header_t header, cap_user_data_t data);
extern int capset(cap_user_header_t header, const cap_user_data_t data);

static inline int capture_prctl(int option, unsigned long argument) {
    return prctl(option, argument, 0UL, 0UL, 0UL);
}
