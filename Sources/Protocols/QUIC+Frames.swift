// SPDX-License-Identifier: Apache-2.0
//
// Frames of Initial packets of QUIC (RFC 9000 section 19), and the hello that CRYPTO
// frames carry, in any order and over several datagrams.
//
// Reads   the opened payload of one Initial packet.
// Writes  one whole handshake message a side; a close.
// Leaves  what the hello says (TLS+Hello.swift).

import Records
import Wire

/// The first handshake message of a side, put together from frames in any order.
struct QUICHello {
    /// Octets of a message, its header included (RFC 8446 section 5.2).
    static let bytesMax = 1 << 14 &+ 256

    private var bytes: [UInt8] = []
    /// Bit n of the whole: octet n is there.
    private var present: [UInt64] = []
    /// Octets from the start without a hole.
    private(set) var ready = 0
    /// Octets of the message; nil while its header is not there.
    private(set) var count: Int?
    /// The message was complete; nothing more of this side is looked at.
    private(set) var isOver = false
    /// The message is longer than any, or more came than the message.
    var isExcessive: Bool {
        guard let count else { return false }
        return count > QUICHello.bytesMax || ready > count
    }

    mutating func clear() {
        bytes.removeAll(keepingCapacity: bytes.capacity <= TLS.keptBytesMax)
        present.removeAll(keepingCapacity: true)
        ready = 0
        count = nil
        isOver = false
    }

    /// Puts octets in their place. What was there first stays; what lies beyond every message is dropped.
    mutating func add(_ span: RawSpan, at offset: UInt64) {
        guard offset < UInt64(QUICHello.bytesMax) else { return }
        let start = Int(offset)
        let end = min(start &+ span.byteCount, QUICHello.bytesMax)
        if bytes.count < end { bytes.append(contentsOf: repeatElement(0, count: end &- bytes.count)) }
        let words = (end &+ 63) / 64
        if present.count < words { present.append(contentsOf: repeatElement(0, count: words &- present.count)) }
        for place in start..<max(start, end) {
            let bit: UInt64 = 1 << UInt64(place & 63)
            guard present[place >> 6] & bit == 0 else { continue }
            present[place >> 6] |= bit
            bytes[place] = span.octet(place &- start)
        }
        while ready < bytes.count, present[ready >> 6] & (1 << UInt64(ready & 63)) != 0 { ready &+= 1 }
        guard count == nil, ready >= 4 else { return }
        count = 4 &+ (Int(bytes[1]) << 16 | Int(bytes[2]) << 8 | Int(bytes[3]))
    }

    /// The message, when it is whole; the side is done with then.
    mutating func take() -> [UInt8]? {
        guard !isOver, let count, ready >= count, count <= QUICHello.bytesMax else { return nil }
        isOver = true
        return Array(bytes[..<count])
    }
}

extension QUIC {
    /// The frames of one packet. False at the first that does not belong there.
    func frames(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Bool {
        var input = Cursor(bytes)
        do throws(WireError) {
            while input.remaining > 0 {
                switch try input.read(UInt8.self) {
                case 0x00, 0x01: continue
                case 0x02: try QUIC.acknowledgement(&input, hasCounts: false)
                case 0x03: try QUIC.acknowledgement(&input, hasCounts: true)
                case 0x06:
                    let offset = try QUICHeader.integer(&input)
                    let data = try input.take(try QUICHeader.length(&input))
                    guard crypto(data, at: offset, from: direction, &context) else { return false }
                case 0x1C: try close(&input, from: direction, &context)
                default: return false
                }
            }
        } catch {
            return false
        }
        return true
    }

    /// ACK (RFC 9000 section 19.3). The count of ranges is bounded by what is there of them.
    static func acknowledgement(_ input: inout Cursor, hasCounts: Bool) throws(WireError) {
        _ = try QUICHeader.integer(&input)
        _ = try QUICHeader.integer(&input)
        var ranges = try QUICHeader.integer(&input)
        _ = try QUICHeader.integer(&input)
        while ranges > 0 {
            _ = try QUICHeader.integer(&input)
            _ = try QUICHeader.integer(&input)
            ranges &-= 1
        }
        guard hasCounts else { return }
        for _ in 0..<3 { _ = try QUICHeader.integer(&input) }
    }

    /// CONNECTION_CLOSE (RFC 9000 section 19.19): the session is over.
    private func close(
        _ input: inout Cursor, from direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        _ = try QUICHeader.integer(&input)
        _ = try QUICHeader.integer(&input)
        try input.skip(try QUICHeader.length(&input))
        guard hasRow else { return }
        seen(0x63, from: direction, &context)
        writeRow(&context)
    }

    private func crypto(
        _ data: RawSpan, at offset: UInt64, from direction: Direction, _ context: inout AnalyzerContext
    ) -> Bool {
        let side = Int(direction.rawValue)
        sides[side].hello.add(data, at: offset)
        if let message = sides[side].hello.take() { hello(message.octets, from: direction, &context) }
        // A side says one message in the clear and no more.
        return !sides[side].hello.isExcessive
    }
}
