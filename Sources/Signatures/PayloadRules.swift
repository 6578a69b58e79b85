// SPDX-License-Identifier: Apache-2.0
//
// Patterns and the rules behind them; what is looked for in payloads.
//
// Reads   nothing.
// Writes  nothing: made once, then shared by all workers.
// Leaves  which rules stand where (RuleIndex.swift).

import Records
import Wire

/// What a pattern in a payload is good for. A segment of TCP is looked through once for all of these.
struct PatternUses: OptionSet, Sendable, BitwiseCopyable {
    let rawValue: UInt8
    /// The rule is a candidate for the packet, where the packet is in a stream, and where it is in none.
    static let packet = PatternUses(rawValue: 1)
    static let unstreamed = PatternUses(rawValue: 2)
    /// The rule is a candidate when the stream is inspected.
    static let stream = PatternUses(rawValue: 4)
    /// The rule is a candidate for the transactions of the direction as long as the pattern is at hand.
    static let transaction = PatternUses(rawValue: 8)
    /// The pattern is looked for in files, and in bodies of responses. These are mostly the same octets.
    static let file = PatternUses(rawValue: 16)
    static let responseBody = PatternUses(rawValue: 32)

    init(rawValue: UInt8) { self.rawValue = rawValue }

    /// What is looked for in a buffer: nothing in particular but of those whose octets are looked through together.
    init(_ buffer: SignatureBuffer, transforms: UInt16) {
        self = transforms != 0 ? [] : buffer == .fileData ? .file : buffer == .httpResponseBody ? .responseBody : []
    }

    /// What a rule for segments looks at.
    init(_ rule: Rule) {
        self = []
        if rule.kind != .stream { insert(.packet) }
        if rule.header.scope != .stream { insert(.unstreamed) }
        if rule.kind != .packet { insert(.stream) }
    }
}

/// A rule that a pattern makes a candidate.
struct PatternRule: Sendable, BitwiseCopyable {
    var rule: UInt32
    var uses: PatternUses
    /// The ways of packets that it may look at.
    var pairs: ZonePairs
}

/// Patterns and the rules that each makes candidates.
final class PatternGroup: Sendable {
    /// Of those that may stand anywhere; nil where there are none.
    let database: PatternDatabase?
    private let search: GramSearch
    private let anchored: AnchoredSearch
    private let early: GramSearch
    private let earlyStart: UInt32
    /// `starts[n] ..< starts[n + 1]` of `rules` are those of pattern `n`.
    private let starts: FixedTable<UInt32>
    let rules: FixedTable<PatternRule>
    /// Octets of the longest pattern that may stand anywhere.
    let lengthMax: Int
    let hasEarly: Bool

    init(_ patterns: [Pattern], _ lists: [[PatternRule]]) throws(PatternRefusal) {
        let free = patterns.indices.filter { patterns[$0].stands == .anywhere }
        let early = patterns.indices.filter { patterns[$0].stands == .early }
        let anchored = patterns.indices.filter { patterns[$0].stands != .anywhere && patterns[$0].stands != .early }
        do throws(PatternRefusal) {
            database = free.isEmpty ? nil : try PatternDatabase(free.map { patterns[$0] })
        } catch {
            throw PatternRefusal(place: error.place.map { free[$0] })
        }
        search = GramSearch(free.map { patterns[$0] })
        // The number behind those of the database's patterns has no rules.
        let numbers = free + [nil] + anchored + early
        self.anchored = AnchoredSearch(anchored.map { patterns[$0] }, first: free.count + 1)
        self.early = GramSearch(early.map { patterns[$0] })
        earlyStart = UInt32(free.count + 1 + anchored.count)
        hasEarly = !early.isEmpty
        var starts: [UInt32] = [0]
        var rules: [PatternRule] = []
        for number in numbers {
            if let number { rules.append(contentsOf: lists[number]) }
            starts.append(UInt32(rules.count))
        }
        self.starts = FixedTable(starts)
        self.rules = FixedTable(rules)
        lengthMax = free.map { patterns[$0].octets.count }.max() ?? 0
    }

    /// Looks for all patterns that may stand anywhere in `bytes`; what was found is then in `scratch`.
    func find(in bytes: RawSpan, _ scratch: PatternScratch) {
        guard let database else { return scratch.clear() }
        guard bytes.byteCount <= GramSearch.bytesMax else { return scratch.scan(bytes, database) }
        scratch.clear()
        search.forEach(in: bytes) { scratch.note($0, $1) }
    }

    /// Adds to `scratch` what can stand at the end only, and, where `bytes` are the start, there only.
    func findAnchored(in bytes: RawSpan, _ scratch: PatternScratch, isStart: Bool) {
        guard !anchored.isEmpty else { return }
        anchored.forEach(in: bytes, isStart: isStart) { scratch.note($0, $1) }
    }

    /// Adds to `scratch` what is looked for while the server has hardly sent anything.
    func findEarly(in bytes: RawSpan, _ scratch: PatternScratch) {
        early.forEach(in: bytes) { scratch.note($0 &+ earlyStart, $1) }
    }

    /// Octets from the start that patterns which stand there alone may reach to; 0 where there are none.
    var reach: Int { anchored.reach }

    /// Into `rules`.
    func rules(of pattern: UInt32) -> Range<Int> {
        Int(starts[Int(pattern)]) ..< Int(starts[Int(pattern) &+ 1])
    }
}

/// Patterns that stand in most packets: of one or two octets, or of one octet again and again. A rule with such a one
/// for few ports or one size is looked for in their packets alone, and one after the other.
struct WeakPatterns {
    struct Entry: BitwiseCopyable {
        /// Into `RuleSet.patterns`.
        var octets: PoolRange
        var isCaseless: Bool
        var pairs: ZonePairs
        var rule: UInt32
    }

    private(set) var entries: [Entry] = []
    /// Numbers of entries.
    private(set) var places = PortLists()

    static func takes(_ pattern: Pattern, _ rule: Rule, _ set: RuleSet) -> Bool {
        pattern.stands == .anywhere && (pattern.octets.count <= 2 || pattern.isUniform) && PortLists.isNarrow(rule, set)
    }

    mutating func add(_ pattern: Pattern, _ number: UInt32, _ rule: Rule, _ set: RuleSet, _ pairs: ZonePairs) {
        places.add(UInt32(entries.count), rule, set)
        entries.append(
            Entry(octets: PoolRange(pattern.place), isCaseless: pattern.isCaseless, pairs: pairs, rule: number))
    }
}

/// What a packet's protocol makes of the choice of rules.
enum PacketClass: Int, CaseIterable, Sendable {
    case tcp, udp, icmp, other

    init(protocolNumber: UInt8) {
        switch protocolNumber {
        case 6: self = .tcp
        case 17: self = .udp
        case 1, 58: self = .icmp
        default: self = .other
        }
    }

    func holds(_ protocols: ProtocolNumbers) -> Bool {
        switch self {
        case .tcp: protocols.contains(6)
        case .udp: protocols.contains(17)
        case .icmp: protocols.contains(1) || protocols.contains(58)
        case .other: protocols.hasOthers
        }
    }
}

extension ProtocolNumbers {
    /// Any besides those that have a class of their own.
    fileprivate var hasOthers: Bool {
        var others = self
        for number: UInt8 in [6, 17, 1, 58] { others.remove(number) }
        return !others.isEmpty
    }
}

/// Rules for the payloads of one kind of packets besides those that patterns make candidates. A class, as a copy of
/// these tables counts more references than the look at them costs.
final class PayloadRules: Sendable {
    /// What is looked for in packets of few ports alone: entries, and their numbers by port.
    let weak: FixedTable<WeakPatterns.Entry>
    let weakPlaces: PortIndex
    /// Rules without a pattern.
    let loose: PortIndex

    init(weak: WeakPatterns, loose: PortLists) {
        self.weak = FixedTable(weak.entries)
        weakPlaces = PortIndex(weak.places)
        self.loose = PortIndex(loose)
    }
}
