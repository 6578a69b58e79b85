// SPDX-License-Identifier: Apache-2.0
//
// ONC remote procedure calls, version 2 (RFC 5531), and the numbers and octets that
// their arguments are made of (XDR, RFC 4506).
//
// Reads   the head of a call or a reply, with AUTH_SYS credentials.
// Writes  nothing.
// Leaves  record marking and arguments (NFS.swift); other credentials.

import Wire

//   call:  | xid | 0 | 2 | program | version | procedure | credentials | verifier | arguments
//   reply: | xid | 1 | 0, accepted | verifier | 0, success | results
struct RPCMessage {
    let xid: UInt32
    let isCall: Bool
    private(set) var program: UInt32 = 0
    private(set) var version: UInt32 = 0
    private(set) var procedure: UInt32 = 0
    /// Kind of the credentials: 0 none, 1 AUTH_SYS, 6 GSS.
    private(set) var flavor: UInt32 = 0
    private(set) var machine = 0..<0
    private(set) var user: UInt32?
    private(set) var group: UInt32?
    /// The server took the call and has results.
    private(set) var isAccepted = true
    private(set) var isSuccessful = true

    static let portMapper: UInt32 = 100_000
    static let nfs: UInt32 = 100_003
    static let mount: UInt32 = 100_005

    init(parsing input: inout Cursor) throws(WireError) {
        let start = input.offset
        xid = try input.read(UInt32.self)
        switch try input.read(UInt32.self) {
        case 0: isCall = true
        case 1: isCall = false
        default: throw .malformed(at: start)
        }
        guard isCall else {
            isAccepted = try input.read(UInt32.self) == 0
            guard isAccepted else { return }
            try input.skip(4)
            _ = try input.opaque()
            isSuccessful = try input.read(UInt32.self) == 0
            return
        }
        guard try input.read(UInt32.self) == 2 else { throw .malformed(at: start) }
        program = try input.read(UInt32.self)
        version = try input.read(UInt32.self)
        procedure = try input.read(UInt32.self)
        flavor = try input.read(UInt32.self)
        let credentials = try input.opaque()
        let end = input.offset
        if flavor == 1 {
            // Stamp, name of the machine, user, group, further groups.
            try input.seek(to: credentials.lowerBound)
            try input.skip(4)
            machine = try input.opaque()
            user = try input.read(UInt32.self)
            group = try input.read(UInt32.self)
            guard input.offset <= credentials.upperBound else { throw .malformed(at: start) }
            try input.seek(to: end)
        }
        try input.skip(4)
        _ = try input.opaque()
    }

    /// A call of a program that is read here, in a version that there is.
    var isKnown: Bool {
        switch program {
        case RPCMessage.nfs: (2...4).contains(version)
        case RPCMessage.mount: (1...3).contains(version)
        case RPCMessage.portMapper: (2...4).contains(version)
        default: false
        }
    }
}

extension Cursor {
    /// The place of octets behind their number, filled up to a multiple of four.
    mutating func opaque() throws(WireError) -> Range<Int> {
        let count = Int(try read(UInt32.self))
        let start = offset
        try skip(count)
        try skip(min((4 &- count & 3) & 3, remaining))
        return start ..< start &+ count
    }
}

/// A call of a known program: over UDP from its first octet, over TCP behind the record's length.
enum RPCProbe {
    static func datagram(_ bytes: RawSpan) -> ProbeVerdict { call(bytes, at: 0) }

    static func stream(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount > 0 else { return .needsMore }
        // The last fragment of a record, which no first call exceeds.
        guard bytes.octet(0) == 0x80 else { return .never }
        return call(bytes, at: 4)
    }

    private static func call(_ bytes: RawSpan, at start: Int) -> ProbeVerdict {
        guard bytes.byteCount >= start &+ 24 else {
            guard bytes.byteCount >= start &+ 8 else { return .needsMore }
            return bytes.load(start &+ 4, as: UInt32.self) == 0 ? .needsMore : .never
        }
        var cursor = Cursor(bytes.extracting(start..<bytes.byteCount))
        do throws(WireError) {
            try cursor.skip(4)
            guard try cursor.read(UInt32.self) == 0, try cursor.read(UInt32.self) == 2 else { return .never }
            let program = try cursor.read(UInt32.self)
            let version = try cursor.read(UInt32.self)
            switch program {
            case RPCMessage.nfs: return (2...4).contains(version) ? .matches : .never
            case RPCMessage.mount: return (1...3).contains(version) ? .matches : .never
            case RPCMessage.portMapper: return (2...4).contains(version) ? .matches : .never
            default: return .never
            }
        } catch {
            return .never
        }
    }
}
