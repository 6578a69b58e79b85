// SPDX-License-Identifier: Apache-2.0
//
// A table with packets made by hand: what the tests of connections share.

import Records
import Testing
import Wire

@testable import Flows

/// Sends packets of one pair of hosts to a table, carries out its events, and remembers.
struct FlowScript: ~Copyable {
    var table: FlowTable
    var now = Timestamp(seconds: 1_000_000)
    var originatorPort: UInt16 = 40_000
    var responderPort: UInt16 = 80
    var outer: UInt64 = 0
    private(set) var packet: UInt64 = 0
    private(set) var streams: [[UInt8]] = [[], []]
    private(set) var gaps: [Int] = []
    private(set) var weirds: [Weird] = []
    private(set) var ends: [EndReason] = []
    private(set) var rows: [ConnRecord] = []
    /// When each of `rows` was written.
    private(set) var rowTimes: [Timestamp] = []
    private(set) var started: [UInt32] = []
    private(set) var openRows = 0
    private(set) var tunnelChanges = 0
    private(set) var streamEnds: [Direction] = []
    private(set) var datagramBytes = 0

    static let client = Address(v4: 0x0A00_0001)
    static let server = Address(v4: 0xC633_6407)

    init(_ change: (inout FlowSettings) -> Void = { _ in }) {
        var settings = FlowSettings()
        settings.ignoringChecksums = true
        change(&settings)
        table = FlowTable(settings: settings)
    }

    /// One TCP segment; `flags` in the letters S A F R U P.
    mutating func tcp(
        _ direction: Direction, _ flags: String, _ sequence: UInt32, _ acknowledgement: UInt32 = 0,
        _ payload: [UInt8] = [], window: UInt16 = 1000, cut: Int = 0, options: [UInt8] = []
    ) {
        let isForward = direction == .originator
        var bits: UInt8 = 0
        for letter in flags {
            switch letter {
            case "F": bits |= 1
            case "S": bits |= 2
            case "R": bits |= 4
            case "P": bits |= 8
            case "A": bits |= 16
            default: bits |= 32
            }
        }
        var bytes: [UInt8] = []
        bytes.append(isForward ? originatorPort : responderPort)
        bytes.append(isForward ? responderPort : originatorPort)
        bytes.append(UInt16(truncatingIfNeeded: sequence >> 16))
        bytes.append(UInt16(truncatingIfNeeded: sequence))
        bytes.append(UInt16(truncatingIfNeeded: acknowledgement >> 16))
        bytes.append(UInt16(truncatingIfNeeded: acknowledgement))
        bytes.append(UInt16(5 + options.count / 4) << 12 | UInt16(bits))
        bytes.append(window)
        bytes.append(UInt16(0))
        bytes.append(UInt16(0))
        bytes += options
        send(bytes + payload, protocolNumber: 6, isForward, cut: cut)
    }

    mutating func udp(_ direction: Direction, _ payload: [UInt8], length: UInt16? = nil) {
        let isForward = direction == .originator
        var bytes: [UInt8] = []
        bytes.append(isForward ? originatorPort : responderPort)
        bytes.append(isForward ? responderPort : originatorPort)
        bytes.append(length ?? UInt16(payload.count + 8))
        bytes.append(UInt16(0))
        send(bytes + payload, protocolNumber: 17, isForward)
    }

    mutating func icmp(_ direction: Direction, type: UInt8, code: UInt8 = 0, size: Int = 16, cut: Int = 0) {
        let bytes = [type, code] + [UInt8](repeating: 0, count: 6 + size)
        send(bytes, protocolNumber: 1, direction == .originator, cut: cut)
    }

    /// Any IP payload; the last `cut` octets were not captured.
    mutating func send(_ bytes: [UInt8], protocolNumber: UInt8, _ isForward: Bool, cut: Int = 0) {
        var layer = Layer()
        let (source, target) = isForward ? (Self.client, Self.server) : (Self.server, Self.client)
        (layer.sourceHigh, layer.sourceLow) = (source.high, source.low)
        (layer.targetHigh, layer.targetLow) = (target.high, target.low)
        layer.version = 4
        layer.protocolNumber = protocolNumber
        layer.payloadLength = UInt32(bytes.count)
        layer.capturedLength = UInt32(bytes.count - cut)
        layer.totalLength = UInt32(bytes.count + 20)
        packet += 1
        advance()
        let captured = Array(bytes.dropLast(cut))
        table.process(layer, bytes: captured.octets, now: now, ordinal: packet * 8, outer: outer)
        carryOut(captured)
    }

    /// Lets time go by without a packet.
    mutating func wait(_ seconds: Double) {
        now = now.adding(Int64(seconds * 1e9))
        advance()
    }

    private mutating func advance() {
        while table.advance(to: now) { carryOut([]) }
        carryOut([])
    }

    mutating func finish() {
        while table.endAll() { carryOut([]) }
        carryOut([])
    }

    mutating func carryOut(_ bytes: [UInt8]) {
        for number in 0..<table.eventCount { carryOut(table.event(number), bytes) }
        table.clearEvents()
    }

    private mutating func carryOut(_ event: FlowEvent, _ bytes: [UInt8]) {
        switch event {
        case .started(let slot): started.append(slot)
        case .stream(_, let direction, let offset, let count):
            streams[Int(direction.rawValue)] += bytes[offset ..< offset + count]
        case .held(_, let direction, let block, let offset, let count):
            streams[Int(direction.rawValue)] += table.held(block)[offset ..< offset + count]
        case .gap(_, _, let count): gaps.append(count)
        case .datagram(_, _, _, let count, _): datagramBytes += count
        case .endOfStream(_, let direction): streamEnds.append(direction)
        case .weird(_, let weird, _), .packetWeird(let weird), .netWeird(let weird, _): weirds.append(weird)
        case .openDue: openRows += 1
        case .tunnelChanged: tunnelChanges += 1
        case .ended(let slot, let reason):
            var record = ConnRecord()
            table.fill(&record, slot)
            rows.append(record)
            rowTimes.append(now)
            ends.append(reason)
            table.release(slot)
        }
    }

    /// The three segments of a handshake; both ends begin at 1000.
    mutating func handshake() {
        tcp(.originator, "S", 1000)
        tcp(.responder, "SA", 1000, 1001)
        tcp(.originator, "A", 1001, 1001)
    }
}

extension [UInt8] {
    mutating func append(_ value: UInt16) {
        append(UInt8(value >> 8))
        append(UInt8(value & 0xFF))
    }
}

extension ConnRecord {
    var historyText: String { String(decoding: text[history], as: UTF8.self) }
    var stateText: String { "\(state)" }
    /// State, history, and octets of both ends.
    var summaryText: String {
        "\(state) \(historyText) \(originatorBytes.map { "\($0)" } ?? "-") \(responderBytes.map { "\($0)" } ?? "-")"
    }
}

/// A small generator with a fixed seed (SplitMix64), so that a failure comes again.
struct Dice: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}
