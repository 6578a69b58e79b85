// SPDX-License-Identifier: Apache-2.0
//
// TLS inside another protocol, after STARTTLS and its like.
//
// Reads   the octets of both directions from the handover on.
// Writes  nothing itself; the dissector of TLS does.
// Leaves  when TLS begins (the protocols).

import Records
import Wire

/// A dissector that takes over the stream of another. Holds none until `begin`;
/// then both directions go to it, until it detaches or the connection ends.
struct InnerTLS {
    private var inner: Analyzer?
    /// Whether the stream was handed over, with a dissector for it or without.
    private(set) var isActive = false
    /// The carrier, until the first octets come that are not its.
    private var left: AnalyzerKind?

    /// `carrier` is the protocol whose stream becomes TLS.
    mutating func begin(_ context: inout AnalyzerContext, in carrier: AnalyzerKind) {
        guard !isActive else { return }
        isActive = true
        left = carrier
        inner = context.take(.ssl)
        guard let tls = inner as? TLS else { return }
        switch carrier {
        case .postgresql: tls.view.carrier = "pgsql"
        case .ldapTCP: tls.view.carrier = "ldap"
        default: tls.view.carrier = carrier.serviceName
        }
    }

    mutating func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard bytes.byteCount > 0 else { return }
        if let left { context.serviceChanges.append(.left(left, for: .ssl)) }
        left = nil
        guard let inner else { return }
        inner.stream(bytes, from: direction, &context)
        if inner.isDetached { finish(&context) }
    }

    mutating func gap(_ count: Int, from direction: Direction, _ context: inout AnalyzerContext) {
        guard let inner else { return }
        inner.gap(count, from: direction, &context)
        if inner.isDetached { finish(&context) }
    }

    mutating func endOfStream(from direction: Direction, _ context: inout AnalyzerContext) {
        guard let inner else { return }
        inner.endOfStream(from: direction, &context)
        if inner.isDetached { finish(&context) }
    }

    /// The connection is over, or TLS is: what is half done is written.
    mutating func finish(_ context: inout AnalyzerContext) {
        guard let inner else { return }
        inner.finish(&context)
        context.giveBack(inner)
        self.inner = nil
    }

    mutating func reset() {
        (inner, left) = (nil, nil)
        isActive = false
    }
}
