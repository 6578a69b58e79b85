// SPDX-License-Identifier: Apache-2.0
//
// SMB as EVE and the signatures see it: a request and its response are one
// transaction; what passes over a pipe is DCE RPC's (DCERPC+Events.swift).
//
// Reads   messages of version 2, as SMB2.swift holds them; dialects of version 1.
// Writes  the event `smb`; buffers `smb.*`.
// Leaves  commands of version 1; what the logs say (SMB+State.swift).

import Records
import Wire

/// One request, and what its event is to say.
struct SMBExchange {
    let transaction: UInt64
    var command: UInt16
    var tree: UInt32
    var session: UInt64
    var status: UInt32?
    /// The request was one of version 1.
    var isFirstVersion = false
    /// The status is a class and a code.
    var isDOSError = false
    /// Members that the request has given, behind the common ones.
    var members: [UInt8] = []
    var share: [UInt8] = []
    /// The kind of service that a client of version 1 asks for.
    var service: [UInt8] = []
    /// Of a file: its handle, for the event at its end, and how far its content was seen.
    var handle: UInt64 = 0
    var end: UInt64 = 0
}

/// The exchanges of one connection that wait for their end.
struct SMBView {
    private static let exchangesMax = 1024
    /// Open files of version 1 whose names are known.
    static let namesMax = 1024
    private static let dialectsMax = 64

    var exchanges: [UInt64: SMBExchange] = [:]
    /// Files whose content was read (even numbers) or written (odd ones), by handle.
    private var transfers: [UInt64: SMBExchange] = [:]
    var builder = EVEBuilder()
    private var last: (transaction: UInt64, members: [UInt8])?
    /// 0 where no negotiation was seen.
    private var dialect: UInt16 = 0
    /// Dialects of version 1 that the client offers, and the one that the server took.
    private var offered: [[UInt8]] = []
    private var dialect1: [UInt8] = []
    private var largest: (read: UInt32, write: UInt32) = (0, 0)
    /// Names of open files of version 1, by handle.
    var names1: [UInt64: [UInt8]] = [:]

    mutating func reset() {
        names1.removeAll(keepingCapacity: true)
        exchanges.removeAll(keepingCapacity: exchanges.count < 256)
        transfers.removeAll(keepingCapacity: true)
        (dialect, largest, last) = (0, (0, 0), nil)
        (offered, dialect1) = ([], [])
    }

    // MARK: requests

    /// The negotiation of version 1, which a server of version 2 answers in its own way.
    mutating func negotiate(_ octets: RawSpan, _ context: inout AnalyzerContext) {
        begin(0, command: 0x72, tree: 0, session: 0, isFirstVersion: true, &context)
        builder.clear()
        builder.openList("client_dialects")
        offered.removeAll(keepingCapacity: true)
        var at = 0
        while at < octets.byteCount, octets.octet(at) == 2, offered.count < SMBView.dialectsMax {
            let end = octets.firstIndex(of: 0, from: at) ?? octets.byteCount
            builder.item(octets.extracting(at &+ 1 ..< end))
            var name: [UInt8] = []
            octets.extracting(at &+ 1 ..< end).append(to: &name)
            offered.append(name)
            at = end &+ 1
        }
        if at < octets.byteCount, offered.count < SMBView.dialectsMax, let tx = exchanges[0]?.transaction {
            context.transactionEvent("smb.negotiate_malformed_dialects", tx: tx, from: .originator)
        }
        builder.closeList()
        exchanges[0]?.members = builder.buffer.bytes
    }

    /// The place among those that were offered which the server of version 1 has taken.
    mutating func took(_ place: Int) {
        if offered.indices.contains(place) { dialect1 = offered[place] }
    }

    mutating func request(
        _ header: SMB2Header, _ bytes: RawSpan, _ waiting: SMBPending, _ authentication: Authentication,
        _ context: inout AnalyzerContext
    ) {
        guard SMBView.hasTransaction(header.code) || isChange(header, bytes) else { return }
        // What a pipe carries is a transaction of DCE RPC.
        if header.command == .control, waiting.isPipeExchange { return }
        begin(header.message, command: header.code, tree: header.tree, session: header.session, &context)
        guard let tx = exchanges[header.message]?.transaction else { return }
        builder.clear()
        switch header.command {
        case .negotiate:
            if exchanges.contains(where: { $0.key != header.message && $0.value.command == header.code }) {
                context.transactionEvent("smb.duplicate_negotiate", tx: tx, from: .originator)
            }
            dialects(bytes)
        case .sessionSetup: login(bytes, authentication, tx, &context)
        case .treeConnect:
            guard let tree = waiting.tree, tree.hasPath else { break }
            exchanges[header.message]?.share = Array(tree.record.text[tree.record.path])
        case .create: create(bytes, waiting)
        case .control where bytes.byteCount >= 72: function(bytes.load(68, as: UInt32.self).byteSwapped)
        case .setInfo: change(bytes, waiting)
        default: break
        }
        exchanges[header.message]?.members = builder.buffer.bytes
    }

    /// A name or a deletion is set: the only changes that are transactions.
    private func isChange(_ header: SMB2Header, _ bytes: RawSpan) -> Bool {
        header.command == .setInfo && bytes.byteCount >= 96 && bytes.octet(66) == 1
            && (bytes.octet(67) == 10 || bytes.octet(67) == 13)
    }

    private mutating func function(_ code: UInt32) {
        if let name = SMBNames.function(code) { return builder.text("function", name) }
        builder.beginText("function")
        builder.add(decimal: UInt64(code))
        builder.endText()
    }

    //  size (2) | kind | class | length (4) | offset (2) | 2 octets | 4 octets | handle (16) | content
    private mutating func change(_ bytes: RawSpan, _ waiting: SMBPending) {
        guard let file = waiting.file else { return }
        let record = file.record
        if bytes.octet(67) == 10 {
            builder.open("set_info")
            builder.text("class", "FILE_INFO")
            builder.text("info_level", "SMB2_FILE_RENAME_INFO")
            builder.close()
            builder.open("rename")
            builder.text("from", record.text[record.previousName])
            builder.text("to", record.text[record.name])
            builder.close()
        } else {
            let offset = Int(bytes.load(72, as: UInt16.self).byteSwapped)
            let deletes = offset < bytes.byteCount && bytes.octet(offset) != 0
            builder.text("filename", record.text[record.name])
            builder.text("access", deletes ? "delete on close" : "normal")
        }
        if let identity = file.identity { SMBView.identity("fuid", identity.octets, to: &builder) }
    }

    mutating func begin(
        _ number: UInt64, command: UInt16, tree: UInt32, session: UInt64, isFirstVersion: Bool = false,
        _ context: inout AnalyzerContext
    ) {
        let isFull = exchanges.count >= SMBView.exchangesMax
        if isFull {
            context.limits.met(.requests, exchanges.count)
            exchanges.removeAll(keepingCapacity: true)
        }
        let tx = showTransaction(isFirstVersion, &context)
        if isFull { context.transactionEvent("smb.too_many_transactions", tx: tx, from: .originator) }
        exchanges[number] = SMBExchange(
            transaction: tx, command: command, tree: tree, session: session, isFirstVersion: isFirstVersion)
    }

    /// Both sides of a transaction are of its version.
    private func showTransaction(_ isFirstVersion: Bool, _ context: inout AnalyzerContext) -> UInt64 {
        let tx = context.beginTransaction(.smb)
        for side in [Direction.originator, .responder] {
            context.exposeNumber(.smbVersion, isFirstVersion ? 1 : 2, tx: tx, from: side)
        }
        return tx
    }

    /// Reads and writes of files are one transaction for each file; attributes have none.
    private static func hasTransaction(_ code: UInt16) -> Bool {
        switch SMB2Header.Command(rawValue: code) {
        case .read, .write, .queryInfo, .setInfo, .cancel: false
        default: true
        }
    }

    //  size (2) | number (2) | security (2) | 2 octets | capabilities (4) | identity (16) | 8 octets | dialects
    private mutating func dialects(_ bytes: RawSpan) {
        guard bytes.byteCount >= 100 else { return }
        let count = Int(bytes.load(66, as: UInt16.self).byteSwapped)
        builder.openList("client_dialects")
        for place in stride(from: 100, through: bytes.byteCount &- 2, by: 2).prefix(count) {
            builder.beginItem()
            SMBView.append(bytes.load(place, as: UInt16.self).byteSwapped, to: &builder)
            builder.endText()
        }
        builder.closeList()
        SMBView.identity("client_guid", bytes.extracting(76..<92), to: &builder)
    }

    /// Who logs in, where the message says so.
    mutating func login(
        _ bytes: RawSpan, _ authentication: Authentication, _ tx: UInt64, _ context: inout AnalyzerContext
    ) {
        if let service = authentication.takeService() {
            builder.open("kerberos")
            builder.text("realm", service.realm[...])
            builder.openList("snames")
            for name in service.names { builder.item(name[...]) }
            builder.closeList()
            builder.close()
        }
        let ntlm = authentication.ntlmSession
        guard let place = RDP.find(NTLMMessage.signature, in: bytes), bytes.byteCount &- place >= 12,
            bytes.load(place &+ 8, as: UInt32.self) == 0x0300_0000
        else { return }
        if ntlm.isUnordered { context.transactionEvent("smb.unusual_ntlmssp_order", tx: tx, from: .originator) }
        let record = ntlm.record
        let domain = Array(record.text[record.domain])
        let user = Array(record.text[record.user])
        context.expose(.smbNtlmsspDomain, domain.octets, tx: tx, from: .originator)
        context.expose(.smbNtlmsspUser, user.octets, tx: tx, from: .originator)
        builder.open("ntlmssp")
        builder.text("domain", domain[...])
        builder.text("user", user[...])
        builder.text("host", record.text[record.host])
        if let version = ntlm.version {
            builder.beginText("version")
            builder.add(decimal: version >> 56)
            builder.add(".")
            builder.add(decimal: version >> 48 & 0xFF)
            builder.add(" build ")
            builder.add(decimal: UInt64(UInt16(truncatingIfNeeded: version >> 32).byteSwapped))
            builder.add(" rev ")
            builder.add(decimal: version & 0xFF)
            builder.endText()
        }
        builder.close()
    }

    private mutating func create(_ bytes: RawSpan, _ waiting: SMBPending) {
        guard bytes.byteCount >= 108, let file = waiting.file else { return }
        let disposition = bytes.load(100, as: UInt32.self).byteSwapped
        let options = bytes.load(104, as: UInt32.self).byteSwapped
        create(file, disposition, options)
    }

    mutating func create(_ file: SMBFile, _ disposition: UInt32, _ options: UInt32) {
        let isRoot = file.record.text.equals(file.record.name, "<share_root>")
        let isDirectory = options & 1 != 0 && !isRoot
        builder.text(isDirectory ? "directory" : "filename", file.record.text[file.record.name])
        let names: [StaticString] = [
            "FILE_SUPERSEDE", "FILE_OPEN", "FILE_CREATE", "FILE_OPEN_IF", "FILE_OVERWRITE", "FILE_OVERWRITE_IF",
        ]
        builder.text("disposition", disposition < 6 ? names[Int(disposition)] : "UNKNOWN")
        builder.text("access", options & 0x1000 != 0 ? "delete on close" : "normal")
    }

    // MARK: responses

    mutating func response(
        _ header: SMB2Header, _ bytes: RawSpan, _ waiting: SMBPending, _ context: inout AnalyzerContext
    ) {
        guard var exchange = exchanges.removeValue(forKey: header.message) else { return }
        exchange.status = header.status
        if header.session != 0 { exchange.session = header.session }
        if header.command == .treeConnect, header.isSuccess { exchange.tree = header.tree }
        builder.clear()
        builder.members(exchange.members[...])
        switch header.command {
        case .negotiate where bytes.byteCount >= 104:
            negotiated(bytes)
            checkSizes(exchange.transaction, &context)
        case .treeConnect where bytes.byteCount >= 67:
            connected(exchange, isPipe: bytes.octet(66) == 2, &context)
            let kind = Int(bytes.octet(66))
            builder.text("share_type", SMBView.kinds[kind < SMBView.kinds.count ? kind : 0])
        case .create where header.isSuccess && bytes.byteCount >= 144: created(bytes)
        case .create: notCreated()
        default: break
        }
        exchange.members = builder.buffer.bytes
        end(exchange, &context)
    }

    //  size (2) | security (2) | dialect (2) | 2 octets | identity (16) | capabilities (4) | largest (4, 4, 4)
    private mutating func negotiated(_ bytes: RawSpan) {
        dialect = bytes.load(68, as: UInt16.self).byteSwapped
        largest.read = bytes.load(96, as: UInt32.self).byteSwapped
        largest.write = bytes.load(100, as: UInt32.self).byteSwapped
        SMBView.identity("server_guid", bytes.extracting(72..<88), to: &builder)
        if largest.read > 0 { builder.count("max_read_size", UInt64(largest.read)) }
        if largest.write > 0 { builder.count("max_write_size", UInt64(largest.write)) }
    }

    /// Octets of a read or write that nobody needs more of (`max-read-size`, `max-write-size` of Suricata).
    private static let sizeMax: UInt32 = 16 << 20

    /// The sizes that a server allows.
    private func checkSizes(_ tx: UInt64, _ context: inout AnalyzerContext) {
        if largest.read > SMBView.sizeMax {
            context.transactionEvent("smb.negotiate_max_read_size_too_large", tx: tx, from: .responder)
        }
        if largest.write > SMBView.sizeMax {
            context.transactionEvent("smb.negotiate_max_write_size_too_large", tx: tx, from: .responder)
        }
    }

    /// A read or a write of more than the server allows.
    func checkTransfer(_ count: UInt32, isWrite: Bool, _ context: inout AnalyzerContext) {
        let allowed = isWrite ? largest.write : largest.read
        guard count > SMBView.sizeMax || allowed > 0 && count > allowed else { return }
        context.lostMessage(
            .smb, isWrite ? "smb.write_request_too_large" : "smb.read_request_too_large", from: .originator)
    }

    private static let kinds: [StaticString] = ["UNKNOWN", "FILE", "PIPE", "PRINT"]

    mutating func connected(_ exchange: SMBExchange, isPipe: Bool, _ context: inout AnalyzerContext) {
        context.expose(
            isPipe ? .smbNamedPipe : .smbShare, exchange.share.octets, tx: exchange.transaction, from: .originator)
        builder.text(isPipe ? "named_pipe" : "share", exchange.share[...])
    }

    mutating func notCreated() {
        for name in SMBView.timeNames { builder.count(name, 0) }
        builder.count("size", 0)
        builder.text("fuid", "")
    }

    private mutating func created(_ bytes: RawSpan) {
        times(bytes.extracting(72..<104))
        builder.count("size", bytes.load(112, as: UInt64.self).byteSwapped)
        SMBView.identity("fuid", bytes.extracting(128..<144), to: &builder)
    }

    private static let timeNames: [StaticString] = ["created", "accessed", "modified", "changed"]

    /// Four times of eight octets each, in seconds since 1970.
    mutating func times(_ bytes: RawSpan) {
        for (place, name) in SMBView.timeNames.enumerated() {
            let value = bytes.load(place &* 8, as: UInt64.self).byteSwapped
            builder.count(name, value / 10_000_000 > 11_644_473_600 ? value / 10_000_000 - 11_644_473_600 : 0)
        }
    }

    // MARK: files

    /// Content of a file was read or is written: one transaction until it is closed.
    mutating func transferred(
        _ file: SMBFile, _ place: (offset: UInt64, count: Int), isWrite: Bool, tree: UInt32, session: UInt64,
        handle1: UInt64? = nil, _ context: inout AnalyzerContext
    ) {
        // Of version 1 the handle is the message's.
        let isFirstVersion = handle1 != nil
        let key = (handle1 ?? file.handle) << 1 | (isWrite ? 1 : 0)
        let end = place.offset &+ UInt64(max(0, place.count))
        if let known = transfers[key] {
            transfers[key]?.end = max(known.end, end)
            if place.offset < known.end {
                context.transactionEvent(
                    "smb.file_overlap", tx: known.transaction, from: isWrite ? .originator : .responder)
            }
            return context.enterTransaction(known.transaction, from: isWrite ? .originator : .responder)
        }
        guard transfers.count < SMBView.exchangesMax else { return context.limits.met(.requests) }
        let command: UInt16 = isFirstVersion ? (isWrite ? 0x2F : 0x2E) : isWrite ? 9 : 8
        var exchange = SMBExchange(
            transaction: showTransaction(isFirstVersion, &context), command: command, tree: tree,
            session: session, status: isFirstVersion ? nil : 0, isFirstVersion: isFirstVersion, handle: file.handle,
            end: end)
        builder.clear()
        builder.text("filename", file.record.text[file.record.name])
        builder.text("share", file.record.text[file.record.path].dropFirst(isFirstVersion ? 1 : 0))
        if let handle1 {
            fileNumber(handle1)
        } else if let identity = file.identity {
            SMBView.identity("fuid", identity.octets, to: &builder)
        }
        exchange.members = builder.buffer.bytes
        transfers[key] = exchange
    }

    /// The handle of version 1, four digits.
    mutating func fileNumber(_ handle: UInt64) {
        builder.beginText("fuid")
        builder.add(hexadecimal: handle, digits: 4)
        builder.endText()
    }

    mutating func closed(_ handle: UInt64, _ context: inout AnalyzerContext) {
        for side in 0..<2 {
            if let exchange = transfers.removeValue(forKey: handle << 1 | UInt64(side)) { end(exchange, &context) }
        }
    }

    mutating func finish(_ context: inout AnalyzerContext) {
        for key in transfers.keys.sorted() { if let exchange = transfers[key] { end(exchange, &context) } }
        for number in exchanges.keys.sorted() { if let exchange = exchanges[number] { end(exchange, &context) } }
        transfers.removeAll(keepingCapacity: true)
        exchanges.removeAll(keepingCapacity: true)
    }

    // MARK: events

    /// The members that every event of the connection has behind `id`.
    mutating func carrier(_ header: SMB2Header) -> [UInt8] {
        builder.clear()
        common(header.code, isFirstVersion: false, status: 0, session: header.session, tree: header.tree)
        return builder.buffer.bytes
    }

    mutating func end(_ exchange: SMBExchange, _ context: inout AnalyzerContext) {
        context.transactionDone(tx: exchange.transaction, from: .originator)
        context.transactionDone(tx: exchange.transaction, from: .responder)
        guard context.wantsEvents || context.wantsTransactions else { return }
        object(exchange)
        last = (exchange.transaction, builder.buffer.bytes)
        guard context.wantsEvents else { return }
        context.beginEvent("smb", from: .originator, tx: exchange.transaction)
        context.event.members(builder.buffer.bytes[...])
        context.endEvent()
    }

    /// The object `smb`, alone in `builder`.
    private mutating func object(_ exchange: SMBExchange) {
        builder.clear()
        builder.open("smb")
        builder.count("id", exchange.transaction &+ 1)
        common(
            exchange.command, isFirstVersion: exchange.isFirstVersion, status: exchange.status,
            isDOSError: exchange.isDOSError, session: exchange.session, tree: exchange.tree)
        builder.members(exchange.members[...])
        builder.close()
    }

    mutating func write(tx: UInt64, to event: inout EVEBuilder) {
        if let last, last.transaction == tx { return event.members(last.members[...]) }
        // A file that is not closed yet.
        guard let exchange = transfers.values.first(where: { $0.transaction == tx }) else { return }
        object(exchange)
        event.members(builder.buffer.bytes[...])
    }

    mutating func common(
        _ command: UInt16, isFirstVersion: Bool, status: UInt32?, isDOSError: Bool = false, session: UInt64,
        tree: UInt32
    ) {
        builder.beginText("dialect")
        if dialect != 0 {
            SMBView.append(dialect, to: &builder)
        } else if dialect1.isEmpty {
            builder.add("unknown")
        } else {
            let name = dialect1
            builder.add(name.octets)
        }
        builder.endText()
        builder.beginText("command")
        if isFirstVersion, let name = SMBView.name1(command) {
            builder.add("SMB1_COMMAND_")
            builder.add(name)
        } else if !isFirstVersion, Int(command) < SMBView.commands.count {
            builder.add("SMB2_COMMAND_")
            builder.add(SMBView.commands[Int(command)])
        } else {
            builder.add(decimal: UInt64(command))
        }
        builder.endText()
        if let status, isDOSError {
            dosStatus(status)
        } else if let status {
            builder.beginText("status")
            if let name = SMBStatus.name(status) { builder.add(name) } else { builder.add(decimal: UInt64(status)) }
            builder.endText()
            builder.beginText("status_code")
            builder.add("0x")
            builder.add(hexadecimal: UInt64(status))
            builder.endText()
        }
        builder.count("session_id", session)
        builder.count("tree_id", UInt64(tree))
    }

    /// A class in the lowest octet and a code in the upper two (MS-CIFS section 2.2.2.4).
    private mutating func dosStatus(_ status: UInt32) {
        let code = UInt64(status >> 16)
        builder.beginText("status")
        if let name = SMBNames.error(UInt8(truncatingIfNeeded: status), code) {
            builder.add(name)
        } else if 1...2 ~= status & 0xFF {
            builder.add(decimal: code)
        } else {
            builder.add("UNKNOWN_")
            builder.add(hexadecimal: UInt64(status & 0xFF), digits: 2)
            builder.add("_")
            builder.add(hexadecimal: code, digits: 4)
        }
        builder.endText()
        builder.beginText("status_code")
        builder.add("0x")
        builder.add(hexadecimal: code, digits: 4)
        builder.endText()
    }

    private static func append(_ dialect: UInt16, to builder: inout EVEBuilder) {
        switch dialect {
        case 0x0202: builder.add("2.02")
        case 0x0210: builder.add("2.10")
        case 0x0222: builder.add("2.22")
        case 0x0224: builder.add("2.24")
        case 0x02FF: builder.add("2.??")
        case 0x0300: builder.add("3.00")
        case 0x0302: builder.add("3.02")
        case 0x0310: builder.add("3.10")
        case 0x0311: builder.add("3.11")
        default: builder.add(decimal: UInt64(dialect))
        }
    }

    /// 16 octets, in the order in which Suricata writes them.
    static func identity(_ key: StaticString, _ octets: RawSpan, to builder: inout EVEBuilder) {
        builder.beginText(key)
        for (index, place) in [3, 2, 1, 0, 5, 4, 7, 6, 9, 8, 11, 10, 15, 14, 13, 12].enumerated() {
            if [4, 6, 8, 10].contains(index) { builder.add("-") }
            builder.add(hexadecimal: UInt64(octets.octet(place)), digits: 2)
        }
        builder.endText()
    }

    private static let commands: [StaticString] = [
        "NEGOTIATE_PROTOCOL", "SESSION_SETUP", "SESSION_LOGOFF", "TREE_CONNECT", "TREE_DISCONNECT", "CREATE", "CLOSE",
        "FLUSH", "READ", "WRITE", "LOCK", "IOCTL", "CANCEL", "KEEPALIVE", "FIND", "CHANGE_NOTIFY", "GET_INFO",
        "SET_INFO", "OPLOCK_BREAK",
    ]
}
