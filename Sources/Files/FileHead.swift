// SPDX-License-Identifier: Apache-2.0
//
// The beginning of a file that is being seen inside a protocol.
//
// Reads   the file's octets in order, and the numbers of those that were not seen.
// Writes  its MIME type, once, when 4096 octets or the end or a gap are there.
// Leaves  identities and names (the protocols), hashes and extraction.

import Wire

/// Octets from the start of one file, up to `MIMEType.headBytesMax`, and how far
/// the file has come. Reused for the next file; keeps its memory.
package struct FileHead: ~Copyable {
    private var head: [UInt8] = []
    /// Octets of the file so far, gaps included.
    package private(set) var offset: UInt64 = 0
    /// The type was asked for; it is not asked for again.
    package private(set) var isDecided = false

    package init() {}

    package mutating func begin() {
        head.removeAll(keepingCapacity: true)
        offset = 0
        isDecided = false
    }

    /// The next octets. True when the head is full: `decide` now.
    package mutating func append(_ bytes: RawSpan) -> Bool {
        offset &+= UInt64(bytes.byteCount)
        guard !isDecided else { return false }
        let room = MIMEType.headBytesMax &- head.count
        bytes.extracting(0..<min(room, bytes.byteCount)).append(to: &head)
        return head.count == MIMEType.headBytesMax
    }

    /// `count` octets were not seen. What was seen before them is all there will be.
    package mutating func gap(_ count: UInt64) { offset &+= count }

    /// The type by what was seen; nil where nothing matches, or where it was asked before.
    package mutating func decide() -> MIMEType? {
        guard !isDecided else { return nil }
        isDecided = true
        return MIMEType.detect(head.octets)
    }
}
