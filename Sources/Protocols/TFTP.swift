// SPDX-License-Identifier: Apache-2.0
//
// Trivial File Transfer Protocol (RFC 1350; options RFC 2347, block size RFC 2348).
//
// Reads   one packet per UDP datagram: requests, and the transfer that follows,
//         which the server sends from another port.
// Writes  log "tftp": a row per request; the file goes to the file layer.
// Leaves  options other than the block size.

package import Records
import Wire

/// One packet.
enum TFTPPacket {
    /// Opcodes 1 and 2.
    case request(isWrite: Bool, name: Range<Int>, mode: Range<Int>)
    case data(block: UInt16, count: Int)
    case acknowledgement(block: UInt16)
    case failure(code: UInt16, message: Range<Int>)
    /// Opcode 6, with the block size if the server agreed to one.
    case options(blockSize: Int?)

    //  |  opcode   |  file name, 0, mode, 0, options ...  |   1, 2
    //  |  opcode   |  block    |  data                    |   3; 4 without data
    //  |  opcode   |  code     |  message, 0              |   5
    //  |  opcode   |  name, 0, value, 0 ...               |   6
    /// Nil where it is none.
    init?(_ bytes: RawSpan) {
        guard bytes.byteCount >= 4 else { return nil }
        let number: UInt16 = bytes.load(2)
        switch bytes.load(0, as: UInt16.self) {
        case let opcode where opcode == 1 || opcode == 2:
            guard let nameEnd = bytes.firstIndex(of: 0, from: 2), nameEnd > 2,
                let modeEnd = bytes.firstIndex(of: 0, from: nameEnd &+ 1)
            else { return nil }
            let mode = nameEnd &+ 1 ..< modeEnd
            guard TFTPPacket.isMode(bytes.extracting(mode)) else { return nil }
            self = .request(isWrite: opcode == 2, name: 2..<nameEnd, mode: mode)
        case 3: self = .data(block: number, count: bytes.byteCount &- 4)
        case 4 where bytes.byteCount == 4: self = .acknowledgement(block: number)
        case 5:
            let end = bytes.firstIndex(of: 0, from: 4) ?? bytes.byteCount
            self = .failure(code: number, message: 4..<end)
        case 6:
            guard let blockSize = TFTPPacket.options(bytes) else { return nil }
            self = .options(blockSize: blockSize == 0 ? nil : blockSize)
        default: return nil
        }
    }

    private static func isMode(_ mode: RawSpan) -> Bool {
        isWord(mode, "octet") || isWord(mode, "netascii") || isWord(mode, "mail")
    }

    private static func isWord(_ bytes: RawSpan, _ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        return bytes.byteCount == count && bytes.matches(word, at: 0, count: count, anyCase: true)
    }

    /// The block size among options, 0 where it is none of them; nil where they are not pairs of texts.
    private static func options(_ bytes: RawSpan) -> Int? {
        var blockSize = 0
        var offset = 2
        while offset < bytes.byteCount {
            guard let nameEnd = bytes.firstIndex(of: 0, from: offset), nameEnd > offset,
                let valueEnd = bytes.firstIndex(of: 0, from: nameEnd &+ 1)
            else { return nil }
            if isWord(bytes.extracting(offset..<nameEnd), "blksize"), valueEnd &- nameEnd <= 6 {
                blockSize = 0
                for index in nameEnd &+ 1 ..< valueEnd {
                    let digit = bytes.octet(index) &- 0x30
                    guard digit < 10 else { return nil }
                    blockSize = blockSize &* 10 &+ Int(digit)
                }
            }
            offset = valueEnd &+ 1
        }
        return blockSize
    }
}

/// One request and its transfer.
package struct TFTPRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var isWrite = false
    package var name = Text.absent
    package var mode = Text.absent
    package var dataUID: UID?
    package var size: UInt64 = 0
    /// Counted on where 16 bits of the packet begin again.
    package var blockSent: UInt64 = 0
    package var blockAcknowledged: UInt64 = 0
    package var errorCode: UInt16?
    package var errorMessage = Text.absent
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.tftp
    package static let summary: StaticString = "One request of a file over TFTP, and its transfer."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.boolean("wrq", isWrite, "The client sends the file; otherwise it asks for it.")
        row.text("fname", name, in: text, "Name of the file.", isKey: true)
        row.text("mode", mode, in: text, "Mode: `octet`, `netascii` or `mail`.")
        row.uid("uid_data", dataUID, "Connection that the file goes over.")
        row.count("size", size, "Octets of the file that were seen.")
        row.count("block_sent", blockSent, "Highest block that was sent.")
        row.count("block_acked", blockAcknowledged, "Highest block that was acknowledged.")
        row.count("error_code", errorCode.map { UInt64($0) }, "Error that ended the transfer.")
        row.text("error_msg", errorMessage, in: text, "Text of the error.")
    }
}

/// A transfer at work, shared by the connection of the request and that of the data.
final class TFTPTransfer {
    var record = TFTPRecord()
    var blockSize = 512
    /// Block that is not full.
    var finalBlock: UInt64?
    /// Its row is written.
    var isDone = false
    private var file = FileHandle.none

    /// `wireLength` exceeds the octets of a packet that the capture has cut.
    func take(
        _ packet: TFTPPacket, _ bytes: RawSpan, wireLength: Int, from direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        guard !isDone else { return }
        switch packet {
        case .request: break
        case .options(let size): blockSize = size ?? 512
        case .data(let block, _):
            guard let number = TFTPTransfer.number(block, after: record.blockSent) else { return }
            // What the capture cut off was sent all the same.
            let count = max(wireLength, bytes.byteCount) &- 4
            record.blockSent = number
            record.size &+= UInt64(count)
            if count < blockSize { finalBlock = number }
            let offset = (number &- 1) &* UInt64(blockSize)
            let content = bytes.extracting(4..<bytes.byteCount)
            addToFile(content, cut: wireLength &- bytes.byteCount, offset, direction, &context)
        case .acknowledgement(let block):
            guard let number = TFTPTransfer.number(block, after: record.blockAcknowledged) else { return }
            record.blockAcknowledged = number
            if number == finalBlock { write(&context) }
        case .failure(let code, let message):
            record.errorCode = code
            record.errorMessage = record.text.add(bytes.extracting(message), limit: 512)
            write(&context)
        }
    }

    func write(_ context: inout AnalyzerContext) {
        guard !isDone else { return }
        isDone = true
        context.endFile(file)
        context.output.emit(record)
    }

    private func addToFile(
        _ bytes: RawSpan, cut: Int, _ offset: UInt64, _ direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard bytes.byteCount > 0 else { return }
        if file.isNone {
            file = context.beginFile(.tftp, from: direction)
            context.nameFile(file, Array(record.text[record.name]).octets)
        }
        context.fileData(file, bytes, at: offset)
        if cut > 0 { context.fileGap(file, UInt64(cut), at: offset &+ UInt64(bytes.byteCount)) }
    }

    /// The whole number of a block that comes after `last`; nil where it was there before.
    private static func number(_ block: UInt16, after last: UInt64) -> UInt64? {
        let distance = block &- UInt16(truncatingIfNeeded: last)
        guard distance > 0, distance < 0x8000 else { return nil }
        return last &+ UInt64(distance)
    }
}

/// TFTP on one connection: that of the request, or that of the data.
final class TFTP: Analyzer {
    private var transfer: TFTPTransfer?

    init() { super.init(kind: .tftp) }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        guard let packet = TFTPPacket(bytes) else { return violation(&context) }
        if case .request(let isWrite, let name, let mode) = packet {
            confirm(&context)
            return request(isWrite, bytes.extracting(name), bytes.extracting(mode), &context)
        }
        if transfer == nil {
            // Two octets are no proof: what nobody asked for is something else.
            guard let announcedBy, let request = context.announcers[announcedBy] as? TFTP, let asked = request.transfer
            else {
                isDetached = true
                return
            }
            transfer = asked
            asked.record.dataUID = context.uid
            confirm(&context)
        }
        transfer?.take(packet, bytes, wireLength: wireLength, from: direction, &context)
    }

    override func finish(_ context: inout AnalyzerContext) {
        guard let transfer else { return }
        leave(transfer, &context)
        self.transfer = nil
    }

    override func reset() {
        super.reset()
        transfer = nil
    }

    private func request(_ isWrite: Bool, _ name: RawSpan, _ mode: RawSpan, _ context: inout AnalyzerContext) {
        if let transfer {
            // Asked again for want of an answer.
            if !transfer.isDone, transfer.record.dataUID == nil, transfer.record.isWrite == isWrite,
                transfer.record.name.count == UInt32(truncatingIfNeeded: name.byteCount),
                transfer.record.blockSent == 0
            {
                return
            }
            leave(transfer, &context)
        }
        let next = TFTPTransfer()
        next.record.ts = context.now
        next.record.uid = context.uid
        next.record.id = context.id
        next.record.isWrite = isWrite
        next.record.name = next.record.text.add(name, limit: 1024)
        next.record.mode = next.record.text.add(mode)
        transfer = next
        writeEvent(next.record, &context)
        // The server answers from a port of its own.
        context.expect(
            .tftp, .udp, from: context.id.responder, to: context.id.originator, port: context.id.originatorPort,
            by: self)
    }

    /// The event `tftp` of a request (Suricata 8 user guide, "Event type: TFTP").
    private func writeEvent(_ record: TFTPRecord, _ context: inout AnalyzerContext) {
        guard context.wantsEvents else { return }
        context.beginEvent("tftp", from: .originator, tx: context.beginTransaction(.tftp))
        context.event.open("tftp")
        context.event.text("packet", record.isWrite ? "write" : "read")
        context.event.text("file", record.name, in: record.text)
        context.event.text("mode", record.mode, in: record.text)
        context.event.close()
        context.endEvent()
    }

    /// The transfer is over on this connection. Where the data has one of its own, that writes the row.
    private func leave(_ transfer: TFTPTransfer, _ context: inout AnalyzerContext) {
        let isRequest = transfer.record.uid == context.uid
        if !isRequest || transfer.record.dataUID == nil { transfer.write(&context) }
    }
}

/// TFTP on any port: a request by its mode. What follows is announced by the request.
enum TFTPProbe {
    static func packet(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount >= 4, bytes.octet(0) == 0, bytes.octet(1) == 1 || bytes.octet(1) == 2 else {
            return .never
        }
        return TFTPPacket(bytes) == nil ? .never : .matches
    }
}
