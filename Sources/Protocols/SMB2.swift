// SPDX-License-Identifier: Apache-2.0
//
// SMB versions 2 to 3.1.1 (MS-SMB2 section 2.2).
//
// Reads   one message, or the head of one whose content passes by; compounds.
// Writes  through SMB+State.swift.
// Leaves  framing (SMB.swift); directories, attributes, locks, notifications.

import Records
import Wire

//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |                          FE "SMB"                             |
//  +-------------------------------+-------------------------------+
//  |         64, the length        |         credit charge         |
//  +-------------------------------+-------------------------------+
//  |                      status (in responses)                    |
//  +-------------------------------+-------------------------------+
//  |            command            |            credits            |
//  +-------------------------------+-------------------------------+
//  |                             flags                             |
//  +---------------------------------------------------------------+
//  |              offset of the next message, or 0                 |
//  +---------------------------------------------------------------+
//  |                        message (8)                            |
//  +---------------------------------------------------------------+
//  |       process, tree; or (8) the number of what goes on        |
//  +---------------------------------------------------------------+
//  |                 session (8), signature (16)                   |
//  +---------------------------------------------------------------+
struct SMB2Header {
    enum Command: UInt16 {
        case negotiate = 0, sessionSetup, logoff, treeConnect, treeDisconnect, create, close, flush, read, write
        case lock, control, cancel, echo, queryDirectory, changeNotify, queryInfo, setInfo, oplockBreak
    }

    static let byteCount = 64

    let status: UInt32
    let code: UInt16
    let flags: UInt32
    let next: Int
    let message: UInt64
    let tree: UInt32
    let session: UInt64

    var command: Command? { Command(rawValue: code) }
    var isResponse: Bool { flags & 1 != 0 }
    var isAsynchronous: Bool { flags & 2 != 0 }
    /// Goes on with what the message before in the compound is about.
    var isRelated: Bool { flags & 4 != 0 }

    /// The response has a body that is not that of an error.
    var isSuccess: Bool {
        status == 0 || status == SMB2Header.bufferOverflow || status == SMB2Header.moreProcessing
    }

    static let pending: UInt32 = 0x103
    static let bufferOverflow: UInt32 = 0x8000_0005
    static let moreProcessing: UInt32 = 0xC000_0016

    init(parsing input: inout Cursor) throws(WireError) {
        let start = input.offset
        try input.skip(4)
        guard try input.readLittle(UInt16.self) == SMB2Header.byteCount else { throw .malformed(at: start) }
        try input.skip(2)
        status = try input.readLittle(UInt32.self)
        code = try input.readLittle(UInt16.self)
        try input.skip(2)
        flags = try input.readLittle(UInt32.self)
        next = Int(try input.readLittle(UInt32.self))
        message = try input.readLittle(UInt64.self)
        try input.skip(4)
        tree = try input.readLittle(UInt32.self)
        session = try input.readLittle(UInt64.self)
        try input.skip(16)
    }
}

extension SMB {
    /// Exchanges octets over a pipe (MS-FSCC section 2.3.34).
    private static let pipeTransceive: UInt32 = 0x0011_C017
    /// Delete when the last handle is closed.
    private static let deleteOnClose: UInt32 = 0x1000
    /// The handle of the message before in a compound: all ones, both halves added.
    private static let relatedHandle: UInt64 = UInt64.max &+ UInt64.max
    private static let treeOfRelated: UInt32 = .max

    /// A message at the head of `bytes`; `total` octets are left of its frame.
    func message2(
        _ bytes: RawSpan, _ total: Int, _ direction: Direction, _ context: inout AnalyzerContext
    ) -> Progress {
        let side = Int(direction.rawValue)
        do throws(WireError) {
            guard total >= SMB2Header.byteCount else { return .broken }
            guard bytes.byteCount >= SMB2Header.byteCount else { return .needs(SMB2Header.byteCount) }
            var cursor = Cursor(bytes)
            let header = try SMB2Header(parsing: &cursor)
            guard header.next == 0 || (SMB2Header.byteCount...total).contains(header.next) else { return .broken }
            let length = header.next > 0 ? header.next : total
            let wanted = min(wantedBytes(header, bytes, length, side), length)
            guard bytes.byteCount >= wanted else { return .needs(wanted) }
            let held = bytes.extracting(0..<wanted)
            if header.isResponse == (direction == .originator) {
                context.lostMessage(
                    .smb, header.isResponse ? "smb.response_to_server" : "smb.request_to_client", from: direction)
            }
            if header.isResponse {
                try response(header, held, from: direction, &context)
            } else {
                try request(header, held, from: direction, &context)
            }
            return .took(wanted, passing: length &- wanted)
        } catch {
            return .broken
        }
    }

    /// Octets of the message that are read; the rest passes by.
    private func wantedBytes(_ header: SMB2Header, _ bytes: RawSpan, _ length: Int, _ side: Int) -> Int {
        let most = min(length, SMB.messageBytesMax)
        guard !header.isResponse || header.isSuccess else { return SMB2Header.byteCount }
        switch (header.command, header.isResponse) {
        case (.negotiate, _), (.sessionSetup, _), (.treeConnect, _), (.create, _), (.setInfo, false): return most
        case (.control, _):
            guard bytes.byteCount >= 72 else { return 72 }
            return bytes.load(68, as: UInt32.self).byteSwapped == SMB.pipeTransceive ? most : 88
        case (.close, false): return 88
        case (.read, false): return 96
        case (.write, false): return isPipe(header, side) ? most : 112
        case (.read, true): return isPipe(header, side) ? most : 80
        default: return SMB2Header.byteCount
        }
    }

    private func isPipe(_ header: SMB2Header, _ side: Int) -> Bool {
        if header.isResponse { return (pending[header.message]?.tree ?? trees[header.tree])?.isPipe ?? false }
        if header.isRelated, header.tree == SMB.treeOfRelated { return sides[side].previousTree?.isPipe ?? false }
        return trees[header.tree]?.isPipe ?? false
    }

    /// `length` octets at `offset` of the message.
    private func part(_ bytes: RawSpan, _ offset: Int, _ length: Int) throws(WireError) -> Range<Int> {
        guard length > 0 else { return 0..<0 }
        guard offset >= SMB2Header.byteCount, offset <= bytes.byteCount, length <= bytes.byteCount &- offset else {
            throw .truncated(at: offset)
        }
        return offset ..< offset &+ length
    }

    // MARK: requests

    private func request(
        _ header: SMB2Header, _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        let side = Int(direction.rawValue)
        // A cancellation has the number of what it cancels.
        guard header.command != .cancel else { return }
        var waiting = self.waiting(header.message, command: header.code, tree: nil, &context)
        if header.isRelated, header.tree == SMB.treeOfRelated {
            waiting.tree = sides[side].previousTree
        } else if header.tree != 0 {
            waiting.tree = tree(header.tree, &context)
        } else if header.command == .treeConnect {
            waiting.tree = makeTree(&context)
        }
        if isShown(context), waiting.tree?.isPipe ?? false { carrier = view.carrier(header) }
        var cursor = Cursor(bytes)
        try cursor.skip(SMB2Header.byteCount)
        switch header.command {
        case .sessionSetup:
            try cursor.skip(12)
            let offset = Int(try cursor.readLittle(UInt16.self))
            let place = try part(bytes, offset, Int(try cursor.readLittle(UInt16.self)))
            authentication.token(bytes.extracting(place), from: direction, &context)
        case .treeConnect:
            try cursor.skip(4)
            let offset = Int(try cursor.readLittle(UInt16.self))
            let place = try part(bytes, offset, Int(try cursor.readLittle(UInt16.self)))
            if waiting.tree == nil { waiting.tree = makeTree(&context) }
            waiting.tree?.setPath(utf16: bytes.extracting(place))
        case .treeDisconnect:
            removeTree(header.tree)
            waiting.tree = nil
        case .create: try createRequest(&waiting, bytes, &cursor, &context)
        case .close:
            try closeRequest(&waiting, &cursor, side, &context)
            if let file = waiting.file { view.closed(file.handle, &context) }
        case .read: try readRequest(&waiting, &cursor, side, &context)
        case .write: try writeRequest(&waiting, header, bytes, &cursor, direction, &context)
        case .control: try controlRequest(&waiting, bytes, &cursor, direction, &context)
        case .setInfo: try setInfoRequest(&waiting, bytes, &cursor, side, &context)
        default: break
        }
        pending[header.message] = waiting
        (sides[side].previous, sides[side].previousTree) = (header.message, waiting.tree)
        if let file = waiting.file { sides[side].previousFile = file }
        if isShown(context) { view.request(header, bytes, waiting, authentication, &context) }
    }

    /// Whether events or signatures look at anything.
    func isShown(_ context: borrowing AnalyzerContext) -> Bool {
        context.wantsEvents || context.wantsTransactions
    }

    /// The handle in a request: its persistent and volatile halves, added.
    private func handle(_ cursor: inout Cursor) throws(WireError) -> UInt64 {
        let persistent = try cursor.readLittle(UInt64.self)
        return persistent &+ (try cursor.readLittle(UInt64.self))
    }

    /// The file that a request is about; in a compound that of the message before.
    private func file(
        _ handle: UInt64, _ waiting: inout SMBPending, _ side: Int, _ context: inout AnalyzerContext
    ) -> SMBFile {
        waiting.handle = handle
        if handle == SMB.relatedHandle, let previous = sides[side].previousFile {
            waiting.file = previous
            return previous
        }
        return file(handle, for: &waiting, &context)
    }

    //  size (2) | security | oplock | impersonation (4) | flags (8) | 8 octets | access (4) | attributes (4)
    //  | sharing (4) | disposition (4) | options (4) | offset (2) and length (2) of the name | ...
    private func createRequest(
        _ waiting: inout SMBPending, _ bytes: RawSpan, _ cursor: inout Cursor, _ context: inout AnalyzerContext
    ) throws(WireError) {
        try cursor.skip(40)
        let options = try cursor.readLittle(UInt32.self)
        let offset = Int(try cursor.readLittle(UInt16.self))
        let place = try part(bytes, offset, Int(try cursor.readLittle(UInt16.self)))
        let file = makeFile(at: waiting.ts, &context)
        file.setName(utf16: bytes.extracting(place))
        file.isTemporary = options & SMB.deleteOnClose != 0
        waiting.file = file
        if let tree = waiting.tree { noteName(file, on: tree) }
    }

    //  size (2) | flags (2) | 4 octets | handle (16)
    private func closeRequest(
        _ waiting: inout SMBPending, _ cursor: inout Cursor, _ side: Int, _ context: inout AnalyzerContext
    ) throws(WireError) {
        try cursor.skip(8)
        let handle = try self.handle(&cursor)
        let file = self.file(handle, &waiting, side, &context)
        file.setPath(of: waiting.tree)
        let kind = waiting.tree.map(\.kind) ?? .disk
        write(file, kind == .pipe ? .pipeClose : kind == .print ? .printClose : .fileClose, &context)
        endContent(of: file, &context)
        release(handle)
        closePipe(handle, &context)
        calls.closed(handle)
    }

    //  size (2) | padding | flags | length (4) | offset (8) | handle (16) | ...
    private func readRequest(
        _ waiting: inout SMBPending, _ cursor: inout Cursor, _ side: Int, _ context: inout AnalyzerContext
    ) throws(WireError) {
        try cursor.skip(4)
        view.checkTransfer(try cursor.readLittle(UInt32.self), isWrite: false, &context)
        waiting.offset = try cursor.readLittle(UInt64.self)
        let handle = try self.handle(&cursor)
        let file = self.file(handle, &waiting, side, &context)
        write(file, waiting.tree?.isPipe ?? false ? .pipeRead : .fileRead, &context)
    }

    //  size (2) | offset of the data (2) | length (4) | offset in the file (8) | handle (16) | ...
    private func writeRequest(
        _ waiting: inout SMBPending, _ header: SMB2Header, _ bytes: RawSpan, _ cursor: inout Cursor,
        _ direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        try cursor.skip(2)
        let offset = Int(try cursor.readLittle(UInt16.self))
        let length = Int(try cursor.readLittle(UInt32.self))
        view.checkTransfer(UInt32(truncatingIfNeeded: length), isWrite: true, &context)
        waiting.offset = try cursor.readLittle(UInt64.self)
        let handle = try self.handle(&cursor)
        let isPipe = waiting.tree?.isPipe ?? false
        let file = self.file(handle, &waiting, Int(direction.rawValue), &context)
        write(file, isPipe ? .pipeWrite : .fileWrite, &context)
        guard isPipe else {
            if isShown(context) {
                view.transferred(
                    file, (waiting.offset, length), isWrite: true, tree: header.tree, session: header.session, &context)
            }
            return pass(file, offset &- bytes.byteCount, length, at: waiting.offset, direction, &context)
        }
        let place = try part(bytes, offset, min(length, max(0, bytes.byteCount &- offset)))
        pipe(handle, bytes.extracting(place), from: direction, &context)
    }

    /// `length` octets of content begin `skipped` octets behind what of the message is held.
    private func pass(
        _ file: SMBFile, _ skipped: Int, _ length: Int, at offset: UInt64, _ direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        guard length > 0, skipped >= 0 else { return }
        let content = self.content(of: file, from: direction, &context)
        sides[Int(direction.rawValue)].content = SMBContent(
            content, at: offset, after: skipped, count: length, isFirst: !context.hasBegun(content))
    }

    //  size (2) | 2 octets | code (4) | handle (16) | input: offset (4), length (4) | room (4) | output ...
    private func controlRequest(
        _ waiting: inout SMBPending, _ bytes: RawSpan, _ cursor: inout Cursor, _ direction: Direction,
        _ context: inout AnalyzerContext
    ) throws(WireError) {
        try cursor.skip(4)
        let code = try cursor.readLittle(UInt32.self)
        waiting.handle = try handle(&cursor)
        guard code == SMB.pipeTransceive else { return }
        waiting.isPipeExchange = true
        let offset = Int(try cursor.readLittle(UInt32.self))
        let place = try part(bytes, offset, Int(try cursor.readLittle(UInt32.self)))
        pipe(waiting.handle, bytes.extracting(place), from: direction, &context)
    }

    //  size (2) | kind | class | length (4) | offset (2) | 2 octets | 4 octets | handle (16) | content
    private func setInfoRequest(
        _ waiting: inout SMBPending, _ bytes: RawSpan, _ cursor: inout Cursor, _ side: Int,
        _ context: inout AnalyzerContext
    ) throws(WireError) {
        try cursor.skip(2)
        let kind = try cursor.read(UInt8.self)
        let level = try cursor.read(UInt8.self)
        let length = Int(try cursor.readLittle(UInt32.self))
        let offset = Int(try cursor.readLittle(UInt16.self))
        try cursor.skip(6)
        let handle = try self.handle(&cursor)
        // Of files: times and attributes, name, deletion (MS-FSCC section 2.4).
        guard kind == 1, level == 4 || level == 10 || level == 13 else { return }
        let content = bytes.extracting(try part(bytes, offset, length))
        let file = self.file(handle, &waiting, side, &context)
        var inside = Cursor(content)
        switch level {
        case 4: write(file, .fileSetAttribute, &context)
        case 10:
            try inside.skip(16)
            file.rename(utf16: try inside.take(Int(try inside.readLittle(UInt32.self))))
            write(file, .fileRename, &context)
        default:
            if try inside.read(UInt8.self) != 0 { write(file, .fileDelete, &context) }
        }
    }

    // MARK: responses

    private func response(
        _ header: SMB2Header, _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        // Goes on: the answer comes later, with the same number.
        if header.status == SMB2Header.pending { return }
        // What the server says of itself, such as that an oplock is broken, answers nothing.
        guard header.message != .max else { return }
        var waiting = self.waiting(header.message, command: header.code, tree: nil, &context)
        pending[header.message] = nil
        if isShown(context) { view.response(header, bytes, waiting, &context) }
        guard header.isSuccess else { return }
        var cursor = Cursor(bytes)
        try cursor.skip(SMB2Header.byteCount)
        switch header.command {
        case .negotiate:
            try cursor.skip(56)
            let offset = Int(try cursor.readLittle(UInt16.self))
            let place = try part(bytes, offset, Int(try cursor.readLittle(UInt16.self)))
            authentication.token(bytes.extracting(place), from: direction, &context)
        case .sessionSetup:
            try cursor.skip(4)
            let offset = Int(try cursor.readLittle(UInt16.self))
            let place = try part(bytes, offset, Int(try cursor.readLittle(UInt16.self)))
            authentication.token(bytes.extracting(place), from: direction, &context)
        case .treeConnect:
            try cursor.skip(2)
            let tree = waiting.tree ?? makeTree(&context)
            if header.tree != 0 { setTree(header.tree, tree, &context) }
            tree.setKind(try cursor.read(UInt8.self))
            writeMapping(tree, &context)
        case .create:
            if bytes.byteCount >= 144 {
                var identity: [UInt8] = []
                bytes.extracting(128..<144).append(to: &identity)
                waiting.file?.identity = identity
            }
            try createResponse(&waiting, header, &cursor, &context)
        case .close:
            // In a compound the request did not know the handle.
            if waiting.handle == SMB.relatedHandle, let file = waiting.file { release(file.handle) }
        case .read: try readResponse(waiting, header, bytes, &cursor, direction, &context)
        case .control:
            try cursor.skip(4)
            guard try cursor.readLittle(UInt32.self) == SMB.pipeTransceive else { return }
            try cursor.skip(24)
            let offset = Int(try cursor.readLittle(UInt32.self))
            let place = try part(bytes, offset, Int(try cursor.readLittle(UInt32.self)))
            pipe(waiting.handle, bytes.extracting(place), from: direction, &context)
        default: break
        }
    }

    //  size (2) | oplock | flags | action (4) | times (8 each): created, accessed, written, changed
    //  | room (8) | end of file (8) | attributes (4) | 4 octets | handle (16) | ...
    private func createResponse(
        _ waiting: inout SMBPending, _ header: SMB2Header, _ cursor: inout Cursor, _ context: inout AnalyzerContext
    ) throws(WireError) {
        try cursor.skip(8)
        var times = SMBTimes()
        times.created = Timestamp(windows: try cursor.readLittle(UInt64.self))
        times.accessed = Timestamp(windows: try cursor.readLittle(UInt64.self))
        times.modified = Timestamp(windows: try cursor.readLittle(UInt64.self))
        times.changed = Timestamp(windows: try cursor.readLittle(UInt64.self))
        try cursor.skip(8)
        let size = try cursor.readLittle(UInt64.self)
        try cursor.skip(8)
        let handle = try self.handle(&cursor)
        let file = self.file(handle, for: &waiting, &context)
        file.handle = handle
        file.record.size = size
        // The tree number is not there in what answers late.
        file.setPath(of: header.isAsynchronous ? waiting.tree : waiting.tree ?? trees[header.tree])
        if times.modified > .zero { file.record.times = times }
        let kind = waiting.tree.map(\.kind) ?? .disk
        write(file, kind == .pipe ? .pipeOpen : kind == .print ? .printOpen : .fileOpen, &context)
        if file.isTemporary { write(file, .fileDelete, &context) }
    }

    //  size (2) | offset of the data | 1 octet | length (4) | ...
    private func readResponse(
        _ waiting: SMBPending, _ header: SMB2Header, _ bytes: RawSpan, _ cursor: inout Cursor,
        _ direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        try cursor.skip(2)
        let offset = Int(try cursor.read(UInt8.self))
        try cursor.skip(1)
        let length = Int(try cursor.readLittle(UInt32.self))
        guard (waiting.tree ?? trees[header.tree])?.isPipe ?? false else {
            guard let file = waiting.file else { return }
            if isShown(context) {
                view.transferred(
                    file, (waiting.offset, length), isWrite: false, tree: header.tree, session: header.session,
                    &context)
            }
            return pass(file, offset &- bytes.byteCount, length, at: waiting.offset, direction, &context)
        }
        let place = try part(bytes, offset, min(length, max(0, bytes.byteCount &- offset)))
        pipe(waiting.handle, bytes.extracting(place), from: direction, &context)
    }
}
