// SPDX-License-Identifier: Apache-2.0
//
// The beginning of a file that is being seen inside a protocol.
//
// Reads   the file's octets in order, up to the first that were not seen.
// Writes  its MIME type, once, when 4096 octets or the end or a gap are there.
// Leaves  where the octets come from (Protocols/SeenFiles.swift).

import Wire

/// Octets from the start of one file, up to `MIMEType.headBytesMax`. Reused for the next file;
/// keeps its memory.
package struct FileHead: ~Copyable {
    package private(set) var bytes: [UInt8] = []
    /// The type was asked for; it is not asked for again.
    package private(set) var isDecided = false

    package init() {}

    package mutating func begin() {
        bytes.removeAll(keepingCapacity: true)
        isDecided = false
    }

    /// The next octets, while the type is undecided. True when the head is full: `decide` now.
    package mutating func append(_ more: RawSpan) -> Bool {
        guard !isDecided else { return false }
        let room = MIMEType.headBytesMax &- bytes.count
        more.extracting(0..<min(room, more.byteCount)).append(to: &bytes)
        return bytes.count == MIMEType.headBytesMax
    }

    /// The type by what was seen; nil where nothing matches, or where it was asked before.
    package mutating func decide() -> MIMEType? {
        guard !isDecided else { return nil }
        isDecided = true
        return MIMEType.detect(bytes.octets)
    }
}
