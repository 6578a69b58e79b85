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

/// One probe: which analyzer it starts, and where it looks. Where there is a reverse test,
/// the other direction must pass that one too, before or after.
struct Probe: Sendable {
    typealias Test = @Sendable (RawSpan) -> ProbeVerdict

    let kind: AnalyzerKind
    let transport: Transport
    /// The side that the octets must come from; nil for any.
    let side: Direction?
    let test: Test
    let reverse: Test?

    init(
        _ kind: AnalyzerKind, _ transport: Transport, _ side: Direction?, _ test: @escaping Test,
        reverse: Test? = nil
    ) {
        self.kind = kind
        self.transport = transport
        self.side = side
        self.test = test
        self.reverse = reverse
    }
}

/// The probes of one transport that may apply to each direction: bit n is probe n.
struct ProbeMasks: Sendable {
    var forward: [2 of UInt64] = [0, 0]
    var reverse: [2 of UInt64] = [0, 0]

    /// The masks of the probes in `chosen`.
    init(_ transport: Transport, chosen: UInt64) {
        for (index, probe) in Registry.probes.enumerated() where chosen & (1 << UInt64(index)) != 0 {
            guard probe.transport == transport else { continue }
            for side in 0..<2 where probe.side == nil || Int(probe.side?.rawValue ?? 2) == side {
                forward[side] |= 1 << UInt64(index)
                if probe.reverse != nil { reverse[1 - side] |= 1 << UInt64(index) }
            }
        }
    }
}

/// Which probes of a connection are still open, and which wait for their other half.
struct OpenProbes {
    private var forward: [2 of UInt64] = [0, 0]
    private var reverse: [2 of UInt64] = [0, 0]
    private var forwardMatched: [2 of UInt64] = [0, 0]
    private var reverseMatched: [2 of UInt64] = [0, 0]

    var isEmpty: Bool { forward[0] | forward[1] | reverse[0] | reverse[1] == 0 }

    mutating func open(_ masks: ProbeMasks) {
        forward = masks.forward
        reverse = masks.reverse
    }

    mutating func close() { self = OpenProbes() }

    /// Runs the open probes on a direction's octets so far; answers those that are satisfied
    /// now, each once a connection. In a stream a probe that cannot match any more is closed;
    /// the next datagram is a new chance.
    mutating func test(_ bytes: RawSpan, from direction: Direction, isStream: Bool) -> UInt64 {
        let (side, other) = (Int(direction.rawValue), 1 - Int(direction.rawValue))
        var satisfied: UInt64 = 0
        var rest = forward[side]
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            let bit: UInt64 = 1 << UInt64(index)
            rest &= ~bit
            let probe = Registry.probes[index]
            switch probe.test(bytes) {
            case .needsMore: continue
            case .never:
                guard isStream else { continue }
                forward[side] &= ~bit
                reverse[other] &= ~bit
            case .matches:
                forward[side] &= ~bit
                if probe.reverse == nil || reverseMatched[other] & bit != 0 {
                    satisfied |= bit
                } else {
                    forwardMatched[side] |= bit
                }
            }
        }
        rest = reverse[side]
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            let bit: UInt64 = 1 << UInt64(index)
            rest &= ~bit
            switch Registry.probes[index].reverse?(bytes) ?? .never {
            case .needsMore: continue
            case .never:
                guard isStream else { continue }
                reverse[side] &= ~bit
                forward[other] &= ~bit
                forwardMatched[other] &= ~bit
            case .matches:
                reverse[side] &= ~bit
                if forwardMatched[other] & bit != 0 { satisfied |= bit } else { reverseMatched[side] |= bit }
            }
        }
        for place in 0..<2 {
            forward[place] &= ~satisfied
            reverse[place] &= ~satisfied
        }
        return satisfied
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
