// SPDX-License-Identifier: Apache-2.0
//
// One HTTP exchange with a receiver that may be slow, broken or hostile.
//
// Reads   answers up to a bound, within one time-out for the whole exchange.
// Writes  requests; certificates are always verified, redirects never followed.
// Leaves  what the answer means (`DeliveryOutcome`, the connectors).

internal import AsyncHTTPClient
internal import Foundation
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import Synchronization

/// An answer, its body cut to `HTTPTransport.bodyBytesMax`.
package struct HTTPAnswer: Sendable, Equatable {
    package var status: Int
    /// Of the header Retry-After.
    package var retryAfter: Double?
    package var body: [UInt8]
    /// The body's beginning, secrets and control characters replaced.
    package var excerpt: String

    var isSuccess: Bool { (200..<300).contains(status) }

    var fault: DeliveryFault {
        DeliveryFault(status: status, "the receiver answered HTTP \(status)", answer: excerpt)
    }
}

/// What is asked of a receiver.
struct HTTPCall: Sendable {
    var method = "POST"
    var url: String
    var headers: [(String, String)] = []
    var body: [UInt8] = []
}

/// The client of one connector.
package final class HTTPTransport: Sendable {
    /// Octets of an answer that are read; products answer with the record they made.
    static let bodyBytesMax = 1 << 20

    private let configuration: HTTPClient.Configuration
    private let made = Mutex<HTTPClient?>(nil)
    private let timeout: Double
    private let redaction: Redaction

    /// - Parameter authorityFile: PEM of the certificates that are trusted instead of the system's.
    init(
        timeout: Double, authorityFile: String?, identity: TLSIdentity?, redaction: Redaction
    ) throws(HandoffError) {
        var configuration = HTTPClient.Configuration()
        configuration.tlsConfiguration = try TLSIdentity.configuration(authorityFile, identity)
        configuration.redirectConfiguration = .disallow
        configuration.timeout = .init(connect: .seconds(timeout), read: .seconds(timeout))
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.idleTimeout = .milliseconds(500)
        configuration.httpVersion = .http1Only
        self.configuration = configuration
        self.timeout = timeout
        self.redaction = redaction
    }

    /// The client, made when it is first wanted: one that was made has to be shut down, and a configuration that is
    /// refused further on must not need that.
    private var client: HTTPClient {
        made.withLock { made in
            if let made { return made }
            let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
            made = client
            return client
        }
    }

    /// Must be called at the end where anything was sent.
    func shutdown() async {
        let client = made.withLock { made in
            defer { made = nil }
            return made
        }
        try? await client?.shutdown()
    }

    /// Sends one request; an error of the network is a fault, every status is an answer.
    func send(_ call: HTTPCall) async -> Result<HTTPAnswer, DeliveryFault> {
        let timeout = self.timeout
        return await withTaskGroup(of: Result<HTTPAnswer, DeliveryFault>?.self) { group in
            group.addTask { await self.exchange(call) }
            group.addTask {
                // Over when the exchange was quicker.
                guard (try? await Task.sleep(for: .seconds(timeout))) != nil else { return nil }
                return .failure(
                    DeliveryFault("no whole answer within \(HTTPTransport.text(timeout)) s", isUnsure: true))
            }
            var first: Result<HTTPAnswer, DeliveryFault>?
            while first == nil, let next = await group.next() { first = next }
            group.cancelAll()
            return first ?? .failure(DeliveryFault("the exchange was broken off", isUnsure: true))
        }
    }

    private static func text(_ seconds: Double) -> String {
        seconds == seconds.rounded() ? "\(Int(seconds))" : "\(seconds)"
    }

    private func exchange(_ call: HTTPCall) async -> Result<HTTPAnswer, DeliveryFault> {
        var request = HTTPClientRequest(url: call.url)
        request.method = HTTPMethod(rawValue: call.method)
        for (name, value) in call.headers { request.headers.add(name: name, value: value) }
        request.headers.replaceOrAdd(name: "User-Agent", value: "weir")
        if !call.body.isEmpty || call.method != "GET" { request.body = .bytes(ByteBuffer(bytes: call.body)) }
        do {
            let response = try await client.execute(request, deadline: .now() + .seconds(timeout))
            var body: [UInt8] = []
            // A body that is cut off in the middle is an answer that was lost: whether it counts is unsure.
            for try await part in response.body {
                let room = HTTPTransport.bodyBytesMax - body.count
                body.append(contentsOf: part.readableBytesView.prefix(room))
                if body.count >= HTTPTransport.bodyBytesMax { break }
            }
            let retryAfter = response.headers.first(name: "Retry-After").flatMap {
                RetryAfter.seconds($0, now: Date().timeIntervalSince1970)
            }
            let beginning = String(decoding: body.prefix(2 * Redaction.answerBytesMax), as: UTF8.self)
            return .success(
                HTTPAnswer(
                    status: Int(response.status.code), retryAfter: retryAfter, body: body,
                    excerpt: redaction.clean(beginning)))
        } catch {
            return .failure(NetworkFault.fault(error, redaction, timeout: HTTPTransport.text(timeout)))
        }
    }
}

extension TimeAmount {
    static func seconds(_ seconds: Double) -> TimeAmount { .nanoseconds(Int64(seconds * 1e9)) }
}

/// Certificate and key by which this sensor shows who it is.
struct TLSIdentity: Sendable {
    var certificateFile: String
    /// PEM.
    var key: Secret

    static func configuration(_ authorityFile: String?, _ identity: TLSIdentity?) throws(HandoffError)
        -> TLSConfiguration
    {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.certificateVerification = .fullVerification
        if let authorityFile {
            do {
                configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authorityFile))
            } catch {
                throw HandoffError("ca_file: \(authorityFile): there are no certificates in PEM to read there")
            }
        }
        guard let identity else { return configuration }
        do {
            configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(identity.certificateFile)
                .map { .certificate($0) }
        } catch {
            throw HandoffError(
                "certificate_file: \(identity.certificateFile): there are no certificates in PEM to read there")
        }
        do {
            configuration.privateKey = .privateKey(
                try NIOSSLPrivateKey(bytes: Array(identity.key.exposed.utf8), format: .pem))
        } catch {
            throw HandoffError("key_file: this is not a private key in PEM")
        }
        return configuration
    }
}

/// What an error of the network means to an operator.
enum NetworkFault {
    /// A wrong certificate; nothing was sent.
    private static let certificateReason = "the receiver's certificate is not to be trusted"

    static func isCertificate(_ fault: DeliveryFault) -> Bool { fault.reason.hasPrefix(certificateReason) }

    static func fault(_ error: any Error, _ redaction: Redaction, timeout: String) -> DeliveryFault {
        if let error = error as? NIOSSLError {
            if case .handshakeFailed(let inner) = error {
                let text = "\(inner)"
                return text.contains("CERTIFICATE_VERIFY_FAILED")
                    ? DeliveryFault(certificateReason + "; give its authority as ca_file, or have it renewed")
                    : DeliveryFault("the TLS handshake failed", answer: redaction.clean(text))
            }
            if case .unableToValidateCertificate = error {
                return DeliveryFault(certificateReason + ": it is not for this host")
            }
            return DeliveryFault("TLS failed", answer: redaction.clean("\(error)"), isUnsure: true)
        }
        if let error = error as? NIOSSLExtraError {
            let isName = error == .failedToValidateHostname || error == .serverHostnameImpossibleToMatch
            return isName
                ? DeliveryFault(certificateReason + ": it is not for this host")
                : DeliveryFault("TLS failed", answer: redaction.clean("\(error)"))
        }
        if error is BoringSSLError {
            let text = "\(error)"
            return text.contains("CERTIFICATE_VERIFY_FAILED")
                ? DeliveryFault(certificateReason + "; give its authority as ca_file, or have it renewed")
                : DeliveryFault("TLS failed", answer: redaction.clean(text), isUnsure: true)
        }
        if let error = error as? NIOConnectionError {
            let isUnknown = error.connectionErrors.isEmpty
            return DeliveryFault(
                isUnknown ? "the host has no address" : "no connection: "
                    + (error.connectionErrors.first.map { NetworkFault.text($0.error) } ?? "refused"))
        }
        // A connection that was never made took nothing with it.
        let refusals = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL]
        if let error = error as? IOError, refusals.contains(error.errnoCode) {
            return DeliveryFault("no connection: " + NetworkFault.text(error))
        }
        if let error = error as? HTTPClientError {
            switch error {
            case .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout:
                return DeliveryFault("no connection within \(timeout) s")
            case .deadlineExceeded, .readTimeout, .writeTimeout:
                return DeliveryFault("no whole answer within \(timeout) s", isUnsure: true)
            case .remoteConnectionClosed:
                return DeliveryFault("the receiver broke off before it had answered", isUnsure: true)
            default: break
            }
        }
        return DeliveryFault("the exchange failed: \(redaction.clean(NetworkFault.text(error)))", isUnsure: true)
    }

    private static func text(_ error: any Error) -> String {
        guard let error = error as? IOError else { return "\(error)" }
        switch error.errnoCode {
        case ECONNREFUSED: return "connection refused"
        case ECONNRESET: return "the receiver reset the connection"
        case EHOSTUNREACH: return "no route to the host"
        case ENETUNREACH: return "the network is unreachable"
        case EPIPE: return "the receiver closed the connection"
        default: return "\(error)"
        }
    }
}
