// SPDX-License-Identifier: Apache-2.0
//
// A small receiver on the loopback interface that imitates the products, with faults on demand.

import Foundation
import Glibc
import JSON
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// What goes wrong with one request.
enum Fault: Sendable {
    /// Refused with a status, and not taken.
    case status(Int, retryAfter: String? = nil, body: String = "{\"text\":\"no\"}")
    /// Not taken, and never answered.
    case hang
    /// Taken, and never answered.
    case takenSilence
    /// Taken, then the connection is reset in the middle of the answer.
    case takenReset
    case redirect(String)
}

struct SeenRequest: Sendable {
    var method: String
    var path: String
    var headers: [String: String]
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }
    func json() throws -> JSONDocument { try JSONDocument(body) }
}

/// What the products have, and what goes wrong next.
final class Products: Sendable {
    struct State {
        var faults: [Fault] = []
        var requests: [SeenRequest] = []
        /// Records by their identity: the text that makes one single.
        var records: [String: Int] = [:]
        var events: [String] = []
        var versions: [String: Int64] = [:]
        var labels: [String: String] = [:]
        var acknowledged: Int64 = 0
        var isClosed: Set<String> = []
        var knowsSearch = true
    }
    let state = Mutex(State())

    func fail(_ faults: Fault...) { state.withLock { $0.faults += faults } }
    var requests: [SeenRequest] { state.withLock { $0.requests } }
    var events: [String] { state.withLock { $0.events } }
    /// How often each record was made.
    var records: [String: Int] { state.withLock { $0.records } }

    struct Answer: Sendable {
        var status = 200
        var body = "{}"
        var headers: [(String, String)] = []
    }

    /// The answer, and what goes wrong with it.
    func answer(_ request: SeenRequest) -> (answer: Answer, fault: Fault?) {
        state.withLock { state in
            state.requests.append(request)
            let fault = state.faults.isEmpty ? nil : state.faults.removeFirst()
            switch fault {
            case .status(let code, let retryAfter, let body)?:
                let headers = retryAfter.map { [("Retry-After", $0)] } ?? []
                return (Answer(status: code, body: body, headers: headers), nil)
            case .redirect(let place)?:
                return (Answer(status: 302, body: "", headers: [("Location", place)]), nil)
            case .hang?: return (Answer(), fault)
            case .takenSilence?, .takenReset?, nil: return (Products.take(request, &state), fault)
            }
        }
    }

    private static func take(_ request: SeenRequest, _ state: inout State) -> Answer {
        let path = request.path.split(separator: "?").first.map(String.init) ?? ""
        let root = (try? request.json())?.root
        if path.hasPrefix("/services/collector") { return splunk(path, root, &state) }
        if path.hasPrefix("/api/now/table/") { return serviceNow(request, path, root, &state) }
        if path.hasPrefix("/xsoar/public/v1/incident") { return xsoar(path, root, &state) }
        if path.hasPrefix("/api/v1/") { return hive(request, path, root, &state) }
        let key = root?["key"]?.string ?? "?"
        state.records[key, default: 0] += state.records[key] == nil ? 1 : 0
        state.events.append(key)
        return Answer()
    }

    private static func splunk(_ path: String, _ root: JSONValue?, _ state: inout State) -> Answer {
        if path.hasSuffix("/health") { return Answer(body: "{\"text\":\"HEC is healthy\",\"code\":17}") }
        if path.hasSuffix("/ack") {
            let number = root?.at("acks", "0")?.integer ?? -1
            // Not at the first question.
            defer { state.acknowledged = number }
            return Answer(body: "{\"acks\":{\"\(number)\":\(state.acknowledged == number)}}")
        }
        guard let key = root?.at("fields", "event_uid")?.string else {
            return Answer(status: 400, body: "{\"text\":\"Event field is required\",\"code\":12}")
        }
        state.events.append(key)
        state.records[key, default: 0] += 1
        return Answer(body: "{\"text\":\"Success\",\"code\":0,\"ackId\":\(state.events.count)}")
    }

    private static func serviceNow(
        _ request: SeenRequest, _ path: String, _ root: JSONValue?, _ state: inout State
    ) -> Answer {
        if request.method == "GET" {
            let key = request.path.components(separatedBy: "correlation_id=").last?.split(separator: "&").first ?? ""
            guard state.records[String(key)] != nil else { return Answer(body: "{\"result\":[]}") }
            let id = state.labels.first { $0.value == String(key) }?.key ?? "?"
            return Answer(body: "{\"result\":[{\"sys_id\":\"\(id)\",\"number\":\"SIR7\"}]}")
        }
        if request.method == "PATCH" {
            let id = String(path.split(separator: "/").last ?? "")
            guard let key = state.labels[id] else { return Answer(status: 404, body: "{\"error\":{}}") }
            state.events.append(root?["work_notes"]?.string ?? "?")
            if root?["state"]?.string == "3" { state.isClosed.insert(key) }
            return Answer(body: "{\"result\":{\"sys_id\":\"\(id)\",\"number\":\"SIR7\"}}")
        }
        let key = root?["correlation_id"]?.string ?? "?"
        state.records[key, default: 0] += 1
        let id = "5f\(state.labels.count)abc"
        state.labels[id] = key
        state.events.append(root?["work_notes"]?.string ?? "?")
        return Answer(status: 201, body: "{\"result\":{\"sys_id\":\"\(id)\",\"number\":\"SIR7\"}}")
    }

    private static func xsoar(_ path: String, _ root: JSONValue?, _ state: inout State) -> Answer {
        if path.hasSuffix("/search") {
            guard state.knowsSearch else { return Answer(status: 400, body: "{\"id\":\"bad_request\"}") }
            let query = root?.at("filter", "query")?.string ?? ""
            let found = state.labels.filter { "\"\($0.value)\"" == query }.map { id, key in
                "{\"id\":\"\(id)\",\"version\":\(state.versions[id] ?? 1),"
                    + "\"labels\":[{\"type\":\"WeirIncident\",\"value\":\"\(key)\"}]}"
            }
            return Answer(body: "{\"total\":\(found.count),\"data\":[\(found.joined(separator: ","))]}")
        }
        guard root?["name"]?.string != nil else { return Answer(status: 400, body: "{\"id\":\"bad_request\"}") }
        let key = root?["labels"]?[0]?["value"]?.string ?? "?"
        state.events.append(root?["labels"]?[1]?["value"]?.string ?? "?")
        if let id = root?["id"]?.string {
            let version = state.versions[id] ?? 1
            guard root?["version"]?.integer == version else {
                return Answer(status: 409, body: "{\"id\":\"conflict\"}")
            }
            state.versions[id] = version + 1
            if root?["status"]?.integer == 2 { state.isClosed.insert(key) }
            return Answer(body: "{\"id\":\"\(id)\",\"version\":\(version + 1)}")
        }
        state.records[key, default: 0] += 1
        let id = "\(100 + state.labels.count)"
        state.labels[id] = key
        state.versions[id] = 1
        return Answer(body: "{\"id\":\"\(id)\",\"version\":1}")
    }

    private static func hive(
        _ request: SeenRequest, _ path: String, _ root: JSONValue?, _ state: inout State
    ) -> Answer {
        if path == "/api/v1/query" {
            let key = root?["query"]?[1]?["_and"]?[2]?["_value"]?.string ?? "?"
            let id = state.labels.first { $0.value == key }?.key
            return Answer(body: id.map { "[{\"_id\":\"\($0)\"}]" } ?? "[]")
        }
        if request.method == "PATCH" {
            let id = String(path.split(separator: "/").last ?? "")
            guard let key = state.labels[id] else { return Answer(status: 404) }
            state.events.append("patched \(key)")
            if root?["summary"] != nil { state.isClosed.insert(key) }
            return Answer(status: 204, body: "")
        }
        let key = root?["sourceRef"]?.string ?? "?"
        guard state.records[key] == nil else {
            return Answer(status: 400, body: "{\"type\":\"CreateError\",\"message\":\"Alert already exists\"}")
        }
        state.records[key] = 1
        let id = "~\(state.labels.count)"
        state.labels[id] = key
        return Answer(status: 201, body: "{\"_id\":\"\(id)\",\"_type\":\"alert\"}")
    }
}

/// The receiver: HTTP, by TLS where a certificate is given.
final class LocalReceiver: Sendable {
    let products = Products()
    let port: Int
    private let channel: any Channel

    /// - Parameter certificate: name of a pair of files beside the other fixtures.
    init(certificate: String? = nil) async throws {
        let products = self.products
        let context = try certificate.map { name in
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(Fixture.path(name + ".pem"))
                    .map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: Fixture.path(name + ".key"), format: .pem)))
            configuration.minimumTLSVersion = .tlsv12
            return try NIOSSLContext(configuration: configuration)
        }
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                    }
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(ProductHandler(products))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }

    func close() async { try? await channel.close().get() }
}

private final class ProductHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let products: Products
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(_ products: Products) { self.products = products }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): (self.head, body) = (head, [])
        case .body(let part): body += part.readableBytesView
        case .end:
            guard let head else { return }
            var headers: [String: String] = [:]
            for (name, value) in head.headers { headers[name.lowercased()] = value }
            let (answer, fault) = products.answer(
                SeenRequest(method: head.method.rawValue, path: head.uri, headers: headers, body: body))
            switch fault {
            case .hang?, .takenSilence?: return
            case .takenReset?:
                write(answer, isWhole: false, context)
                // Nothing is left to be sent in order: the other side sees a reset.
                if let socket = context.channel as? any SocketOptionProvider {
                    socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in }
                }
                context.close(promise: nil)
            default: write(answer, isWhole: true, context)
            }
        }
    }

    private func write(_ answer: Products.Answer, isWhole: Bool, _ context: ChannelHandlerContext) {
        var headers = HTTPHeaders(answer.headers)
        headers.add(name: "Content-Type", value: "application/json")
        if answer.status != 204 {
            headers.add(name: "Content-Length", value: "\(answer.body.utf8.count + (isWhole ? 0 : 50))")
        }
        let head = HTTPResponseHead(
            version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: answer.body)))), promise: nil)
        if isWhole {
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        } else {
            context.flush()
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

enum Fixture {
    static func path(_ name: String) -> String {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/handoff/\(name)").path
    }
}
