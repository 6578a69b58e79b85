// SPDX-License-Identifier: Apache-2.0
//
// Rules arranged by what makes them candidates: a pattern found, a port, an address.
//
// Reads   a `RuleSet`.
// Writes  nothing: made once, then shared by all workers.
// Leaves  the rest of a rule (the engine).

package import Records

/// A buffer with one chain of transforms, and the rules that look at it first.
final class BufferGroup: Sendable {
    let buffer: SignatureBuffer
    let transforms: UInt16
    /// Of the patterns, whose rules are the group's; none where all are.
    let uses: PatternUses
    /// By the way of a packet.
    let patterns: ObjectTable<PatternGroup>
    /// Patterns that a buffer holds many times if at all: the first place is enough.
    let weak: FixedTable<Weak>
    let weakRules: FixedTable<UInt32>
    /// Rules without a pattern, candidates whenever the buffer is shown.
    let loose: FixedTable<PatternRule>
    /// The ways of packets for which there is anything to look for.
    let pairs: ZonePairs
    /// Those of them for which there is a weak pattern, or another.
    let patternPairs: ZonePairs

    /// A pattern, as its place in `RuleSet.patterns`, and the rules that it makes candidates, in `weakRules`.
    struct Weak: BitwiseCopyable {
        var octets: PoolRange
        var isCaseless: Bool
        var pairs: ZonePairs
        var rules: PoolRange
    }

    init(
        _ buffer: SignatureBuffer, transforms: UInt16, patterns: ZonedPatterns?,
        weak: [RuleIndexBuilder.Weak], loose: [PatternRule]
    ) {
        self.buffer = buffer
        self.transforms = transforms
        uses = PatternUses(buffer, transforms: transforms)
        self.patterns = ObjectTable(patterns?.groups ?? [])
        var (entries, rules): ([Weak], [UInt32]) = ([], [])
        for one in weak {
            let start = rules.count
            rules += one.rules
            entries.append(
                Weak(
                    octets: PoolRange(one.octets), isCaseless: one.isCaseless, pairs: one.pairs,
                    rules: PoolRange(start..<rules.count)))
        }
        self.weak = FixedTable(entries)
        weakRules = FixedTable(rules)
        self.loose = FixedTable(loose)
        let patternPairs = weak.reduce(into: patterns?.pairs ?? []) { $0.formUnion($1.pairs) }
        self.patternPairs = patternPairs
        pairs = loose.reduce(into: patternPairs) { $0.formUnion($1.pairs) }
    }
}

/// The arrangement of a rule set.
package final class RuleIndex: Sendable {
    package let set: RuleSet
    /// Of each rule, what is asked first.
    let gates: FixedTable<RuleGate>
    /// What the rules make of addresses.
    let zones: AddressZones
    /// What is looked for in payloads: by `PacketClass`, direction and way.
    private let patterns: ObjectTable<PatternGroup>
    /// The other rules for payloads: of packets by `PacketClass`, of segments that are in no stream, and of streams.
    private let payloadRules: ObjectTable<PayloadRules>
    /// Address rules with and without negation: once for each direction of a flow.
    let addresses: AddressIndex
    /// Only `app-layer-protocol`, and only a protocol in the header.
    let protocolOnly: [UInt32]
    /// The latter by the protocol's raw value, and the protocols that have such rules.
    let application: [[UInt32]]
    let applications: AppProtocols
    let decoderEvents: [UInt32]
    /// In the order of the buffers.
    let buffers: ObjectTable<BufferGroup>
    /// `bufferStarts[n] ..< bufferStarts[n + 1]` of `buffers` are those of the buffer with the raw value `n`.
    private let bufferStarts: FixedTable<UInt16>
    /// Rules whose first test is a number, by the buffer's raw value; and which buffers have such.
    let byNumber: [[UInt32]]
    let numbers: SignatureBufferSet
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
    let hostTags: ObjectTable<HostTags>
    /// Some rule looks at reassembled streams.
    let hasStreams: Bool

    /// `old`: what these rules take the place of; tags of hosts go on.
    package init(_ set: RuleSet, replacing old: RuleIndex? = nil) {
        self.set = set
        hostTags = ObjectTable([old?.hostTags.objects[0] ?? HostTags()])
        hasTags = set.effects.contains { if case .tag = $0 { true } else { false } }
        gates = FixedTable(set.rules.map { RuleGate($0) })
        let zones = AddressZones(set)
        self.zones = zones
        var builder = RuleIndexBuilder(set, zones)
        for number in set.rules.indices where !set.rules[number].flags.contains(.isInert) {
            builder.add(UInt32(number))
        }
        var patterns: [PatternGroup?] = []
        let none = [PatternGroup?](repeating: nil, count: zones.pairCount)
        for kind in PacketClass.allCases {
            var (toServer, toClient) = (builder.toServer[kind.rawValue], builder.toClient[kind.rawValue])
            let first = toServer.build(zones) { builder.refuse($0, kind) }
            let second = kind == .tcp ? toClient.build(zones) { builder.refuse($0, kind) } : first
            patterns += (first?.groups ?? none) + (second?.groups ?? none)
        }
        self.patterns = ObjectTable(patterns)
        payloadRules = ObjectTable((builder.packets + [builder.unstreamed, builder.streams]).map(\.finished))
        addresses = AddressIndex(builder.addressRules, set)
        protocolOnly = builder.protocolOnly
        var application = [[UInt32]](repeating: [], count: AppProtocol.allCases.count)
        for number in builder.application {
            for one in AppProtocol.allCases where set.rules[Int(number)].header.applications.contains(one) {
                application[Int(one.rawValue)].append(number)
            }
        }
        self.application = application
        var applications = AppProtocols()
        for one in AppProtocol.allCases where !application[Int(one.rawValue)].isEmpty { applications.insert(one) }
        self.applications = applications
        decoderEvents = builder.decoderEvents
        var buffers: [BufferGroup] = []
        var refused: [PatternRule] = []
        let bodies = builder.bodies.build(zones) { refused.append($0) }
        for group in builder.groups.sorted(by: { $0.buffer.rawValue < $1.buffer.rawValue }) {
            var (collector, loose) = (group.patterns, group.loose)
            let uses = PatternUses(group.buffer, transforms: group.transforms)
            if !uses.isEmpty { loose += refused.filter { $0.uses == uses } }
            let patterns = uses.isEmpty ? collector.build(zones) { loose.append($0) } : bodies
            buffers.append(
                BufferGroup(
                    group.buffer, transforms: group.transforms, patterns: patterns, weak: group.weak, loose: loose))
        }
        self.buffers = ObjectTable(buffers)
        var starts = [UInt16](repeating: 0, count: 257)
        for group in buffers { starts[Int(group.buffer.rawValue) + 1] += 1 }
        for place in 1..<starts.count { starts[place] += starts[place - 1] }
        bufferStarts = FixedTable(starts)
        var numbers = SignatureBufferSet()
        for buffer in SignatureBuffer.allCases where !builder.byNumber[Int(buffer.rawValue)].isEmpty {
            numbers.insert(buffer)
        }
        self.numbers = numbers
        byNumber = builder.byNumber
        byEvent = builder.byEvent
        atEnd = builder.atEnd
        atBegin = builder.atBegin
        wanted = builder.wanted
        hasTransactions = builder.hasTransactions
        hasEvents = builder.hasEvents
        hasStreamEvents = set.packetTests.contains(where: \.isStreamEvent)
        hasStreams = builder.hasStreams
    }

    /// Every database, for the scratch of a worker.
    var databases: [PatternDatabase] {
        (patterns.objects + buffers.objects.flatMap { $0.patterns.objects }).compactMap(\.database)
    }

    /// Shows what is looked for in payloads of one direction and way, where there is anything.
    @inline(__always) @discardableResult
    func withPatterns<Result>(
        _ kind: PacketClass, toServer isToServer: Bool, _ pair: Int, _ body: (PatternGroup) -> Result
    ) -> Result? {
        patterns.with((kind.rawValue &* 2 &+ (isToServer ? 0 : 1)) &* zones.pairCount &+ pair, body)
    }

    /// Shows the other rules for packets.
    @inline(__always)
    func withPacketRules(_ kind: PacketClass, isUnstreamed: Bool, _ body: (PayloadRules) -> Void) {
        payloadRules.with(isUnstreamed ? PacketClass.allCases.count : kind.rawValue, body)
    }

    /// Shows the other rules for streams.
    @inline(__always)
    func withStreamRules(_ body: (PayloadRules) -> Void) {
        payloadRules.with(PacketClass.allCases.count &+ 1, body)
    }

    /// Places in `buffers`.
    func groups(of buffer: SignatureBuffer) -> Range<Int> {
        Int(bufferStarts[Int(buffer.rawValue)]) ..< Int(bufferStarts[Int(buffer.rawValue) &+ 1])
    }
}

/// Sorts rules into groups.
struct RuleIndexBuilder {
    private let set: RuleSet
    private let zones: AddressZones
    /// Payload patterns by `PacketClass`: those of segments by direction, all others as those to the server.
    var toServer = [PatternCollector](repeating: PatternCollector(), count: PacketClass.allCases.count)
    var toClient = [PatternCollector](repeating: PatternCollector(), count: PacketClass.allCases.count)
    var packets = [Payloads](repeating: Payloads(), count: PacketClass.allCases.count)
    var unstreamed = Payloads()
    var streams = Payloads()
    /// A pattern is looked for in streams.
    private var hasStreamPatterns = false
    var addressRules: [UInt32] = []
    var protocolOnly: [UInt32] = []
    var application: [UInt32] = []
    var decoderEvents: [UInt32] = []
    var groups: [Group] = []
    /// What is looked for in files and in bodies of responses.
    var bodies = PatternCollector()
    private var groupNumbers: [UInt32: Int] = [:]
    var byNumber = [[UInt32]](repeating: [], count: 256)
    var byEvent: [UInt32] = []
    var atEnd: [UInt32] = []
    var atBegin: [UInt32] = []
    var hasTransactions = false
    var hasEvents = false
    /// A rule of transactions looks at the payload too.
    private var hasMixed = false
    var wanted: SignatureBufferSet

    /// Some rule looks at reassembled streams.
    var hasStreams: Bool { hasStreamPatterns || hasMixed || !streams.weak.entries.isEmpty || !streams.loose.isEmpty }

    /// Payload rules without a pattern, or with a weak one, while they are collected.
    struct Payloads {
        var weak = WeakPatterns()
        var loose = PortLists()

        /// Adds a rule; `pattern` is a weak one.
        mutating func add(_ number: UInt32, _ rule: Rule, _ pattern: Pattern?, _ set: RuleSet, _ zones: AddressZones) {
            guard let pattern else { return loose.add(number, rule, set) }
            weak.add(pattern, number, rule, set, zones.pairs(rule.header))
        }

        var finished: PayloadRules { PayloadRules(weak: weak, loose: loose) }
    }

    /// A pattern that a buffer holds many times if at all, and its rules.
    struct Weak {
        var octets: Range<Int>
        var isCaseless: Bool
        var pairs: ZonePairs
        var rules: [UInt32]
    }

    /// A buffer with one chain of transforms while it is collected.
    struct Group {
        var buffer: SignatureBuffer
        var transforms: UInt16
        var patterns = PatternCollector()
        var weak: [Weak] = []
        var loose: [PatternRule] = []

        mutating func add(_ pattern: Pattern, _ rule: PatternRule, _ set: RuleSet) {
            guard pattern.isWeak else { return patterns.add(pattern, rule) }
            let known = weak.firstIndex { entry in
                entry.isCaseless == pattern.isCaseless && set.patterns[entry.octets].elementsEqual(pattern.octets)
            }
            if let known {
                weak[known].rules.append(rule.rule)
                weak[known].pairs.formUnion(rule.pairs)
            } else {
                weak.append(
                    Weak(octets: pattern.place, isCaseless: pattern.isCaseless, pairs: rule.pairs, rules: [rule.rule]))
            }
        }
    }

    init(_ set: RuleSet, _ zones: AddressZones) {
        self.set = set
        self.zones = zones
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
        if let pattern, !WeakPatterns.takes(pattern, rule, set) {
            for kind in PacketClass.allCases where kind.holds(rule.header.protocols) {
                add(pattern, number, rule, kind, kind == .tcp ? PatternUses(rule) : .packet)
            }
            return
        }
        for kind in PacketClass.allCases where kind.holds(rule.header.protocols) {
            add(number, rule, pattern, kind, kind == .tcp ? PatternUses(rule) : .packet)
        }
    }

    /// A rule that is no pattern's, or a weak one's.
    private mutating func add(
        _ number: UInt32, _ rule: Rule, _ weak: Pattern?, _ kind: PacketClass, _ uses: PatternUses
    ) {
        if uses.contains(.packet) { packets[kind.rawValue].add(number, rule, weak, set, zones) }
        if uses.contains(.unstreamed) { unstreamed.add(number, rule, weak, set, zones) }
        if uses.contains(.stream) { streams.add(number, rule, weak, set, zones) }
    }

    private mutating func add(
        _ pattern: Pattern, _ number: UInt32, _ rule: Rule, _ kind: PacketClass, _ uses: PatternUses
    ) {
        let entry = PatternRule(rule: number, uses: uses, pairs: zones.pairs(rule.header))
        guard kind == .tcp else { return toServer[kind.rawValue].add(pattern, entry) }
        if !uses.isDisjoint(with: [.stream, .transaction]) { hasStreamPatterns = true }
        let short = pattern.shortened(to: RuleIndexBuilder.segmentPatternBytesMax)
        let sides = RuleIndexBuilder.sides(rule)
        if sides.contains(.toServer) { toServer[kind.rawValue].add(short, entry) }
        if sides.contains(.toClient) { toClient[kind.rawValue].add(short, entry) }
    }

    /// Octets of a pattern that are looked for in segments: of a longer one the strongest stretch. With each segment
    /// so many octets before it are looked at again.
    private static let segmentPatternBytesMax = 32

    /// Whose segments a rule may look at.
    private static func sides(_ rule: Rule) -> FlowSides {
        guard rule.kind != .transaction else {
            let sides: FlowSides = rule.flags.contains(.toServer) ? .toServer : []
            return rule.flags.contains(.toClient) ? sides.union(.toClient) : sides.isEmpty ? .both : sides
        }
        let refused = RuleGate(rule).refused
        var sides: FlowSides = []
        if !refused.contains(.toServer) { sides.insert(.toServer) }
        if !refused.contains(.toClient) { sides.insert(.toClient) }
        return sides
    }

    /// Takes a rule whose pattern cannot be looked for.
    mutating func refuse(_ entry: PatternRule, _ kind: PacketClass) {
        let rule = set.rules[Int(entry.rule)]
        guard !entry.uses.contains(.transaction) else { return addLoose(entry.rule, rule) }
        add(entry.rule, rule, nil, kind, entry.uses)
    }

    /// The pattern in the payload that makes the rule a candidate; nil where there is none, or
    /// where it stands in another buffer of the packet.
    private func payloadPattern(_ rule: Rule) -> Pattern? {
        guard let fast = rule.fast, set.buffers[Int(fast.buffer)].buffer == .payload,
            set.buffers[Int(fast.buffer)].transforms == 0
        else { return nil }
        return pattern(fast, rule)
    }

    private func pattern(_ fast: FastPattern, _ rule: Rule) -> Pattern? {
        guard case .content(let content) = set.steps[Int(fast.step)], fast.count > 0 else { return nil }
        let start = Int(content.pattern.offset) + Int(fast.offset)
        let end = start + Int(fast.count)
        guard end <= Int(content.pattern.offset) + Int(content.pattern.count) else { return nil }
        let last = min(end, start + PatternDatabase.bytesMax)
        return Pattern(
            octets: Array(set.patterns[start..<last]), isCaseless: content.flags.contains(.isCaseless),
            stands: stands(content, fast, rule), place: start..<last)
    }

    /// Where the pattern can stand, by what the rule says of its content.
    private func stands(_ content: ContentStep, _ fast: FastPattern, _ rule: Rule) -> PatternPlace {
        let test = set.buffers[Int(fast.buffer)]
        let end = Int(fast.offset) + Int(fast.count)
        let isAtEnd = end == Int(content.pattern.count) && fast.count <= PatternDatabase.bytesMax
        if test.buffer != .payload, isAtEnd, content.flags.contains(.endsWith) || isWhole(content, test) { return .end }
        let loosening: StepFlags = [.hasDistance, .hasWithin, .offsetIsVariable, .depthIsVariable]
        if content.flags.contains(.hasDepth), content.flags.isDisjoint(with: loosening),
            content.depth == content.pattern.count
        {
            let distance = (content.flags.contains(.hasOffset) ? Int(content.offset) : 0) + Int(fast.offset)
            if distance <= AnchoredSearch.distanceMax { return .start(distance) }
        }
        // A rule that looks at streams, too, may look at what came early when that is over.
        let isShort = fast.count <= RuleIndexBuilder.earlyPatternBytesMax
        return isShort && rule.kind == .packet && isEarly(rule) ? .early : .anywhere
    }

    /// Whether the buffer has to be as long as the content.
    private func isWhole(_ content: ContentStep, _ test: BufferTest) -> Bool {
        set.steps[test.steps.indices].contains { step in
            guard case .size(let size) = step else { return false }
            return size.comparison == .equal && size.first == UInt64(content.pattern.count)
        }
    }

    /// Whether the rule holds only while the server has sent less than `earlyBytesMax`.
    private func isEarly(_ rule: Rule) -> Bool {
        set.packetTests[rule.packetTests.indices].contains { test in
            guard case .streamSize(let side, let size) = test, side == .server || side == .both else { return false }
            return (size.comparison == .less || size.comparison == .lessOrEqual || size.comparison == .equal)
                && size.first < RuleIndexBuilder.earlyBytesMax
        }
    }

    /// Octets that a server has sent at most while patterns of few octets are looked for that count only then.
    static let earlyBytesMax: UInt64 = 64
    private static let earlyPatternBytesMax = 4

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
        if let fast = rule.fast, set.buffers[Int(fast.buffer)].buffer != .payload, let pattern = pattern(fast, rule) {
            let test = set.buffers[Int(fast.buffer)]
            let (place, uses) = (group(test), PatternUses(test.buffer, transforms: test.transforms))
            let entry = ofTransaction(number, rule, uses)
            if uses.isEmpty || pattern.isWeak {
                groups[place].add(pattern, entry, set)
            } else {
                bodies.add(pattern, entry)
            }
            return
        }
        if addPattern(ofTransaction: number, rule) { return }
        addLoose(number, rule)
    }

    /// One that looks at both sides of a transaction has the pattern on either of them.
    private func ofTransaction(_ number: UInt32, _ rule: Rule, _ uses: PatternUses = []) -> PatternRule {
        let bothWays = rule.flags.contains(.isTransactional)
        return PatternRule(rule: number, uses: uses, pairs: zones.pairs(rule.header, bothWays: bothWays))
    }

    /// A rule of transactions whose pattern stands in the payload: where it does not stand, no transaction matches.
    /// One that most payloads have is no help.
    private mutating func addPattern(ofTransaction number: UInt32, _ rule: Rule) -> Bool {
        guard let pattern = payloadPattern(rule), pattern.octets.count > 2, !pattern.isWeak,
            !rule.flags.contains(.isTransactional)
        else { return false }
        let kinds = [PacketClass.tcp, .udp].filter { $0.holds(rule.header.protocols) }
        for kind in kinds { add(pattern, number, rule, kind, .transaction) }
        return !kinds.isEmpty
    }

    /// A rule of transactions without a pattern: whatever must be there makes it a candidate.
    private mutating func addLoose(_ number: UInt32, _ rule: Rule) {
        for test in set.buffers[rule.buffers.indices] where test.absence == .needed && test.buffer != .payload {
            groups[group(test)].loose.append(ofTransaction(number, rule))
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
        case .filestore: .fileSize
        case .event, .reached, .fileHash: nil
        }
    }
}
