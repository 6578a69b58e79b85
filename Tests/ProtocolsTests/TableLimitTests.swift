// SPDX-License-Identifier: Apache-2.0
//
// Tables that strangers make grow: each stays within its limit, and its counter says what that cost.

import Files
import Testing
import Wire

@testable import Protocols
@testable import Records

@Suite("limits of tables") struct TableLimitTests {
    private static let events: AnalyzerSettings = {
        var settings = AnalyzerSettings()
        settings.wantsEvents = true
        return settings
    }()

    @Test func `counters take no memory before a limit is met, and add up`() {
        var first = LimitCounters()
        #expect(first.isEmpty && first[.names] == 0)
        first.met(.names, 0)
        #expect(first.isEmpty)
        first.met(.names)
        first.met(.requests, 3)
        var second = LimitCounters()
        second += first
        second += first
        #expect(second[.names] == 2 && second[.requests] == 6 && second[.texts] == 0)
        let columns = TableLimit.allCases.map { "\($0.column)" }
        #expect(Set(columns).count == columns.count)
    }

    @Test func `a row of which a text is cut is counted once`() {
        let bench = TextBench(HTTP(), HTTPRecord.makeSchema(), port: 80)
        bench.send(octets("GET / HTTP/1.1\r\n"), from: .originator)
        let header = octets("Referer: " + String(repeating: "r", count: 60_000) + "\r\n")
        for _ in 0..<200 { bench.send(header, from: .originator) }
        bench.send(octets("Host: a.example\r\n\r\n"), from: .originator)
        bench.finish()
        let place = Int(LogID.http.rawValue)
        let cut = (0..<2).map { _ in bench.context.output.batches[place].takeCutCount() }
        #expect(cut == [1, 0])
        let short = TextBench(HTTP(), HTTPRecord.makeSchema(), port: 80)
        short.send(octets("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), from: .originator)
        short.finish()
        let none = short.context.output.batches[place].takeCutCount()
        #expect(short.rows.count == 1 && none == 0)
    }

    @Test func `certificates are remembered in two generations`() {
        var cache = CertificateCache()
        let most = CertificateCache.countMax
        for number in 0..<(3 * most + 1) { _ = cache.read(long(number).octets) }
        #expect(cache.count == most + 1)
        #expect(cache.forgotten == UInt64(2 * most))
        let last = (0..<2).map { _ in cache.read(long(3 * most).octets) }
        #expect(last[0] === last[1])
    }

    @Test func `of a call that goes on for ever the last texts stand in the row`() {
        let bench = DatagramBench(SIP(), port: 5060, logs: [SIPRecord.makeSchema()])
        let filler = String(repeating: "s", count: 2000)
        for number in 0..<400 {
            bench.datagram(
                wire("INVITE sip:b@x SIP/2.0\nVia: SIP/2.0/UDP a\nSubject: \(number)\(filler)\nContent-Length: 0\n\n"))
        }
        bench.finish()
        let rows = bench.rows(.sip)
        #expect(rows.count == 1)
        #expect(rows.first?.text("subject")?.hasPrefix("399s") == true)
        #expect(rows.first?.list("request_path")?.count == 100)
        #expect(bench.weirds.contains(.sip_max_request_path_length_exceeded))
        #expect(bench.context.output.batches[Int(LogID.sip.rawValue)].bytes.count < 300_000)
    }

    @Test func `headers of SIP over TCP that do not end are given up`() {
        let bench = TextBench(SIP(), SIPRecord.makeSchema(), port: 5060)
        bench.send(wire("INVITE sip:b@x SIP/2.0\n"), from: .originator)
        for _ in 0..<8 {
            bench.send(octets("X: " + String(repeating: "x", count: 9000) + "\r\n"), from: .originator)
        }
        #expect(bench.analyzer.violationCount == 1)
        // What follows is read anew.
        bench.send(wire("\n\nINVITE sip:c@x SIP/2.0\nContent-Length: 0\n\n"), from: .originator)
        bench.finish()
        #expect(bench.rows(.sip).map { $0.text("uri") } == ["sip:c@x"])
    }

    @Test func `a block of HPACK that becomes a megabyte is refused`() {
        var hpack = HPACK()
        func read(_ block: [UInt8]) -> Bool {
            do throws(WireError) { try hpack.decode(block.octets) } catch { return false }
            return true
        }
        // A name of 4000 octets is put into the table; then literals that only point at it.
        #expect(read([0x40, 0x7F, 0xA1, 0x1E] + [UInt8](repeating: 0x61, count: 4000) + [0]))
        let one: [UInt8] = [0x0F, 0x2F, 0]
        #expect(read(one + one))
        #expect(hpack.fields.count == 2)
        #expect(!read((0..<300).flatMap { _ in one }))
        #expect(hpack.text.bytes.count < HPACK.blockTextBytesMax + 8000)
    }

    @Test func `contexts, requests and pipes of DCE RPC`() {
        let bench = DatagramBench(DCERPC(), port: 135, .tcp, logs: [DCERPCRecord.makeSchema()])
        let calls = DCERPCCalls()
        let interface = DCERPCInterface(high: 1, low: 2)
        for number in 0..<UInt16(300) {
            calls.bound(interface, to: number, on: 0, &bench.context)
            calls.requested(1, context: number, on: 0, &bench.context)
        }
        let extra = UInt64(300 - DCERPCAssociation.contextsMax)
        #expect(bench.context.limits[.names] == extra && bench.context.limits[.requests] == extra)
        for handle in 0..<UInt64(1001) { calls.requested(1, context: 0, on: handle, &bench.context) }
        #expect(bench.weirds == [.SMB_discarded_dce_rpc_analyzers])
    }

    @Test func `requests of DCE RPC that nobody answers, and interfaces that are offered`() {
        let bench = DatagramBench(
            DCERPC(), port: 135, .tcp, Self.events, logs: [DCERPCRecord.makeSchema(), EventRecord.makeSchema()])
        for number in 0..<UInt64(300) { bench.stream(DCERPCMade.bind() + DCERPCMade.request(1, call: number + 10)) }
        #expect(bench.context.limits[.requests] >= 44)
        #expect(bench.context.limits[.names] == 44)
    }

    @Test func `events of EVE that wait for their end`() {
        let bench = DatagramBench(HTTP(), port: 80, .tcp, Self.events, logs: [EventRecord.makeSchema()])
        var drafts = EventDrafts()
        for number in 0..<UInt64(300) {
            drafts.add(number, from: .originator, type: "mqtt", &bench.context) { $0.count("number", number) }
        }
        #expect(bench.context.limits[.drafts] == 44 && bench.rows(.eve).count == 44)
        let text = [UInt8](repeating: 0x61, count: EventDrafts.draftBytesMax)
        for _ in 0..<3 {
            drafts.add(299, from: .originator, type: "mqtt", &bench.context) { $0.text("name", text[...]) }
        }
        #expect(bench.context.limits[.drafts] == 46)
    }

    @Test func `answers that never come to MQTT, Modbus, NFS and HTTP`() {
        let queue = TextBench(MQTT(), MQTTPublishRecord.makeSchema(), port: 1883)
        queue.send([0x10, 12, 0, 4] + octets("MQTT") + [4, 0, 0, 0, 0, 0], from: .originator)
        for number in 0..<300 { queue.send([0x32, 6, 0, 1, 0x61] + wide(number + 1) + [0x62], from: .originator) }
        #expect(queue.context.limits[.requests] == UInt64(300 - MQTT.pendingMax))
        #expect(queue.rows.count == 300 - MQTT.pendingMax)
        let web = TextBench(HTTP(), HTTPRecord.makeSchema(), port: 80)
        for _ in 0..<(HTTP.unansweredMax + 7) { web.send(octets("GET / HTTP/1.1\r\n\r\n"), from: .originator) }
        #expect(web.context.limits[.requests] == 7)
    }

    @Test func `calls and names of NFS`() {
        let nfs = NFS()
        let bench = DatagramBench(nfs, port: 2049, .tcp, logs: NFSTests.logs)
        for number in 0..<2048 { nfs.names[long(number)] = octets("n") }
        for number in 0..<1035 { bench.stream(NFSTests.framed(NFSTests.call(number, 1, NFSTests.file))) }
        #expect(bench.context.limits[.names] == 2048)
        #expect(bench.context.limits[.requests] == 10 && bench.rows(.nfs).count == 10)
    }

    @Test func `exchanges of SMB that nobody ends`() {
        let bench = DatagramBench(SMB(), port: 445, .tcp, Self.events, logs: [EventRecord.makeSchema()])
        var view = SMBView()
        for number in 0..<UInt64(1025) { view.begin(number, command: 5, tree: 0, session: 0, &bench.context) }
        #expect(bench.context.limits[.requests] == 1024 && view.exchanges.count == 1)
    }

    @Test func `implicit connections of CIP`() throws {
        let bench = DatagramBench(ENIP(), port: 2222, logs: [CIPIORecord.makeSchema()])
        var implicit = CIPImplicit()
        for number in 0..<UInt8(70) {
            let message: [UInt8] = [2, 0, 2, 0x80, 8, 0, number, 0, 0, 0, 1, 0, 0, 0, 0xB1, 0, 2, 0, 1, 2]
            try implicit.read(message.octets, .originator, &bench.context)
        }
        implicit.finish(&bench.context)
        #expect(bench.context.limits[.sources] == 6 && bench.rows(.cipIO).count == 64)
    }

    @Test func `streams that calls announce`() {
        let sip = SIP()
        let bench = DatagramBench(sip, port: 5060, logs: [SIPRecord.makeSchema()])
        var media = SDPMedia()
        let address = Address(v4: 0xC000_0201)
        for number in 0..<65 {
            let text = "v=0\nc=IN IP4 192.0.2.1\nm=audio \(20_000 + 2 * number) RTP/AVP 0\n"
            media.read(wire(text).octets, by: sip, &bench.context)
        }
        #expect(bench.context.limits[.sources] == 64)
        #expect(media.format(0, address, 20_000) == nil && media.format(0, address, 20_128) != nil)
    }

    @Test func `sources that reports of RTCP are about`() {
        let bench = DatagramBench(RTP(), port: 20_000, logs: [RTPRecord.makeSchema(), RTCPRecord.makeSchema()])
        var reports = RTCPReports()
        for report in 0..<3 {
            let blocks = (0..<31).flatMap { long(100 * report + $0) + zeros(20) }
            let packet = [0x80 | 31, 201] + wide(1 + 6 * 31) + long(7) + blocks
            let isTaken = reports.take(packet.octets, wireLength: packet.count, from: .originator, &bench.context)
            #expect(isTaken)
        }
        reports.write(&bench.context)
        #expect(bench.context.limits[.sources] == UInt64(93 - RTCPReports.blocksMax))
        #expect(bench.rows(.rtcp).count == RTCPReports.blocksMax)
    }

    @Test func `lines of POP3 and recipients of SMTP that an event has no room for`() {
        let mailbox = DatagramBench(POP3(), port: 110, .tcp, Self.events, logs: [EventRecord.makeSchema()])
        mailbox.answer("+OK hi\n")
        mailbox.ask("CAPA\n")
        mailbox.answer("+OK\n" + (0..<100).map { "X\($0)\n" }.joined() + ".\n")
        #expect(mailbox.context.limits[.drafts] == 1)
        let mail = DatagramBench(
            SMTP(), port: 25, .tcp, Self.events, logs: [SMTPRecord.makeSchema(), EventRecord.makeSchema()])
        mail.context.transactions.wantsEvents = true
        mail.answer("220 a ESMTP\n")
        mail.ask("EHLO b\nMAIL FROM:<a@b>\n")
        mail.answer("250 a\n250 ok\n")
        for number in 0..<(SMTPEvent.listMax + 5) {
            mail.ask("RCPT TO:<\(number)@c>\n")
            mail.answer("250 ok\n")
        }
        mail.finish()
        #expect(mail.context.limits[.drafts] == 1)
    }

    @Test func `names of a ninth service are counted, not kept`() {
        var list = KindList()
        let kinds = AnalyzerKind.allCases.prefix(8) + [.xmpp, AnalyzerKind.allCases[0]]
        let kept = kinds.map { list.append($0) }
        #expect(kept == [Bool](repeating: true, count: 8) + [false, true] && list.count == 8)
    }

    @Test func `bodies in Brotli are unpacked a few at a time`() {
        let bench = TextBench(HTTP(), HTTPRecord.makeSchema(), port: 80)
        var inflaters: [Inflater] = []
        for _ in 0..<AnalyzerContext.brotliMax + 3 {
            if let inflater = bench.context.takeInflater(isBrotli: true) { inflaters.append(inflater) }
        }
        #expect(inflaters.count == AnalyzerContext.brotliMax && bench.context.limits[.bodies] == 3)
        for inflater in inflaters { bench.context.giveBack(inflater) }
        let again = bench.context.takeInflater(isBrotli: true)
        #expect(again != nil)
    }
}
