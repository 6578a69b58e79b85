// SPDX-License-Identifier: Apache-2.0
//
// The event `sip`: one for each message, with its session description.
//
// Reads   a whole message (RFC 3261, RFC 8866).
// Writes  the object `sip`.
// Leaves  headers, which the event does not have.

import Records
import Wire

struct SIPEvent {
    /// Lines of a description that are shown.
    private static let linesMax = 1024

    private let isResponse: Bool
    private var description: [(letter: UInt8, value: Range<Int>)] = []
    private let first: Range<Int>

    /// Nil where the first line is not SIP's.
    init?(_ message: RawSpan) {
        var at = 0
        guard let line = TextLine.next(message, &at) else { return nil }
        let text = message.extracting(line)
        let isResponse = text.begins(with: "SIP/")
        guard isResponse || text.contains(" SIP/") else { return nil }
        first = line
        self.isResponse = isResponse
        while let line = TextLine.next(message, &at), !line.isEmpty {}
        guard at < message.byteCount, message.extracting(at..<message.byteCount).begins(with: "v=") else { return }
        while let line = TextLine.next(message, &at), description.count < SIPEvent.linesMax {
            guard line.count >= 2, message.octet(line.lowerBound &+ 1) == 0x3D else { continue }
            description.append((message.octet(line.lowerBound), line.lowerBound &+ 2 ..< line.upperBound))
        }
    }

    func write(_ message: RawSpan, to event: inout EVEBuilder) {
        event.open("sip")
        let line = message.extracting(first)
        let end = line.byteCount
        let one = line.firstIndex(of: 0x20) ?? end
        let two = line.firstIndex(of: 0x20, from: one &+ 1) ?? end
        let middle = line.extracting(min(one &+ 1, two)..<two)
        let rest = line.extracting(min(two &+ 1, end)..<end)
        if isResponse {
            event.text("version", line.extracting(0..<one))
            event.text("code", middle)
            event.text("reason", rest)
            event.text("response_line", line)
        } else {
            event.text("method", line.extracting(0..<one))
            event.text("uri", middle)
            event.text("version", rest)
            event.text("request_line", line)
        }
        if !description.isEmpty { describe(message, &event) }
        event.close()
    }

    // MARK: the session description

    private func describe(_ message: RawSpan, _ event: inout EVEBuilder) {
        let media = description.firstIndex { $0.letter == 0x6D } ?? description.count
        event.open("sdp")
        let names: [(UInt8, StaticString)] = [
            (0x6F, "origin"), (0x73, "session_name"), (0x69, "session_info"), (0x75, "uri"), (0x65, "email"),
            (0x70, "phone_number"), (0x63, "connection_data"),
        ]
        for (letter, name) in names { one(letter, name, 0..<media, message, &event) }
        all(0x62, "bandwidths", 0..<media, message, &event)
        times(0..<media, message, &event)
        one(0x7A, "timezone", 0..<media, message, &event)
        one(0x6B, "encryption_key", 0..<media, message, &event)
        all(0x61, "attributes", 0..<media, message, &event)
        if media < description.count { streams(from: media, message, &event) }
        event.close()
    }

    private func one(
        _ letter: UInt8, _ name: StaticString, _ lines: Range<Int>, _ message: RawSpan, _ event: inout EVEBuilder
    ) {
        for place in lines where description[place].letter == letter {
            return event.text(name, message.extracting(description[place].value))
        }
    }

    private func all(
        _ letter: UInt8, _ name: StaticString, _ lines: Range<Int>, _ message: RawSpan, _ event: inout EVEBuilder
    ) {
        let mark = event.mark
        event.openList(name)
        let empty = event.mark
        for place in lines where description[place].letter == letter {
            event.item(message.extracting(description[place].value))
        }
        if event.hasGrown(since: empty) { event.closeList() } else { event.goBack(to: mark) }
    }

    private func times(_ lines: Range<Int>, _ message: RawSpan, _ event: inout EVEBuilder) {
        guard lines.contains(where: { description[$0].letter == 0x74 }) else { return }
        event.openList("time_descriptions")
        for place in lines where description[place].letter == 0x74 {
            event.openItem()
            event.text("time", message.extracting(description[place].value))
            let next = place &+ 1
            if next < lines.upperBound, description[next].letter == 0x72 {
                event.text("repeat_time", message.extracting(description[next].value))
            }
            event.closeItem()
        }
        event.closeList()
    }

    private func streams(from start: Int, _ message: RawSpan, _ event: inout EVEBuilder) {
        event.openList("media_descriptions")
        var place = start
        while place < description.count {
            var next = place &+ 1
            while next < description.count, description[next].letter != 0x6D { next &+= 1 }
            event.openItem()
            event.text("media", message.extracting(description[place].value))
            one(0x69, "media_info", place..<next, message, &event)
            all(0x62, "bandwidths", place..<next, message, &event)
            one(0x63, "connection_data", place..<next, message, &event)
            one(0x6B, "encryption_key", place..<next, message, &event)
            all(0x61, "attributes", place..<next, message, &event)
            event.closeItem()
            place = next
        }
        event.closeList()
    }
}
