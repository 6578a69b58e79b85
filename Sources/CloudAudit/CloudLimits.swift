// SPDX-License-Identifier: Apache-2.0
//
// What bounds the reading of audit logs.

package import JSON

/// Limits of files and records, each with its reason.
package enum CloudLimits {
    /// Octets of one record. CloudTrail's own limit is 256 KiB; others are smaller.
    package static let recordBytesMax = 1 << 20
    /// Objects and arrays within each other of one record; real ones reach 12.
    package static let depthMax = 64
    package static let json = JSONLimits(depthMax: depthMax, bytesMax: recordBytesMax, nodesMax: 1 << 18)
    /// Octets that one file unpacks to.
    package static let unpackedBytesMax = 16 << 30
    /// What a packed octet may unpack to, once `ratioGraceBytes` are there. Audit logs reach 30, zlib itself 1030.
    package static let ratioMax = 250
    package static let ratioGraceBytes = 64 << 20
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
