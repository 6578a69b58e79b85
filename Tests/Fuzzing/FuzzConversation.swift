// SPDX-License-Identifier: Apache-2.0
//
// One analyzer, fed a script: the harness of every protocol.
//
// Reads   any octets, as a script.
// Writes  nothing; what an analyzer emits is written as text and dropped.
// Leaves  other connections and packets (FuzzFrames.swift).

import Records
import Wire

@testable import Logs
@testable import Protocols
@testable import Sensor

/// Plays scripts to one protocol, each on a connection and a worker of its own.
struct FuzzConversation: Sendable {
    private let kind: AnalyzerKind
    private let transports: [Transport]
    private let port: UInt16
    /// Turns before the script's own, with the direction that all of the script then comes from.
    private let prologue: [(Direction, [UInt8])]

    /// Every row of every log is written in both forms, as a sensor would.
    private static let forms: [(json: JSONForm, tsv: TSVForm)] = Schemas.all.map { schema in
        let layout = RowLayout(schema, communityID: true)
        return (JSONForm(layout), TSVForm(layout))
    }
    private static let selection = AnalyzerSelection(names: nil)

    init(_ kind: AnalyzerKind, prologue: [(Direction, [UInt8])] = []) {
        self.kind = kind
        self.prologue = prologue
        var transports: Set<Transport> = []
        var port: UInt16 = 40_001
        for entry in Registry.entries where entry.kind == kind || entry.udpKind == kind {
            if entry.kind == kind, !entry.tcpPorts.isEmpty { transports.insert(.tcp) }
            if entry.udpKind == kind || entry.udpKind == nil, !entry.udpPorts.isEmpty { transports.insert(.udp) }
            port = entry.tcpPorts.first ?? entry.udpPorts.first ?? port
        }
        for probe in Registry.probes where probe.kind == kind { transports.insert(probe.transport) }
        self.port = port
        self.transports = transports.isEmpty ? [.tcp, .udp] : transports.sorted { $0.rawValue < $1.rawValue }
    }

    func play(_ octets: [UInt8]) {
        var script = Script(octets)
        let transport = script.prefersDatagrams ? transports[transports.count - 1] : transports[0]
        var player = Player(kind, transport, port: port, isPartial: script.isPartial)
        for (direction, turn) in prologue { player.deliver(turn.octets, from: direction) }
        while !player.isOver, let step = script.next() {
            switch step {
            case .data(let direction, let range):
                player.deliver(script.octets.octets.extracting(range), from: direction)
            case .pieces(let direction, let range, let size):
                for start in stride(from: range.lowerBound, to: range.upperBound, by: size) {
                    let piece = start..<min(start + size, range.upperBound)
                    player.deliver(script.octets.octets.extracting(piece), from: direction)
                }
            case .gap(let direction, let count): player.gap(count, from: direction)
            case .endOfStream(let direction): player.endOfStream(from: direction)
            case .silence(let milliseconds): player.wait(Int64(milliseconds))
            }
        }
        player.finish()
        FuzzConversation.write(player.context.output.batches)
    }

    // MARK: one thing wrong

    /// What goes wrong once in a conversation that is otherwise whole; places are octets of all turns in order.
    enum Trouble: Sendable {
        case none
        /// A segment of TCP ends there.
        case split(Int)
        /// Nothing follows.
        case cut(Int)
        /// This octet of a stream is never seen; of datagrams, the one with it.
        case gap(Int)
        /// Four octets are 0xFF: lengths that cannot be.
        case damage(Int)
    }

    /// What came of a conversation.
    struct Outcome: Sendable, Equatable {
        /// Rows of all logs, as lines of JSON.
        var rows: [String] = []
        var service = ""
        /// Whether nobody wanted the rest.
        var isOver = false
    }

    /// Turns of a script, without what it says of pieces, gaps and time.
    static func turns(_ octets: [UInt8]) -> (isDatagrams: Bool, turns: [(Direction, [UInt8])]) {
        var script = Script(octets)
        var turns: [(Direction, [UInt8])] = []
        while let step = script.next() {
            switch step {
            case .data(let direction, let range), .pieces(let direction, let range, _):
                if !range.isEmpty { turns.append((direction, Array(octets[range]))) }
            default: break
            }
        }
        return (script.prefersDatagrams, turns)
    }

    /// Plays turns to the analyzer with one thing wrong.
    func play(_ turns: [(Direction, [UInt8])], isDatagrams: Bool, _ trouble: Trouble = .none) -> Outcome {
        let transport = isDatagrams ? transports[transports.count - 1] : transports[0]
        var player = Player(kind, transport, port: port, isPartial: false)
        var at = 0
        for (direction, whole) in turns {
            var turn = whole
            let place = at
            at += turn.count
            let range = place..<at
            switch trouble {
            case .split(let offset) where range.contains(offset) && offset > place && transport == .tcp:
                player.deliver(Array(turn[..<(offset - place)]).octets, from: direction)
                player.deliver(Array(turn[(offset - place)...]).octets, from: direction, isSameTime: true)
                continue
            case .cut(let offset) where offset < at: turn = offset > place ? Array(turn[..<(offset - place)]) : []
            case .gap(let offset) where range.contains(offset):
                if transport == .tcp {
                    player.deliver(Array(turn[..<(offset - place)]).octets, from: direction)
                    player.gap(1, from: direction)
                    player.deliver(Array(turn[(offset - place + 1)...]).octets, from: direction, isSameTime: true)
                }
                continue
            case .damage(let offset) where range.contains(offset):
                for index in (offset - place)..<min(turn.count, offset - place + 4) { turn[index] = 0xFF }
            default: break
            }
            if !turn.isEmpty { player.deliver(turn.octets, from: direction) }
        }
        var outcome = Outcome()
        outcome.isOver = player.isOver
        outcome.service = player.finish()
        outcome.rows = FuzzConversation.lines(player.context.output.batches)
        return outcome
    }

    /// Plays turns on a connection of which nothing is known, to a port that no protocol is registered for.
    static func recognise(_ turns: [(Direction, [UInt8])], isDatagrams: Bool) -> Outcome {
        var player = Player(nil, isDatagrams ? .udp : .tcp, port: 40_001, isPartial: false)
        for (direction, turn) in turns { player.deliver(turn.octets, from: direction) }
        var outcome = Outcome(isOver: player.isOver)
        outcome.service = player.finish()
        outcome.rows = lines(player.context.output.batches)
        return outcome
    }

    private static func lines(_ batches: [RowBatch]) -> [String] {
        var line = [UInt8](repeating: 0, count: 1 << 16)
        var scratch: [UInt8] = []
        var lines: [String] = []
        for (index, batch) in batches.enumerated() {
            for row in 0..<batch.count {
                let count = fit(forms[index].json, row, batch, &line, &scratch)
                lines.append("\(batch.log) " + String(decoding: line[..<count], as: UTF8.self))
            }
        }
        return lines
    }

    /// Writes rows as lines of both forms; a row that no room is enough for is a failure.
    private static func write(_ batches: [RowBatch]) {
        var line = [UInt8](repeating: 0, count: 1 << 16)
        var scratch: [UInt8] = []
        for (index, batch) in batches.enumerated() {
            for row in 0..<batch.count {
                fit(forms[index].json, row, batch, &line, &scratch)
                fit(forms[index].tsv, row, batch, &line, &scratch)
            }
        }
    }

    /// Answers how long the line is.
    @discardableResult
    private static func fit(
        _ form: some RowForm, _ row: Int, _ batch: RowBatch, _ line: inout [UInt8], _ scratch: inout [UInt8]
    ) -> Int {
        while true {
            var at = 0
            var span = line.mutableSpan
            if form.append(row, of: batch, to: &span, &at, scratch: &scratch) { return at }
            precondition(line.count < 1 << 27, "a row of \(batch.log) fits nowhere")
            line = [UInt8](repeating: 0, count: line.count * 2)
        }
    }

    /// A connection, as the worker keeps it for its analyzers.
    private struct Player: ~Copyable {
        var context: AnalyzerContext
        private var analysis = Analysis()
        private let isStream: Bool
        private var isFlipped = false
        private(set) var isOver = false

        /// Without a kind ports and probes choose the analyzers.
        init(_ kind: AnalyzerKind?, _ transport: Transport, port: UInt16, isPartial: Bool) {
            isStream = transport == .tcp
            context = AnalyzerContext(
                output: RecordOutput(schemas: Schemas.all), settings: AnalyzerSettings(),
                selection: FuzzConversation.selection)
            context.now = Timestamp(seconds: 1_700_000_000)
            context.uid = UID(value: 99)
            context.id = ConnectionID(
                originator: Address(v4: 0x0A00_0001), responder: Address(v4: 0x0A00_0002),
                originatorPort: 40_000, responderPort: port, transport: transport,
                protocolNumber: transport.rawValue)
            context.isPartial = isPartial
            if let kind { analysis.begin(with: kind, &context) }
        }

        mutating func deliver(_ bytes: RawSpan, from direction: Direction, isSameTime: Bool = false) {
            guard !isOver else { return }
            let from = isFlipped ? direction.opposite : direction
            if !isSameTime { context.now = context.now.adding(1_000_000) }
            context.sizeSoFar &+= UInt64(bytes.byteCount)
            if isStream {
                guard bytes.byteCount > 0 else { return }
                analysis.stream(bytes, from: from, &context)
            } else {
                analysis.datagram(bytes, wireLength: bytes.byteCount, from: from, &context)
            }
            settle()
        }

        mutating func gap(_ count: Int, from direction: Direction) {
            guard isStream else { return }
            context.hasGap = true
            context.sizeSoFar &+= UInt64(count)
            analysis.gap(count, from: isFlipped ? direction.opposite : direction, &context)
            settle()
        }

        mutating func endOfStream(from direction: Direction) {
            guard isStream else { return }
            analysis.endOfStream(from: isFlipped ? direction.opposite : direction, &context)
            settle()
        }

        mutating func wait(_ milliseconds: Int64) {
            context.now = context.now.adding(milliseconds * 1_000_000)
            context.advance(to: context.now)
        }

        /// Ends the connection; answers its `service`.
        @discardableResult
        mutating func finish() -> String {
            analysis.finish(&context)
            settle()
            var text = TextBuffer()
            let services = analysis.writeServices(to: &text)
            analysis.reset(&context)
            context.finish()
            return String(decoding: text[services], as: UTF8.self)
        }

        /// What the worker does after each call.
        private mutating func settle() {
            for request in context.requests {
                switch request {
                case .flip:
                    isFlipped.toggle()
                    context.id = context.id.flipped
                case .stop: isOver = true
                default: break
                }
            }
            context.requests.removeAll(keepingCapacity: true)
            context.weirds.removeAll(keepingCapacity: true)
            context.weirdText.clear()
            if !analysis.wantsBytes { isOver = true }
        }
    }
}
