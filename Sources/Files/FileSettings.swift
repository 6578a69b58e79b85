// SPDX-License-Identifier: Apache-2.0
//
// What can be chosen about files: limits and time-outs.
//
// Reads   nothing: the configuration fills it in.
// Writes  nothing.
// Leaves  the text forms of values to the configuration.

import Records

/// Limits of the file layer; every one is a key of the configuration. The defaults are Zeek's
/// where Zeek has the limit (scripts/base/init-bare.zeek).
package struct FileSettings: Sendable {
    /// Files at work at once, each worker.
    package var openMax = 65_536
    /// Silence that ends a file (`default_file_timeout_interval`).
    package var idle = 120 * second
    /// Octets of one file held out of order (`Files::reassembly_buffer_size`).
    package var reassemblyBytesMax = 524_288
    /// Octets of all files of a worker held out of order.
    package var reassemblyTotalMax = 64 << 20

    /// Digests that are computed for every file.
    package var hashes: FileHashes = []
    /// Files that are saved, and where; the first rule that holds counts.
    package var extractionRules: [ExtractionRule] = []
    package var extractionFolder: String?
    /// Octets of one file that are saved (`FileExtract::default_limit`).
    package var extractionBytesMax: UInt64 = 100 << 20
    /// Files that each worker saves, and their octets in all.
    package var extractionCountMax = 100_000
    package var extractionTotalMax: UInt64 = 10 << 30

    package init() {}
}
