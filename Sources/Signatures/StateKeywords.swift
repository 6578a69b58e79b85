// SPDX-License-Identifier: Apache-2.0
//
// Keywords that remember: flow, flowbits, flowint, xbits, hostbits, thresholds,
// tags, and what a match does.
//
// Reads   values of options.
// Writes  state tests, effects and limits of the draft.
// Leaves  evaluation (the engine).

import Records

extension RuleParser {
    /// False: not one of these.
    mutating func applyState(
        _ keyword: PlainKeyword, _ name: RuleText, _ value: RuleText
    ) throws(RuleError) -> Bool {
        switch keyword {
        case .flow: try setFlow(value)
        case .flowbits: try addFlowbits(value)
        case .flowint: try addFlowint(value)
        case .xbits: try addXbits(value)
        case .hostbits: try addHostbits(value)
        case .flowvar, .pktvar: try addVariable(keyword, value)
        case .threshold, .detectionFilter: try setLimit(keyword, value)
        case .tag: try addTag(value)
        case .noalert: draft.rule.flags.insert(.isSilent)
        case .alert: draft.rule.flags.remove(.isSilent)
        case .config: try addConfig(value)
        case .bypass: draft.effects.append(.bypass)
        case .prefilter:
            guard
                draft.stepCount > 0 || !draft.packetTests.isEmpty || !draft.transactionTests.isEmpty
                    || !draft.stateTests.isEmpty
            else { throw RuleError(.combination, "prefilter has no keyword before it") }
            draft.rule.flags.insert(.wantsPrefilter)
        case .markSet:
            guard value.cut(0x2F) != nil else {
                throw RuleError(.value, "\(value.quoted) is no mark", advice: "write MARK/MASK")
            }
            draft.addIdle("nfq_set_mark")
        case .filestore: try setFilestore(value)
        case .tlsStore:
            try need(AppProtocols(.tls), name)
            draft.addIdle("tls.store")
        default: return false
        }
        return true
    }

    // MARK: flow

    private mutating func setFlow(_ value: RuleText) throws(RuleError) {
        var flow = draft.rule.flow
        flow.isPresent = true
        for part in value.parts(0x2C) {
            switch part.string.lowercased() {
            case "to_server", "from_client": try RuleParser.set(&flow.side, .either, .toServer, part)
            case "to_client", "from_server": try RuleParser.set(&flow.side, .either, .toClient, part)
            case "established": try RuleParser.set(&flow.state, .any, .established, part)
            case "not_established": try RuleParser.set(&flow.state, .any, .notEstablished, part)
            case "stateless": try RuleParser.set(&flow.state, .any, .stateless, part)
            case "only_stream": try RuleParser.set(&flow.stream, .both, .only, part)
            case "no_stream": try RuleParser.set(&flow.stream, .both, .no, part)
            case "only_frag": try RuleParser.set(&flow.fragments, .both, .only, part)
            case "no_frag": try RuleParser.set(&flow.fragments, .both, .no, part)
            default:
                throw RuleError(
                    .value, "\(part.quoted) is no property of a flow",
                    advice:
                        "write to_server, to_client, established, not_established, stateless, only_stream, no_stream, "
                        + "only_frag or no_frag"
                )
            }
        }
        draft.rule.flow = flow
    }

    private static func set<Value: Equatable>(
        _ field: inout Value, _ unset: Value, _ value: Value, _ text: RuleText
    ) throws(RuleError) {
        guard field == unset else {
            throw RuleError(.combination, "\(text.quoted) and another property of the flow exclude each other")
        }
        field = value
    }

    // MARK: bits

    mutating func variable(_ name: RuleText) throws(RuleError) -> UInt16 {
        let text = name.string
        guard builder.variableNames.values.count < 65_535 || builder.variableNames.contains(text) else {
            throw RuleError(.variable, "more than 65535 names of flowbits, flowints and captures")
        }
        return UInt16(builder.variableNames.number(of: text))
    }

    /// `a|b`.
    private mutating func names(_ text: RuleText) throws(RuleError) -> PoolRange {
        var numbers: [UInt16] = []
        for part in text.split(separator: 0x7C, omittingEmptySubsequences: false).map(\.trimmed) {
            guard !part.isEmpty, !part.contains(where: \.isSpace) else {
                throw RuleError(
                    .value, "\(text.quoted) is no name", advice: "write names without blanks, a|b for one of both")
            }
            numbers.append(try variable(part))
        }
        return .adding(numbers, to: &builder.nameLists)
    }

    private mutating func addFlowbits(_ value: RuleText) throws(RuleError) {
        let parts = value.parts(0x2C)
        if parts.count == 1, parts[0].equals("noalert") {
            draft.rule.flags.insert(.isSilent)
            return
        }
        guard parts.count == 2, !parts[1].isEmpty else { throw RuleParser.bitsError("flowbits", value) }
        let isList = parts[1].contains(0x7C)
        switch parts[0].string {
        case "isset", "isnotset":
            draft.stateTests.append(.flowbits(names: try names(parts[1]), isSet: parts[0].equals("isset")))
            draft.rule.flags.insert(.readsFlowbits)
        case "set" where !isList: draft.effects.append(.flowbits(names: try names(parts[1]), .set))
        case "unset" where !isList: draft.effects.append(.flowbits(names: try names(parts[1]), .unset))
        case "toggle" where !isList: draft.effects.append(.flowbits(names: try names(parts[1]), .toggle))
        default: throw RuleParser.bitsError("flowbits", value)
        }
        if !parts[0].equals("isset"), !parts[0].equals("isnotset") { draft.rule.flags.insert(.writesFlowbits) }
    }

    private static func bitsError(_ name: String, _ value: RuleText) -> RuleError {
        RuleError(
            .value, "\(value.quoted) is no \(name)", advice: "write set, unset, toggle, isset or isnotset, then a name")
    }

    private mutating func addHostbits(_ value: RuleText) throws(RuleError) {
        let parts = value.parts(0x2C)
        if parts.count == 1, parts[0].equals("noalert") {
            draft.rule.flags.insert(.isSilent)
            return
        }
        let sides: [String: HostSide] = ["src": .source, "dst": .target, "both": .both]
        guard (2...3).contains(parts.count), !parts[1].isEmpty,
            let side = parts.count == 3 ? sides[parts[2].string] : .source
        else { throw RuleParser.bitsError("hostbits", value) }
        switch parts[0].string {
        case "isset": draft.stateTests.append(.hostbits(names: try names(parts[1]), side, isSet: true))
        case "isnotset": draft.stateTests.append(.hostbits(names: try names(parts[1]), side, isSet: false))
        case "set": draft.effects.append(.hostbits(names: try names(parts[1]), side, .set, expireSeconds: 300))
        case "unset": draft.effects.append(.hostbits(names: try names(parts[1]), side, .unset, expireSeconds: 0))
        case "toggle": draft.effects.append(.hostbits(names: try names(parts[1]), side, .toggle, expireSeconds: 300))
        default: throw RuleParser.bitsError("hostbits", value)
        }
    }

    private mutating func addXbits(_ value: RuleText) throws(RuleError) {
        let parts = value.parts(0x2C)
        if parts.count == 1, parts[0].equals("noalert") {
            draft.rule.flags.insert(.isSilent)
            return
        }
        let scopes: [String: XbitScope] = ["ip_src": .source, "ip_dst": .target, "ip_pair": .pair, "tx": .transaction]
        let track = parts.count > 2 ? parts[2].words : []
        guard (3...4).contains(parts.count), track.count == 2, track[0].equals("track"),
            let scope = scopes[track[1].string],
            !parts[1].isEmpty, !parts[1].contains(where: \.isSpace)
        else {
            throw RuleError(
                .value, "\(value.quoted) is no xbits",
                advice: "write set,NAME,track ip_src|ip_dst|ip_pair|tx[,expire SECONDS]")
        }
        var expire: UInt32 = 30
        if parts.count == 4 {
            let words = parts[3].words
            guard words.count == 2, words[0].equals("expire"), let seconds = words[1].decimal(0xFFFF_FFFF), seconds > 0
            else {
                throw RuleError(.value, "\(parts[3].quoted) is no time", advice: "write expire SECONDS")
            }
            expire = UInt32(seconds)
        }
        let name = try variable(parts[1])
        switch parts[0].string {
        case "isset": draft.stateTests.append(.xbit(name: name, scope, isSet: true))
        case "isnotset": draft.stateTests.append(.xbit(name: name, scope, isSet: false))
        case "set": draft.effects.append(.xbit(name: name, scope, .set, expireSeconds: expire))
        case "unset": draft.effects.append(.xbit(name: name, scope, .unset, expireSeconds: expire))
        case "toggle": draft.effects.append(.xbit(name: name, scope, .toggle, expireSeconds: expire))
        default: throw RuleParser.bitsError("xbits", value)
        }
    }

    // MARK: numbers of a flow

    private mutating func addFlowint(_ value: RuleText) throws(RuleError) {
        let parts = value.parts(0x2C)
        let bad = RuleError(
            .value, "\(value.quoted) is no flowint",
            advice: "write NAME,+,1 or NAME,>,10 or NAME,isset; names have two letters at least")
        guard (2...3).contains(parts.count), RuleParser.isIdentifier(parts[0]) else { throw bad }
        let name = try variable(parts[0])
        let tests: [String: IntegerTest.Operator] = [
            "==": .equal, "!=": .notEqual, "<": .less, "<=": .lessOrEqual, ">": .greater, ">=": .greaterOrEqual,
            "isset": .isSet, "notset": .isNotSet, "isnotset": .isNotSet,
        ]
        var number: UInt32 = 0
        var other: UInt16?
        if parts.count == 3 {
            if let found = parts[2].decimal(0xFFFF_FFFF) {
                number = UInt32(found)
            } else if RuleParser.isIdentifier(parts[2]) {
                other = try variable(parts[2])
            } else {
                throw bad
            }
        }
        if let operation = tests[parts[1].string] {
            let needsNone = operation == .isSet || operation == .isNotSet
            guard needsNone || parts.count == 3 else { throw bad }
            draft.stateTests.append(
                .flowint(name: name, IntegerTest(operation: operation, value: number, variable: other)))
            return
        }
        guard parts.count == 3 else { throw bad }
        switch parts[1].string {
        case "=": draft.effects.append(.flowintSet(name: name, number, variable: other))
        case "+": draft.effects.append(.flowintAdd(name: name, number, variable: other, isSubtraction: false))
        case "-": draft.effects.append(.flowintAdd(name: name, number, variable: other, isSubtraction: true))
        default: throw bad
        }
    }

    /// A letter, then letters, digits, `_`, `.` and `/`: two at least.
    private static func isIdentifier(_ text: RuleText) -> Bool {
        text.count >= 2 && text.first?.isLetter == true
            && text.allSatisfy { $0.isLetter || $0.isDigit || $0 == 0x5F || $0 == 0x2E || $0 == 0x2F }
    }

    /// `flowvar:name,content`: a captured variable that holds the content.
    private mutating func addVariable(_ keyword: PlainKeyword, _ value: RuleText) throws(RuleError) {
        guard let cut = value.cut(0x2C), !cut.head.isEmpty, !cut.tail.isEmpty else {
            throw RuleError(.value, "\(value.quoted) is no variable", advice: "write NAME,CONTENT")
        }
        var text = cut.tail
        if text.count > 1, text.first == 0x22, text.last == 0x22 { text = text.dropFirst().dropLast() }
        let octets = builder.addText(try RuleParser.octets(of: text)[...])
        let name = try variable(cut.head)
        if case .flowvar = keyword {
            draft.stateTests.append(.flowVariable(name: name, octets))
        } else {
            draft.stateTests.append(.packetVariable(name: name, octets))
        }
    }

    // MARK: limits

    static let tracks: [String: RuleLimit.Track] = [
        "by_src": .source, "by_dst": .target, "by_both": .both, "by_rule": .rule, "by_flow": .flow,
    ]

    private mutating func setLimit(_ keyword: PlainKeyword, _ value: RuleText) throws(RuleError) {
        // Behind a sticky buffer Suricata does not see the first one, and both hold.
        guard draft.limits.isEmpty || draft.current != nil else {
            throw RuleError(
                .duplicate, "the rule has two thresholds", advice: "leave one of threshold and detection_filter")
        }
        let isFilter = if case .detectionFilter = keyword { true } else { false }
        draft.limits.append(try RuleParser.limit(value, isFilter: isFilter))
        if value.parts(0x2C).contains(where: { $0.words.count > 2 }) || value.parts(0x2C).count > 4 {
            draft.warnings.append("a threshold has words that are passed over: a ';' may be missing")
        }
    }

    /// `type limit, track by_src, count 5, seconds 60`, in any order.
    static func limit(_ value: RuleText, isFilter: Bool) throws(RuleError) -> RuleLimit {
        var fields: [String: RuleText] = [:]
        // Four pairs; what follows them is passed over, as Suricata does.
        for part in value.parts(0x2C).prefix(4) {
            let words = part.words
            guard words.count >= 2, fields.updateValue(words[1], forKey: words[0].string) == nil else {
                throw RuleError(.value, "\(part.quoted) is no part of a threshold", advice: limitAdvice)
            }
        }
        let kinds: [String: RuleLimit.Kind] = [
            "limit": .limit, "threshold": .threshold, "both": .both, "backoff": .backoff,
        ]
        var kind = RuleLimit.Kind.detectionFilter
        if !isFilter {
            guard let found = fields.removeValue(forKey: "type").flatMap({ kinds[$0.string] }) else {
                throw RuleError(.value, "the threshold has no type", advice: limitAdvice)
            }
            kind = found
        }
        var limit = RuleLimit(kind: kind)
        guard let track = fields.removeValue(forKey: "track").flatMap({ tracks[$0.string] }),
            let count = fields.removeValue(forKey: "count").flatMap(leadingDigits)
        else { throw RuleError(.value, "\(value.quoted) lacks track or count", advice: limitAdvice) }
        limit.track = track
        limit.count = UInt32(count)
        let key = kind == .backoff ? "multiplier" : "seconds"
        guard let number = fields.removeValue(forKey: key).flatMap(leadingDigits),
            fields["seconds"] == nil, fields["multiplier"] == nil, kind != .backoff || (2...65_535).contains(number)
        else {
            throw RuleError(
                .value, "\(value.quoted) lacks \(key), or has more than is known", advice: limitAdvice)
        }
        if kind == .backoff {
            limit.multiplier = UInt32(number)
        } else {
            limit.seconds = UInt32(number)
        }
        return limit
    }

    /// Digits at the start; Suricata passes over what follows them.
    private static func leadingDigits(_ text: RuleText) -> UInt64? {
        text.prefix(while: \.isDigit).decimal(0xFFFF_FFFF)
    }

    private static let limitAdvice =
        "write type limit|threshold|both, track by_src|by_dst|by_both|by_rule|by_flow, count N, seconds N"

    // MARK: effects

    private mutating func addTag(_ value: RuleText) throws(RuleError) {
        let parts = value.parts(0x2C)
        let metrics: [String: TagMetric] = ["packets": .packets, "seconds": .seconds, "bytes": .bytes]
        let bad = RuleError(
            .value, "\(value.quoted) is no tag", advice: "write session or host,COUNT,packets|seconds|bytes,src|dst")
        let isHost = parts[0].equals("host")
        guard isHost || parts[0].equals("session"), [1, 3, 4].contains(parts.count) else { throw bad }
        // `tag:session;` alone ends behind so many packets.
        var count: UInt32 = 256
        var metric = TagMetric.packets
        if parts.count >= 3 {
            guard let number = parts[1].decimal(0xFFFF_FFFF), let found = metrics[parts[2].string] else { throw bad }
            count = UInt32(number)
            metric = found
        }
        var side = HostSide.both
        if parts.count == 4 {
            guard parts[3].equals("src") || parts[3].equals("dst") else { throw bad }
            side = parts[3].equals("src") ? .source : .target
        }
        guard !isHost || parts.count == 4 else { throw bad }
        draft.effects.append(.tag(isHost: isHost, side, count: count, metric: metric))
    }

    private mutating func addConfig(_ value: RuleText) throws(RuleError) {
        let parts = value.parts(0x2C).map { $0.words.map(\.string) }
        guard parts.count == 3, parts[0].count == 2, parts[0][0] == "logging", parts[0][1] == "disable",
            parts[1] == ["type", "tx"] || parts[1] == ["type", "flow"], parts[2].count == 2, parts[2][0] == "scope",
            ["tx", "flow"].contains(parts[2][1])
        else {
            throw RuleError(
                .value, "\(value.quoted) is no config", advice: "write logging disable, type tx, scope tx|flow")
        }
        draft.effects.append(.logging(isOn: false, scopeIsFlow: parts[2][1] == "flow"))
        draft.addIdle("config")
    }

    private mutating func setFilestore(_ value: RuleText) throws(RuleError) {
        try need(BufferInfo.files, RuleText("filestore"))
        var side = FlowTest.Side.either
        var scope = FilestoreScope.file
        for (index, part) in (value.isEmpty ? [] : value.parts(0x2C)).enumerated() {
            guard index < 2, !part.isEmpty, part.allSatisfy({ $0.isLetter || $0 == 0x5F }) else {
                throw RuleError(
                    .value, "\(value.quoted) is no filestore", advice: "write filestore; or filestore:DIRECTION,SCOPE;")
            }
            switch part.string {
            case "request", "to_server": side = .toServer
            case "response", "to_client": side = .toClient
            case "tx": scope = .transaction
            case "ssn", "flow": scope = .flow
            default: break
            }
        }
        draft.rule.flags.insert(.storesFile)
        if !files.savesFiles { draft.addIdle("filestore without files.extract_dir") }
        draft.effects.append(.filestore(side, scope))
        draft.transactionTests.append(TransactionTest(element: .filestore, side: .either))
    }
}
