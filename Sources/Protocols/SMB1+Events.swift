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

extension SMBView {
    /// Numbers of messages of version 1 stand apart from those of version 2.
    private static func key(_ header: SMB1Header) -> UInt64 { 1 << 40 | UInt64(header.message) }

    mutating func request(
        _ header: SMB1Header, _ bytes: RawSpan, _ waiting: SMBPending, _ ntlm: NTLMSession,
        _ context: inout AnalyzerContext
    ) {
        guard SMBView.hasTransaction1(header.code) else { return }
        let key = SMBView.key(header)
        begin(
            key, command: UInt16(header.code), tree: UInt32(header.tree), session: UInt64(header.user),
            isFirstVersion: true, &context)
        guard let tx = exchanges[key]?.transaction else { return }
        builder.clear()
        switch SMB1Header.Command(rawValue: header.code) {
        case .sessionSetupAndX: login(bytes, ntlm, tx, &context)
        case .treeConnectAndX:
            guard let tree = waiting.tree, tree.hasPath else { break }
            var share = Array(tree.record.text[tree.record.path])
            // Suricata shows such a path from its second octet on.
            if header.isUnicode, share.first == 0x5C { share.removeFirst() }
            exchanges[key]?.share = share
        case .createAndX:
            guard let file = waiting.file else { break }
            builder.text("filename", file.record.text[file.record.name])
        default: break
        }
        exchanges[key]?.members = builder.buffer.bytes
    }

    mutating func response(_ header: SMB1Header, _ waiting: SMBPending, _ context: inout AnalyzerContext) {
        let isNegotiation = header.code == SMB1Header.Command.negotiate.rawValue
        guard var exchange = exchanges.removeValue(forKey: isNegotiation ? 0 : SMBView.key(header)) else { return }
        exchange.status = header.status
        (exchange.session, exchange.tree) = (UInt64(header.user), UInt32(header.tree))
        if header.code == SMB1Header.Command.treeConnectAndX.rawValue, header.status == 0 {
            let isPipe = waiting.tree?.isPipe ?? false
            builder.clear()
            builder.members(exchange.members[...])
            connected(exchange, isPipe: isPipe, &context)
            exchange.members = builder.buffer.bytes
        }
        end(exchange, &context)
    }

    /// Content of files is one transaction for each file, what passes over pipes is DCE RPC's, and negotiation has
    /// its own way.
    private static func hasTransaction1(_ code: UInt8) -> Bool {
        switch SMB1Header.Command(rawValue: code) {
        case .negotiate, .readAndX, .writeAndX, .transaction: false
        default: true
        }
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
