// SPDX-License-Identifier: Apache-2.0
//
// Network File System, versions 2 (RFC 1094), 3 (RFC 1813) and 4 (RFC 7530, RFC 8881),
// with its helpers: mount and the port mapper (RFC 1833).
//
// Reads   calls and replies over UDP, and over TCP with record marking; the content that
//         reads bring and writes take.
// Writes  one `NFSRecord` for each call, path "nfs"; files to the file layer.
// Leaves  attributes but the size; records in several fragments beyond the first; callbacks.
//
// ONCRPC.swift has the calls, NFS+Calls.swift and NFS+Compound.swift their arguments and results.

package import Records
import Wire

/// One call to a file server, or to one of its helpers.
package struct NFSRecord: LogRecord {
    package var ts = Timestamp.zero
    package var uid: UID?
    package var id: ConnectionID?
    package var program: StaticString?
    package var version: UInt64?
    package var procedure = Text.absent
    package var name = Text.absent
    package var newName = Text.absent
    package var handle = Text.absent
    package var status = Text.absent
    package var offset: UInt64?
    package var count: UInt64?
    package var size: UInt64?
    package var user: UInt64?
    package var group: UInt64?
    package var machine = Text.absent
    package var file: UID?
    package var roundTrip: Int64?
    package var text = TextBuffer()

    package init() {}

    package static let log = LogID.nfs
    package static let summary: StaticString = "One call to a file server (NFS), to mount or to the port mapper."

    package func write(to row: inout RowBatch) {
        row.connection(ts, uid, id)
        row.text("program", program, "What was called: nfs, mount or portmapper.")
        row.count("version", version, "Version of the program.")
        row.text("procedure", procedure, in: text, "Procedure; in version 4 the operation that matters.")
        row.text("file_name", name, in: text, "Name of the file, as far as it was seen.", isKey: true)
        row.text("new_name", newName, in: text, "New name, of a rename or a link.", isKey: true)
        row.text("file_handle", handle, in: text, "CRC-32 of the server's handle for the file.")
        row.text("status", status, in: text, "How it ended.")
        row.count("offset", offset, "Where in the file reading or writing began.")
        row.count("count", count, "Octets that were read or written.")
        row.count("size", size, "Size of the file, where the answer has it.")
        row.count("user", user, "Number of the user, as the client says it.")
        row.count("group", group, "Number of the user's group.")
        row.text("machine", machine, in: text, "Name of the client, as it says it.", isKey: true)
        row.fuid("fuid", file, "Identity of the file, where its content was seen.")
        row.interval("rtt", roundTrip, "Time from the call to the reply.")
    }

    mutating func clear() {
        (program, version, offset, count, size) = (nil, nil, nil, nil, nil)
        (user, group, file, roundTrip) = (nil, nil, nil, nil)
        (procedure, name, newName, handle) = (.absent, .absent, .absent, .absent)
        (status, machine) = (.absent, .absent)
        text.clear()
    }
}

/// A call that waits for its reply.
struct NFSCall {
    let xid: UInt32
    let program: UInt32
    let version: UInt32
    /// The procedure; in version 4 the operation that matters.
    var procedure: UInt32
    var flavor: UInt32
    var record: NFSRecord
    var handle: [UInt8] = []
    /// Number for events and signatures.
    var transaction: UInt64?
}

/// NFS on one connection.
final class NFS: FramedAnalyzer {
    /// Calls that wait; with one more the oldest is written without a reply (Suricata's `nfs.max-tx`, and one).
    private static let callsMax = 1025
    /// Names of files that are remembered by their handles.
    private static let namesMax = 2048
    /// Octets of a record's head that say all but content.
    private static let headBytes = 1024
    private static let recordBytesMax = 1 << 20

    private var calls: [NFSCall] = []
    private var idle: [NFSRecord] = []
    var names: [[UInt8]: [UInt8]] = [:]
    /// A call was understood; helpers alone do not name the service.
    private var hasCalls = false
    /// The rest of a record of each side is passed over.
    private var isContinued: [2 of Bool] = [false, false]

    init() { super.init(kind: .nfs) }

    override var atGap: GapPolicy { .resumes }

    override func lost(from direction: Direction) { isContinued[Int(direction.rawValue)] = false }

    /// A call of a program that is read here, or the reply to a call that waits.
    override func resumes(at bytes: RawSpan) -> Bool {
        if RPCProbe.stream(bytes) == .matches { return true }
        guard bytes.byteCount >= 12, bytes.octet(0) == 0x80, bytes.load(8, as: UInt32.self) == 1 else { return false }
        let xid = bytes.load(4, as: UInt32.self)
        return calls.contains { $0.xid == xid }
    }

    //  | 1 bit: the last fragment; 31 bits: its length | fragment |
    override func message(
        _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) -> Framing {
        guard bytes.byteCount >= 4 else { return .needs(4) }
        let mark = bytes.load(0, as: UInt32.self)
        let length = Int(mark & 0x7FFF_FFFF)
        let side = Int(direction.rawValue)
        guard length <= 1 << 26 else { return refuse(&context) }
        let wasContinued = isContinued[side]
        isContinued[side] = mark & 0x8000_0000 == 0
        guard !wasContinued else { return .took(4 &+ length) }
        // A longer record has content that is not held; its head is read.
        let wanted = length <= NFS.recordBytesMax &- 4 ? length : NFS.headBytes
        guard bytes.byteCount >= 4 &+ wanted else {
            isContinued[side] = wasContinued
            return .needs(4 &+ wanted)
        }
        guard read(bytes.extracting(4 ..< 4 &+ wanted), from: direction, &context) else { return refuse(&context) }
        return .took(4 &+ length)
    }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        if !read(bytes, from: direction, &context) { violation(&context) }
    }

    override func finish(_ context: inout AnalyzerContext) {
        super.finish(&context)
        for call in calls { write(call, &context) }
        calls.removeAll(keepingCapacity: true)
    }

    override func reset() {
        super.reset()
        calls.removeAll(keepingCapacity: true)
        names.removeAll(keepingCapacity: names.count < 256)
        isContinued = [false, false]
        hasCalls = false
    }

    private func refuse(_ context: inout AnalyzerContext) -> Framing {
        violation(&context)
        return .stop
    }

    // MARK: messages

    private func read(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) -> Bool {
        do throws(WireError) {
            var cursor = Cursor(bytes)
            let message = try RPCMessage(parsing: &cursor)
            if message.isCall {
                // Programs that are not read may share a connection.
                guard message.isKnown else { return hasCalls }
                hasCalls = true
                if message.program == RPCMessage.nfs { confirm(&context) }
                call(message, bytes, &cursor, from: direction, &context)
            } else {
                reply(message, bytes, &cursor, from: direction, &context)
            }
            return true
        } catch {
            malformed(from: direction, &context)
            return false
        }
    }

    /// What cannot be read is told of with the last call that waits, if any does.
    private func malformed(from direction: Direction, _ context: inout AnalyzerContext) {
        guard let tx = calls.last(where: { $0.transaction != nil })?.transaction else { return }
        context.transactionEvent("nfs.malformed_data", tx: tx, from: direction)
    }

    private func call(
        _ message: RPCMessage, _ bytes: RawSpan, _ cursor: inout Cursor, from direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        // A call that was sent again is one call.
        guard !calls.contains(where: { $0.xid == message.xid }) else { return }
        if calls.count >= NFS.callsMax {
            context.limits.met(.requests)
            let oldest = calls.removeFirst()
            if let tx = oldest.transaction {
                context.transactionEvent("nfs.too_many_transactions", tx: tx, from: .originator)
            }
            write(oldest, &context)
        }
        // The answer to one call names a few files at most.
        if names.count >= NFS.namesMax {
            context.limits.met(.names, names.count)
            names.removeAll(keepingCapacity: true)
        }
        var record = idle.popLast() ?? NFSRecord()
        record.clear()
        record.ts = context.now
        record.uid = context.uid
        record.id = context.id
        record.version = UInt64(message.version)
        record.user = message.user.map(UInt64.init)
        record.group = message.group.map(UInt64.init)
        if !message.machine.isEmpty { record.machine = record.text.add(bytes.extracting(message.machine), limit: 255) }
        var call = NFSCall(
            xid: message.xid, program: message.program, version: message.version, procedure: message.procedure,
            flavor: message.flavor, record: record)
        // Content that is written belongs to the transaction of its call.
        if call.program == RPCMessage.nfs { call.transaction = context.beginTransaction(.nfs) }
        // What cannot be read of the arguments is left out.
        do throws(WireError) {
            try arguments(of: &call, bytes, &cursor, from: direction, &context)
        } catch { malformed(from: direction, &context) }
        show(call, &context)
        calls.append(call)
    }

    private func reply(
        _ message: RPCMessage, _ bytes: RawSpan, _ cursor: inout Cursor, from direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        guard let place = calls.firstIndex(where: { $0.xid == message.xid }) else { return }
        var call = calls.remove(at: place)
        if let tx = call.transaction { context.enterTransaction(tx, from: .responder) }
        let elapsed = context.now.since(call.record.ts)
        call.record.roundTrip = elapsed > 0 ? elapsed : nil
        if !message.isAccepted {
            call.record.status = call.record.text.add("RPC_DENIED")
        } else if !message.isSuccessful {
            call.record.status = call.record.text.add("RPC_ERROR")
        } else {
            do throws(WireError) {
                try results(of: &call, bytes, &cursor, from: direction, &context)
            } catch {
                calls.append(call)
                malformed(from: direction, &context)
                calls.removeLast()
            }
        }
        showEnd(call, message, &context)
        write(call, &context)
    }

    private func write(_ call: NFSCall, _ context: inout AnalyzerContext) {
        context.output.emit(call.record)
        if idle.count < 16, call.record.text.bytes.capacity <= 8192 { idle.append(call.record) }
    }

    /// Remembers the name of a file by its handle.
    func remember(_ handle: [UInt8], as name: [UInt8]) {
        guard !handle.isEmpty, !name.isEmpty else { return }
        names[handle] = name
    }

    /// Content of a file, at its place in the file.
    func transfer(
        _ content: RawSpan, of call: inout NFSCall, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        call.record.count = UInt64(content.byteCount)
        guard content.byteCount > 0, !call.handle.isEmpty, let offset = call.record.offset else { return }
        let key = fileKey(call.handle, direction, context)
        let opened = context.openFile(.nfs, from: direction, total: call.record.size, key: key)
        if opened.isNew, let name = names[call.handle] { context.nameFile(opened.file, name.octets) }
        call.record.file = context.fileID(opened.file)
        context.fileData(opened.file, content, at: offset)
    }

    /// The client has closed the file of a call: no more of it comes.
    func closed(_ call: NFSCall, _ context: inout AnalyzerContext) {
        guard !call.handle.isEmpty else { return }
        for direction in [Direction.originator, .responder] {
            context.endFile(key: fileKey(call.handle, direction, context))
        }
    }

    /// What joins the content of a file over calls and connections.
    private func fileKey(
        _ handle: [UInt8], _ direction: Direction, _ context: borrowing AnalyzerContext
    ) -> UInt64 {
        var key = FileKey(.nfs)
        key.add(context.id.originator)
        key.add(context.id.responder)
        key.add(handle)
        key.add(UInt64(direction.rawValue))
        return key.value
    }
}
