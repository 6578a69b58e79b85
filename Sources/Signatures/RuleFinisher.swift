// SPDX-License-Identifier: Apache-2.0
//
// A draft whose options are all read becomes a rule, or is refused for what they
// say together.
//
// Reads   the draft.
// Writes  the rule and its elements into the pools.
// Leaves  patterns and their buffers (PatternChecks.swift), directions and kinds
//         (RuleClassifier.swift), fast patterns (FastPatternChoice.swift).

import Records

extension RuleParser {
    mutating func finish(_ direction: RuleDirection) throws(RuleError) {
        try checkRevision()
        addHook()
        try closeLists()
        for list in draft.lists.indices { try checkPatterns(list) }
        for list in draft.lists.indices { setFollowers(list) }
        try checkSizes()
        try checkScope()
        try settleDirection(direction)
        draft.rule.kind = kind()
        setPayloadFlags()
        warnOfSilence(direction)
        try write(direction)
    }

    /// What the header's hook asks for, as tests.
    private mutating func addHook() {
        let hook = draft.rule.header.hook
        switch hook.kind {
        case .none: break
        case .flowStart: draft.packetTests.append(.flowStart)
        case .state: add(.reached(hook.stage), hook.isToServer ? .toServer : .toClient)
        }
    }

    /// A number may stand twice only with a greater revision, which takes the place of the one before.
    private mutating func checkRevision() throws(RuleError) {
        let id = draft.rule.id
        guard let revision = builder.revision(of: id) else { return }
        guard id.revision > revision else {
            throw RuleError(
                .duplicate, "sid \(id.signature) is loaded already with revision \(revision)",
                advice: "give it another sid, or a greater rev")
        }
    }

    /// No list may be open without a step, no transform without a use.
    private mutating func closeLists() throws(RuleError) {
        guard draft.pendingTransforms.isEmpty else {
            throw RuleError(.buffer, "nothing follows the last transform", advice: "add a content behind it")
        }
        for list in draft.lists {
            guard !list.steps.isEmpty || list.absence != .needed || draft.hasFrame || list.isBase64 else {
                throw RuleError(
                    .buffer, "nothing is looked for in \(list.buffer.name)",
                    advice: "add a content behind the buffer, or take it out")
            }
            switch list.absence {
            case .needed: continue
            case .mustBeAbsent:
                guard list.steps.isEmpty else {
                    throw RuleError(
                        .combination, "a buffer that must be absent has nothing to look for",
                        advice: "write absent: or_else;")
                }
            case .mayBeAbsent:
                guard !list.steps.isEmpty else {
                    throw RuleError(
                        .combination, "absent: or_else needs something else to look for", advice: "write absent; alone")
                }
            }
            guard !list.steps.contains(where: { $0.fast != .no }) else {
                throw RuleError(.combination, "fast_pattern and absent exclude each other in one buffer")
            }
        }
    }

    /// Which contents and expressions another step counts from: they look for other hits when it fails.
    private mutating func setFollowers(_ list: Int) {
        for index in draft.lists[list].steps.indices {
            guard let relation = draft.lists[list].steps[index].relation else { continue }
            var isNegated = false
            if case .content(let content) = draft.lists[list].steps[index].step {
                isNegated = content.flags.contains(.isNegated)
            }
            let isOpenPayload = draft.lists[list].buffer == .payload
            let previous = draft.lists[list].steps[..<index].lastIndex { step in
                switch step.step {
                case .content, .regex: true
                default: isOpenPayload && relation == .bytes && step.isPositioned
                }
            }
            guard let previous else { continue }
            switch draft.lists[list].steps[previous].step {
            case .content(var content):
                content.flags.insert(.hasFollower)
                // The first hit leaves the widest window: what must be in it is there or nowhere; what must not be
                // in it may be missing behind a later hit.
                if relation != .distance || isNegated { content.flags.insert(.leadsOn) }
                draft.lists[list].steps[previous].step = .content(content)
            case .regex(var regex):
                regex.flags.insert(.leadsOn)
                draft.lists[list].steps[previous].step = .regex(regex)
            default: break
            }
        }
    }

    // MARK: writing

    private mutating func write(_ direction: RuleDirection) throws(RuleError) {
        var rule = draft.rule
        if unevaluated != nil { rule.flags.insert(.isInert) }
        rule.header.applications = rule.header.applications.widened
        rule.references = .adding(draft.references, to: &builder.references)
        rule.packetTests = .adding(draft.packetTests, to: &builder.packetTests)
        rule.stateTests = .adding(draft.stateTests, to: &builder.stateTests)
        rule.transactionTests = .adding(draft.transactionTests, to: &builder.transactionTests)
        rule.effects = .adding(draft.effects, to: &builder.effects)
        rule.limits = .adding(draft.limits, to: &builder.limits)
        let chosen = fastPattern()
        let first = builder.buffers.count
        for list in draft.lists.indices where !draft.lists[list].isBase64 {
            // What stands in a frame is not looked for.
            if draft.hasFrame, draft.lists[list].steps.isEmpty { continue }
            let steps = try writeSteps(of: list, chosen, &rule)
            builder.buffers.append(try bufferTest(list, steps))
        }
        rule.buffers = PoolRange(first..<builder.buffers.count)
        builder.remove(rule.id)
        builder.add(rule)
        guard direction == .both else { return }
        var mirrored = rule
        swap(&mirrored.header.sources, &mirrored.header.targets)
        swap(&mirrored.header.sourcePorts, &mirrored.header.targetPorts)
        guard mirrored.header.sources != rule.header.sources || mirrored.header.sourcePorts != rule.header.sourcePorts
        else { return }
        mirrored.flags.insert(.isMirrored)
        builder.add(mirrored)
    }

    private mutating func bufferTest(_ list: Int, _ steps: PoolRange) throws(RuleError) -> BufferTest {
        let draftList = draft.lists[list]
        let chain = builder.transforms.number(of: draftList.transforms)
        guard chain <= UInt16.max else { throw RuleError(.combination, "too many chains of transforms") }
        var test = BufferTest()
        test.buffer = draftList.buffer
        test.transforms = UInt16(chain)
        test.side = draftList.side ?? side(of: draftList)
        test.absence = draftList.absence
        test.steps = steps
        test.instance = UInt8(
            clamping: draft.lists[..<list].count {
                $0.buffer == draftList.buffer && $0.transforms == draftList.transforms
            })
        let contents = draftList.steps.compactMap(\.content)
        test.isOnlyNegated = !contents.contains { !$0.flags.contains(.isNegated) }
        builder.wanted.insert(draftList.buffer)
        return test
    }

    private mutating func writeSteps(of list: Int, _ chosen: FastPlace?, _ rule: inout Rule) throws(RuleError)
        -> PoolRange
    {
        // Inner lists first, so that the steps of one list are neighbours.
        var inner: [Int: PoolRange] = [:]
        for (index, step) in draft.lists[list].steps.enumerated() {
            guard let base64List = step.base64List else { continue }
            inner[index] = try writeSteps(of: base64List, nil, &rule)
        }
        let start = builder.steps.count
        for (index, draftStep) in draft.lists[list].steps.enumerated() {
            var step = draftStep.step
            switch step {
            case .content(var content):
                content.pattern = builder.addPattern(draftStep.pattern)
                if let chosen, chosen.list == list, chosen.step == index {
                    rule.fast = FastPattern(
                        buffer: UInt32(builder.buffers.count), step: UInt32(start + index),
                        offset: UInt16(chosen.offset), count: UInt16(chosen.count))
                }
                step = .content(content)
            case .regex(var regex):
                var captures: [Capture] = []
                for (kind, name) in draftStep.captures {
                    captures.append(Capture(kind: kind, name: try variable(RuleText(name))))
                }
                regex.captures = .adding(captures, to: &builder.captures)
                step = .regex(regex)
            case .base64(var base64):
                base64.steps = inner[index] ?? PoolRange()
                step = .base64(base64)
            default: break
            }
            builder.steps.append(step)
        }
        return PoolRange(start..<builder.steps.count)
    }
}

/// How a step counts from the match before it.
enum StepRelation {
    /// `distance` alone: the first hit before leaves the widest window.
    case distance
    /// `within`, and `R` of an expression.
    case match
    /// Byte keywords and `isdataat`.
    case bytes
}

extension DraftStep {
    var relation: StepRelation? {
        switch step {
        case .content(let content):
            content.flags.contains(.hasWithin) ? .match : content.flags.contains(.hasDistance) ? .distance : nil
        case .regex(let regex): regex.flags.contains(.isRelative) ? .match : nil
        case .isDataAt(let data): data.flags.contains(.isRelative) ? .bytes : nil
        case .byteTest(let test): test.read.flags.contains(.isRelative) ? .bytes : nil
        case .byteJump(let jump): jump.read.flags.contains(.isRelative) ? .bytes : nil
        case .byteExtract(let extract): extract.read.flags.contains(.isRelative) ? .bytes : nil
        case .byteMath(let math): math.read.flags.contains(.isRelative) ? .bytes : nil
        case .base64(let base64): base64.isRelative ? .bytes : nil
        default: nil
        }
    }
}
