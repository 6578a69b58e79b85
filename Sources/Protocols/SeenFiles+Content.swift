// SPDX-License-Identifier: Apache-2.0
//
// What is done with the octets of files.
//
// Reads   the octets of each file in order, its holes, its type when that is decided.
// Writes  nothing yet.
// Leaves  where files begin and end (SeenFiles.swift).

import Files
import Records
import Wire

extension AnalyzerContext {
    /// A file has its first octet, or a hole in its place.
    mutating func fileBegan(_ file: SeenFile) {}

    /// The type is decided; the octets so far are those of `file.head`.
    mutating func fileTyped(_ file: SeenFile) {}

    /// Octets in order; `rest` are those that do not stand in the file's head.
    mutating func fileConsumed(_ bytes: RawSpan, rest: RawSpan, of file: SeenFile) {}

    /// Octets that will not come.
    mutating func fileHole(_ count: UInt64, of file: SeenFile) {}

    /// The file is over.
    mutating func fileEnded(_ file: SeenFile, timedOut: Bool) {}
}
