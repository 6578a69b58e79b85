// SPDX-License-Identifier: Apache-2.0
//
// DCE RPC as EVE and the signatures see it: a request and its response are one
// transaction, over TCP of its own, over a pipe of SMB.
//
// Reads   what DCERPC.swift has read of a fragment.
// Writes  the event `dcerpc`, or the object of that name in `smb`; buffers `dcerpc.*`.
// Leaves  what the log says (DCERPC+Calls.swift).

import Records
import Wire

extension DCERPCHeader.Kind {
    var eventName: StaticString {
        switch self {
        case .request: "REQUEST"
        case .ping: "PING"
        case .response: "RESPONSE"
        case .fault: "FAULT"
        case .working: "WORKING"
        case .noCall: "NOCALL"
        case .reject: "REJECT"
        case .acknowledge: "ACK"
        case .cancelled: "CL_CANCEL"
        case .fragmentAck: "FACK"
        case .cancelAck: "CANCEL_ACK"
        case .bind: "BIND"
        case .bindAck: "BINDACK"
        case .bindNak: "BINDNAK"
        case .alterContext: "ALTER_CONTEXT"
        case .alterContextResponse: "ALTER_CONTEXT_RESP"
        case .auth3: "AUTH3"
        case .shutdown: "SHUTDOWN"
        case .cancel: "CO_CANCEL"
        case .orphaned: "ORPHANED"
        case .channel: "RTS"
        }
    }

    /// Whether a client sends it.
    var isRequest: Bool {
        switch self {
        case .request, .bind, .alterContext, .auth3, .cancel, .orphaned, .ping: true
        default: false
        }
    }
}

/// One interface that a client asked for.
struct DCERPCOffer {
    let interface: DCERPCInterface
    let context: UInt16
    let call: UInt32
    let major: UInt16
    let minor: UInt16
    var result: UInt16?
    var reason: UInt16 = 0
}

/// What SMB says of the message that a request came with.
struct DCERPCCarrier {
    var header: [UInt8] = []
}

/// One request and its response.
struct DCERPCExchange {
    let transaction: UInt64
    let call: UInt32
    var request: DCERPCHeader.Kind?
    var response: DCERPCHeader.Kind?
    var context: UInt16 = 0
    var operation: UInt16 = 0
    var minorVersion: UInt8 = 0
    var requestFragments: UInt64 = 0
    var responseFragments: UInt64 = 0
    var requestBytes: UInt64 = 0
    var responseBytes: UInt64 = 0
    /// Members of `smb` where a pipe carried it.
    var carrier: [UInt8]?
}

/// The exchanges of one connection or pipe that wait for their end.
struct DCERPCView {
    private static let exchangesMax = 256
    private static let offersMax = 256
    /// Interfaces in the event of a call.
    static let shownMax = 16

    private(set) var offers: [DCERPCOffer] = []
    private var exchanges: [DCERPCExchange] = []
    /// The last exchange that is over, for an alert on it.
    private var last: DCERPCExchange?
    /// Set by SMB before it hands over what a pipe carried: the members of its event.
    var carrier: [UInt8]?

    mutating func reset() {
        offers.removeAll(keepingCapacity: true)
        exchanges.removeAll(keepingCapacity: true)
        (last, carrier) = (nil, nil)
    }

    // MARK: what arrives

    mutating func offer(_ offer: DCERPCOffer, _ context: inout AnalyzerContext) {
        guard offers.count < DCERPCView.offersMax else { return context.limits.met(.names) }
        offers.append(offer)
    }

    /// The results of a bind, in the order in which its interfaces were offered.
    mutating func answer(_ call: UInt32, _ results: [(result: UInt16, reason: UInt16)]) {
        var rest = results[...]
        for place in offers.indices where offers[place].call == call && offers[place].result == nil {
            guard let next = rest.popFirst() else { return }
            (offers[place].result, offers[place].reason) = next
        }
    }

    /// A fragment: `body` are the octets of its arguments or results.
    mutating func take(
        _ header: DCERPCHeader, _ kind: DCERPCHeader.Kind, context id: UInt16, operation: UInt16, bodyBytes: Int,
        stub: RawSpan, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        let isRequest = kind.isRequest
        var place = exchanges.lastIndex {
            $0.call == header.call && (isRequest ? $0.request == kind && !header.isFirst : true)
        }
        if place == nil {
            if exchanges.count >= DCERPCView.exchangesMax {
                context.limits.met(.requests)
                exchanges.removeFirst()
            }
            exchanges.append(
                DCERPCExchange(
                    transaction: context.beginTransaction(carrier == nil ? .dcerpc : .smb), call: header.call,
                    minorVersion: header.minorVersion, carrier: carrier))
            place = exchanges.count &- 1
        }
        guard let place else { return }
        let tx = exchanges[place].transaction
        if isRequest {
            exchanges[place].request = kind
            (exchanges[place].context, exchanges[place].operation) = (id, operation)
            exchanges[place].requestFragments &+= 1
            exchanges[place].requestBytes &+= UInt64(max(0, bodyBytes))
            if kind == .request { expose(header, id, operation, tx, direction, &context) }
        } else {
            exchanges[place].response = kind
            exchanges[place].responseFragments &+= 1
            exchanges[place].responseBytes &+= UInt64(max(0, bodyBytes))
        }
        if kind == .request || kind == .response {
            context.exposePart(.dcerpcStubData, stub, tx: tx, from: direction, isLast: header.isLast)
        }
        guard header.isLast else { return }
        context.transactionDone(tx: tx, from: direction)
        if kind == .auth3 {
            // Nothing answers it.
            exchanges.remove(at: place)
        } else if !isRequest {
            end(exchanges.remove(at: place), &context)
        }
    }

    mutating func finish(_ context: inout AnalyzerContext) {
        for exchange in exchanges { end(exchange, &context) }
        exchanges.removeAll(keepingCapacity: true)
    }

    private mutating func end(_ exchange: DCERPCExchange, _ context: inout AnalyzerContext) {
        last = exchange
        context.transactionDone(tx: exchange.transaction, from: .originator)
        context.transactionDone(tx: exchange.transaction, from: .responder)
        guard context.wantsEvents else { return }
        context.beginEvent(
            exchange.carrier == nil ? "dcerpc" : "smb", from: .originator, tx: exchange.transaction)
        write(exchange, to: &context.event)
        context.endEvent()
    }

    /// 16 octets in the usual order, the major version, and whether the request is a further fragment.
    private func expose(
        _ header: DCERPCHeader, _ id: UInt16, _ operation: UInt16, _ tx: UInt64, _ direction: Direction,
        _ context: inout AnalyzerContext
    ) {
        // Each side of the transaction is of the operation.
        context.exposeNumber(.dcerpcOpnum, UInt64(operation), tx: tx, from: direction)
        context.exposeNumber(.dcerpcOpnum, UInt64(operation), tx: tx, from: direction.opposite)
        guard context.wants(.dcerpcInterface) else { return }
        for offer in offers where offer.context == id && (offer.result ?? 0) == 0 {
            var octets = offer.interface.octets
            octets.append(UInt8(truncatingIfNeeded: offer.major >> 8))
            octets.append(UInt8(truncatingIfNeeded: offer.major))
            if !header.isFirst { octets.append(1) }
            context.expose(.dcerpcInterface, octets.octets, tx: tx, from: direction)
            context.expose(.dcerpcInterface, octets.octets, tx: tx, from: direction.opposite)
        }
    }

    // MARK: events

    func write(tx: UInt64, to event: inout EVEBuilder) {
        if let exchange = exchanges.first(where: { $0.transaction == tx }) ?? last, exchange.transaction == tx {
            write(exchange, to: &event)
        }
    }

    private func write(_ exchange: DCERPCExchange, to event: inout EVEBuilder) {
        if let carrier = exchange.carrier {
            event.open("smb")
            event.count("id", exchange.transaction &+ 1)
            event.members(carrier[...])
        }
        event.open("dcerpc")
        event.text("request", exchange.request?.eventName ?? "REQUEST_LOST")
        if exchange.carrier != nil { event.text("response", exchange.response?.eventName ?? "UNREPLIED") }
        if exchange.request == .request {
            if exchange.carrier != nil { event.count("opnum", UInt64(exchange.operation)) }
            event.open("req")
            if exchange.carrier == nil { event.count("opnum", UInt64(exchange.operation)) }
            event.count("frag_cnt", exchange.requestFragments)
            event.count("stub_data_size", exchange.requestBytes)
            event.close()
        }
        writeInterfaces(exchange, to: &event)
        if exchange.carrier == nil { event.text("response", exchange.response?.eventName ?? "UNREPLIED") }
        if exchange.response == .response {
            event.open("res")
            event.count("frag_cnt", exchange.responseFragments)
            event.count("stub_data_size", exchange.responseBytes)
            event.close()
        }
        event.count("call_id", UInt64(exchange.call))
        if exchange.carrier == nil {
            event.beginText("rpc_version")
            event.add("5.")
            event.add(decimal: UInt64(exchange.minorVersion))
            event.endText()
        }
        event.close()
        if exchange.carrier != nil { event.close() }
    }

    private func writeInterfaces(_ exchange: DCERPCExchange, to event: inout EVEBuilder) {
        let isBind = exchange.request == .bind
        guard isBind || exchange.request == .request else { return }
        let mark = event.mark
        event.openList("interfaces")
        let start = event.mark
        var count = 0
        for offer in offers where isBind ? offer.call == exchange.call : offer.context == exchange.context {
            // A call names one interface; a context that was offered over and over makes no longer events.
            count &+= 1
            guard isBind || count <= DCERPCView.shownMax else { break }
            var text = TextBuffer()
            offer.interface.write(to: &text)
            event.openItem()
            event.text("uuid", text.bytes[...])
            event.beginText("version")
            event.add(decimal: UInt64(offer.major))
            event.add(".")
            event.add(decimal: UInt64(offer.minor))
            event.endText()
            if let result = offer.result, isBind || exchange.carrier == nil {
                event.count("ack_result", UInt64(result))
                if exchange.carrier != nil { event.count("ack_reason", UInt64(offer.reason)) }
            }
            event.closeItem()
        }
        if event.hasGrown(since: start) { event.closeList() } else { event.goBack(to: mark) }
    }
}
