// SPDX-License-Identifier: Apache-2.0
//
// Syslog: the header, CEF and LEEF with their escapes and bounds, and the three ways to send them.

import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Testing

@testable import Handoff

@Suite("syslog") struct SyslogTests {
    private func message(_ delivery: Delivery, leef: Bool = false, max: Int = 8_192, fields: [(String, String)] = [])
        -> String
    {
        let message = SyslogMessage(
            facility: 20, enterprise: 32_473, bytesMax: max, isLEEF: leef, version: "0.1", fields: fields)
        return String(decoding: message.octets(delivery), as: UTF8.self)
    }

    @Test func `a message begins as RFC 5424 says`() {
        let text = message(makeDelivery())
        #expect(
            text.hasPrefix(
                "<163>1 2024-08-01T08:13:20.123Z north weir - incident "
                    + "[weir@32473 uid=\"north/01J4/12\" incident=\"north/01J4\" kind=\"created\"] CEF:0|"))
    }

    @Test func `structured data and header escape what is theirs`() {
        #expect(SyslogMessage.parameter("a\"b\\c]d\ne") == "a\\\"b\\\\c\\]d e")
        #expect(SyslogMessage.name("a b\tü", 255) == "a_b___")
        #expect(SyslogMessage.name("", 255) == "-")
        #expect(SyslogMessage.name(String(repeating: "x", count: 300), 255).count == 255)
    }

    @Test func `CEF has seven fields and the incident's keys`() throws {
        let text = message(makeDelivery())
        let body = String(text[try #require(text.range(of: "CEF:")).lowerBound...])
        let head = "CEF:0|Weir|Sensor|0.1|incident-created|[high] Beacon of 10.0.0.5|8|"
        #expect(body.hasPrefix(head + "externalId=north/01J4/12 "))
        for pair in [
            "rt=1722500000123", "src=10.0.0.5", "spt=50123", "dst=198.51.100.9", "dpt=443", "proto=TCP", "suser=alice",
            "cs1Label=communityId", "cs1=1:abc\\=", "cnt=3", "msg=10.0.0.5 calls 198.51.100.9 every minute.",
        ] {
            #expect(body.contains(" " + pair), "\(pair)")
        }
    }

    @Test func `CEF escapes bars in the header, equal signs and line ends in values`() {
        var incident = makeIncident()
        incident.title = "a|b\\c=d\ne"
        incident.summary = "x=1|2\\3\nnext\r\nlast\u{7}"
        let text = message(makeDelivery(incident: incident))
        #expect(text.contains("|[high] a\\|b\\\\c=d e|8|"))
        #expect(text.contains("msg=x\\=1|2\\\\3\\nnext\\r\\nlast "))
        #expect(!text.contains("\n"))
    }

    @Test func `LEEF names its delimiter, and no value holds it`() {
        var incident = makeIncident()
        incident.title = "a^b|c\nd"
        let text = message(makeDelivery(.closed, incident: incident), leef: true)
        #expect(
            text.contains("LEEF:2.0|Weir|Sensor|0.1|incident-closed|x5E|devTime=1722500000123^externalId=north/01J4/"))
        #expect(text.contains("^title=a b|c d^"))
        for pair in ["src=10.0.0.5", "dst=198.51.100.9", "srcPort=50123", "dstPort=443", "proto=TCP", "usrName=alice",
            "sev=8", "cat=incident"]
        {
            #expect(text.contains("^" + pair + "^"), "\(pair)")
        }
    }

    @Test(arguments: [480, 600, 1_024, 2_048], [false, true])
    func `a message keeps its bound, and no escape is cut`(_ bytes: Int, _ isLEEF: Bool) {
        var incident = makeIncident()
        incident.summary = String(repeating: "=\\ä\n", count: 2_000)
        incident.title = String(repeating: "|", count: 100)
        let octets = SyslogMessage(
            facility: 20, enterprise: 1, bytesMax: bytes, isLEEF: isLEEF, version: "0.1", fields: []
        ).octets(makeDelivery(incident: incident))
        #expect(octets.count <= bytes)
        let text = String(decoding: octets, as: UTF8.self)
        #expect(!text.contains("\u{FFFD}"))
        if !isLEEF {
            let slashes = text.reversed().prefix { $0 == "\\" }.count
            #expect(slashes % 2 == 0, "an escape at the end is whole")
        }
    }

    @Test func `own fields follow, those with wrong keys are left out`() {
        let text = message(makeDelivery(), fields: [("cs6", "a=b"), ("bad key", "x"), ("", "y")])
        #expect(text.hasSuffix(" cs6=a\\=b"))
    }

    @Test(arguments: ["tcp", "tls"])
    func `a stream is counted in octets and arrives whole`(_ way: String) async throws {
        let sink = try await StreamSink(isTLS: way == "tls")
        defer { sink.close() }
        var settings = makeSettings(.syslog, url: "\(way)://localhost:\(sink.port)")
        settings.authorityFile = Fixture.path("ca.pem")
        settings.timeout = 2
        let connector = try makeConnector(settings)
        #expect(await connector.deliver(makeDelivery()) == .delivered(remote: nil, status: nil, note: ""))
        let text = String(decoding: sink.octets, as: UTF8.self)
        let space = try #require(text.firstIndex(of: " "))
        #expect(Int(text[..<space]) == text[text.index(after: space)...].utf8.count)
    }

    @Test func `a datagram arrives, a refused one is a fault`() async throws {
        let sink = try await DatagramSink()
        var settings = makeSettings(.syslog, url: "udp://127.0.0.1:\(sink.port)")
        #expect(await (try makeConnector(settings)).deliver(makeDelivery()).isDelivered)
        #expect(sink.text.hasPrefix("<163>1 2024-08-01"))
        await sink.close()
        settings.url = "udp://127.0.0.1:\(sink.port)"
        #expect(await (try makeConnector(settings)).deliver(makeDelivery()).fault != nil)
    }

    @Test func `a receiver that hangs, or that nobody is, is a passing fault`() async throws {
        let sink = try await StreamSink(isTLS: false, hangs: true)
        var settings = makeSettings(.syslog, url: "tcp://127.0.0.1:\(sink.port)")
        settings.timeout = 0.4
        let hanging = await (try makeConnector(settings)).deliver(makeDelivery())
        #expect(hanging.fault?.reason.contains("did not close") == true && hanging.fault?.isUnsure == true)
        sink.close()
        settings.url = "tcp://127.0.0.1:1"
        let nobody = await (try makeConnector(settings)).deliver(makeDelivery())
        #expect(nobody.fault?.reason == "no connection: connection refused" && nobody.fault?.isUnsure == false)
    }

    @Test func `a certificate that is not trusted stops the connector`() async throws {
        let sink = try await StreamSink(isTLS: true)
        defer { sink.close() }
        var settings = makeSettings(.syslog, url: "tls://localhost:\(sink.port)")
        settings.timeout = 2
        guard case .stopped(let fault) = await (try makeConnector(settings)).deliver(makeDelivery()) else {
            Issue.record("it was sent")
            return
        }
        #expect(fault.reason.contains("certificate"))
        #expect(sink.octets.isEmpty)
    }
}

/// Takes what comes over TCP, until the other side ends.
final class StreamSink: Sendable {
    let port: Int
    private let channel: any Channel
    private let taken = Mutex<[UInt8]>([])
    var octets: [UInt8] { taken.withLock { $0 } }

    init(isTLS: Bool, hangs: Bool = false) async throws {
        let context = isTLS
            ? try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: try NIOSSLCertificate.fromPEMFile(Fixture.path("localhost.pem"))
                        .map { .certificate($0) },
                    privateKey: .privateKey(try NIOSSLPrivateKey(file: Fixture.path("localhost.key"), format: .pem))))
            : nil
        let box = TakenBox()
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: hangs)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    }
                    try channel.pipeline.syncOperations.addHandler(TakingHandler(box))
                }
            }
            .bind(host: "localhost", port: 0).get()
        port = channel.localAddress?.port ?? 0
        box.sink.withLock { $0 = { [weak self] part in self?.taken.withLock { $0 += part } } }
    }

    func close() { channel.close(promise: nil) }
}

/// Hands octets from a handler to whoever is set.
private final class TakenBox: Sendable {
    let sink = Mutex<(@Sendable ([UInt8]) -> Void)?>(nil)
}

private final class TakingHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    private let box: TakenBox
    init(_ box: TakenBox) { self.box = box }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = Array(unwrapInboundIn(data).readableBytesView)
        box.sink.withLock { $0?(part) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

final class DatagramSink: Sendable {
    let port: Int
    private let channel: any Channel
    private let box = TakenBox()
    private let taken = Mutex<[UInt8]>([])
    var text: String { String(decoding: taken.withLock { $0 }, as: UTF8.self) }

    init() async throws {
        let box = self.box
        channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DatagramHandler(box))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
        box.sink.withLock { $0 = { [weak self] part in self?.taken.withLock { $0 += part } } }
    }

    func close() async { try? await channel.close().get() }
}

private final class DatagramHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    private let box: TakenBox
    init(_ box: TakenBox) { self.box = box }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = Array(unwrapInboundIn(data).data.readableBytesView)
        box.sink.withLock { $0?(part) }
    }
}
