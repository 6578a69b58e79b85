// SPDX-License-Identifier: Apache-2.0
//
// The analyzers of one connection: what starts late hears all, what is recognised ends the search.

import Testing
import Wire

@testable import Protocols
@testable import Records

/// Writes down what it hears.
private final class Listener: Analyzer {
    var heard: [String] = []

    override func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        heard.append("\(direction) \((0..<bytes.byteCount).map { bytes.octet($0) })")
    }

    override func datagram(
        _ bytes: RawSpan, wireLength: Int, from direction: Direction, _ context: inout AnalyzerContext
    ) {
        heard.append("\(direction) \((0..<bytes.byteCount).map { bytes.octet($0) }) of \(wireLength)")
    }

    override func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        heard.append("\(direction) lost \(count)")
    }
}

@Suite("analysis of a connection") struct AnalysisTests {
    private func makeContext(_ transport: Transport, port: UInt16) -> AnalyzerContext {
        let schemas = LogID.allCases.map { log in
            switch log {
            case .dns: DNSRecord.makeSchema()
            case .http: HTTPRecord.makeSchema()
            case .redis: RedisRecord.makeSchema()
            default: LogSchema(log: log, summary: "", columns: [], stride: 3)
            }
        }
        var context = AnalyzerContext(
            output: RecordOutput(schemas: schemas), settings: AnalyzerSettings(),
            selection: AnalyzerSelection(names: nil))
        context.uid = UID(value: 99)
        context.id = ConnectionID(
            originator: Address(v4: 0x0A00_0001), responder: Address(v4: 0x0A00_0002), originatorPort: 40_000,
            responderPort: port, transport: transport, protocolNumber: transport.rawValue)
        return context
    }

    @Test func `what was delivered comes back in order, with what was lost`() {
        var context = makeContext(.tcp, port: 4444)
        let memory = ProbeMemory()
        memory.keep([1, 2].octets, from: .originator)
        memory.keep(gap: 70_000, from: .responder)
        memory.keep(RawSpan(), from: .responder)
        memory.keep([3].octets, from: .responder)
        memory.keep([4].octets, from: .originator)
        let listener = Listener(kind: .http)
        memory.replay(to: listener, isStream: true, &context)
        #expect(
            listener.heard == ["originator [1, 2]", "responder lost 70000", "responder []", "responder [3]",
                "originator [4]"])
        listener.heard = []
        memory.replay(to: listener, isStream: false, &context)
        #expect(listener.heard.first == "originator [1, 2] of 2")
        context.probed.gather(from: memory, .originator)
        #expect(context.probed.own == [1, 2, 4])
        #expect(context.probed.others == [3])
        memory.clear()
        listener.heard = []
        memory.replay(to: listener, isStream: true, &context)
        #expect(listener.heard.isEmpty)
    }

    @Test func `a service on any port is read from its first octet on`() {
        var context = makeContext(.tcp, port: 4444)
        var analysis = Analysis()
        for octet in wire("*1\n$4\nPING\n") { analysis.stream([octet].octets, from: .originator, &context) }
        #expect(analysis.wantsBytes)
        for octet in wire("+PONG\n") { analysis.stream([octet].octets, from: .responder, &context) }
        analysis.finish(&context)
        #expect(context.output.batches[Int(LogID.redis.rawValue)].count == 1)
        #expect(Array(analysis.services) == [.redis])
        analysis.reset(&context)
        #expect(analysis.services.isEmpty)
        #expect(analysis.wantsBytes)
    }

    @Test func `probes give up after a kilobyte`() {
        var context = makeContext(.tcp, port: 4444)
        var analysis = Analysis()
        // Lines of text may be IRC for long.
        let line = wire(String(repeating: "a", count: 98) + "\n")
        for _ in 0..<10 { analysis.stream(line.octets, from: .originator, &context) }
        #expect(analysis.wantsBytes)
        analysis.stream(line.octets, from: .originator, &context)
        #expect(!analysis.wantsBytes)
    }

    @Test func `nothing else is looked for beside DNS, but beside STUN`() {
        let noise = [UInt8](repeating: 0xF5, count: 20)
        var context = makeContext(.udp, port: 53)
        var analysis = Analysis()
        let query = dnsQuery()
        analysis.datagram(query.octets, wireLength: query.count, from: .originator, &context)
        #expect(Array(analysis.services) == [.dns])
        #expect(context.idleProbeMemory.isEmpty)
        analysis.datagram(noise.octets, wireLength: noise.count, from: .responder, &context)
        analysis.reset(&context)
        // Whatever was kept has come back to the pool: nothing was.
        #expect(context.idleProbeMemory.isEmpty)
        context.id = makeContext(.udp, port: 3478).id
        analysis.datagram(noise.octets, wireLength: noise.count, from: .responder, &context)
        analysis.reset(&context)
        #expect(context.idleProbeMemory.count == 1)
    }
}

@Suite("lists of an analysis") struct AnalyzerListTests {
    @Test func `kinds stand in order, each once, and no more than eight`() {
        var list = KindList()
        #expect(list.isEmpty)
        let kinds = Array(AnalyzerKind.allCases.suffix(9))
        for kind in kinds + kinds { list.append(kind) }
        #expect(Array(list) == Array(kinds.prefix(8)))
        #expect(list.count == 8)
        #expect(!list.contains(kinds[8]))
        list.remove(kinds[0])
        list.remove(kinds[4])
        #expect(Array(list) == [1, 2, 3, 5, 6, 7].map { kinds[$0] })
        list.append(kinds[8])
        #expect(list.contains(kinds[8]))
        #expect(list.count == 7)
    }

    @Test func `the detached are found and taken out in order`() {
        var list = AnalyzerList()
        let listeners = [AnalyzerKind.dns, .http, .ssh].map { Listener(kind: $0) }
        for listener in listeners { list.append(listener) }
        #expect(list.detachedPlace == nil)
        listeners[1].isDetached = true
        listeners[0].isDetached = true
        #expect(!list.hasAttached(.dns))
        #expect(list.hasAttached(.ssh))
        #expect(list.detachedPlace == 0)
        #expect(list.remove(at: 0) === listeners[0])
        #expect(list.detachedPlace == 0)
        #expect(list.remove(at: 0) === listeners[1])
        #expect(list.detachedPlace == nil)
        #expect(list.count == 1)
        #expect(list[0] === listeners[2])
        listeners[2].isConfirmed = true
        #expect(!list.isDecided)
        list.removeAll()
        #expect(list.isEmpty)
        let dns = Listener(kind: .dns)
        dns.isConfirmed = true
        list.append(listeners[2])
        list.append(dns)
        #expect(list.isDecided)
    }
}
