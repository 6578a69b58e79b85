// SPDX-License-Identifier: Apache-2.0
//
// Syslog messages on their way: datagrams (RFC 5426), TCP with octet counting (RFC 6587 section 3.4.1),
// TLS (RFC 5425).
//
// Reads   only that the receiver closes.
// Writes  one message a connection.
// Leaves  the message (`SyslogMessage`).

internal import Foundation
internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import NIOSSL

/// Syslog has no answer. Over a stream the message counts as delivered when the receiver, told that
/// nothing more comes, has closed in order: a program that reads until the end has then read all of it.
/// A datagram counts when the receiver's host does not say at once that nobody listens.
package final class SyslogTransport: Sendable {
    enum Way: String, Sendable {
        case udp, tcp, tls
    }

    /// Milliseconds in which a host that refuses a datagram says so.
    private static let refusalMilliseconds: Int64 = 50

    private let way: Way
    private let host: String
    private let port: Int
    private let timeout: Double
    private let context: NIOSSLContext?
    private let redaction: Redaction

    init(_ settings: ConnectorSettings, identity: TLSIdentity?, redaction: Redaction) throws(HandoffError) {
        guard let scheme = URLComponents(string: settings.url)?.scheme?.lowercased(), let way = Way(rawValue: scheme),
            let place = Endpoint.hostAndPort(settings.url, port: way == .tls ? 6_514 : way == .tcp ? 601 : 514)
        else { throw HandoffError("\(settings.name): url: choose udp://, tcp:// or tls://") }
        self.way = way
        (host, port) = place
        timeout = settings.timeout
        self.redaction = redaction
        guard way == .tls else {
            context = nil
            return
        }
        let configuration = try TLSIdentity.configuration(settings.authorityFile, identity)
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw HandoffError("\(settings.name): TLS cannot be set up: certificate and key do not fit each other")
        }
    }

    /// Sends one message; nil when it arrived.
    func send(_ message: [UInt8]) async -> DeliveryFault? {
        do {
            switch way {
            case .udp: try await sendDatagram(message)
            case .tcp, .tls: try await sendStream(Array("\(message.count) ".utf8) + message)
            }
            return nil
        } catch let fault as DeliveryFault {
            return fault
        } catch {
            return NetworkFault.fault(error, redaction, timeout: "\(timeout)")
        }
    }

    private func sendDatagram(_ message: [UInt8]) async throws {
        let watch = CloseWatch(MultiThreadedEventLoopGroup.singleton.any().makePromise(of: Void.self))
        let channel = try await DatagramBootstrap(group: watch.promise.futureResult.eventLoop)
            .channelInitializer { $0.eventLoop.makeCompletedFuture(watch.adding(to: $0)) }
            .connect(host: host, port: port).get()
        // Datagrams of a refused port are reported by the next call; the pause gives the refusal its time.
        channel.eventLoop.scheduleTask(in: .milliseconds(SyslogTransport.refusalMilliseconds)) { watch.succeed() }
        do {
            try await channel.writeAndFlush(ByteBuffer(bytes: message)).get()
            try await watch.promise.futureResult.get()
        } catch {
            watch.succeed()
            try? await channel.close().get()
            throw error
        }
        try? await channel.close().get()
    }

    private func sendStream(_ message: [UInt8]) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let watch = CloseWatch(loop.makePromise(of: Void.self))
        let host = self.host
        let context = self.context
        let connecting = ClientBootstrap(group: loop)
            .connectTimeout(.seconds(timeout))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host))
                    }
                    try watch.add(to: channel)
                }
            }
            .connect(host: host, port: port)
        let channel: any Channel
        do {
            channel = try await connecting.get()
        } catch {
            watch.succeed()
            throw error
        }
        let text = "\(timeout)"
        let limit = loop.scheduleTask(in: .seconds(timeout)) {
            watch.fail(DeliveryFault("the receiver did not close within \(text) s", isUnsure: true))
            channel.close(promise: nil)
        }
        defer { limit.cancel() }
        channel.writeAndFlush(ByteBuffer(bytes: message)).whenFailure { watch.fail($0) }
        channel.close(mode: .output).whenFailure { watch.fail($0) }
        do {
            try await watch.promise.futureResult.get()
        } catch {
            channel.close(promise: nil)
            throw error
        }
    }
}

/// Keeps one promise: that the other side closed, or why not.
private final class CloseWatch: ChannelInboundHandler, Sendable {
    typealias InboundIn = NIOAny

    let promise: EventLoopPromise<Void>

    init(_ promise: EventLoopPromise<Void>) { self.promise = promise }

    func add(to channel: any Channel) throws { try channel.pipeline.syncOperations.addHandler(self) }

    func adding(to channel: any Channel) -> Result<Void, any Error> { Result { try add(to: channel) } }

    func succeed() { promise.succeed(()) }

    func fail(_ error: any Error) { promise.fail(error) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func channelInactive(context: ChannelHandlerContext) { promise.succeed(()) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Many receivers close their TLS connections without saying so first.
        if case .uncleanShutdown? = error as? NIOSSLError { return }
        promise.fail(error)
        context.close(promise: nil)
    }
}
