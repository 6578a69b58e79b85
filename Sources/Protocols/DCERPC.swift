// SPDX-License-Identifier: Apache-2.0
//
// DCE RPC, connection-oriented, version 5 (The Open Group C706 chapter 12, MS-RPCE),
// over TCP and over the pipes of SMB.
//
// Reads   bind, alter context, request and response in any number of fragments, both
//         byte orders; the authentication that binds carry.
// Writes  what was called (DCERPC+Calls.swift), "dce_rpc"; NTLM and Kerberos rows.
// Leaves  arguments and results; datagrams (DCERPCDatagrams.swift).

import Records
import Wire

//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//  |   version 5   | minor version |     kind      |     flags     |
//  +---------------+---------------+---------------+---------------+
//  |              data representation: byte order, ...             |
//  +-------------------------------+-------------------------------+
//  |     length of the fragment    |  length of the authentication |
//  +-------------------------------+-------------------------------+
//  |                            call                               |
//  +---------------------------------------------------------------+
struct DCERPCHeader {
    enum Kind: UInt8 {
        case request = 0, ping, response, fault, working, noCall, reject, acknowledge, cancelled, fragmentAck
        case cancelAck, bind, bindAck, bindNak, alterContext, alterContextResponse, auth3, shutdown, cancel, orphaned
        /// Of the channels of RPC over HTTP themselves.
        case channel
    }

    static let byteCount = 16

    let minorVersion: UInt8
    let kind: Kind?
    let flags: UInt8
    let isLittle: Bool
    let length: Int
    let authenticationLength: Int
    let call: UInt32

    /// Integers of either order, ASCII or EBCDIC, one of four kinds of reals, two octets of nothing (C706 chapter 14).
    static func isRepresentation(_ word: UInt32) -> Bool { word & 0xEEFC_FFFF == 0 }

    var isFirst: Bool { flags & 1 != 0 }
    var isLast: Bool { flags & 2 != 0 }
    /// The request names an object.
    var hasObject: Bool { flags & 0x80 != 0 }

    init(parsing input: inout Cursor) throws(WireError) {
        let start = input.offset
        guard try input.read(UInt8.self) == 5 else { throw .malformed(at: start) }
        minorVersion = try input.read(UInt8.self)
        kind = Kind(rawValue: try input.read(UInt8.self))
        flags = try input.read(UInt8.self)
        let representation = try input.read(UInt32.self)
        guard DCERPCHeader.isRepresentation(representation) else { throw .malformed(at: start) }
        isLittle = representation >> 28 != 0
        length = Int(try input.number(UInt16.self, isLittle: isLittle))
        authenticationLength = Int(try input.number(UInt16.self, isLittle: isLittle))
        call = try input.number(UInt32.self, isLittle: isLittle)
        guard length >= DCERPCHeader.byteCount else { throw .malformed(at: start) }
    }
}

extension Cursor {
    /// An integer in the byte order that the message says.
    mutating func number<T: FixedWidthInteger & BitwiseCopyable>(
        _ type: T.Type, isLittle: Bool
    ) throws(WireError) -> T {
        isLittle ? try readLittle(type) : try read(type)
    }
}

/// Version 5, minor version 0 or 1, a kind and a representation that there are (C706 section 12.6.3).
enum DCERPCProbe {
    /// What a server of `ncacn_http` says before anything else (MS-RPCH section 2.1.1.1).
    static let greeting: StaticString = "ncacn_http/1.0"

    static func banner(_ bytes: RawSpan) -> ProbeVerdict { bytes.beginning(with: greeting, at: 0) }

    /// Whether a message begins here, as far as its header can tell: where octets before it were lost.
    static func isHead(_ bytes: RawSpan) -> Bool {
        var cursor = Cursor(bytes)
        guard message(bytes) == .matches, let header = try? DCERPCHeader(parsing: &cursor) else { return false }
        return header.authenticationLength < header.length
    }

    static func message(_ bytes: RawSpan) -> ProbeVerdict {
        guard bytes.byteCount > 0 else { return .needsMore }
        guard bytes.octet(0) == 5 else { return .never }
        guard bytes.byteCount > 2 else { return .needsMore }
        guard bytes.octet(1) <= 1, bytes.octet(2) <= 0x13 else { return .never }
        guard bytes.byteCount >= 8 else { return .needsMore }
        // SOCKS begins alike.
        return DCERPCHeader.isRepresentation(bytes.load(4, as: UInt32.self)) ? .matches : .never
    }
}

/// DCE RPC on one TCP connection or one pipe.
final class DCERPC: FramedAnalyzer {
    /// Octets of a request that say what is called: header, hint, context, operation.
    private static let requestHeadBytes = 24
    /// Calls whose fragments are awaited (`DCE_RPC::max_cmd_reassembly`).
    private static let assembliesMax = 20
    /// Octets of the fragments of one call (`DCE_RPC::max_frag_data`).
    private static let assemblyBytesMax = 30_000

    /// Shared with SMB where this is a pipe.
    private var calls = DCERPCCalls()
    private var authentication = Authentication()
    private var ownCalls: DCERPCCalls?
    private var ownAuthentication: Authentication?
    /// The pipe; 0 over TCP.
    private var handle: UInt64 = 0
    /// Calls of each side of which not all fragments have come.
    private var assemblies: [2 of [(call: UInt32, byteCount: Int)]] = [[], []]
    private var isOverrun = false
    /// Requests of the client since octets of it were lost: other responses are of calls that nobody knows.
    private var callsSinceLoss: [UInt32]?
    private static let callsSinceLossMax = 256
    /// Exchanges as events and signatures see them.
    var view = DCERPCView()

    /// This is one channel of a virtual connection over HTTP, and which it is of.
    var isChannel = false
    private(set) var cookie: UInt128?
    /// The server has not said anything so far.
    private var isSilent = true

    init() { super.init(kind: .dceRPC) }

    override var atGap: GapPolicy { .resumes }

    override func lost(from direction: Direction) {
        assemblies[Int(direction.rawValue)].removeAll(keepingCapacity: true)
        guard direction == .originator else { return }
        // The responses of a virtual connection come over another channel.
        if isChannel { calls.lostRequests() } else { callsSinceLoss = [] }
    }

    override func resumes(at bytes: RawSpan) -> Bool { DCERPCProbe.isHead(bytes) }

    /// Makes this the reader of a pipe inside of another protocol.
    func join(_ handle: UInt64, _ calls: DCERPCCalls, _ authentication: Authentication) {
        ownCalls = self.calls
        ownAuthentication = self.authentication
        self.handle = handle
        self.calls = calls
        self.authentication = authentication
    }

    private func joinChannels(_ bytes: RawSpan, _ context: inout AnalyzerContext) {
        guard cookie == nil, let found = DCERPC.cookie(bytes) else { return }
        guard let shared = context.virtualConnections.join(found) else { return context.limits.met(.channels) }
        cookie = found
        join(0, shared.calls, shared.authentication)
    }

    override func message(
        _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) -> Framing {
        if direction == .responder, isSilent {
            if DCERPCProbe.banner(bytes) == .needsMore { return .needs(DCERPCProbe.greeting.utf8CodeUnitCount) }
            isSilent = false
            if bytes.begins(with: DCERPCProbe.greeting) { return .took(DCERPCProbe.greeting.utf8CodeUnitCount) }
        }
        guard bytes.byteCount >= DCERPCHeader.byteCount else { return .needs(DCERPCHeader.byteCount) }
        do throws(WireError) {
            var cursor = Cursor(bytes)
            let header = try DCERPCHeader(parsing: &cursor)
            let wanted = wantedBytes(header, context)
            guard bytes.byteCount >= wanted else { return .needs(wanted) }
            try take(header, bytes.extracting(0..<wanted), from: direction, &context)
            confirm(&context)
            return isOverrun ? .stop : .took(header.length)
        } catch {
            // Zeek never takes the name of this protocol back.
            return .stop
        }
    }

    override func finish(_ context: inout AnalyzerContext) {
        super.finish(&context)
        view.finish(&context)
        guard ownCalls == nil else { return }
        calls.finish(&context)
        authentication.finish(&context)
    }

    override func writeEVE(tx: UInt64, to event: inout EVEBuilder) { view.write(tx: tx, to: &event) }

    override func reset() {
        super.reset()
        if let ownCalls, let ownAuthentication { (calls, authentication) = (ownCalls, ownAuthentication) }
        (ownCalls, ownAuthentication) = (nil, nil)
        calls.reset()
        authentication.reset()
        (handle, isOverrun, isSilent, callsSinceLoss) = (0, false, true, nil)
        (isChannel, cookie) = (false, nil)
        view.reset()
        for side in 0..<2 { assemblies[side].removeAll(keepingCapacity: true) }
    }

    /// Octets of a message that are read; arguments and results are passed over.
    private func wantedBytes(_ header: DCERPCHeader, _ context: borrowing AnalyzerContext) -> Int {
        switch header.kind {
        case .request, .response:
            context.wants(.dcerpcStubData) ? header.length : min(header.length, DCERPC.requestHeadBytes)
        case .bind, .bindAck, .alterContext, .alterContextResponse, .auth3, .channel: header.length
        default: DCERPCHeader.byteCount
        }
    }

    private func take(
        _ header: DCERPCHeader, _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        var cursor = Cursor(bytes)
        try cursor.skip(DCERPCHeader.byteCount)
        switch header.kind {
        case .bind, .alterContext: try bind(header, &cursor, &context)
        case .alterContextResponse: try? results(header, &cursor, skipping: 12)
        case .bindAck: try bindAck(header, &cursor, &context)
        case .channel: if isChannel { joinChannels(bytes, &context) }
        case .request:
            try cursor.skip(4)
            let id = try cursor.number(UInt16.self, isLittle: header.isLittle)
            let operation = try cursor.number(UInt16.self, isLittle: header.isLittle)
            show(header, .request, id, operation, bytes, from: direction, &context)
            if (callsSinceLoss?.count ?? .max) < DCERPC.callsSinceLossMax { callsSinceLoss?.append(header.call) }
            guard isWhole(header, from: direction, &context) else { return }
            calls.requested(operation, context: id, on: handle, &context)
        case .response:
            try cursor.skip(4)
            let id = try cursor.number(UInt16.self, isLittle: header.isLittle)
            show(header, .response, id, 0, bytes, from: direction, &context)
            guard isWhole(header, from: direction, &context), callsSinceLoss?.contains(header.call) ?? true else {
                return
            }
            calls.responded(context: id, on: handle, &context)
        default: break
        }
        switch header.kind {
        case .bind, .bindAck, .alterContext, .alterContextResponse, .auth3:
            try authenticate(header, bytes, from: direction, &context)
        default: break
        }
        if let kind = header.kind, kind != .request, kind != .response {
            show(header, kind, 0, 0, bytes, from: direction, &context)
        }
    }

    /// Shows a fragment to events and signatures.
    private func show(
        _ header: DCERPCHeader, _ kind: DCERPCHeader.Kind, _ id: UInt16, _ operation: UInt16, _ bytes: RawSpan,
        from direction: Direction, _ context: inout AnalyzerContext
    ) {
        // Of what HTTP carries Suricata sees HTTP.
        guard context.wantsEvents || context.wantsTransactions, !isChannel, kind != .channel else { return }
        // On a connection of its own Suricata takes all behind the header, in a pipe the arguments alone. Both with
        // the verifier at the end.
        let own = kind == .request ? DCERPC.requestHeadBytes : DCERPCHeader.byteCount
        let inPipe = DCERPC.requestHeadBytes &+ (kind == .request && header.hasObject ? 16 : 0)
        let start = ownCalls == nil ? own : inPipe
        let held = min(bytes.byteCount, max(start, header.length))
        view.take(
            header, kind, context: id, operation: operation, bodyBytes: max(0, header.length &- start),
            stub: bytes.extracting(min(start, held)..<held), from: direction, &context)
    }

    /// Whether the fragment is the last, or the only one, of its call.
    private func isWhole(
        _ header: DCERPCHeader, from direction: Direction, _ context: inout AnalyzerContext
    ) -> Bool {
        if header.isFirst, header.isLast { return true }
        let side = Int(direction.rawValue)
        var place = assemblies[side].firstIndex { $0.call == header.call }
        if header.isFirst {
            if place != nil {
                context.weird(.multiple_first_fragments_in_dce_rpc_reassembly, source: "DCE_RPC")
            } else {
                guard assemblies[side].count < DCERPC.assembliesMax else {
                    context.weird(.too_many_dce_rpc_msgs_in_reassembly, source: "DCE_RPC")
                    isOverrun = true
                    return false
                }
                assemblies[side].append((header.call, 0))
                place = assemblies[side].count &- 1
            }
        }
        guard let place else { return header.isLast }
        assemblies[side][place].byteCount &+= header.length &- DCERPCHeader.byteCount
        if header.isLast {
            assemblies[side].remove(at: place)
            return true
        }
        if assemblies[side][place].byteCount > DCERPC.assemblyBytesMax {
            context.weird(.too_much_dce_rpc_fragment_data, source: "DCE_RPC")
            isOverrun = true
        }
        return false
    }

    //  largest fragments (2, 2) | group (4) | number of contexts | 3 octets | contexts:
    //  id (2) | number of syntaxes | 1 octet | interface (16) | version (2, 2) | syntaxes (20 each)
    private func bind(
        _ header: DCERPCHeader, _ cursor: inout Cursor, _ context: inout AnalyzerContext
    ) throws(WireError) {
        try cursor.skip(8)
        let count = try cursor.read(UInt8.self)
        try cursor.skip(3)
        for _ in 0..<count {
            let id = try cursor.number(UInt16.self, isLittle: header.isLittle)
            let syntaxes = Int(try cursor.read(UInt8.self))
            try cursor.skip(1)
            let interface = DCERPCInterface(try cursor.take(16), isLittle: header.isLittle)
            let major = try cursor.number(UInt16.self, isLittle: header.isLittle)
            let minor = try cursor.number(UInt16.self, isLittle: header.isLittle)
            try cursor.skip(syntaxes &* 20)
            view.offer(
                DCERPCOffer(interface: interface, context: id, call: header.call, major: major, minor: minor),
                &context)
            calls.bound(interface, to: id, on: handle, &context)
        }
    }

    //  largest fragments (2, 2) | group (4) | length of the address (2) | address, with a zero | results
    private func bindAck(
        _ header: DCERPCHeader, _ cursor: inout Cursor, _ context: inout AnalyzerContext
    ) throws(WireError) {
        try cursor.skip(8)
        let length = Int(try cursor.number(UInt16.self, isLittle: header.isLittle))
        let address = try cursor.take(length)
        var end = address.byteCount
        if end > 0, address.octet(end &- 1) == 0 { end &-= 1 }
        calls.acknowledged(address.extracting(0..<end), on: handle, &context)
        // The results begin at the next multiple of four.
        try? results(header, &cursor, skipping: (4 &- cursor.offset % 4) % 4)
    }

    //  number of results | 3 octets | result (2), reason (2), syntax (20) of each
    private func results(
        _ header: DCERPCHeader, _ cursor: inout Cursor, skipping count: Int
    ) throws(WireError) {
        try cursor.skip(count)
        let number = try cursor.read(UInt8.self)
        try cursor.skip(3)
        var all: [(result: UInt16, reason: UInt16)] = []
        for _ in 0..<number {
            let result = try cursor.number(UInt16.self, isLittle: header.isLittle)
            all.append((result, try cursor.number(UInt16.self, isLittle: header.isLittle)))
            try cursor.skip(20)
        }
        view.answer(header.call, all)
    }

    //  ... | kind | level | padding before | 1 octet | context (4) | token, at the end of the fragment
    private func authenticate(
        _ header: DCERPCHeader, _ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) throws(WireError) {
        guard header.authenticationLength > 0 else { return }
        let start = header.length &- header.authenticationLength
        guard start >= DCERPCHeader.byteCount &+ 8 else { throw .malformed(at: 10) }
        let token = bytes.extracting(start..<header.length)
        switch bytes.octet(start &- 8) {
        case 0x09: authentication.token(token, from: direction, &context)
        case 0x0A: authentication.ntlm(token, from: direction, &context)
        case 0x10:
            if token.octet(0) == 0x60 {
                authentication.token(token, from: direction, &context)
            } else {
                authentication.kerberos(token, from: direction, &context)
            }
        case 0x0E: context.weird(.tls_dce_rpc_auth_type, source: "DCE_RPC")
        case 0x44: context.weird(.netlogon_dce_rpc_auth_type, source: "DCE_RPC")
        case let other: context.weird(.unknown_dce_rpc_auth_type, addl: UInt64(other), source: "DCE_RPC")
        }
    }
}
