// SPDX-License-Identifier: Apache-2.0
//
// DCE RPC over datagrams, connectionless, version 4 (The Open Group C706 section 12.5).
//
// Reads   requests and responses, both byte orders, in any number of fragments.
// Writes  one `DCERPCRecord` for each call, path "dce_rpc"; the event `dcerpc`.
// Leaves  arguments and results, pings, acknowledgements, authentication.

import Records
import Wire

//   0                   1                   2                   3
//   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//  |   version 4   |     kind      |    flags 1    |    flags 2    |
//  |       data representation: byte order, ...    | serial, high  |
//  |                          object: 16                           |
//  |                         interface: 16                         |
//  |                         activity: 16                          |
//  |                       boot time of the server                 |
//  |                     version of the interface                  |
//  |                    sequence number of the call                |
//  |           operation           |        interface hint         |
//  |         activity hint         |       length of the body      |
//  |            fragment           |authentication | serial, low   |
struct DCERPCDatagramHeader {
    static let byteCount = 80

    let kind: DCERPCHeader.Kind
    let flags: UInt8
    let interface: DCERPCInterface
    /// As its octets stand on the wire.
    let activity: UInt128
    let version: UInt32
    let sequence: UInt32
    let operation: UInt16
    let length: Int

    var isFragment: Bool { flags & 0x04 != 0 }
    var isLast: Bool { !isFragment || flags & 0x02 != 0 }
    /// Nobody waits for an answer.
    var isMaybe: Bool { flags & 0x10 != 0 }

    init(parsing input: inout Cursor) throws(WireError) {
        guard input.remaining >= DCERPCDatagramHeader.byteCount, try input.read(UInt8.self) == 4,
            let kind = DCERPCHeader.Kind(rawValue: try input.read(UInt8.self)),
            kind.rawValue <= DCERPCHeader.Kind.cancelAck.rawValue
        else { throw .malformed(at: 0) }
        self.kind = kind
        flags = try input.read(UInt8.self)
        // Of the second flags two bits have a meaning; of the representation's octets few values.
        let rest: UInt32 = try input.read()
        let isLittle = rest >> 20 & 15 != 0
        guard rest >> 24 & 0xFC == 0, rest >> 16 & 0xEE == 0, rest >> 8 & 0xFF <= 3, rest & 0xFF == 0 else {
            throw .malformed(at: 3)
        }
        try input.skip(1 &+ 16)
        interface = DCERPCInterface(try input.take(16), isLittle: isLittle)
        activity = try input.read(UInt128.self)
        try input.skip(4)
        version = try input.number(UInt32.self, isLittle: isLittle)
        sequence = try input.number(UInt32.self, isLittle: isLittle)
        operation = try input.number(UInt16.self, isLittle: isLittle)
        try input.skip(4)
        length = Int(try input.number(UInt16.self, isLittle: isLittle))
        try input.skip(4)
    }
}

/// The whole header, and a body that is there.
enum DCERPCDatagramProbe {
    static func message(_ bytes: RawSpan) -> ProbeVerdict {
        var cursor = Cursor(bytes)
        guard let header = try? DCERPCDatagramHeader(parsing: &cursor) else { return .never }
        return header.length <= bytes.byteCount &- DCERPCDatagramHeader.byteCount ? .matches : .never
    }
}

/// A call that waits for its answer, or its end.
private struct DCERPCDatagramCall {
    let activity: UInt128
    let sequence: UInt32
    let started: Timestamp
    let transaction: UInt64
    var interface: DCERPCInterface
    var operation: UInt16
    var request: DCERPCHeader.Kind?
    var response: DCERPCHeader.Kind?
    var requestFragments: UInt64 = 0
    var responseFragments: UInt64 = 0
    var requestBytes: UInt64 = 0
    var responseBytes: UInt64 = 0

    func write(to event: inout EVEBuilder) {
        event.open("dcerpc")
        event.text("request", request?.eventName ?? "REQUEST_LOST")
        if request == .request {
            event.open("req")
            event.count("opnum", UInt64(operation))
            event.count("frag_cnt", requestFragments)
            event.count("stub_data_size", requestBytes)
            event.close()
        }
        event.text("response", response?.eventName ?? "UNREPLIED")
        if response == .response {
            event.open("res")
            event.count("frag_cnt", responseFragments)
            event.count("stub_data_size", responseBytes)
            event.close()
        }
        var text = TextBuffer()
        DCERPCInterface(
            high: UInt64(truncatingIfNeeded: activity >> 64), low: UInt64(truncatingIfNeeded: activity)
        ).write(to: &text)
        event.text("activityuuid", text.bytes[...])
        event.count("seqnum", UInt64(sequence))
        event.text("rpc_version", "4.0")
        event.close()
    }
}

/// DCE RPC on one connection of UDP.
final class DCERPCDatagrams: Analyzer {
    /// Calls that wait; with one more the oldest is written without an answer.
    private static let callsMax = 256

    private var calls: [DCERPCDatagramCall] = []
    /// The last call that is over, for an alert on it.
    private var last: DCERPCDatagramCall?
    private var record = DCERPCRecord()

    init() { super.init(kind: .dceRPCUDP) }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        var cursor = Cursor(bytes)
        guard let header = try? DCERPCDatagramHeader(parsing: &cursor),
            header.length <= max(wireLength, bytes.byteCount) &- DCERPCDatagramHeader.byteCount
        else { return violation(&context) }
        confirm(&context)
        switch header.kind {
        case .request, .response, .fault, .reject:
            let body = cursor.rest()
            take(header, body.extracting(0..<min(header.length, body.byteCount)), from: direction, &context)
        default: break
        }
    }

    override func finish(_ context: inout AnalyzerContext) {
        for call in calls { end(call, isAnswered: false, &context) }
        calls.removeAll(keepingCapacity: true)
    }

    override func writeEVE(tx: UInt64, to event: inout EVEBuilder) {
        if let call = calls.first(where: { $0.transaction == tx }) ?? last, call.transaction == tx {
            call.write(to: &event)
        }
    }

    override func reset() {
        super.reset()
        calls.removeAll(keepingCapacity: true)
        last = nil
    }

    private func take(
        _ header: DCERPCDatagramHeader, _ body: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        let isRequest = header.kind == .request
        let place = place(of: header, isRequest, &context)
        guard let place else { return }
        let tx = calls[place].transaction
        if isRequest {
            calls[place].request = .request
            calls[place].requestFragments &+= 1
            calls[place].requestBytes &+= UInt64(header.length)
            expose(header, tx, direction, &context)
        } else {
            calls[place].response = header.kind
            calls[place].responseFragments &+= 1
            calls[place].responseBytes &+= UInt64(header.length)
        }
        context.exposePart(.dcerpcStubData, body, tx: tx, from: direction, isLast: header.isLast)
        guard header.isLast else { return }
        context.transactionDone(tx: tx, from: direction)
        if !isRequest || header.isMaybe { end(calls.remove(at: place), isAnswered: !isRequest, &context) }
    }

    /// The call that a message is of. A request that was sent again is the same; an answer without its request
    /// is told of in events alone.
    private func place(
        of header: DCERPCDatagramHeader, _ isRequest: Bool, _ context: inout AnalyzerContext
    ) -> Int? {
        if let known = calls.lastIndex(where: { $0.activity == header.activity && $0.sequence == header.sequence }) {
            let isAgain = isRequest && !header.isFragment && calls[known].request != nil
            return isAgain ? nil : known
        }
        if calls.count >= DCERPCDatagrams.callsMax {
            context.limits.met(.requests)
            end(calls.removeFirst(), isAnswered: false, &context)
        }
        calls.append(
            DCERPCDatagramCall(
                activity: header.activity, sequence: header.sequence, started: context.now,
                transaction: context.beginTransaction(.dcerpc), interface: header.interface,
                operation: header.operation))
        return calls.count &- 1
    }

    private func expose(
        _ header: DCERPCDatagramHeader, _ tx: UInt64, _ direction: Direction, _ context: inout AnalyzerContext
    ) {
        context.exposeNumber(.dcerpcOpnum, UInt64(header.operation), tx: tx, from: direction)
        guard context.wants(.dcerpcInterface) else { return }
        var octets = header.interface.octets
        octets.append(UInt8(truncatingIfNeeded: header.version >> 8))
        octets.append(UInt8(truncatingIfNeeded: header.version))
        context.expose(.dcerpcInterface, octets.octets, tx: tx, from: direction)
    }

    private func end(_ call: DCERPCDatagramCall, isAnswered: Bool, _ context: inout AnalyzerContext) {
        last = call
        for side in [Direction.originator, .responder] { context.transactionDone(tx: call.transaction, from: side) }
        if context.wantsEvents {
            context.beginEvent("dcerpc", from: .originator, tx: call.transaction)
            call.write(to: &context.event)
            context.endEvent()
        }
        guard call.request != nil else { return }
        record.text.clear()
        record.ts = call.started
        record.uid = context.uid
        record.id = context.id
        record.roundTrip = isAnswered ? context.now.since(call.started) : nil
        record.name(call.interface, call.operation)
        if !record.isIgnored { context.output.emit(record) }
    }
}
