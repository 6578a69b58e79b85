// SPDX-License-Identifier: Apache-2.0
//
// One made-up connection whose packets are handed to an engine.

import Records
import Testing
import Wire

@testable import Signatures

/// One connection, 10.0.0.1:40000 to 10.0.0.2:80, whose packets are handed to an engine.
struct Conversation {
    private(set) var engine: SignatureEngine
    private let slot: UInt32 = 0
    private var second: Int64 = 0
    /// What the engine was told of the packet sent last.
    private(set) var last = PacketFacts()
    private var lastPayload: [UInt8] = []
    private var next: (client: UInt32, server: UInt32) = (1000, 5000)
    private let id: ConnectionID

    init(_ rules: String..., isTCP: Bool = true) throws {
        self.init(try Conversation.index(rules), isTCP: isTCP)
    }

    init(_ rules: RuleIndex, isTCP: Bool = true) {
        engine = SignatureEngine(rules, settings: SignatureSettings())
        id = ConnectionID(
            originator: Address(v4: 0x0A00_0001), responder: Address(v4: 0x0A00_0002), originatorPort: 40_000,
            responderPort: 80, transport: isTCP ? .tcp : .udp, protocolNumber: isTCP ? 6 : 17)
    }

    static func index(_ rules: [String]) throws -> RuleIndex {
        var loader = try RuleLoader()
        loader.load(Array(rules.joined(separator: "\n").utf8), name: "test", folder: nil)
        let loaded = loader.finished()
        #expect(loaded.rejected.isEmpty)
        return RuleIndex(loaded.set)
    }

    /// Other rules, from the next packet on.
    mutating func reload(_ rules: RuleIndex) { engine = SignatureEngine(rules, replacing: engine) }

    /// The sids that have fired since the last time.
    mutating func fired() -> [UInt32] {
        defer { engine.alerts.removeAll() }
        return engine.alerts.filter { !$0.isSilent }.map { engine.rules.rules[Int($0.rule)].id.signature }
    }

    /// One packet; what it carries goes into the stream behind its inspection, as the worker does it.
    mutating func send(_ text: String = "", fromServer: Bool = false, flags: UInt8 = 0x18) {
        second += 1
        let payload = Array(text.utf8)
        var facts = PacketFacts()
        facts.now = Timestamp(nanoseconds: second * 1_000_000_000)
        facts.number = UInt64(second)
        (facts.source, facts.target) = fromServer ? (id.responder, id.originator) : (id.originator, id.responder)
        (facts.sourcePort, facts.targetPort) =
            fromServer ? (id.responderPort, id.originatorPort) : (id.originatorPort, id.responderPort)
        facts.layer.version = 4
        facts.protocolNumber = id.protocolNumber
        facts.hasHeader = true
        facts.flags = flags
        facts.payloadCount = payload.count
        facts.sequence = fromServer ? next.server : next.client
        facts.acknowledgement = flags & 0x10 == 0 ? 0 : fromServer ? next.client : next.server
        let count = UInt32(payload.count) + (flags & 0x02 != 0 ? 1 : 0)
        if fromServer { next.server &+= count } else { next.client &+= count }
        engine.arrive(slot, id, &facts, isDamaged: false)
        (last, lastPayload) = (facts, payload)
        engine.inspect(slot, payload.octets, facts)
        if facts.isTCP, !payload.isEmpty { engine.stream(slot, payload.octets, toServer: !fromServer) }
    }

    /// From here on both sides encrypt.
    func conceal() { engine.conceal(slot) }

    /// The handshake of TCP.
    mutating func open() {
        send(flags: 0x02)
        send(fromServer: true, flags: 0x12)
        send(flags: 0x10)
    }

    mutating func end() { engine.end(slot, id, now: Timestamp(nanoseconds: (second + 1) * 1_000_000_000)) }

    func show(_ output: TransactionOutput) { engine.absorb(slot, output) }

    /// Shows what a reader of HTTP tells of a request: a buffer's value, where rules ask for it, and an event.
    func showRequest(_ buffer: SignatureBuffer, _ value: String, event: StaticString? = nil) {
        var output = TransactionOutput()
        output.wanted = engine.wanted
        output.wantsTransactions = true
        let tx = output.begin(.http)
        if output.wanted.contains(buffer) {
            let octets = Array(value.utf8)
            output.expose(buffer, octets.octets, .octets, transaction: tx, instance: 0, from: .originator)
        }
        if let event { output.event(event, transaction: tx, from: .originator) }
        show(output)
    }

    /// Runs the rules once more with the packet sent last, as for datagrams whose reader has shown something.
    func inspectAgain() {
        engine.inspect(slot, lastPayload.octets, last)
    }

    /// Whether the packet sent last is tagged.
    func takeTags(octets: Int) -> Bool { engine.takeTags(slot, last, octets: octets) }
}
