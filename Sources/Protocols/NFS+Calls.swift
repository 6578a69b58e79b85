// SPDX-License-Identifier: Apache-2.0
//
// Arguments and results of NFS, mount and the port mapper.
//
// Reads   handles, names, offsets, content; version 4 is in NFS+Compound.swift.
// Writes  the columns of a call.
// Leaves  which call a reply belongs to (NFS.swift).

import Records
import Wire

extension NFS {
    // MARK: arguments

    func arguments(
        of call: inout NFSCall, _ bytes: RawSpan, _ cursor: inout Cursor, from direction: Direction,
        _ context: inout AnalyzerContext
    ) throws(WireError) {
        switch call.program {
        case RPCMessage.nfs where call.version == 4:
            call.record.program = "nfs"
            guard call.procedure == 1 else { return call.name(NFS.numbered(call.procedure, ["NULL"])) }
            call.name("COMPOUND")
            try compound(of: &call, bytes, &cursor, from: direction, &context)
        case RPCMessage.nfs:
            call.record.program = "nfs"
            call.name(NFS.numbered(call.procedure, call.version == 3 ? NFS.procedures3 : NFS.procedures2))
            try fileArguments(of: &call, bytes, &cursor, from: direction, &context)
        case RPCMessage.mount:
            call.record.program = "mount"
            call.name(NFS.numbered(call.procedure, NFS.mountProcedures))
            // MNT and UMNT name a directory.
            guard call.procedure == 1 || call.procedure == 3 else { return }
            call.record.name = call.record.text.add(bytes.extracting(try cursor.opaque()), limit: 1024)
        default:
            call.record.program = "portmapper"
            call.name(NFS.numbered(call.procedure, NFS.portMapperProcedures))
        }
    }

    private func fileArguments(
        of call: inout NFSCall, _ bytes: RawSpan, _ cursor: inout Cursor, from direction: Direction,
        _ context: inout AnalyzerContext
    ) throws(WireError) {
        guard call.procedure != 0 else { return }
        try handle(of: &call, bytes, &cursor)
        switch (call.version, call.procedure) {
        case (3, 3), (3, 8), (3, 9), (3, 10), (3, 11), (3, 12), (3, 13), (2, 4), (2, 9), (2, 10), (2, 13), (2, 14),
            (2, 15):
            call.record.name = call.record.text.add(bytes.extracting(try cursor.opaque()), limit: 1024)
        case (3, 14), (2, 11):
            call.record.name = call.record.text.add(bytes.extracting(try cursor.opaque()), limit: 1024)
            _ = call.version == 3 ? try cursor.opaque() : 0..<0
            if call.version == 2 { try cursor.skip(32) }
            call.record.newName = call.record.text.add(bytes.extracting(try cursor.opaque()), limit: 1024)
        case (3, 15), (2, 12):
            _ = call.version == 3 ? try cursor.opaque() : 0..<0
            if call.version == 2 { try cursor.skip(32) }
            call.record.newName = call.record.text.add(bytes.extracting(try cursor.opaque()), limit: 1024)
        case (3, 6):
            call.record.offset = try cursor.read(UInt64.self)
            call.record.count = UInt64(try cursor.read(UInt32.self))
        case (2, 6):
            call.record.offset = UInt64(try cursor.read(UInt32.self))
            call.record.count = UInt64(try cursor.read(UInt32.self))
        case (3, 7), (3, 21):
            call.record.offset = try cursor.read(UInt64.self)
            call.record.count = UInt64(try cursor.read(UInt32.self))
            guard call.procedure == 7 else { return }
            try cursor.skip(4)
            transfer(bytes.extracting(try cursor.opaque()), of: &call, from: direction, &context)
        case (2, 8):
            try cursor.skip(4)
            call.record.offset = UInt64(try cursor.read(UInt32.self))
            try cursor.skip(4)
            transfer(bytes.extracting(try cursor.opaque()), of: &call, from: direction, &context)
        default: break
        }
    }

    /// The handle that a call begins with, and the name that is known for it.
    private func handle(of call: inout NFSCall, _ bytes: RawSpan, _ cursor: inout Cursor) throws(WireError) {
        let place: Range<Int>
        if call.version == 2 {
            place = cursor.offset ..< cursor.offset &+ 32
            try cursor.skip(32)
        } else {
            place = try cursor.opaque()
        }
        set(bytes.extracting(place), of: &call)
    }

    func set(_ handle: RawSpan, of call: inout NFSCall) {
        guard handle.byteCount > 0, handle.byteCount <= 128 else { return }
        call.handle.removeAll(keepingCapacity: true)
        handle.append(to: &call.handle)
        let start = call.record.text.begin()
        let sum = NFS.checksum(handle)
        for shift in stride(from: UInt32(28), through: 0, by: -4) {
            call.record.text.bytes.append(TextBuffer.hexadecimalDigit(UInt8(sum >> shift & 15)))
        }
        call.record.handle = call.record.text.end(start)
        if let name = names[call.handle] { call.record.name = call.record.text.add(name.octets) }
    }

    // MARK: results

    func results(
        of call: inout NFSCall, _ bytes: RawSpan, _ cursor: inout Cursor, from direction: Direction,
        _ context: inout AnalyzerContext
    ) throws(WireError) {
        guard call.program != RPCMessage.portMapper, call.procedure != 0 else { return }
        let status = try cursor.read(UInt32.self)
        if call.program == RPCMessage.mount, call.procedure != 1 { return }
        call.setStatus(NFS.status(status), status)
        guard status == 0 else { return }
        switch (call.program, call.version, call.procedure) {
        case (RPCMessage.mount, _, 1):
            let end = min(cursor.offset &+ 32, bytes.byteCount)
            let place = call.version == 3 ? try cursor.opaque() : cursor.offset..<end
            remember(bytes.extracting(place), of: call)
        case (RPCMessage.nfs, 3, 3): remember(bytes.extracting(try cursor.opaque()), of: call)
        case (RPCMessage.nfs, 3, 8), (RPCMessage.nfs, 3, 9):
            guard try cursor.read(UInt32.self) != 0 else { return }
            remember(bytes.extracting(try cursor.opaque()), of: call)
        case (RPCMessage.nfs, 2, 4), (RPCMessage.nfs, 2, 9), (RPCMessage.nfs, 2, 14):
            let start = cursor.offset
            try cursor.skip(32)
            remember(bytes.extracting(start ..< start &+ 32), of: call)
        case (RPCMessage.nfs, 3, 6):
            if try cursor.read(UInt32.self) != 0 {
                try cursor.skip(20)
                call.record.size = try cursor.read(UInt64.self)
                try cursor.skip(56)
            }
            try cursor.skip(8)
            transfer(bytes.extracting(try cursor.opaque()), of: &call, from: direction, &context)
        case (RPCMessage.nfs, 2, 6):
            try cursor.skip(20)
            call.record.size = UInt64(try cursor.read(UInt32.self))
            try cursor.skip(44)
            transfer(bytes.extracting(try cursor.opaque()), of: &call, from: direction, &context)
        case (RPCMessage.nfs, 4, _): try compoundResults(of: &call, bytes, &cursor, from: direction, &context)
        default: break
        }
    }

    func remember(_ handle: RawSpan, of call: NFSCall) {
        guard !call.record.name.isAbsent, handle.byteCount <= 128 else { return }
        var key: [UInt8] = []
        handle.append(to: &key)
        remember(key, as: Array(call.record.text[call.record.name]))
    }

    // MARK: names

    private static func numbered(_ number: UInt32, _ names: [StaticString]) -> StaticString {
        number < names.count ? names[Int(number)] : "UNKNOWN"
    }

    /// The name of an operation of version 4.
    static func operation(_ number: UInt32) -> StaticString {
        number >= 3 && number &- 3 < operations4.count ? operations4[Int(number &- 3)] : "UNKNOWN"
    }

    private static func status(_ status: UInt32) -> StaticString? {
        for (number, name) in statuses where number == status { return name }
        return nil
    }

    /// CRC-32 (IEEE 802.3) of a handle.
    private static func checksum(_ bytes: RawSpan) -> UInt32 {
        var sum = UInt32.max
        for place in 0..<bytes.byteCount {
            sum ^= UInt32(bytes.octet(place))
            for _ in 0..<8 { sum = sum & 1 != 0 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
        }
        return ~sum
    }

    private static let procedures2: [StaticString] = [
        "NULL", "GETATTR", "SETATTR", "ROOT", "LOOKUP", "READLINK", "READ", "WRITECACHE", "WRITE", "CREATE", "REMOVE",
        "RENAME", "LINK", "SYMLINK", "MKDIR", "RMDIR", "READDIR", "STATFS",
    ]
    private static let procedures3: [StaticString] = [
        "NULL", "GETATTR", "SETATTR", "LOOKUP", "ACCESS", "READLINK", "READ", "WRITE", "CREATE", "MKDIR", "SYMLINK",
        "MKNOD", "REMOVE", "RMDIR", "RENAME", "LINK", "READDIR", "READDIRPLUS", "FSSTAT", "FSINFO", "PATHCONF",
        "COMMIT",
    ]
    private static let mountProcedures: [StaticString] = ["NULL", "MNT", "DUMP", "UMNT", "UMNTALL", "EXPORT"]
    private static let portMapperProcedures: [StaticString] = ["NULL", "SET", "UNSET", "GETPORT", "DUMP", "CALLIT"]
    /// From 3 on.
    private static let operations4: [StaticString] = [
        "ACCESS", "CLOSE", "COMMIT", "CREATE", "DELEGPURGE", "DELEGRETURN", "GETATTR", "GETFH", "LINK", "LOCK", "LOCKT",
        "LOCKU", "LOOKUP", "LOOKUPP", "NVERIFY", "OPEN", "OPENATTR", "OPEN_CONFIRM", "OPEN_DOWNGRADE", "PUTFH",
        "PUTPUBFH", "PUTROOTFH", "READ", "READDIR", "READLINK", "REMOVE", "RENAME", "RENEW", "RESTOREFH", "SAVEFH",
        "SECINFO", "SETATTR", "SETCLIENTID", "SETCLIENTID_CONFIRM", "VERIFY", "WRITE", "RELEASE_LOCKOWNER",
        "BACKCHANNEL_CTL", "BIND_CONN_TO_SESSION", "EXCHANGE_ID", "CREATE_SESSION", "DESTROY_SESSION", "FREE_STATEID",
        "GET_DIR_DELEGATION", "GETDEVICEINFO", "GETDEVICELIST", "LAYOUTCOMMIT", "LAYOUTGET", "LAYOUTRETURN",
        "SECINFO_NO_NAME", "SEQUENCE", "SET_SSV", "TEST_STATEID", "WANT_DELEGATION", "DESTROY_CLIENTID",
        "RECLAIM_COMPLETE", "ALLOCATE", "COPY", "COPY_NOTIFY", "DEALLOCATE", "IO_ADVISE", "LAYOUTERROR", "LAYOUTSTATS",
        "OFFLOAD_CANCEL", "OFFLOAD_STATUS", "READ_PLUS", "SEEK", "WRITE_SAME", "CLONE",
    ]
    private static let statuses: [(UInt32, StaticString)] = [
        (0, "OK"), (1, "ERR_PERM"), (2, "ERR_NOENT"), (5, "ERR_IO"), (6, "ERR_NXIO"), (13, "ERR_ACCESS"),
        (17, "ERR_EXIST"), (18, "ERR_XDEV"), (19, "ERR_NODEV"), (20, "ERR_NOTDIR"), (21, "ERR_ISDIR"),
        (22, "ERR_INVAL"), (27, "ERR_FBIG"), (28, "ERR_NOSPC"), (30, "ERR_ROFS"), (31, "ERR_MLINK"),
        (63, "ERR_NAMETOOLONG"), (66, "ERR_NOTEMPTY"), (69, "ERR_DQUOT"), (70, "ERR_STALE"), (71, "ERR_REMOTE"),
        (10001, "ERR_BADHANDLE"), (10002, "ERR_NOT_SYNC"), (10003, "ERR_BAD_COOKIE"), (10004, "ERR_NOTSUPP"),
        (10005, "ERR_TOOSMALL"), (10006, "ERR_SERVERFAULT"), (10007, "ERR_BADTYPE"), (10008, "ERR_JUKEBOX"),
    ]
}

extension NFSCall {
    mutating func name(_ procedure: StaticString) { record.procedure = record.text.add(procedure) }

    mutating func setStatus(_ name: StaticString?, _ number: UInt32) {
        if let name { return record.status = record.text.add(name) }
        let start = record.text.begin()
        record.text.append("ERR_")
        record.text.append(decimal: UInt64(number))
        record.status = record.text.end(start)
    }
}
