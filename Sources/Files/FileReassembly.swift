// SPDX-License-Identifier: Apache-2.0
//
// Octets of a file that came before their turn: ranges of HTTP, reads and writes of SMB.
//
// Reads   stretches of a file, each with its offset.
// Writes  the same octets in order, and the holes that were never filled.
// Leaves  when to give up waiting (Protocols/SeenFiles.swift).

import Wire

/// Stretches held behind a hole, by offset; none overlap. What is held already wins over what
/// comes later, as in Zeek's reassembler.
package struct FileReassembly {
    /// Stretches held at once; more cost too much to keep in order.
    package static let countMax = 1024

    private struct Stretch {
        var offset: UInt64
        var bytes: [UInt8]
        var end: UInt64 { offset &+ UInt64(bytes.count) }
    }

    private var held: [Stretch] = []
    /// Octets held.
    package private(set) var byteCount = 0
    /// Everything below was taken or given up.
    package private(set) var next: UInt64

    package init(from offset: UInt64) { next = offset }

    package var isFull: Bool { held.count >= FileReassembly.countMax }
    package var isEmpty: Bool { held.isEmpty }
    /// Octets that are missing before the first stretch held.
    package var firstHole: UInt64 { (held.first?.offset ?? next) &- next }
    /// The end of the last stretch held; `next` where nothing is.
    package var end: UInt64 { held.last?.end ?? next }

    /// Holds what is new of a stretch.
    package mutating func insert(_ bytes: RawSpan, at offset: UInt64) {
        // A file ends at 2^63: more than that cannot be meant, and sums would overflow.
        guard offset < 1 << 63 else { return }
        var from = max(offset, next)
        let end = offset &+ UInt64(bytes.byteCount)
        var place = firstBehind(from)
        while from < end {
            let stop = place < held.count ? min(end, held[place].offset) : end
            if from < stop {
                var piece: [UInt8] = []
                bytes.extracting(Int(from &- offset)..<Int(stop &- offset)).append(to: &piece)
                byteCount &+= piece.count
                held.insert(Stretch(offset: from, bytes: piece), at: place)
                place &+= 1
            }
            guard place < held.count else { return }
            from = held[place].end
            place &+= 1
        }
    }

    /// The first stretch that ends behind `offset`.
    private func firstBehind(_ offset: UInt64) -> Int {
        var low = 0
        var high = held.count
        while low < high {
            let middle = (low &+ high) >> 1
            if held[middle].end <= offset { low = middle &+ 1 } else { high = middle }
        }
        return low
    }

    /// What the file goes on with up to `limit`.
    package enum Step {
        case bytes([UInt8])
        case hole(UInt64)
    }

    /// The next stretch, if it follows what was taken.
    package mutating func take() -> [UInt8]? {
        guard let first = held.first, first.offset == next else { return nil }
        held.removeFirst()
        byteCount &-= first.bytes.count
        next = first.end
        return first.bytes
    }

    /// The next stretch or hole below `limit`; nil where everything below was taken.
    package mutating func takeAnything(below limit: UInt64) -> Step? {
        if let bytes = take() { return .bytes(bytes) }
        guard next < limit else { return nil }
        let stop = min(limit, held.first?.offset ?? limit)
        defer { next = stop }
        return .hole(stop &- next)
    }
}
