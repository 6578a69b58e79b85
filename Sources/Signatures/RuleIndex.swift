// SPDX-License-Identifier: Apache-2.0
//
// Rules arranged by what makes them candidates: a pattern found, a port, an address.
//
// Reads   a `RuleSet`.
// Writes  nothing: made once, then shared by all workers.
// Leaves  the rest of a rule (the engine).

package import Records

/// Patterns and the rules that each makes candidates.
final class PatternGroup: Sendable {
    let database: PatternDatabase
    /// `starts[n] ..< starts[n + 1]` of `rules` are those of pattern `n`.
    let starts: [UInt32]
    let rules: [UInt32]

    init(_ database: PatternDatabase, starts: [UInt32], rules: [UInt32]) {
        self.database = database
        self.starts = starts
        self.rules = rules
    }
}

/// A buffer with one chain of transforms, and the rules that look at it first.
final class BufferGroup: Sendable {
    let buffer: SignatureBuffer
    let transforms: UInt16
    let patterns: PatternGroup?
    /// Patterns that a buffer holds many times if at all: the first place is enough.
    let weak: [Weak]
    /// Rules without a pattern, candidates whenever the buffer is shown.
    let loose: [UInt32]

    /// A pattern, as its place in `RuleSet.patterns`, and the rules that it makes candidates.
    struct Weak: Sendable {
        var octets: Range<Int>
        var isCaseless: Bool
        var rules: [UInt32]
    }

    init(_ buffer: SignatureBuffer, transforms: UInt16, patterns: PatternGroup?, weak: [Weak], loose: [UInt32]) {
        self.buffer = buffer
        self.transforms = transforms
        self.patterns = patterns
        self.weak = weak
        self.loose = loose
    }
}

/// Patterns that stand in most packets: of one or two octets, or of one octet again and again. A rule with such a one
/// for few ports or one size is looked for in their packets alone, and one after the other.
struct WeakPatterns: Sendable {
    struct Entry: Sendable {
        /// Into `RuleSet.patterns`.
        var octets: Range<Int>
        var isCaseless: Bool
        var rule: UInt32
    }

    private(set) var entries: [Entry] = []
    private(set) var places = PortIndex()

    var isEmpty: Bool { entries.isEmpty }

    static func takes(_ pattern: Pattern, _ rule: Rule, _ set: RuleSet) -> Bool {
        (pattern.octets.count <= 2 || pattern.isUniform) && PortIndex.isNarrow(rule, set)
    }

    mutating func add(_ pattern: Pattern, _ number: UInt32, _ rule: Rule, _ set: RuleSet) {
        places.add(UInt32(entries.count), rule, set)
        entries.append(Entry(octets: pattern.place, isCaseless: pattern.isCaseless, rule: number))
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
        case .other: true
        }
    }
}

/// The arrangement of a rule set.
package final class RuleIndex: Sendable {
    package let set: RuleSet
    /// Of each rule, what is asked first.
    let gates: [RuleGate]
    /// Payload patterns of packet rules, by `PacketClass`.
    let packetPatterns: [PatternGroup?]
    /// The same and those of stream rules, for segments that are in no stream.
    let unstreamedPatterns: PatternGroup?
    let streamPatterns: PatternGroup?
    /// What is looked for in packets of few ports besides.
    let packetWeak: [WeakPatterns]
    let unstreamedWeak: WeakPatterns
    let streamWeak: WeakPatterns
    /// Rules without a payload pattern, by `PacketClass`.
    let packetLoose: [PortIndex]
    let unstreamedLoose: PortIndex
    let streamLoose: PortIndex
    /// Address rules with and without negation: once for each direction of a flow.
    let addresses: AddressIndex
    /// Only `app-layer-protocol`, and only a protocol in the header.
    let protocolOnly: [UInt32]
    let application: [UInt32]
    let decoderEvents: [UInt32]
    let buffers: [BufferGroup]
    /// Into `buffers`, by the buffer's raw value.
    let groupsOfBuffer: [[UInt16]]
    /// Rules whose first test is a number, by the buffer's raw value.
    let byNumber: [[UInt32]]
    let byEvent: [UInt32]
    /// Rules that hold only when a side is complete: all that they name is absent.
    let atEnd: [UInt32]
    /// Rules of a transaction's begin.
    let atBegin: [UInt32]
    package let wanted: SignatureBufferSet
    package let hasTransactions: Bool
    package let hasEvents: Bool
    let hasStreamEvents: Bool
    /// Some rule has `tag`; the tags of hosts.
    let hasTags: Bool
    let hostTags: HostTags
    /// Some rule looks at reassembled streams.
    let hasStreams: Bool

    /// `old`: what these rules take the place of; tags of hosts go on.
    package init(_ set: RuleSet, replacing old: RuleIndex? = nil) {
        self.set = set
        hostTags = old?.hostTags ?? HostTags()
        hasTags = set.effects.contains { if case .tag = $0 { true } else { false } }
        gates = set.rules.map { RuleGate($0) }
        var builder = RuleIndexBuilder(set)
        for number in set.rules.indices where !set.rules[number].flags.contains(.isInert) {
            builder.add(UInt32(number))
        }
        var collectors = builder.packets + [builder.unstreamed, builder.streams]
        var loose = builder.packetLoose + [builder.unstreamedLoose, builder.streamLoose]
        var groups = collectors.indices.map { place in
            collectors[place].build { loose[place].add($0, set.rules[Int($0)], set) }
        }
        streamPatterns = groups.removeLast()
        unstreamedPatterns = groups.removeLast()
        packetPatterns = groups
        streamLoose = loose.removeLast()
        unstreamedLoose = loose.removeLast()
        packetLoose = loose
        packetWeak = builder.packetWeak
        unstreamedWeak = builder.unstreamedWeak
        streamWeak = builder.streamWeak
        addresses = AddressIndex(builder.addressRules, set)
        protocolOnly = builder.protocolOnly
        application = builder.application
        decoderEvents = builder.decoderEvents
        var buffers: [BufferGroup] = []
        for group in builder.groups {
            var (collector, loose) = (group.patterns, group.loose)
            let patterns = collector.build { loose.append($0) }
            buffers.append(
                BufferGroup(
                    group.buffer, transforms: group.transforms, patterns: patterns, weak: group.weak, loose: loose))
        }
        self.buffers = buffers
        var ofBuffer = [[UInt16]](repeating: [], count: 256)
        for (place, group) in buffers.enumerated() {
            ofBuffer[Int(group.buffer.rawValue)].append(UInt16(truncatingIfNeeded: place))
        }
        groupsOfBuffer = ofBuffer
        byNumber = builder.byNumber
        byEvent = builder.byEvent
        atEnd = builder.atEnd
        atBegin = builder.atBegin
        wanted = builder.wanted
        hasTransactions = builder.hasTransactions
        hasEvents = builder.hasEvents
        hasStreamEvents = set.packetTests.contains(where: \.isStreamEvent)
        hasStreams =
            streamPatterns != nil || !streamLoose.isEmpty || !streamWeak.isEmpty || builder.hasMixed
    }

    /// Every database, for the scratch of a worker.
    var databases: [PatternDatabase] {
        var all = packetPatterns.compactMap { $0?.database } + buffers.compactMap { $0.patterns?.database }
        for group in [unstreamedPatterns, streamPatterns] { if let group { all.append(group.database) } }
        return all
    }
}

/// Patterns of one group while it is collected.
struct PatternCollector {
    private var numbers: [Pattern: Int] = [:]
    private var patterns: [Pattern] = []
    private var rules: [[UInt32]] = []

    mutating func add(_ pattern: Pattern, _ rule: UInt32) {
        if let known = numbers[pattern] {
            rules[known].append(rule)
            return
        }
        numbers[pattern] = patterns.count
        patterns.append(pattern)
        rules.append([rule])
    }

    /// The group of all patterns, nil where there are none. A rule whose pattern cannot be looked for goes to those
    /// without one.
    mutating func build(_ refuse: (UInt32) -> Void) -> PatternGroup? {
        while !patterns.isEmpty {
            do {
                return group(try PatternDatabase(patterns))
            } catch {
                let refused = error.place.map { $0...$0 } ?? 0...patterns.count - 1
                for rule in rules[refused].joined() { refuse(rule) }
                rules.removeSubrange(refused)
                patterns.removeSubrange(refused)
            }
        }
        return nil
    }

    private func group(_ database: PatternDatabase) -> PatternGroup {
        var starts: [UInt32] = [0]
        var all: [UInt32] = []
        for list in rules {
            all.append(contentsOf: list)
            starts.append(UInt32(all.count))
        }
        return PatternGroup(database, starts: starts, rules: all)
    }
}

/// Sorts rules into groups.
struct RuleIndexBuilder {
    private let set: RuleSet
    var packets = [PatternCollector](repeating: PatternCollector(), count: PacketClass.allCases.count)
    var unstreamed = PatternCollector()
    var streams = PatternCollector()
    var packetWeak = [WeakPatterns](repeating: WeakPatterns(), count: PacketClass.allCases.count)
    var unstreamedWeak = WeakPatterns()
    var streamWeak = WeakPatterns()
    var packetLoose = [PortIndex](repeating: PortIndex(), count: PacketClass.allCases.count)
    var unstreamedLoose = PortIndex()
    var streamLoose = PortIndex()
    var addressRules: [UInt32] = []
    var protocolOnly: [UInt32] = []
    var application: [UInt32] = []
    var decoderEvents: [UInt32] = []
    var groups: [Group] = []
    private var groupNumbers: [UInt32: Int] = [:]
    var byNumber = [[UInt32]](repeating: [], count: 256)
    var byEvent: [UInt32] = []
    var atEnd: [UInt32] = []
    var atBegin: [UInt32] = []
    var hasTransactions = false
    var hasEvents = false
    /// A rule of transactions looks at the payload too.
    var hasMixed = false
    var wanted: SignatureBufferSet

    /// A buffer with one chain of transforms while it is collected.
    struct Group {
        var buffer: SignatureBuffer
        var transforms: UInt16
        var patterns = PatternCollector()
        var weak: [BufferGroup.Weak] = []
        var loose: [UInt32] = []

        mutating func add(_ pattern: Pattern, _ rule: UInt32, _ set: RuleSet) {
            guard pattern.isUniform else { return patterns.add(pattern, rule) }
            let known = weak.firstIndex { entry in
                entry.isCaseless == pattern.isCaseless && set.patterns[entry.octets].elementsEqual(pattern.octets)
            }
            if let known {
                weak[known].rules.append(rule)
            } else {
                weak.append(
                    BufferGroup.Weak(octets: pattern.place, isCaseless: pattern.isCaseless, rules: [rule]))
            }
        }
    }

    init(_ set: RuleSet) {
        self.set = set
        wanted = set.wanted
    }

    mutating func add(_ number: UInt32) {
        let rule = set.rules[Int(number)]
        switch rule.kind {
        case .decoderEvent: decoderEvents.append(number)
        case .addressOnly, .likeAddressOnly: addressRules.append(number)
        case .protocolOnly: protocolOnly.append(number)
        case .application: application.append(number)
        case .transaction: addTransaction(number, rule)
        case .packet, .packetAndStream, .stream: addPayload(number, rule)
        }
        hasTransactions = hasTransactions || !rule.header.applications.isEmpty || rule.kind == .protocolOnly
    }

    private mutating func addPayload(_ number: UInt32, _ rule: Rule) {
        let pattern = payloadPattern(rule)
        let isWeak = pattern.map { WeakPatterns.takes($0, rule, set) } ?? false
        for kind in PacketClass.allCases where kind.holds(rule.header.protocols) {
            if kind == .tcp {
                addSegment(number, rule, pattern, isWeak)
            } else if let pattern, isWeak {
                packetWeak[kind.rawValue].add(pattern, number, rule, set)
            } else if let pattern {
                packets[kind.rawValue].add(pattern, number)
            } else {
                packetLoose[kind.rawValue].add(number, rule, set)
            }
        }
    }

    private mutating func addSegment(_ number: UInt32, _ rule: Rule, _ pattern: Pattern?, _ isWeak: Bool) {
        let kind = PacketClass.tcp.rawValue
        let isOfPackets = rule.kind != .stream
        let isOfUnstreamed = rule.header.scope != .stream
        let isOfStreams = rule.kind != .packet
        guard let pattern else {
            if isOfPackets { packetLoose[kind].add(number, rule, set) }
            if isOfUnstreamed { unstreamedLoose.add(number, rule, set) }
            if isOfStreams { streamLoose.add(number, rule, set) }
            return
        }
        if isWeak {
            if isOfPackets { packetWeak[kind].add(pattern, number, rule, set) }
            if isOfUnstreamed { unstreamedWeak.add(pattern, number, rule, set) }
            if isOfStreams { streamWeak.add(pattern, number, rule, set) }
            return
        }
        if isOfPackets { packets[kind].add(pattern, number) }
        if isOfUnstreamed { unstreamed.add(pattern, number) }
        if isOfStreams { streams.add(pattern, number) }
    }

    /// The pattern in the payload that makes the rule a candidate; nil where there is none, or
    /// where it stands in another buffer of the packet.
    private func payloadPattern(_ rule: Rule) -> Pattern? {
        guard let fast = rule.fast, set.buffers[Int(fast.buffer)].buffer == .payload,
            set.buffers[Int(fast.buffer)].transforms == 0
        else { return nil }
        return pattern(fast)
    }

    private func pattern(_ fast: FastPattern) -> Pattern? {
        guard case .content(let content) = set.steps[Int(fast.step)], fast.count > 0 else { return nil }
        let start = Int(content.pattern.offset) + Int(fast.offset)
        let end = start + Int(fast.count)
        guard end <= Int(content.pattern.offset) + Int(content.pattern.count) else { return nil }
        return Pattern(
            octets: Array(set.patterns[start..<end]), isCaseless: content.flags.contains(.isCaseless),
            place: start..<end)
    }

    private mutating func addTransaction(_ number: UInt32, _ rule: Rule) {
        hasTransactions = true
        hasMixed = hasMixed || set.buffers[rule.buffers.indices].contains { $0.buffer == .payload }
        for test in set.transactionTests[rule.transactionTests.indices] {
            if test.element.isEvent { hasEvents = true }
            if let buffer = test.element.buffer { wanted.insert(buffer) }
            if case .fileHash = test.element {
                for buffer in [SignatureBuffer.fileMD5, .fileSHA1, .fileSHA256] { wanted.insert(buffer) }
            }
        }
        if let fast = rule.fast, set.buffers[Int(fast.buffer)].buffer != .payload, let pattern = pattern(fast) {
            groups[group(set.buffers[Int(fast.buffer)])].add(pattern, number, set)
            return
        }
        // Whatever must be there makes the rule a candidate.
        for test in set.buffers[rule.buffers.indices] where test.absence == .needed && test.buffer != .payload {
            groups[group(test)].loose.append(number)
            return
        }
        for test in set.transactionTests[rule.transactionTests.indices] {
            if let buffer = test.element.buffer { return byNumber[Int(buffer.rawValue)].append(number) }
            if case .fileHash(let list, _) = test.element {
                let buffer = set.hashLists[Int(list)].algorithm.buffer
                return byNumber[Int(buffer.rawValue)].append(number)
            }
            if test.element.isEvent { return byEvent.append(number) }
            if case .reached(.begun) = test.element { return atBegin.append(number) }
        }
        atEnd.append(number)
    }

    private mutating func group(_ test: BufferTest) -> Int {
        let key = UInt32(test.buffer.rawValue) << 16 | UInt32(test.transforms)
        if let known = groupNumbers[key] { return known }
        groupNumbers[key] = groups.count
        groups.append(Group(buffer: test.buffer, transforms: test.transforms))
        return groups.count - 1
    }
}

extension TransactionTest.Element {
    var isEvent: Bool {
        switch self {
        case .event: true
        default: false
        }
    }

    /// The buffer whose exposure the test looks at; nil where it is none's.
    var buffer: SignatureBuffer? {
        switch self {
        case .number(let buffer, _, _): buffer
        case .dcerpcInterface: .dcerpcInterface
        case .oneOf(let buffer, _, _): buffer
        case .modbus: .modbus
        case .dnp3Object: .dnp3Object
        case .cipService: .cipService
        case .ikeAttribute: .ikeChosenSAAttribute
        case .http2Settings: .http2Settings
        case .tlsState: .tlsState
        case .tlsNotBefore: .tlsCertNotBefore
        case .tlsNotAfter, .tlsExpired: .tlsCertNotAfter
        case .reached(.shown(let buffer)): buffer
        case .event, .reached, .fileHash, .filestore: nil
        }
    }
}
