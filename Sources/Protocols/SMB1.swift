// SPDX-License-Identifier: Apache-2.0
//
// SMB version 1 (MS-CIFS section 2.2, MS-SMB section 2.2).
//
// Reads   one message with all commands that are chained in it (AndX).
// Writes  through SMB+State.swift.
// Leaves  framing (SMB.swift); commands that the file logs do not speak of; transactions
//         in several messages.

import Records
import Wire

//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |                          FF "SMB"                             |
//  +---------------+-----------------------------------------------+
//  |    command    |                   status                      |
//  +---------------+---------------+-------------------------------+
//  |    (status)   |     flags     |            flags 2            |
//  +---------------+---------------+-------------------------------+
//  |         process, high         |         signature (8)         |
//  +-------------------------------+-------------------------------+
//  |          2 octets             |             tree              |
//  +-------------------------------+-------------------------------+
//  |         process, low          |             user              |
//  +-------------------------------+-------------------------------+
//  |           message             |
//  +-------------------------------+
struct SMB1Header {
    enum Command: UInt8 {
        case close = 0x04
        case transaction = 0x25
        case openAndX = 0x2D
        case readAndX = 0x2E
        case writeAndX = 0x2F
        case negotiate = 0x72
        case sessionSetupAndX = 0x73
        case logoffAndX = 0x74
        case treeConnectAndX = 0x75
        case treeDisconnect = 0x71
        case lockingAndX = 0x24
        case createAndX = 0xA2

        /// Another command may follow in the same message.
        var isChained: Bool {
            switch self {
            case .openAndX, .readAndX, .writeAndX, .sessionSetupAndX, .logoffAndX, .treeConnectAndX, .lockingAndX,
                .createAndX:
                true
            default: false
            }
        }
    }

    static let byteCount = 32

    let code: UInt8
    let status: UInt32
    let flags: UInt8
    let flags2: UInt16
    let tree: UInt16
    let user: UInt16
    let message: UInt16

    var isResponse: Bool { flags & 0x80 != 0 }
    var isUnicode: Bool { flags2 & 0x8000 != 0 }
    /// The status is a class and a code (MS-CIFS section 2.2.2.4), not a number of Windows NT.
    var isDOSError: Bool { flags2 & 0x4000 == 0 && status != 0 }

    init(parsing input: inout Cursor) throws(WireError) {
        try input.skip(4)
        code = try input.read(UInt8.self)
        status = try input.readLittle(UInt32.self)
        flags = try input.read(UInt8.self)
        flags2 = try input.readLittle(UInt16.self)
        try input.skip(12)
        tree = try input.readLittle(UInt16.self)
        try input.skip(2)
        user = try input.readLittle(UInt16.self)
        message = try input.readLittle(UInt16.self)
    }
}

/// One command: its words, and the octets behind them, as places in the message.
struct SMB1Block {
    let words: Range<Int>
    let octets: Range<Int>

    /// `offset` is that of the number of words.
    init(_ bytes: RawSpan, at offset: Int) throws(WireError) {
        guard offset < bytes.byteCount else { throw .truncated(at: offset) }
        let start = offset &+ 1
        let end = start &+ Int(bytes.octet(offset)) &* 2
        guard bytes.byteCount &- end >= 2 else { throw .truncated(at: end) }
        words = start..<end
        // Large reads and writes have more octets than the number can say.
        let count = Int(bytes.load(end, as: UInt16.self).byteSwapped)
        octets = end &+ 2 ..< min(bytes.byteCount, end &+ 2 &+ count)
    }
}

extension SMB {
    /// Commands chained in one message.
    private static let chainMax = 30
    /// A transaction over a pipe (MS-CIFS section 2.2.5.6).
    private static let transactPipe: UInt16 = 0x26
    private static let extendedSecurity: UInt32 = 0x8000_0000

    /// A message at the head of `bytes`; `total` octets are left of its frame.
    func message1(
        _ bytes: RawSpan, _ total: Int, _ direction: Direction, _ context: inout AnalyzerContext
    ) -> Progress {
        guard total >= SMB1Header.byteCount else { return .broken }
        let wanted = min(total, SMB.messageBytesMax)
        guard bytes.byteCount >= wanted else { return .needs(wanted) }
        do throws(WireError) {
            var cursor = Cursor(bytes)
            try take(try SMB1Header(parsing: &cursor), bytes.extracting(0..<wanted), from: direction, &context)
            return .took(wanted, passing: total &- wanted)
        } catch {
            return .broken
        }
    }

    private func take(
        _ header: SMB1Header, _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        let number = UInt64(header.message)
        var waiting = self.waiting(number, command: UInt16(header.code), tree: nil, &context)
        if waiting.tree == nil, header.tree != 0xFFFF, header.code != SMB1Header.Command.treeConnectAndX.rawValue {
            waiting.tree = tree(UInt32(header.tree), &context)
        }
        let isShown = self.isShown(context)
        if isShown, waiting.tree?.isPipe ?? false { carrier = view.carrier(header) }
        // A response without words and octets is empty, or an error.
        let isEmpty = bytes.byteCount <= SMB1Header.byteCount &+ 3
        var isTold = false
        var code = header.code
        var offset = SMB1Header.byteCount
        var depth = 0
        while !isEmpty, let command = SMB1Header.Command(rawValue: code) {
            let block = try SMB1Block(bytes, at: offset)
            if header.isResponse {
                try response(command, header, block, bytes, &waiting, direction, &context)
            } else {
                try request(command, header, block, bytes, &waiting, direction, &context)
            }
            if isShown { tell(SMB1Part(header, code, block), bytes, waiting, &context) }
            isTold = true
            guard command.isChained, block.words.count >= 4 else { break }
            code = bytes.octet(block.words.lowerBound)
            guard code != 0xFF else { break }
            let next = Int(bytes.load(block.words.lowerBound &+ 2, as: UInt16.self).byteSwapped)
            guard next > 0 else { break }
            guard next > offset else {
                context.weird(.smb_andx_offset_not_advancing, source: "SMB")
                break
            }
            depth &+= 1
            guard depth < SMB.chainMax else {
                context.weird(.smb_andx_depth_exceeded, source: "SMB")
                break
            }
            offset = next
        }
        pending[number] = header.isResponse ? nil : waiting
        guard isShown, !isTold else { return }
        tell(SMB1Part(header, header.code, try? SMB1Block(bytes, at: SMB1Header.byteCount)), bytes, waiting, &context)
    }

    /// Shows one command of a message to events and signatures.
    private func tell(
        _ part: SMB1Part, _ bytes: RawSpan, _ waiting: SMBPending, _ context: inout AnalyzerContext
    ) {
        if part.header.isResponse {
            view.response(part, bytes, waiting, &context)
        } else {
            view.request(part, bytes, waiting, authentication, &context)
        }
    }

    // MARK: requests

    private func request(
        _ command: SMB1Header.Command, _ header: SMB1Header, _ block: SMB1Block, _ bytes: RawSpan,
        _ waiting: inout SMBPending, _ direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        var words = Cursor(bytes.extracting(block.words))
        switch command {
        case .sessionSetupAndX:
            noteNames(header, block, bytes, &context)
            guard block.words.count == 24 else { break }
            try words.skip(14)
            try token(Int(try words.readLittle(UInt16.self)), block.octets, bytes, direction, &context)
        case .treeConnectAndX: try treeRequest(header, block, bytes, &words, &waiting, &context)
        case .treeDisconnect:
            waiting.tree = nil
            removeTree(UInt32(header.tree))
        case .createAndX:
            let file = makeFile(at: context.now, &context)
            waiting.file = file
            var place = block.octets
            if header.isUnicode {
                if place.lowerBound & 1 != 0, !place.isEmpty { place = place.lowerBound &+ 1 ..< place.upperBound }
                file.setName(utf16: bytes.extracting(place), endsAtZero: true)
            } else {
                file.setName(bytes.extracting(place.lowerBound ..< text(bytes, place)))
            }
            if let tree = waiting.tree { noteName(file, on: tree) }
        case .close:
            let handle = UInt64(try words.readLittle(UInt16.self))
            let file = self.file(handle, for: &waiting, &context)
            file.setPath(of: waiting.tree)
            write(file, .fileClose, &context)
            endContent(of: file, &context)
            view.closed(handle, &context)
            release(handle)
            closePipe(handle, &context)
        case .readAndX:
            try words.skip(4)
            waiting.handle = UInt64(try words.readLittle(UInt16.self))
            waiting.offset = try fileOffset(&words, block, skipping: 12)
            let file = self.file(waiting.handle, for: &waiting, &context)
            if file.record.path.isAbsent { file.setPath(of: waiting.tree) }
            write(file, .fileRead, &context)
        case .writeAndX: try writeRequest(block, bytes, &words, &waiting, direction, &context)
        case .transaction: try transactionRequest(header, block, bytes, &words, &waiting, direction, &context)
        case .negotiate:
            guard context.wantsEvents || context.wantsTransactions else { break }
            view.negotiate(bytes.extracting(block.octets), &context)
        case .openAndX, .logoffAndX, .lockingAndX: break
        }
    }

    /// A session begins, and one end says what it is.
    private func noteNames(
        _ header: SMB1Header, _ block: SMB1Block, _ bytes: RawSpan, _ context: inout AnalyzerContext
    ) {
        guard let names = SMB1Names(block, bytes, isUnicode: header.isUnicode) else { return }
        let host = header.isResponse ? context.id.responder : context.id.originator
        let program = names.program
        context.software(header.isResponse ? .smbServer : .smbClient, program.octets, of: host)
    }

    /// Where text of single octets ends: at a zero, or with the range.
    private func text(_ bytes: RawSpan, _ place: Range<Int>) -> Int {
        guard let zero = bytes.firstIndex(of: 0, from: place.lowerBound), zero < place.upperBound else {
            return place.upperBound
        }
        return zero
    }

    /// The low half of an offset in a file and, behind `skipping` octets, its high half where it is there.
    private func fileOffset(
        _ words: inout Cursor, _ block: SMB1Block, skipping: Int
    ) throws(WireError) -> UInt64 {
        let low = UInt64(try words.readLittle(UInt32.self))
        let rest = words.offset
        guard words.remaining >= skipping &+ 4 else { return low }
        try words.skip(skipping)
        let high = UInt64(try words.readLittle(UInt32.self))
        try words.seek(to: rest)
        return high << 32 | low
    }

    private func token(
        _ length: Int, _ octets: Range<Int>, _ bytes: RawSpan, _ direction: Direction,
        _ context: inout AnalyzerContext
    ) throws(WireError) {
        guard length <= octets.count else { throw .truncated(at: octets.lowerBound) }
        let place = octets.lowerBound ..< octets.lowerBound &+ length
        authentication.token(bytes.extracting(place), from: direction, &context)
    }

    //  AndX (4) | flags (2) | length of the password (2); password, path, service
    private func treeRequest(
        _ header: SMB1Header, _ block: SMB1Block, _ bytes: RawSpan, _ words: inout Cursor,
        _ waiting: inout SMBPending, _ context: inout AnalyzerContext
    ) throws(WireError) {
        try words.skip(6)
        let password = Int(try words.readLittle(UInt16.self))
        guard password <= block.octets.count else { throw .truncated(at: block.octets.lowerBound) }
        let tree = makeTree(&context)
        waiting.tree = tree
        var at = block.octets.lowerBound &+ password
        if header.isUnicode {
            // Texts of two octets begin at an even place of the message.
            at &+= at & 1
            guard at <= block.octets.upperBound else { throw .truncated(at: at) }
            let rest = bytes.extracting(at ..< block.octets.upperBound)
            let length = rest.utf16Length()
            tree.setPath(utf16: rest.extracting(0..<length.text))
            at &+= length.whole
        } else {
            let end = text(bytes, at ..< block.octets.upperBound)
            tree.setPath(bytes.extracting(at..<end))
            at = min(end &+ 1, block.octets.upperBound)
        }
        tree.setService(bytes.extracting(at ..< text(bytes, at ..< block.octets.upperBound)))
    }

    //  AndX (4) | handle (2) | offset (4) | 4 octets | mode (2) | remaining (2) | length: high (2), low (2)
    //  | offset of the data (2) | offset, high (4)
    private func writeRequest(
        _ block: SMB1Block, _ bytes: RawSpan, _ words: inout Cursor, _ waiting: inout SMBPending,
        _ direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        try words.skip(4)
        waiting.handle = UInt64(try words.readLittle(UInt16.self))
        waiting.offset = try fileOffset(&words, block, skipping: 14)
        try words.skip(8)
        let high = Int(try words.readLittle(UInt16.self))
        let length = high << 16 | Int(try words.readLittle(UInt16.self))
        let offset = Int(try words.readLittle(UInt16.self))
        let file = self.file(waiting.handle, for: &waiting, &context)
        if file.record.path.isAbsent { file.setPath(of: waiting.tree) }
        write(file, .fileWrite, &context)
        let place = try content(offset, length, bytes)
        transfer(waiting, bytes.extracting(place), direction, &context)
    }

    /// Content that was read or is written.
    private func transfer(
        _ waiting: SMBPending, _ bytes: RawSpan, _ direction: Direction, _ context: inout AnalyzerContext
    ) {
        if waiting.tree?.isPipe ?? false { return pipe(waiting.handle, bytes, from: direction, &context) }
        guard let file = waiting.file, bytes.byteCount > 0 else { return }
        if isShown(context) {
            view.transferred(
                file, (waiting.offset, bytes.byteCount), isWrite: direction == .originator, tree: 0, session: 0,
                handle1: waiting.handle, &context)
        }
        context.fileData(content(of: file, from: direction, &context), bytes, at: waiting.offset)
    }

    /// The data of a read or write; what the message does not have is not there.
    private func content(_ offset: Int, _ length: Int, _ bytes: RawSpan) throws(WireError) -> Range<Int> {
        guard length > 0 else { return 0..<0 }
        guard offset >= SMB1Header.byteCount, offset <= bytes.byteCount else { throw .truncated(at: offset) }
        return offset ..< min(bytes.byteCount, offset &+ length)
    }

    //  all parameters (2), data (2) | room (2, 2) | words of setup | 1 octet | flags (2) | timeout (4) | 2 octets
    //  | parameters: length (2), offset (2) | data: length (2), offset (2) | words of setup | 1 octet | setup
    private func transactionRequest(
        _ header: SMB1Header, _ block: SMB1Block, _ bytes: RawSpan, _ words: inout Cursor,
        _ waiting: inout SMBPending, _ direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        try words.skip(22)
        let length = Int(try words.readLittle(UInt16.self))
        let offset = Int(try words.readLittle(UInt16.self))
        let setup = try words.read(UInt8.self)
        try words.skip(1)
        // Two words: what to do, and with which handle.
        guard setup >= 2, try words.readLittle(UInt16.self) == SMB.transactPipe else { return }
        waiting.handle = UInt64(try words.readLittle(UInt16.self))
        guard isPipeName(header, block, bytes) else { return }
        waiting.offset = 1
        pipe(waiting.handle, bytes.extracting(try content(offset, length, bytes)), from: direction, &context)
    }

    /// Whether a transaction's name is `\PIPE\`, with or without more.
    private func isPipeName(_ header: SMB1Header, _ block: SMB1Block, _ bytes: RawSpan) -> Bool {
        var at = block.octets.lowerBound
        guard header.isUnicode else { return bytes.begins(with: "\\PIPE\\", at: at) }
        at &+= at & 1
        return bytes.begins(with: "\\\0P\0I\0P\0E\0\\\0", at: at)
    }

    // MARK: responses

    private func response(
        _ command: SMB1Header.Command, _ header: SMB1Header, _ block: SMB1Block, _ bytes: RawSpan,
        _ waiting: inout SMBPending, _ direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        var words = Cursor(bytes.extracting(block.words))
        switch command {
        case .negotiate:
            if block.words.count >= 2 { view.took(Int(try words.readLittle(UInt16.self))) }
            // 17 words: NT LM 0.12; with extended security an identity (16) and a token follow.
            guard block.words.count == 34 else { break }
            try words.skip(17)
            guard try words.readLittle(UInt32.self) & SMB.extendedSecurity != 0, block.octets.count > 16 else { break }
            let place = block.octets.lowerBound &+ 16 ..< block.octets.upperBound
            authentication.token(bytes.extracting(place), from: direction, &context)
        case .sessionSetupAndX:
            noteNames(header, block, bytes, &context)
            guard block.words.count == 8 else { break }
            try words.skip(6)
            try token(Int(try words.readLittle(UInt16.self)), block.octets, bytes, direction, &context)
        case .treeConnectAndX: treeResponse(header, block, bytes, &waiting, &context)
        case .createAndX: try createResponse(header, &words, &waiting, &context)
        case .readAndX:
            try words.skip(10)
            let low = Int(try words.readLittle(UInt16.self))
            let offset = Int(try words.readLittle(UInt16.self))
            let length = Int(try words.readLittle(UInt16.self)) << 16 | low
            transfer(waiting, bytes.extracting(try content(offset, length, bytes)), direction, &context)
        case .transaction:
            guard waiting.offset == 1 else { break }
            try words.skip(12)
            let length = Int(try words.readLittle(UInt16.self))
            let place = try content(Int(try words.readLittle(UInt16.self)), length, bytes)
            pipe(waiting.handle, bytes.extracting(place), from: direction, &context)
        default: break
        }
    }

    //  service, name of the file system
    private func treeResponse(
        _ header: SMB1Header, _ block: SMB1Block, _ bytes: RawSpan, _ waiting: inout SMBPending,
        _ context: inout AnalyzerContext
    ) {
        let tree: SMBTree
        if let asked = waiting.tree {
            tree = asked
        } else {
            context.weird(.smb_tree_connect_andx_response_without_tree, source: "SMB")
            tree = makeTree(&context)
        }
        let end = text(bytes, block.octets)
        let service = bytes.extracting(block.octets.lowerBound..<end)
        tree.setService(service)
        if service.byteCount == 3, service.begins(with: "IPC") { tree.setKind(SMBTree.Kind.pipe.rawValue) }
        var at = min(end &+ 1, block.octets.upperBound)
        if header.isUnicode { at = min(at &+ (at & 1), block.octets.upperBound) }
        var name = TextBuffer()
        let rest = bytes.extracting(at ..< block.octets.upperBound)
        let fileSystem =
            header.isUnicode
            ? name.add(utf16: rest, endsAtZero: true, limit: 256)
            : name.add(bytes.extracting(at ..< text(bytes, at ..< block.octets.upperBound)), limit: 256)
        if fileSystem.count > 0 { tree.setFileSystem(fileSystem, of: name) }
        setTree(UInt32(header.tree), tree, &context)
        writeMapping(tree, &context)
    }

    //  AndX (4) | oplock | handle (2) | action (4) | times (8 each): created, accessed, written, changed
    //  | attributes (4) | room (8) | end of file (8) | ...
    private func createResponse(
        _ header: SMB1Header, _ words: inout Cursor, _ waiting: inout SMBPending,
        _ context: inout AnalyzerContext
    ) throws(WireError) {
        guard header.status == 0 else { return }
        try words.skip(5)
        let handle = UInt64(try words.readLittle(UInt16.self))
        try words.skip(4)
        var times = SMBTimes()
        times.created = Timestamp(windows: try words.readLittle(UInt64.self))
        times.accessed = Timestamp(windows: try words.readLittle(UInt64.self))
        times.modified = Timestamp(windows: try words.readLittle(UInt64.self))
        times.changed = Timestamp(windows: try words.readLittle(UInt64.self))
        try words.skip(12)
        let size = try words.readLittle(UInt64.self)
        // A handle is used again as soon as it is free.
        release(handle)
        let file = self.file(handle, for: &waiting, &context)
        file.record.size = size
        if times.modified > .zero { file.record.times = times }
        write(file, .fileOpen, &context)
    }
}
