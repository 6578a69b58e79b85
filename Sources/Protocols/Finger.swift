// SPDX-License-Identifier: Apache-2.0
//
// Finger (RFC 1288): who is on a host.
//
// Reads   the request line of the originator and the first line of the responder.
// Writes  nothing: the service is named.
// Leaves  what the answer says.

import Records
import Wire

/// Finger on one connection.
final class Finger: Analyzer {
    /// Octets of a line that are waited for.
    private static let lineBytesMax = 1024

    private var held: [2 of [UInt8]] = [[], []]
    private var isDone: [2 of Bool] = [false, false]

    init() { super.init(kind: .finger) }

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        let side = Int(direction.rawValue)
        guard !isDone[side] else { return }
        let room = Finger.lineBytesMax &- held[side].count
        bytes.extracting(0..<min(room, bytes.byteCount)).append(to: &held[side])
        guard let end = held[side].firstIndex(of: 0x0A) else {
            if held[side].count == Finger.lineBytesMax { isDone[side] = true }
            return
        }
        isDone[side] = true
        var line = held[side][..<end]
        if line.last == 0x0D { line.removeLast() }
        // A request names a user or asks for more with /W; an answer is text that says something.
        if direction == .originator ? line.contains(where: { $0 > 0x20 }) : line.count > 10 && Finger.isText(line) {
            confirm(&context)
        }
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) { isDetached = true }

    override func reset() {
        super.reset()
        for side in 0..<2 {
            held[side].removeAll(keepingCapacity: true)
            isDone[side] = false
        }
    }

    /// Valid UTF-8 without control characters but tabs.
    private static func isText(_ line: ArraySlice<UInt8>) -> Bool {
        line.split(separator: 9).allSatisfy { TextEscaping.isPlain($0) }
    }
}
