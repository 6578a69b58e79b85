// SPDX-License-Identifier: Apache-2.0
//
// Domain Name System (RFC 1035; TCP framing section 4.2.2), with its relatives
// that share the wire form: mDNS (RFC 6762), LLMNR (RFC 4795), NBNS (RFC 1002),
// dynamic update (RFC 2136).
//
// Reads   one message per UDP datagram; length-framed messages of a TCP stream.
// Writes  one `DNSRecord` per query and reply with the same id, log "dns".
// Leaves  authority and additional sections unless the settings ask for them.

package import Records
import Wire

/// The fixed header of a message.
struct DNSHeader: Equatable, BitwiseCopyable {
    static let byteCount = 12

    let id: UInt16
    let flags: UInt16
    let questionCount: UInt16
    let answerCount: UInt16
    let authorityCount: UInt16
    let additionalCount: UInt16

    //   0  1  2  3  4  5  6  7  8  9  0  1  2  3  4  5
    //  |                      id                       |
    //  |QR|  opcode   |AA|TC|RD|RA|   Z    |   rcode   |
    //  |  questions            |  answers              |  16 bits each
    //  |  authority            |  additional           |
    /// Nil where there are fewer than 12 octets.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= DNSHeader.byteCount else { return nil }
        id = bytes.load(0)
        flags = bytes.load(2)
        questionCount = bytes.load(4)
        answerCount = bytes.load(6)
        authorityCount = bytes.load(8)
        additionalCount = bytes.load(10)
    }

    var isResponse: Bool { flags & 0x8000 != 0 }
    var opcode: UInt8 { UInt8(truncatingIfNeeded: flags >> 11) & 0xF }
    var isAuthoritative: Bool { flags & 0x0400 != 0 }
    var isTruncated: Bool { flags & 0x0200 != 0 }
    var recursionDesired: Bool { flags & 0x0100 != 0 }
    var recursionAvailable: Bool { flags & 0x0080 != 0 }
    /// Three bits; RFC 4035 names two of them AD and CD.
    var reserved: UInt8 { UInt8(truncatingIfNeeded: flags >> 4) & 0x7 }
    var responseCode: UInt8 { UInt8(truncatingIfNeeded: flags) & 0xF }
    var hasNoRecords: Bool { answerCount | authorityCount | additionalCount == 0 }
    static let notifyOpcode: UInt8 = 4
    static let updateOpcode: UInt8 = 5
}

/// One query and its reply.
package struct DNSRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var transactionID: UInt16 = 0
    /// Nanoseconds; 0 is unset.
    package var roundTrip: Int64 = 0
    package var query = Text.absent
    package var hasQuestion = false
    package var questionClass: UInt16 = 0
    package var questionType: UInt16 = 0
    /// `qclass-N`, `query-N`: only where the number has no name.
    var unnamedClass = Text.absent
    var unnamedType = Text.absent
    package var hasReply = false
    package var responseCode: UInt8 = 0
    package var isAuthoritative = false
    package var isTruncated = false
    package var recursionDesired = false
    package var recursionAvailable = false
    package var reserved: UInt8 = 0
    /// Texts of the answers; as many as `lifetimes`.
    package var answers: [Text] = []
    /// Nanoseconds.
    package var lifetimes: [UInt64] = []
    package var isRejected = false
    package var opcode: UInt8 = 0
    /// NetBIOS names for opcodes and types: a port of the connection is 137.
    var isNetBIOS = false
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.dns
    package static let summary: StaticString = "One DNS query and its reply, matched by id."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.enumeration("proto", id?.transport.name, "Transport of the connection.")
        row.count("trans_id", UInt64(transactionID), "Identifier that query and reply share.")
        row.interval("rtt", roundTrip == 0 ? nil : roundTrip, "Time from the query to the first answer.")
        row.text("query", query, in: text, "The name asked for, in lower case.", isKey: true)
        row.count("qclass", hasQuestion ? UInt64(questionClass) : nil, "Class asked for, as a number.")
        name("qclass_name", hasQuestion ? DNSTables.className(questionClass) : nil, unnamedClass, &row,
            "Class asked for, by name.")
        row.count("qtype", hasQuestion ? UInt64(questionType) : nil, "Type asked for, as a number.")
        name("qtype_name", typeName, unnamedType, &row, "Type asked for, by name.")
        row.count("rcode", hasReply ? UInt64(responseCode) : nil, "Response code, as a number.")
        row.text("rcode_name", hasReply ? DNSTables.responseCodeName(responseCode) : nil, "Response code, by name.")
        row.boolean("AA", isAuthoritative, "The server that answered is an authority for the name.")
        row.boolean("TC", isTruncated, "The query was cut short.")
        row.boolean("RD", recursionDesired, "The client asked for recursion.")
        row.boolean("RA", recursionAvailable, "The server that answered offers recursion.")
        row.count("Z", UInt64(reserved), "Reserved bits of the query, among them AD and CD.")
        row.textVector("answers", answers.isEmpty ? nil : answers, in: text, "The answers as texts, in order.")
        row.intervalVector("TTLs", lifetimes.isEmpty ? nil : lifetimes, "How long each answer may be cached.")
        row.boolean("rejected", isRejected, "The server refused to answer.")
        row.count("opcode", UInt64(opcode), "Operation, as a number.")
        row.text("opcode_name", DNSTables.opcodeName(opcode, isNetBIOS: isNetBIOS), "Operation, by name.")
    }

    private var typeName: StaticString? {
        guard hasQuestion else { return nil }
        // RFC 2782 took the number that RFC 1002 had given to node status.
        if questionType == 33, id?.responderPort == DNS.netBIOSPort { return "NBSTAT" }
        return DNSTables.typeName(questionType)
    }

    /// A column whose text is one of a table, or else was made for the record.
    private func name(
        _ column: StaticString, _ known: StaticString?, _ unnamed: Text, _ row: inout RowBatch, _ doc: StaticString
    ) {
        if let known { return row.text(column, known, doc) }
        row.text(column, unnamed, in: text, doc)
    }

    /// Takes over the first message, and the connection with it.
    fileprivate mutating func begin(
        _ bytes: RawSpan, _ header: DNSHeader, _ id: ConnectionID, _ context: inout AnalyzerContext
    ) -> DNSOutcome {
        ts = context.now
        uid = context.uid
        self.id = id
        transactionID = header.id
        isNetBIOS = id.responderPort == DNS.netBIOSPort || id.originatorPort == DNS.netBIOSPort
        return read(bytes, header, id, &context)
    }

    fileprivate mutating func read(
        _ bytes: RawSpan, _ header: DNSHeader, _ id: ConnectionID, _ context: inout AnalyzerContext
    ) -> DNSOutcome {
        var reader = DNSReader(header, id, at: context.now)
        return reader.read(bytes, &self, &context)
    }

    /// Writes the row; then the record is blank again, with its memory. False
    /// where it has so much that it had better give it back.
    fileprivate mutating func write(to output: inout RecordOutput) -> Bool {
        output.emit(self)
        guard text.bytes.count <= DNSTransaction.keptBytesMax, answers.count <= DNSTransaction.keptAnswersMax else {
            return false
        }
        clear()
        return true
    }

    private mutating func clear() {
        roundTrip = 0
        query = .absent
        hasQuestion = false
        unnamedClass = .absent
        unnamedType = .absent
        hasReply = false
        isAuthoritative = false
        isTruncated = false
        recursionDesired = false
        recursionAvailable = false
        reserved = 0
        if !answers.isEmpty {
            answers.removeAll(keepingCapacity: true)
            lifetimes.removeAll(keepingCapacity: true)
        }
        isRejected = false
        text.clear()
    }
}

/// A record under construction. A class, so that a table of them moves one word;
/// used ones wait in the context, so that a connection which waits for nothing
/// holds none.
final class DNSTransaction {
    var record = DNSRecord()

    /// Octets and answers above which a used transaction gives its memory back.
    static let keptBytesMax = 16_384
    static let keptAnswersMax = 512
    /// Used transactions that wait for the next message.
    static let idleMax = 4096
}

/// DNS on one connection.
final class DNS: Analyzer {
    static let netBIOSPort: UInt16 = 137
    /// Octets of text that one record holds; answers beyond it are not kept, and
    /// history gets its X. 64 kB of message can name 2 MB by compression.
    static let recordBytesMax = 1 << 20
    static let source: StaticString = "DNS"

    private var conversation = DNSConversation()
    /// TCP: one for each direction, empty on UDP.
    private var framings: [DNSFraming] = []

    init() { super.init(kind: .dns) }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        message(bytes, from: direction, isFirstOfCall: true, &context)
    }

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        if framings.isEmpty { framings.append(contentsOf: repeatElement(DNSFraming(), count: 2)) }
        let side = Int(direction.rawValue)
        guard !framings[side].isLost else { return }
        var position = 0
        var isFirst = true
        while position < bytes.byteCount, !isDetached {
            // A message that lies whole in the segment is read where it lies.
            if framings[side].isAtStart, bytes.byteCount &- position >= 2 {
                let length = Int(bytes.load(position, as: UInt16.self))
                if bytes.byteCount &- position &- 2 >= length {
                    let start = position &+ 2
                    position = start &+ length
                    message(bytes.extracting(start..<position), from: direction, isFirstOfCall: isFirst, &context)
                    isFirst = false
                    continue
                }
            }
            position &+= framings[side].take(bytes.extracting(position..<bytes.byteCount))
            guard framings[side].isComplete else { continue }
            // Taken out for the call, so that no copy is made.
            var octets: [UInt8] = []
            swap(&octets, &framings[side].octets)
            message(octets.octets, from: direction, isFirstOfCall: isFirst, &context)
            isFirst = false
            swap(&octets, &framings[side].octets)
            framings[side].restart()
        }
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        guard context.id.transport == .tcp else { return }
        if framings.isEmpty { framings.append(contentsOf: repeatElement(DNSFraming(), count: 2)) }
        framings[Int(direction.rawValue)].skip(count)
    }

    override func finish(_ context: inout AnalyzerContext) { conversation.writeUnmatched(&context) }

    override func reset() {
        super.reset()
        conversation.reset()
        if !framings.isEmpty { framings = [] }
    }

    /// The name that is shown at the moment.
    private var viewName: [UInt8] = []

    override var showsAfterViolation: Bool { true }

    /// A message after one that was none; only what can be read to its end is shown.
    override func showDatagram(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard DNSView.isWhole(bytes) else { return }
        let transaction = context.beginTransaction(DNSView.application(context.id))
        DNSView.show(bytes, tx: transaction, from: direction, name: &viewName, &context)
        if context.wantsEvents { event(bytes, from: direction, tx: transaction, &context) }
    }

    private func message(
        _ bytes: RawSpan, from direction: Direction, isFirstOfCall: Bool, _ context: inout AnalyzerContext
    ) {
        let transaction = context.beginTransaction(DNSView.application(context.id))
        if context.wantsTransactions || context.wantsEvents {
            DNSView.show(bytes, tx: transaction, from: direction, name: &viewName, &context)
        }
        if context.wantsEvents { event(bytes, from: direction, tx: transaction, &context) }
        switch conversation.message(bytes, from: direction, isFirstOfCall: isFirstOfCall, &context) {
        case .sound: if !isConfirmed { confirm(&context) }
        case .unsound: break
        case .violation:
            violation(&context)
            // A detached analyzer is not asked to finish.
            if isDetached { conversation.writeUnmatched(&context) }
        }
    }
}

/// Which messages of a connection share a row. A struct, so that one message
/// costs one exclusivity check and not one for each field.
struct DNSConversation {
    private var isFirstMessage = true
    /// The ends were found exchanged in this very call; the context follows after it.
    private var hasFlipped = false
    private var queries = DNSPending()
    private var replies = DNSPending()

    mutating func reset() {
        isFirstMessage = true
        hasFlipped = false
        queries.clear()
        replies.clear()
    }

    /// Reads one message; a row is written when it completes a pair.
    mutating func message(
        _ bytes: RawSpan, from direction: Direction, isFirstOfCall: Bool, _ context: inout AnalyzerContext
    ) -> DNSOutcome {
        if isFirstOfCall { hasFlipped = false }
        guard let header = DNSHeader(bytes) else {
            context.weird(.DNS_truncated_len_lt_hdr_len, source: DNS.source)
            return .unsound
        }
        if isFirstMessage {
            isFirstMessage = false
            if header.isResponse, direction == .originator, !context.id.responder.isMulticast {
                context.requests.append(.flip)
                hasFlipped = true
            }
        }
        let id = hasFlipped ? context.id.flipped : context.id
        let isNetBIOS = id.responderPort == DNS.netBIOSPort || id.originatorPort == DNS.netBIOSPort
        guard isNetBIOS || header.opcode == 0 || header.opcode == DNSHeader.notifyOpcode
            || header.opcode == DNSHeader.updateOpcode
        else {
            context.weird(.DNS_unknown_opcode, addl: UInt64(header.opcode), source: DNS.source)
            context.requests.append(.limitReached)
            return .unsound
        }

        if !id.responder.isMulticast {
            if let waiting = header.isResponse ? queries.take(header.id) : replies.take(header.id) {
                let outcome = waiting.record.read(bytes, header, id, &context)
                Self.write(waiting, &context)
                return outcome
            }
            let transaction = context.idleTransactions.popLast() ?? DNSTransaction()
            let outcome = transaction.record.begin(bytes, header, id, &context)
            if header.isResponse {
                Self.makeRoom(&replies, header.id, &context)
                replies.append(header.id, transaction)
            } else {
                Self.makeRoom(&queries, header.id, &context)
                queries.append(header.id, transaction)
            }
            return outcome
        }
        let transaction = context.idleTransactions.popLast() ?? DNSTransaction()
        let outcome = transaction.record.begin(bytes, header, id, &context)
        Self.write(transaction, &context)
        return outcome
    }

    /// Where too many wait they never will be matched, and are written as they stand.
    private static func makeRoom(_ pending: inout DNSPending, _ id: UInt16, _ context: inout AnalyzerContext) {
        guard !pending.entries.isEmpty else { return }
        let limit = context.settings.dnsPendingMax
        let same = pending.count(of: id)
        if same > limit {
            context.limits.met(.requests, same)
            while let old = pending.take(id) { write(old, &context) }
        } else if same == 0, pending.openIDs > limit {
            context.limits.met(.requests, pending.entries.count)
            writeAll(&pending, &context)
        }
    }

    mutating func writeUnmatched(_ context: inout AnalyzerContext) {
        Self.writeAll(&queries, &context)
        Self.writeAll(&replies, &context)
    }

    private static func writeAll(_ pending: inout DNSPending, _ context: inout AnalyzerContext) {
        guard !pending.entries.isEmpty else { return }
        for index in pending.entries.indices { write(pending.entries[index].transaction, &context) }
        pending.clear()
    }

    /// Writes a row and gives the transaction back.
    private static func write(_ transaction: DNSTransaction, _ context: inout AnalyzerContext) {
        guard transaction.record.write(to: &context.output), context.idleTransactions.count < DNSTransaction.idleMax
        else { return }
        context.idleTransactions.append(transaction)
    }
}

/// Messages that wait for their partner, oldest first. Bounded by its user:
/// `dnsPendingMax` ids of as many messages each.
struct DNSPending {
    private(set) var entries: [(id: UInt16, transaction: DNSTransaction)] = []
    /// Different ids among the entries.
    private(set) var openIDs = 0

    /// Takes out the oldest message of an id.
    mutating func take(_ id: UInt16) -> DNSTransaction? {
        guard !entries.isEmpty, let index = entries.firstIndex(where: { $0.id == id }) else { return nil }
        let transaction = entries.remove(at: index).transaction
        if !entries.contains(where: { $0.id == id }) { openIDs &-= 1 }
        return transaction
    }

    mutating func append(_ id: UInt16, _ transaction: DNSTransaction) {
        if !entries.contains(where: { $0.id == id }) { openIDs &+= 1 }
        entries.append((id, transaction))
    }

    func count(of id: UInt16) -> Int {
        var count = 0
        for index in entries.indices where entries[index].id == id { count &+= 1 }
        return count
    }

    mutating func clear() {
        guard !entries.isEmpty else { return }
        entries.removeAll(keepingCapacity: entries.capacity <= 64)
        openIDs = 0
    }
}

/// Finds the messages of a TCP direction: two octets of length, then the message.
struct DNSFraming {
    /// The message so far, where it spans segments.
    var octets: [UInt8] = []
    private var lengthOctets = 0
    private var length = 0
    /// What is still to come of a message with a hole; it is not read.
    private var discard = 0
    /// A gap hid where the next message begins.
    private(set) var isLost = false

    var isAtStart: Bool { lengthOctets == 0 && discard == 0 }
    var isComplete: Bool { lengthOctets == 2 && octets.count >= length }

    /// Takes up to one message from `bytes`; returns how many octets it took.
    mutating func take(_ bytes: RawSpan) -> Int {
        if discard > 0 {
            let count = min(discard, bytes.byteCount)
            discard &-= count
            return count
        }
        var position = 0
        while lengthOctets < 2, position < bytes.byteCount {
            length = length << 8 | Int(bytes.octet(position))
            lengthOctets &+= 1
            position &+= 1
        }
        guard lengthOctets == 2 else { return position }
        let count = min(length &- octets.count, bytes.byteCount &- position)
        bytes.extracting(position ..< position &+ count).append(to: &octets)
        return position &+ count
    }

    mutating func restart() {
        if octets.capacity > DNSTransaction.keptBytesMax { octets = [] }
        octets.removeAll(keepingCapacity: true)
        lengthOctets = 0
        length = 0
    }

    /// A message with a hole is given up. Where the hole ends inside it or at its
    /// end, the next one is found again; otherwise the direction is lost.
    mutating func skip(_ count: Int) {
        let missing = lengthOctets == 2 ? length &- octets.count : discard
        restart()
        discard = missing &- count
        guard missing == 0 || discard < 0 else { return }
        discard = 0
        isLost = true
        octets = []
    }
}
