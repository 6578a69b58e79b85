// SPDX-License-Identifier: Apache-2.0
//
// SMB version 1 as EVE and the signatures see it: one transaction for each request,
// named by its first command (MS-CIFS section 2.2.2.1).
//
// Reads   messages of version 1, as SMB1.swift holds them.
// Writes  through SMB+Events.swift.
// Leaves  what passes over a pipe (DCERPC+Events.swift).

import Records
import Wire

/// One command of a message: the first, or one that is chained behind it.
struct SMB1Part {
    let header: SMB1Header
    let code: UInt8
    let block: SMB1Block?

    var command: SMB1Header.Command? { SMB1Header.Command(rawValue: code) }

    init(_ header: SMB1Header, _ code: UInt8, _ block: SMB1Block?) {
        self.header = header
        self.code = code
        self.block = block
    }
}

/// What a system says of itself as a session begins: texts behind the token or the passwords.
struct SMB1Names {
    let system: [UInt8]
    let manager: [UInt8]

    /// Nil where the words are not those of a session's setup.
    init?(_ block: SMB1Block, _ bytes: RawSpan, isUnicode: Bool) {
        var at = block.octets.lowerBound
        var skipped = 0
        func length(_ offset: Int) -> Int {
            Int(bytes.load(block.words.lowerBound &+ offset, as: UInt16.self).byteSwapped)
        }
        switch block.words.count {
        case 24: at &+= length(14)
        case 26:
            at &+= length(14) &+ length(16)
            // The account and its domain.
            skipped = 2
        case 8: at &+= length(6)
        case 6: break
        default: return nil
        }
        guard at < block.octets.upperBound else { return nil }
        for _ in 0..<skipped { _ = SMBView.text(&at, bytes, block.octets, isUnicode: isUnicode) }
        system = SMBView.text(&at, bytes, block.octets, isUnicode: isUnicode)
        manager = SMBView.text(&at, bytes, block.octets, isUnicode: isUnicode)
    }

    /// The name of a program: Samba tells its own in the second text, Windows its version in the first.
    var program: [UInt8] { manager.starts(with: Array("Samba".utf8)) ? manager : system }
}

extension SMBView {
    /// Octets of one text that are shown.
    private static let textBytesMax = 1024
    /// Commands that change names and deletions: subcommands of a transaction (MS-CIFS section 2.2.6).
    private static let setPathInformation: UInt16 = 6
    private static let setFileInformation: UInt16 = 8
    private static let disposition: UInt16 = 1013
    private static let rename: UInt16 = 1010

    /// Messages of version 1 stand apart from those of version 2, and the commands of one number from each other: the
    /// further parts of a long request have the number of its first.
    private static func key(_ part: SMB1Part) -> UInt64 {
        1 << 40 | UInt64(part.code) << 16 | UInt64(part.header.message)
    }

    // MARK: requests

    mutating func request(
        _ part: SMB1Part, _ bytes: RawSpan, _ waiting: SMBPending, _ authentication: Authentication,
        _ context: inout AnalyzerContext
    ) {
        guard SMBView.hasTransaction1(part.code) || isChange(part, bytes) else { return }
        let key = SMBView.key(part)
        begin(
            key, command: UInt16(part.code), tree: UInt32(part.header.tree), session: UInt64(part.header.user),
            isFirstVersion: true, &context)
        guard let tx = exchanges[key]?.transaction else { return }
        builder.clear()
        switch part.code {
        case SMB1Header.Command.sessionSetupAndX.rawValue:
            login(bytes, authentication, tx, &context)
            hosts("request", part, bytes)
        case SMB1Header.Command.treeConnectAndX.rawValue:
            guard let tree = waiting.tree, tree.hasPath else { break }
            // Suricata shows such a path from its second octet on.
            exchanges[key]?.share = Array(tree.record.text[tree.record.path].dropFirst())
            exchanges[key]?.service = Array(tree.record.text[tree.record.service])
        case SMB1Header.Command.createAndX.rawValue:
            guard let file = waiting.file, let words = part.block?.words, words.count >= 44 else { break }
            create(
                file, bytes.load(words.lowerBound &+ 35, as: UInt32.self).byteSwapped,
                bytes.load(words.lowerBound &+ 39, as: UInt32.self).byteSwapped)
        case 0x07: renamed(part, bytes)
        case 0x32: change(part, bytes)
        default: break
        }
        exchanges[key]?.members = builder.buffer.bytes
        if SMBView.hasNoResponse(part.code), let exchange = exchanges.removeValue(forKey: key) {
            end(exchange, &context)
        }
    }

    /// Locks may be broken, cancellations and further parts are not answered.
    private static func hasNoResponse(_ code: UInt8) -> Bool { code == 0x24 || code == 0x33 || code == 0xA4 }

    /// Content of files is one transaction for each file, what passes over pipes is DCE RPC's, negotiation has its own
    /// way, and of the second kind of transactions only changes count.
    private static func hasTransaction1(_ code: UInt8) -> Bool {
        if code == 0x32 { return false }
        switch SMB1Header.Command(rawValue: code) {
        case .negotiate, .readAndX, .writeAndX, .transaction: return false
        default: return true
        }
    }

    /// What the system at one end is.
    private mutating func hosts(_ key: StaticString, _ part: SMB1Part, _ bytes: RawSpan) {
        guard let block = part.block, let names = SMB1Names(block, bytes, isUnicode: part.header.isUnicode)
        else { return }
        builder.open(key)
        builder.text("native_os", names.system[...])
        builder.text("native_lm", names.manager[...])
        builder.close()
    }

    /// The next text of a range, up to its zero; of two octets it begins at an even place.
    static func text(_ at: inout Int, _ bytes: RawSpan, _ place: Range<Int>, isUnicode: Bool) -> [UInt8] {
        if isUnicode { at &+= at & 1 }
        guard at < place.upperBound else { return [] }
        let rest = bytes.extracting(at..<place.upperBound)
        var text = TextBuffer()
        if isUnicode {
            let length = rest.utf16Length()
            _ = text.add(utf16: rest.extracting(0..<length.text), limit: textBytesMax)
            at &+= max(length.whole, 1)
        } else {
            let end = rest.firstIndex(of: 0) ?? rest.byteCount
            _ = text.add(rest.extracting(0..<end), limit: textBytesMax)
            at &+= end &+ 1
        }
        return text.bytes
    }

    //  4 | old name | 4 | new name
    private mutating func renamed(_ part: SMB1Part, _ bytes: RawSpan) {
        guard let place = part.block?.octets else { return }
        var at = place.lowerBound &+ 1
        let old = SMBView.text(&at, bytes, place, isUnicode: part.header.isUnicode)
        at &+= 1
        write(rename: old, SMBView.text(&at, bytes, place, isUnicode: part.header.isUnicode))
        builder.text("fuid", "")
    }

    private mutating func write(rename old: [UInt8], _ new: [UInt8]) {
        builder.open("rename")
        builder.text("from", old[...])
        builder.text("to", new[...])
        builder.close()
    }

    /// Where the parameters and the data of a transaction stand, and its subcommand.
    private func transaction(
        _ part: SMB1Part, _ bytes: RawSpan
    ) -> (subcommand: UInt16, parameters: Range<Int>, data: Range<Int>)? {
        guard part.code == 0x32, let words = part.block?.words, words.count >= 30 else { return nil }
        func number(_ offset: Int) -> Int { Int(bytes.load(words.lowerBound &+ offset, as: UInt16.self).byteSwapped) }
        func range(_ offset: Int) -> Range<Int>? {
            let (count, start) = (number(offset), number(offset &+ 2))
            return bytes.holds(count, at: start) ? start ..< start &+ count : nil
        }
        guard let parameters = range(18), let data = range(22) else { return nil }
        return (UInt16(number(28)), parameters, data)
    }

    /// The level of information that a transaction sets, where it is a name or a deletion.
    private func level(_ subcommand: UInt16, _ parameters: RawSpan) -> UInt16? {
        let offset = subcommand == SMBView.setFileInformation ? 2 : 0
        guard subcommand == SMBView.setFileInformation || subcommand == SMBView.setPathInformation,
            parameters.byteCount >= 6
        else { return nil }
        let level = parameters.load16(offset).byteSwapped
        return level == SMBView.disposition || level == SMBView.rename ? level : nil
    }

    private func isChange(_ part: SMB1Part, _ bytes: RawSpan) -> Bool {
        guard let (subcommand, parameters, _) = transaction(part, bytes) else { return false }
        return level(subcommand, bytes.extracting(parameters)) != nil
    }

    //  of a file: handle (2) | level (2) | 2 octets; of a path: level (2) | 4 octets | path
    private mutating func change(_ part: SMB1Part, _ bytes: RawSpan) {
        guard let found = transaction(part, bytes) else { return }
        let (subcommand, parameters) = (found.subcommand, bytes.extracting(found.parameters))
        let data = bytes.extracting(found.data)
        guard let level = level(subcommand, parameters) else { return }
        let isFile = subcommand == SMBView.setFileInformation
        var name: [UInt8] = []
        let handle = UInt64(parameters.load16(0).byteSwapped)
        if isFile {
            name = names1[handle] ?? Array("<unknown>".utf8)
        } else {
            var at = 6
            name = SMBView.text(&at, parameters, 6..<parameters.byteCount, isUnicode: part.header.isUnicode)
        }
        if level == SMBView.rename {
            // Whether to replace (4), a folder (4), length (4), the new name.
            var at = 12
            let new = data.byteCount > 12
                ? SMBView.text(&at, data, 12..<data.byteCount, isUnicode: part.header.isUnicode) : []
            write(rename: name, new)
        } else {
            builder.text("filename", name[...])
            let deletes = data.byteCount > 0 && data.octet(0) != 0
            builder.text("access", deletes ? "delete on close" : "normal")
            builder.text("subcmd", isFile ? "SET_FILE_INFO" : "SET_PATH_INFO")
            builder.text("level_of_interest", "Set Disposition Information")
        }
        if isFile { fileNumber(handle) } else { builder.text("fuid", "") }
    }

    // MARK: responses

    mutating func response(
        _ part: SMB1Part, _ bytes: RawSpan, _ waiting: SMBPending, _ context: inout AnalyzerContext
    ) {
        let header = part.header
        let key = part.command == .negotiate ? 0 : SMBView.key(part)
        guard var exchange = exchanges.removeValue(forKey: key) else { return }
        exchange.status = header.status
        exchange.isDOSError = header.isDOSError
        (exchange.session, exchange.tree) = (UInt64(header.user), UInt32(header.tree))
        builder.clear()
        builder.members(exchange.members[...])
        switch part.command {
        case .negotiate: negotiated(part, bytes)
        case .sessionSetupAndX: hosts("response", part, bytes)
        case .treeConnectAndX where header.status == 0:
            connected(exchange, isPipe: waiting.tree?.isPipe ?? false, &context)
            builder.open("service")
            builder.text("request", exchange.service[...])
            if let tree = waiting.tree { builder.text("response", tree.record.text[tree.record.service]) }
            builder.close()
        case .createAndX where header.status == 0: created(part, bytes, waiting, &context)
        case .createAndX: notCreated()
        default: break
        }
        exchange.members = builder.buffer.bytes
        end(exchange, &context)
    }

    /// With extended security the server tells its identity (MS-SMB section 2.2.4.5.2).
    private mutating func negotiated(_ part: SMB1Part, _ bytes: RawSpan) {
        guard let block = part.block, block.words.count == 34, block.octets.count >= 16,
            bytes.load(block.words.lowerBound &+ 19, as: UInt32.self).byteSwapped & 0x8000_0000 != 0
        else { return }
        let start = block.octets.lowerBound
        SMBView.identity("server_guid", bytes.extracting(start ..< start &+ 16), to: &builder)
    }

    //  AndX (4) | oplock | handle (2) | action (4) | times (8 each) | attributes (4) | room (8) | end of file (8) | ...
    private mutating func created(
        _ part: SMB1Part, _ bytes: RawSpan, _ waiting: SMBPending, _ context: inout AnalyzerContext
    ) {
        guard let words = part.block?.words, words.count >= 63 else { return }
        let start = words.lowerBound
        let handle = UInt64(bytes.load16(start &+ 5).byteSwapped)
        times(bytes.extracting(start &+ 11 ..< start &+ 43))
        builder.count("size", bytes.load(start &+ 55, as: UInt64.self).byteSwapped)
        fileNumber(handle)
        guard let file = waiting.file else { return }
        if names1.count >= SMBView.namesMax {
            context.limits.met(.names, names1.count)
            names1.removeAll(keepingCapacity: true)
        }
        names1[handle] = Array(file.record.text[file.record.name])
    }

    /// What the events of a message have in common, where it is about a pipe.
    mutating func carrier(_ header: SMB1Header) -> [UInt8] {
        builder.clear()
        common(
            UInt16(header.code), isFirstVersion: true, status: 0, session: UInt64(header.user),
            tree: UInt32(header.tree))
        return builder.buffer.bytes
    }

    static func name1(_ code: UInt16) -> StaticString? {
        switch code {
        case 0x00...0x14: names1[Int(code)]
        case 0x24: "LOCKING_ANDX"
        case 0x25: "TRANS"
        case 0x26: "TRANS_SECONDARY"
        case 0x27: "IOCTL"
        case 0x2B: "ECHO"
        case 0x2C: "WRITE_AND_CLOSE"
        case 0x2D: "OPEN_ANDX"
        case 0x2E: "READ_ANDX"
        case 0x2F: "WRITE_ANDX"
        case 0x32: "TRANS2"
        case 0x33: "TRANS2_SECONDARY"
        case 0x34: "FIND_CLOSE2"
        case 0x70: "TREE_CONNECT"
        case 0x71: "TREE_DISCONNECT"
        case 0x72: "NEGOTIATE_PROTOCOL"
        case 0x73: "SESSION_SETUP_ANDX"
        case 0x74: "LOGOFF_ANDX"
        case 0x75: "TREE_CONNECT_ANDX"
        case 0x80: "QUERY_INFO_DISK"
        case 0x81: "SEARCH"
        case 0xA0: "NT_TRANS"
        case 0xA1: "NT_TRANS_SECONDARY"
        case 0xA2: "NT_CREATE_ANDX"
        case 0xA4: "NT_CANCEL"
        case 0xA5: "NT_RENAME"
        default: nil
        }
    }

    private static let names1: [StaticString] = [
        "CREATE_DIRECTORY", "DELETE_DIRECTORY", "OPEN", "CREATE", "CLOSE", "FLUSH", "DELETE", "RENAME", "QUERY_INFO",
        "SET_INFO", "READ", "WRITE", "LOCK_BYTE_RANGE", "UNLOCK_BYTE_RANGE", "CREATE_TEMPORARY", "CREATE_NEW",
        "CHECK_DIRECTORY", "PROCESS_EXIT", "SEEK", "LOCK_AND_READ", "WRITE_AND_UNLOCK",
    ]
}
