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
///
/// On streams the reverse test is run only when the other one has matched: give the cheaper or
/// the rarer of the two as `test`.
struct Probe: Sendable {
    typealias Test = @Sendable (RawSpan) -> ProbeVerdict

    let kind: AnalyzerKind
    let transport: Transport
    /// The side that the octets must come from; nil for any.
    let side: Direction?
    let test: Test
    let reverse: Test?
    /// Datagrams that begin with another octet are not looked at. Of streams the tests themselves
    /// say what they can begin with.
    let first: ClosedRange<UInt8>
    /// Only for ports that do not choose the analyzer themselves: there, what it refused it is not given again.
    let isForOtherPorts: Bool

    init(
        _ kind: AnalyzerKind, _ transport: Transport, _ side: Direction?, _ test: @escaping Test,
        reverse: Test? = nil, first: ClosedRange<UInt8> = 0...0xFF, isForOtherPorts: Bool = false
    ) {
        self.kind = kind
        self.transport = transport
        self.side = side
        self.test = test
        self.reverse = reverse
        self.first = first
        self.isForOtherPorts = isForOtherPorts
    }
}

/// A set of probes: bit n is probe n of the registry, which holds no more than there are bits.
typealias ProbeSet = UInt128

/// Which probes the first octet of a side leaves possible. Made once, by asking every test.
struct ProbeTable: Sendable {
    /// By first octet, those whose test, or reverse test, may still match.
    let forward: [ProbeSet]
    let reverse: [ProbeSet]

    static let shared = ProbeTable(Registry.probes)

    init(_ probes: [Probe]) {
        precondition(probes.count <= ProbeSet.bitWidth, "more probes than a set has bits")
        var forward = [ProbeSet](repeating: 0, count: 256)
        var reverse = forward
        for octet in 0..<256 {
            let only = [UInt8(octet)]
            for (index, probe) in probes.enumerated() where probe.first.contains(UInt8(octet)) {
                let isStream = probe.transport == .tcp
                if !isStream || probe.test(only.octets) != .never { forward[octet] |= 1 << index }
                if let test = probe.reverse, !isStream || test(only.octets) != .never { reverse[octet] |= 1 << index }
            }
        }
        self.forward = forward
        self.reverse = reverse
    }
}

/// The probes of one transport that may apply to each direction.
struct ProbeMasks: Sendable {
    var forward: [2 of ProbeSet] = [0, 0]
    var reverse: [2 of ProbeSet] = [0, 0]

    /// The masks of the probes in `chosen`.
    init(_ transport: Transport, chosen: ProbeSet) {
        for (index, probe) in Registry.probes.enumerated() where chosen & (1 << index) != 0 {
            guard probe.transport == transport else { continue }
            for side in 0..<2 where probe.side == nil || Int(probe.side?.rawValue ?? 2) == side {
                forward[side] |= 1 << index
                if probe.reverse != nil { reverse[1 - side] |= 1 << index }
            }
        }
    }
}

/// Which probes of a connection are still open, and which wait for their other half.
struct OpenProbes {
    private var forward: [2 of ProbeSet] = [0, 0]
    private var reverse: [2 of ProbeSet] = [0, 0]
    private var forwardMatched: [2 of ProbeSet] = [0, 0]
    private var reverseMatched: [2 of ProbeSet] = [0, 0]

    var isEmpty: Bool { forward[0] | forward[1] | reverse[0] | reverse[1] == 0 }

    init() {}

    init(_ masks: ProbeMasks) {
        forward = masks.forward
        reverse = masks.reverse
    }

    /// Runs the open probes on all octets of a direction so far; `others` are those of the other
    /// one, `isFirst` says that the direction had none before. Answers the probes that are satisfied
    /// now, each once a connection; one that cannot match any more is closed.
    mutating func testStream(
        _ bytes: RawSpan, isFirst: Bool, others: RawSpan, from direction: Direction
    ) -> ProbeSet {
        guard bytes.byteCount > 0 else { return 0 }
        let (side, other) = (Int(direction.rawValue), 1 - Int(direction.rawValue))
        if isFirst { narrow(side, bytes.octet(0)) }
        var satisfied: ProbeSet = 0
        var rest = forward[side]
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            let bit: ProbeSet = 1 << index
            rest &= ~bit
            // Of the registry's entry only what is called is taken out: a copy of it counts references.
            switch Registry.probes[index].test(bytes) {
            case .needsMore: continue
            case .never: closeForward(bit, side)
            case .matches:
                forward[side] &= ~bit
                guard let reverse = Registry.probes[index].reverse else {
                    satisfied |= bit
                    continue
                }
                forwardMatched[side] |= bit
                guard others.byteCount > 0 else { continue }
                take(reverse(others), bit, of: other, &satisfied)
            }
        }
        rest = reverse[side] & forwardMatched[other]
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            let bit: ProbeSet = 1 << index
            rest &= ~bit
            take(Registry.probes[index].reverse?(bytes) ?? .never, bit, of: side, &satisfied)
        }
        settle(satisfied)
        return satisfied
    }

    /// Those of some probes that match what a side begins with.
    static func matches(_ probes: ProbeSet, _ bytes: RawSpan) -> ProbeSet {
        var matches: ProbeSet = 0
        var rest = probes
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest &- 1
            if Registry.probes[index].test(bytes) == .matches { matches |= 1 << index }
        }
        return matches
    }

    /// Runs the open probes on one datagram. Whatever it is, the next one is a new chance.
    mutating func testDatagram(_ bytes: RawSpan, from direction: Direction) -> ProbeSet {
        guard bytes.byteCount > 0 else { return 0 }
        let (side, other) = (Int(direction.rawValue), 1 - Int(direction.rawValue))
        var satisfied: ProbeSet = 0
        var rest = forward[side] & ProbeTable.shared.forward[Int(bytes.octet(0))]
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            let bit: ProbeSet = 1 << index
            rest &= ~bit
            guard Registry.probes[index].test(bytes) == .matches else { continue }
            forward[side] &= ~bit
            forwardMatched[side] |= bit
            if Registry.probes[index].reverse == nil || reverseMatched[other] & bit != 0 { satisfied |= bit }
        }
        rest = reverse[side] & ProbeTable.shared.reverse[Int(bytes.octet(0))]
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            let bit: ProbeSet = 1 << index
            rest &= ~bit
            guard Registry.probes[index].reverse?(bytes) == .matches else { continue }
            reverse[side] &= ~bit
            reverseMatched[side] |= bit
            if forwardMatched[other] & bit != 0 { satisfied |= bit }
        }
        settle(satisfied)
        return satisfied
    }

    /// Closes what cannot begin with the first octet of a side.
    private mutating func narrow(_ side: Int, _ first: UInt8) {
        let table = ProbeTable.shared
        closeForward(forward[side] & ~table.forward[Int(first)], side)
        closeReverse(reverse[side] & ~table.reverse[Int(first)], side)
    }

    /// The verdict of a reverse test on the octets of `side`.
    private mutating func take(_ verdict: ProbeVerdict, _ bit: ProbeSet, of side: Int, _ satisfied: inout ProbeSet) {
        switch verdict {
        case .needsMore: break
        case .never: closeReverse(bit, side)
        case .matches: satisfied |= bit
        }
    }

    private mutating func closeForward(_ set: ProbeSet, _ side: Int) {
        forward[side] &= ~set
        reverse[1 - side] &= ~set
    }

    private mutating func closeReverse(_ set: ProbeSet, _ side: Int) {
        reverse[side] &= ~set
        forward[1 - side] &= ~set
        forwardMatched[1 - side] &= ~set
    }

    private mutating func settle(_ satisfied: ProbeSet) {
        for side in 0..<2 {
            forward[side] &= ~satisfied
            reverse[side] &= ~satisfied
        }
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
