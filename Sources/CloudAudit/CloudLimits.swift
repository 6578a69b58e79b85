// SPDX-License-Identifier: Apache-2.0
//
// What bounds the reading of audit logs.

import Archive
package import JSON

/// Limits of files and records, each with its reason.
package enum CloudLimits {
    /// Octets of one record. CloudTrail's own limit is 256 KiB; others are smaller.
    package static let recordBytesMax = 1 << 20
    /// Objects and arrays within each other of one record; real ones reach 12.
    package static let depthMax = 64
    package static let json = JSONLimits(depthMax: depthMax, bytesMax: recordBytesMax, nodesMax: 1 << 18)
    /// What one file, or all members of one archive, unpacks to.
    static let packed = PackedLimits(plainBytesMax: 16 << 30)
    /// Octets of a damaged stretch that the quarantine keeps.
    package static let excerptBytesMax = 4096
    /// Files of one folder tree.
    package static let filesMax = 1_000_000
    /// Rows of one transaction.
    package static let batchRowsMax = 16_384
    /// Octets of texts of one transaction.
    package static let batchBytesMax = 64 << 20
    /// Days for which the identity of a record is remembered, by the day it was read.
    package static let rememberedDays = 400
    /// Rows of the quarantine; the oldest go.
    package static let quarantineMax = 1_000_000
}
