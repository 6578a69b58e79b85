// SPDX-License-Identifier: Apache-2.0
//
// Packets of QUIC with a long header (RFC 9000 section 17.2, RFC 9369 section 3.2).
//
// Reads   one packet at the head of what is left of a datagram.
// Writes  what its type says; hands the opened Initial packets on.
// Leaves  packets with a short header (QUIC.swift), frames (QUIC+Frames.swift).

import Records
import Wire

/// The long header of a packet.
///
///     1 1 T T x x x x   version (4)   length (1) destination id   length (1) source id
///     Initial: token length (i) token   length (i)
///     0-RTT, Handshake: length (i)
struct QUICHeader {
    enum Kind {
        case initial
        case zeroRTT
        case handshake
        case retry
        /// Of a version that is not read.
        case unknown
    }

    let version: UInt32
    let kind: Kind
    let target: Range<Int>
    let source: Range<Int>
    /// Where the packet number begins.
    let numberOffset: Int
    /// Octets of the packet, header included.
    let count: Int

    /// Octets that a packet number and the sample behind it take at least (RFC 9001 section 5.4.2).
    static let payloadBytesMin = 20

    init(parsing input: inout Cursor) throws(WireError) {
        let first = try input.read(UInt8.self)
        version = try input.read(UInt32.self)
        let targetCount = Int(try input.read(UInt8.self))
        target = input.offset ..< input.offset &+ targetCount
        try input.skip(targetCount)
        let sourceCount = Int(try input.read(UInt8.self))
        source = input.offset ..< input.offset &+ sourceCount
        try input.skip(sourceCount)
        kind = QUICHeader.kind(first, version)
        switch kind {
        case .unknown, .retry:
            // The rest of the datagram: a token and its tag, or nobody knows.
            try input.skip(input.remaining)
            numberOffset = input.offset
        case .initial:
            try input.skip(try QUICHeader.length(&input))
            let payload = try QUICHeader.length(&input)
            guard payload >= QUICHeader.payloadBytesMin else { throw .malformed(at: input.offset) }
            numberOffset = input.offset
            try input.skip(payload)
        case .zeroRTT, .handshake:
            let payload = try QUICHeader.length(&input)
            numberOffset = input.offset
            try input.skip(payload)
        }
        count = input.offset
    }

    private static func kind(_ first: UInt8, _ version: UInt32) -> Kind {
        guard QUICVersion.name(version) != nil else { return .unknown }
        // Version 2 counts on by one (RFC 9369 section 3.2).
        let code = version == QUICVersion.two ? (first >> 4 &+ 3) & 3 : first >> 4 & 3
        switch code {
        case 0: return .initial
        case 1: return .zeroRTT
        case 2: return .handshake
        default: return .retry
        }
    }

    /// A variable-length integer that counts octets (RFC 9000 section 16).
    static func length(_ input: inout Cursor) throws(WireError) -> Int {
        let value = try integer(&input)
        guard value <= UInt64(input.remaining) else { throw .truncated(at: input.offset) }
        return Int(value)
    }

    /// A variable-length integer: the first two bits say how many octets it takes.
    static func integer(_ input: inout Cursor) throws(WireError) -> UInt64 {
        let first = try input.read(UInt8.self)
        var value = UInt64(first & 0x3F)
        for _ in 1..<(1 << Int(first >> 6)) { value = value << 8 | UInt64(try input.read(UInt8.self)) }
        return value
    }
}

extension QUIC {
    /// A packet with a long header. Its octets; nil where it is none, or not to be understood.
    func long(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Int? {
        var input = Cursor(bytes)
        guard let header = try? QUICHeader(parsing: &input) else { return nil }
        let isNew = !hasRow
        begin(header, &context)
        let target = bytes.extracting(header.target)
        let source = bytes.extracting(header.source)
        if isNew || header.kind != .unknown && header.kind != .retry {
            identify(target: target, source: source, from: direction)
        }
        switch header.kind {
        case .unknown:
            seen(0x75, from: direction, &context)
            writeRow(&context)
            return nil
        case .retry:
            show(header.version, from: direction, &context)
            retry(from: direction, &context)
        case .handshake:
            seen(0x68, from: direction, &context)
        case .zeroRTT:
            seen(0x7A, from: direction, &context)
        case .initial:
            seen(0x69, from: direction, &context)
            let packet = bytes.extracting(0..<header.count)
            guard initial(packet, header, from: direction, &context) else { return nil }
        }
        return header.count
    }

    /// The server wants to see a token: the session is over, and keys come from the next destination id.
    private func retry(from direction: Direction, _ context: inout AnalyzerContext) {
        seen(0x72, from: direction, &context)
        writeRow(&context)
        guard !hasRetried else { return }
        hasRetried = true
        initialTarget = nil
        sides[0].restart()
        sides[1].restart()
    }

    /// Opens an Initial packet of a side whose hello is still awaited. False where that fails.
    private func initial(
        _ packet: RawSpan, _ header: borrowing QUICHeader, from direction: Direction,
        _ context: inout AnalyzerContext
    ) -> Bool {
        let side = Int(direction.rawValue)
        guard !sides[side].hello.isOver else { return true }
        if direction == .originator {
            clientIDBytes = header.source.count
            if initialTarget == nil {
                var id: [UInt8] = []
                packet.extracting(header.target).append(to: &id)
                initialTarget = id
            }
        } else {
            // Only the client's first packet tells what the keys are made of.
            guard initialTarget != nil else { return true }
            clientIDBytes = header.target.count
        }
        if sides[side].keysVersion != header.version, let initialTarget {
            sides[side].keysVersion = header.version
            sides[side].keys = QUICKeys(
                version: header.version, connection: initialTarget, isClient: direction == .originator)
        }
        guard let opened = sides[side].keys?.open(packet, numberOffset: header.numberOffset) else {
            anomaly("quic.failed_decrypt", from: direction, &context)
            return false
        }
        decryptedCount &+= 1
        confirm(&context)
        let isUnderstood = frames(opened.octets, from: direction, &context)
        if isUnderstood {
            show(header.version, from: direction, &context)
        } else {
            anomaly("quic.error_on_data", from: direction, &context)
        }
        return isUnderstood
    }
}

extension QUIC {
    private func anomaly(_ name: StaticString, from direction: Direction, _ context: inout AnalyzerContext) {
        context.transactionEvent(name, tx: context.beginTransaction(.quic), from: direction)
    }
}

/// The first datagram of version 1 or 2: a long header of an Initial packet.
enum QUICProbe {
    static func initial(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount >= 5 else { return .never }
        switch (bytes.octet(0) >> 4, bytes.load(1, as: UInt32.self)) {
        case (0xC, QUICVersion.one), (0xD, QUICVersion.two): return .matches
        default: return .never
        }
    }
}
