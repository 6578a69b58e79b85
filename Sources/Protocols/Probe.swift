// SPDX-License-Identifier: Apache-2.0
//
// Finding a protocol by the first octets of a connection.
//
// Reads   the octets of one direction from its first one on.
// Writes  a verdict: matches, cannot match any more, needs more octets.
// Leaves  when probes run and what they start (Analysis.swift).

import Records
import Wire

/// What the octets seen so far say.
enum ProbeVerdict: Equatable {
    case matches
    case never
    case needsMore
}

/// One probe: which analyzer it starts, and where it looks. Two probes with each
/// other's index as `reverse` start the analyzer only when both have matched.
struct Probe: Sendable {
    let kind: AnalyzerKind
    let transport: Transport
    /// The side that the octets must come from; nil for any.
    let side: Direction?
    let test: @Sendable (RawSpan) -> ProbeVerdict

    init(
        _ kind: AnalyzerKind, _ transport: Transport, _ side: Direction?,
        _ test: @escaping @Sendable (RawSpan) -> ProbeVerdict
    ) {
        self.kind = kind
        self.transport = transport
        self.side = side
        self.test = test
    }
}

/// HTTP: blanks, then a registered method from the originator; `HTTP/` and a
/// digit from the responder (Zeek's base/protocols/http/dpd.sig).
enum HTTPProbe {
    private static let methods: [StaticString] = [
        "OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "QUERY", "ACL", "BASELINE-CONTROL", "BIND", "CHECKIN",
        "CHECKOUT", "CONNECT", "COPY", "LABEL", "LINK", "LOCK", "MERGE", "MKACTIVITY", "MKCALENDAR", "MKCOL",
        "MKREDIRECTREF", "MOVE", "ORDERPATCH", "PATCH", "PROPFIND", "PROPPATCH", "REBIND", "REPORT", "SEARCH", "TRACE",
        "UNBIND", "UNCHECKOUT", "UNLINK", "UNLOCK", "UPDATE", "VERSION-CONTROL", "BCOPY", "BDELETE", "BMOVE",
        "BPROPFIND", "BPROPPATCH", "NOTIFY", "POLL", "SUBSCRIBE", "UNSUBSCRIBE", "X-MS-ENUMATTS", "MKWORKSPACE",
        "RPC_IN_DATA", "RPC_OUT_DATA",
    ]

    static func request(_ bytes: RawSpan) -> ProbeVerdict {
        var start = 0
        while start < bytes.byteCount, isBlank(bytes.octet(start)) { start &+= 1 }
        guard start < bytes.byteCount else { return .needsMore }
        var verdict = ProbeVerdict.never
        for method in methods {
            switch bytes.beginning(with: method, at: start) {
            case .matches: return .matches
            case .needsMore: verdict = .needsMore
            case .never: break
            }
        }
        return verdict
    }

    static func response(_ bytes: RawSpan) -> ProbeVerdict {
        let verdict = bytes.beginning(with: "HTTP/", at: 0, anyCase: true)
        guard verdict == .matches else { return verdict }
        guard bytes.byteCount > 5 else { return .needsMore }
        return (0x30...0x39).contains(bytes.octet(5)) ? .matches : .never
    }

    private static func isBlank(_ octet: UInt8) -> Bool { octet == 0x20 || (0x09...0x0D).contains(octet) }
}

extension RawSpan {
    /// Whether the octets from `offset` on begin with `literal`, cannot, or are too few to say.
    func beginning(with literal: StaticString, at offset: Int, anyCase: Bool = false) -> ProbeVerdict {
        let available = byteCount &- offset
        guard available > 0 else { return .needsMore }
        let count = literal.utf8CodeUnitCount
        guard matches(literal, at: offset, count: Swift.min(count, available), anyCase: anyCase) else { return .never }
        return available >= count ? .matches : .needsMore
    }
}
