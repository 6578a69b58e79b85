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

    mutating func begin(_ context: inout AnalyzerContext) {
        guard !isActive else { return }
        isActive = true
        guard let kind = InnerTLS.kind else { return }
        inner = context.take(kind)
    }

    mutating func stream(_ bytes: RawSpan, from direction: Direction, _ context: inout AnalyzerContext) {
        guard let inner, bytes.byteCount > 0 else { return }
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
        inner = nil
        isActive = false
    }

    /// The dissector of TLS; nil where there is none.
    private static let kind = AnalyzerKind.allCases.first { $0.serviceName.description == "ssl" }
}
