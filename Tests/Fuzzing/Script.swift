// SPDX-License-Identifier: Apache-2.0
//
// A conversation written in octets, so that a fuzzer can change who speaks, how much, and in what pieces.
//
// Reads   any octets: every input is a script.
// Writes  steps.
// Leaves  what plays them (FuzzConversation.swift, FuzzFrames.swift).

package import Records

/// What happens next on a connection.
package enum ScriptStep: Sendable, Equatable {
    /// Octets of the script, given whole.
    case data(Direction, Range<Int>)
    /// The same, one by one, or seven at a time.
    case pieces(Direction, Range<Int>, Int)
    case gap(Direction, Int)
    case endOfStream(Direction)
    /// Milliseconds without anything.
    case silence(Int)
}

/// A reader of scripts. The first octet is of the connection; then each step is an octet of its kind, two of
/// its length, and for data the octets themselves, fewer where the script ends.
///
///     bit 0     the direction
///     bits 1–3  0–3 data, 4 data octet by octet, 5 data seven at a time, 6 a gap,
///               7 the end of a direction, or a silence where the length is odd
package struct Script: Sendable {
    package let octets: [UInt8]
    private var at = 1

    package init(_ octets: [UInt8]) { self.octets = octets }

    /// What the first octet says of the connection: bit 0 datagrams, bit 1 picked up in the middle.
    package var prefersDatagrams: Bool { (octets.first ?? 0) & 1 != 0 }
    package var isPartial: Bool { (octets.first ?? 0) & 2 != 0 }

    package mutating func next() -> ScriptStep? {
        guard at + 3 <= octets.count else { return nil }
        let kind = octets[at]
        let length = Int(octets[at + 1]) << 8 | Int(octets[at + 2])
        let direction: Direction = kind & 1 == 0 ? .originator : .responder
        at += 3
        switch kind >> 1 & 7 {
        case 6: return .gap(direction, length + 1)
        case 7: return length & 1 == 0 ? .endOfStream(direction) : .silence(length)
        case let way:
            let range = at..<min(at + length, octets.count)
            at = range.upperBound
            return way < 4 ? .data(direction, range) : .pieces(direction, range, way == 4 ? 1 : 7)
        }
    }

    /// Writes a script: the first octet, then each turn whole.
    package static func make(datagrams: Bool, _ turns: [(Direction, [UInt8])]) -> [UInt8] {
        var octets: [UInt8] = [datagrams ? 1 : 0]
        for (direction, bytes) in turns {
            for start in stride(from: 0, to: bytes.count, by: 65_535) {
                let part = bytes[start..<min(start + 65_535, bytes.count)]
                octets += [direction.rawValue, UInt8(part.count >> 8), UInt8(part.count & 255)] + part
            }
        }
        return octets
    }
}
