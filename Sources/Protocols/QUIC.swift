// SPDX-License-Identifier: Apache-2.0
//
// QUIC: versions 1 and 2 (RFC 9000, RFC 9369), drafts 22 to 34, and mvfst; of Google's what is in the clear.
//
// Reads   datagrams of both directions: headers of long packets, frames of Initial packets.
// Writes  one `QUICRecord` per session, path "quic"; the hellos go on to TLS.
// Leaves  what only the two ends can open: everything behind the hellos.
//
// The rules are Zeek's, so that the same traffic gives the same rows. QUIC+Packets.swift
// has headers, QUIC+Frames.swift what is inside an Initial packet, QUICKeys.swift the
// keys, QUIC+Google.swift the versions before the standard.

package import Records
import Wire

/// One session of QUIC: until a Retry, a close in the clear, or the end of the connection.
package struct QUICRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var version = Text.absent
    package var initialTarget = Text.absent
    package var clientSource = Text.absent
    package var serverSource = Text.absent
    package var serverName = Text.absent
    package var clientProtocol = Text.absent
    package var history = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.quic
    package static let summary: StaticString = "One session of QUIC."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("version", version, in: text, "Version of the first packet.")
        row.text(
            "client_initial_dcid", initialTarget, in: text, "First destination connection id of the client.",
            isKey: true)
        row.text("client_scid", clientSource, in: text, "Source connection id of the client.")
        row.text("server_scid", serverSource, in: text, "Source connection id of the server.")
        row.text("server_name", serverName, in: text, "Name that the client asked for.", isKey: true)
        row.text("client_protocol", clientProtocol, in: text, "First protocol that the client offered.")
        row.text("history", history, in: text, "Packets in order; upper case from the originator.")
    }

    /// Blank again; keeps memory.
    mutating func clear() {
        (version, initialTarget, clientSource, serverSource) = (.absent, .absent, .absent, .absent)
        (serverName, clientProtocol, history) = (.absent, .absent, .absent)
        text.clear()
    }
}

/// One direction of a QUIC connection.
struct QUICSide {
    /// What its Initial packets are opened with, and the version that was for.
    var keys: QUICKeys?
    var keysVersion: UInt32?
    var hello = QUICHello()
    /// Packets with a short header, and the number of them that is told next.
    var shortCount: UInt64 = 0
    var shortNext: UInt64 = 1

    /// A Retry begins the handshake anew.
    mutating func restart() {
        keys = nil
        keysVersion = nil
        hello.clear()
    }
}

final class QUIC: Analyzer {
    /// Letters of the history (`QUIC::max_history_length`).
    static let historyMax = 100
    /// Discarded packets that are told (`QUIC::max_discarded_packet_events`).
    static let discardedMax: UInt64 = 100

    var record = QUICRecord()
    private(set) var hasRow = false
    private var history: [UInt8] = []
    var sides: [2 of QUICSide] = [QUICSide(), QUICSide()]
    /// The client's first destination connection id, from which keys come.
    var initialTarget: [UInt8]?
    /// Octets of the connection id that short headers begin with.
    var clientIDBytes = 0
    var decryptedCount: UInt64 = 0
    var discardedCount: UInt64 = 0
    /// Nothing more is read.
    private(set) var isOver = false
    /// What the hellos are given to; nil after it failed.
    private var tls: TLS?
    private var hasTLS = false
    /// A Retry was followed; a client follows one and no more (RFC 9000 section 17.2.5.2).
    var hasRetried = false
    /// The packets are of Google's versions.
    var isGoogle = false
    /// The hello that the packet at work has completed, where somebody looks.
    var shownHello: [UInt8]?
    /// What the last event said, for alerts on the same packet.
    var lastView: (name: Text, hello: QUICHelloView?, text: TextBuffer)?

    init() { super.init(kind: .quic) }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        if QUICGoogleHeader.begins(bytes), !isOver { return google(bytes, from: direction, &context) }
        // Behind a hello of Google's nothing short is in the clear.
        if isGoogle, bytes.byteCount > 0, bytes.octet(0) & 0x80 == 0 { return }
        var at = 0
        while at < bytes.byteCount, !isOver {
            let rest = bytes.extracting(at..<bytes.byteCount)
            let first = rest.octet(0)
            // RFC 9000 section 17.2: without this bit a packet is none of these versions.
            guard first & 0x40 != 0 else { return discarded(from: direction, &context) }
            guard first & 0x80 != 0 else { return short(rest, from: direction, &context) }
            guard let count = long(rest, from: direction, &context) else { return fail(&context) }
            at &+= count
        }
    }

    /// A packet that is not QUIC, such as padding behind an Initial one.
    private func discarded(from direction: Direction, _ context: inout AnalyzerContext) {
        discardedCount &+= 1
        guard decryptedCount > 0, discardedCount <= QUIC.discardedMax else { return }
        guard hasRow else { return context.weird(.QUIC_spurious_discarded_packet, source: "") }
        seen(0x78, from: direction, &context)
    }

    /// A packet with a short header takes the rest of the datagram. They are told at powers of two.
    private func short(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard bytes.byteCount > clientIDBytes else { return fail(&context) }
        let side = Int(direction.rawValue)
        sides[side].shortCount &+= 1
        guard sides[side].shortCount == sides[side].shortNext else { return }
        sides[side].shortNext &*= 2
        guard hasRow else {
            return context.weird(
                .QUIC_spurious_short_header_packet_threshold_crossed, addl: sides[side].shortCount, source: "")
        }
        seen(0x6F, from: direction, &context)
    }

    // MARK: the row

    /// The session of a packet; begins one where there is none.
    func begin(_ header: borrowing QUICHeader, _ context: inout AnalyzerContext) {
        guard !hasRow else { return }
        hasRow = true
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        if let name = QUICVersion.name(header.version) {
            record.version = record.text.add(name)
        } else {
            let start = record.text.begin()
            record.text.append("unknown-")
            record.text.append(hexadecimalNumber: header.version)
            record.version = record.text.end(start)
        }
    }

    /// Takes over the connection ids of a packet.
    func identify(target: RawSpan, source: RawSpan, from direction: Direction) {
        if direction == .originator, target.byteCount > 0, record.initialTarget.isAbsent {
            record.initialTarget = digits(target)
        }
        if direction == .originator {
            record.clientSource = replace(record.clientSource, source)
        } else {
            record.serverSource = replace(record.serverSource, source)
        }
    }

    private func digits(_ span: RawSpan) -> Text {
        let start = record.text.begin()
        record.text.append(hexadecimal: span)
        return record.text.end(start)
    }

    /// The digits of a connection id; the text that is there where it says the same.
    private func replace(_ old: Text, _ id: RawSpan) -> Text {
        let new = digits(id)
        guard !old.isAbsent, record.text[old] == record.text[new] else { return new }
        record.text.bytes.removeLast(Int(new.count))
        return old
    }

    /// A letter of the history, given in lower case.
    func seen(_ letter: UInt8, from direction: Direction, _ context: inout AnalyzerContext) {
        guard history.count < QUIC.historyMax else { return }
        history.append(direction == .originator ? letter & 0xDF : letter)
        if history.count == QUIC.historyMax { context.weird(.QUIC_max_history_length_reached, source: "") }
    }

    /// The session is over; the next long packet begins another.
    func writeRow(_ context: inout AnalyzerContext) {
        guard hasRow else { return }
        hasRow = false
        record.history = record.text.add(history)
        context.output.emit(record)
        record.clear()
        history.removeAll(keepingCapacity: true)
    }

    // MARK: the hellos

    /// A whole handshake message of a side's Initial packets.
    func hello(_ message: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        if !hasTLS {
            hasTLS = true
            tls = context.take(.ssl) as? TLS
            tls?.isInQUIC = true
        }
        guard let tls, message.byteCount >= 4 else { return }
        let type = message.octet(0)
        if context.wantsEvents || context.wantsTransactions {
            var copy: [UInt8] = []
            message.append(to: &copy)
            shownHello = copy
        }
        tls.handshake(type, message.extracting(4..<message.byteCount), from: direction, &context)
        if tls.isDetached || tls.isOver { return finishTLS(&context) }
        guard hasRow, type == 1 || type == 2 else { return }
        if type == 1 { name(by: tls, &context) }
        seen(0x73, from: type == 1 ? .originator : .responder, &context)
    }

    private func name(by tls: TLS, _ context: inout AnalyzerContext) {
        record.serverName = record.text.add(tls.record.serverName, of: tls.record.text)
        guard let first = tls.clientProtocols.first else { return }
        record.clientProtocol = record.text.add(first, of: tls.record.text)
        guard tls.clientProtocols.count > 1 else { return }
        let start = context.weirdText.begin()
        context.weirdText.append("[")
        for (index, text) in tls.clientProtocols.enumerated() {
            if index > 0 { context.weirdText.append(", ") }
            _ = context.weirdText.add(text, of: tls.record.text)
        }
        context.weirdText.append("]")
        let list = context.weirdText.end(start)
        context.weirds.append(PendingWeird(weird: .QUIC_many_protocols, addl: list, source: ""))
    }

    /// The fingerprint that TLS has made of the client's hello.
    func copyJA4(to text: inout TextBuffer) -> Text {
        guard let tls else { return .absent }
        return text.add(tls.record.ja4, of: tls.record.text)
    }

    override func writeEVE(tx: UInt64, to event: inout EVEBuilder) {
        guard let lastView else { return }
        event.open("quic")
        QUIC.write(lastView.name, lastView.hello, in: lastView.text, to: &event)
        event.close()
    }

    private func finishTLS(_ context: inout AnalyzerContext) {
        guard let tls else { return }
        tls.finish(&context)
        context.giveBack(tls)
        self.tls = nil
    }

    // MARK: the end

    func fail(_ context: inout AnalyzerContext) {
        isOver = true
        violation(&context)
    }

    override func finish(_ context: inout AnalyzerContext) {
        writeRow(&context)
        finishTLS(&context)
    }

    override func reset() {
        super.reset()
        record.clear()
        hasRow = false
        history.removeAll(keepingCapacity: true)
        for side in 0..<2 {
            sides[side].restart()
            (sides[side].shortCount, sides[side].shortNext) = (0, 1)
        }
        initialTarget = nil
        clientIDBytes = 0
        (decryptedCount, discardedCount) = (0, 0)
        isOver = false
        tls = nil
        (hasTLS, hasRetried, isGoogle) = (false, false, false)
        (shownHello, lastView) = (nil, nil)
    }
}
