// SPDX-License-Identifier: Apache-2.0
//
// OPC UA in its binary form over TCP port 4840 (OPC 10000-6 clause 6.7 and 7.1).
//
// Reads   chunks: greetings, errors, secure channels, and of messages in the clear the service and its header.
// Writes  one `OPCUARecord` for each chunk that begins a message.
// Leaves  what services carry; encrypted channels, of which only sizes and numbers are seen.

package import Records
import Wire

package struct OPCUARecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    var isOriginator = true
    var type = Text.absent
    var isFinal = Text.absent
    var size: UInt64 = 0
    var error = Text.absent
    var reason = Text.absent
    var version: UInt64?
    var receiveSize: UInt64?
    var sendSize: UInt64?
    var messageMax: UInt64?
    var chunksMax: UInt64?
    var endpoint = Text.absent
    var channel: UInt64?
    var policy = Text.absent
    var sequence: UInt64?
    var request: UInt64?
    var service: UInt64?
    var serviceName: StaticString?
    var handle: UInt64?
    var result = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.opcua
    package static let summary: StaticString = "One message of OPC UA, by its first chunk."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("is_orig", isOriginator, "The originator sent it.")
        row.text("msg_type", type, in: text, "HEL, ACK, ERR, RHE, OPN, MSG or CLO.")
        row.text("is_final", isFinal, in: text, "F the only or last chunk, C one of several, A gives up.")
        row.count("msg_size", size, "Octets of the chunk.")
        row.text("error", error, in: text, "Status code of an error.")
        row.text("reason", reason, in: text, "Why, in words.")
        row.count("version", version, "Version of the protocol.")
        row.count("rcv_buf_size", receiveSize, "The largest chunk that the sender takes.")
        row.count("snd_buf_size", sendSize, "The largest chunk that it will send.")
        row.count("max_msg_size", messageMax, "The largest message that it takes; 0 without a limit.")
        row.count("max_chunk_cnt", chunksMax, "Chunks of a message that it takes; 0 without a limit.")
        row.text("endpoint_url", endpoint, in: text, "Whom the client wants to speak with.")
        row.count("sec_channel_id", channel, "Number of the secure channel.")
        row.text("sec_policy_uri", policy, in: text, "How the channel is secured.")
        row.count("seq_number", sequence, "Number of the chunk, where it is in the clear.")
        row.count("request_id", request, "Number that request and response share.")
        row.count("identifier", service, "Service as a number.")
        row.text("identifier_str", serviceName, "Service by name.")
        row.count("request_handle", handle, "The client's own number of the request.")
        row.text("service_result", result, in: text, "Status code of a response.")
    }

    mutating func clear() {
        text.clear()
        (error, reason, version, receiveSize, sendSize) = (.absent, .absent, nil, nil, nil)
        (messageMax, chunksMax, endpoint, channel, policy) = (nil, nil, .absent, nil, .absent)
        (sequence, request, service, serviceName, handle, result) = (nil, nil, nil, nil, nil, .absent)
    }
}

enum OPCUAProbe {
    /// A client's greeting in one chunk.
    static func hello(_ bytes: RawSpan) -> ProbeVerdict {
        let verdict = bytes.beginning(with: "HELF", at: 0)
        guard verdict == .matches else { return verdict }
        guard bytes.byteCount >= 8 else { return .needsMore }
        return (32...8192).contains(bytes.load32(4).byteSwapped) ? .matches : .never
    }
}

final class OPCUA: FramedAnalyzer {
    /// Octets of a message that hold everything its row tells.
    private static let headBytes = 128
    /// The longest chunk; a server may agree to more than the usual 64 KiB.
    private static let chunkBytesMax = 16 << 20
    /// The longest greeting or opening of a channel: certificates may come in chains.
    private static let wholeBytesMax = 65_536
    private static let textBytesMax = 4096

    private var record = OPCUARecord()
    /// A side is in the middle of a message of several chunks.
    private var isInside: [2 of Bool] = [false, false]
    /// The channel has no encryption, as far as its opening was seen.
    private var isClear = true

    init() { super.init(kind: .opcua) }

    override func reset() {
        super.reset()
        isInside = [false, false]
        isClear = true
    }

    override func message(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Framing {
        guard bytes.byteCount >= 8 else { return .needs(8) }
        let count = Int(bytes.load32(4).byteSwapped)
        let end = bytes.octet(3)
        let isEnd = end == 0x46 || end == 0x43 || end == 0x41
        guard let kind = Kind(bytes), isEnd, count >= 8, count <= OPCUA.chunkBytesMax,
            kind == .message || count <= OPCUA.wholeBytesMax
        else {
            violation(&context)
            return .stop
        }
        let isWhole = kind != .message
        let wanted = isWhole ? count : min(count, OPCUA.headBytes)
        guard bytes.byteCount >= wanted else { return .needs(wanted) }
        let side = Int(direction.rawValue)
        let begins = !isInside[side]
        isInside[side] = end == 0x43
        guard begins else { return .took(count) }
        record.clear()
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        record.isOriginator = direction == .originator
        record.type = record.text.add(bytes.extracting(0..<3))
        record.isFinal = record.text.add(bytes.extracting(3..<4))
        record.size = UInt64(count)
        var cursor = Cursor(bytes.extracting(8..<wanted))
        do throws(WireError) {
            try read(kind, &cursor)
            confirm(&context)
            context.output.emit(record)
        } catch {
            violation(&context)
        }
        return .took(count)
    }

    private enum Kind {
        case hello, acknowledge, error, reverse, open, message, close

        init?(_ bytes: RawSpan) {
            if bytes.begins(with: "HEL") {
                self = .hello
            } else if bytes.begins(with: "ACK") {
                self = .acknowledge
            } else if bytes.begins(with: "ERR") {
                self = .error
            } else if bytes.begins(with: "RHE") {
                self = .reverse
            } else if bytes.begins(with: "OPN") {
                self = .open
            } else if bytes.begins(with: "MSG") {
                self = .message
            } else if bytes.begins(with: "CLO") {
                self = .close
            } else {
                return nil
            }
        }
    }

    private func read(_ kind: Kind, _ input: inout Cursor) throws(WireError) {
        switch kind {
        case .hello, .acknowledge:
            record.version = UInt64(try input.readLittle(UInt32.self))
            record.receiveSize = UInt64(try input.readLittle(UInt32.self))
            record.sendSize = UInt64(try input.readLittle(UInt32.self))
            record.messageMax = UInt64(try input.readLittle(UInt32.self))
            record.chunksMax = UInt64(try input.readLittle(UInt32.self))
            if kind == .hello { record.endpoint = try string(&input) }
        case .error:
            record.error = record.text.hexadecimal(UInt64(try input.readLittle(UInt32.self)), digits: 8)
            record.reason = try string(&input)
        case .reverse:
            // The server's name, then its endpoint (7.1.2.6).
            _ = try string(&input)
            record.endpoint = try string(&input)
        case .open:
            record.channel = UInt64(try input.readLittle(UInt32.self))
            let start = record.text.bytes.count
            record.policy = try string(&input)
            // No policy, no certificate: what follows is in the clear.
            isClear = record.policy.isAbsent || record.text.bytes[start...].elementsEqual(OPCUA.noPolicy)
            try skipOctets(&input)
            try skipOctets(&input)
            if isClear { try body(&input) }
        case .message, .close:
            record.channel = UInt64(try input.readLittle(UInt32.self))
            try input.skip(4)
            if isClear { try body(&input) }
        }
    }

    private static let noPolicy = Array("http://opcfoundation.org/UA/SecurityPolicy#None".utf8)

    /// Numbers, the service, and the common part of requests or responses (OPC 10000-4 clause 7.32, 7.33).
    private func body(_ input: inout Cursor) throws(WireError) {
        record.sequence = UInt64(try input.readLittle(UInt32.self))
        record.request = UInt64(try input.readLittle(UInt32.self))
        // A channel that was opened before the capture may be encrypted: then there is no service here.
        guard input.remaining > 0, let number = try? node(&input) else { return }
        guard let name = NumberName.find(number, in: OPCUATables.services) else { return }
        record.service = UInt64(number)
        record.serviceName = name
        let isResponse = OPCUATables.responses.contains(number)
        guard isResponse || (try? node(&input)) != nil, input.remaining >= 12 else { return }
        try input.skip(8)
        record.handle = UInt64(try input.readLittle(UInt32.self))
        guard isResponse, input.remaining >= 4 else { return }
        record.result = record.text.hexadecimal(UInt64(try input.readLittle(UInt32.self)), digits: 8)
    }

    /// A node's identifier as a number; texts and others are passed over as 0 (5.2.2.9).
    private func node(_ input: inout Cursor) throws(WireError) -> UInt32 {
        switch try input.read(UInt8.self) & 0x3F {
        case 0: return UInt32(try input.read(UInt8.self))
        case 1:
            try input.skip(1)
            return UInt32(try input.readLittle(UInt16.self))
        case 2:
            try input.skip(2)
            return try input.readLittle()
        case 3, 5:
            try input.skip(2)
            try skipOctets(&input)
        case 4: try input.skip(18)
        default: throw .malformed(at: input.offset)
        }
        return 0
    }

    /// A text with its length in front; -1 is none.
    private func string(_ input: inout Cursor) throws(WireError) -> Text {
        let count = Int(Int32(bitPattern: try input.readLittle(UInt32.self)))
        guard count >= 0 else { return .absent }
        return record.text.add(try input.take(count), limit: OPCUA.textBytesMax)
    }

    private func skipOctets(_ input: inout Cursor) throws(WireError) {
        let count = Int(Int32(bitPattern: try input.readLittle(UInt32.self)))
        if count > 0 { try input.skip(count) }
    }
}
