// SPDX-License-Identifier: Apache-2.0
//
// One rule while its options are being read.
//
// Reads   nothing.
// Writes  lists of steps, in the order in which they will be walked.
// Leaves  the options (RuleParser.swift), what becomes of it (RuleFinisher.swift).

import Records

/// What `fast_pattern` says of a content.
enum FastChoice: Equatable {
    case no, whole
    case stretch(offset: Int, count: Int)
}

/// A step before its content is in the pool.
struct DraftStep {
    var step: MatchStep
    /// The octets of a content, lower-cased where caseless.
    var pattern: [UInt8] = []
    var fast = FastChoice.no
    /// Place among all steps of the rule, whichever list they are in.
    var order: Int
    var hasReplacement = false
    var isRawBytes = false
    /// `base64_decode`: the list that walks over what it decodes.
    var base64List: Int?
    /// Names of captures.
    var captures: [(kind: Capture.Kind, name: String)] = []

    var content: ContentStep? {
        if case .content(let content) = step { return content }
        return nil
    }

    var isRegex: Bool {
        if case .regex = step { return true }
        return false
    }
}

/// The steps of one buffer.
struct DraftList {
    var buffer: SignatureBuffer
    var transforms: [Transform] = []
    var instance: UInt8 = 0
    var steps: [DraftStep] = []
    var absence = BufferTest.Absence.needed
    /// The direction that `keyword:to_server` asks for.
    var side: FlowTest.Side?
    /// `base64_data`.
    var isBase64 = false
}

/// What options have been seen and what they have said.
struct RuleDraft {
    var rule = Rule()
    var lists: [DraftList] = []
    /// The list that a sticky buffer has opened; nil: the payload.
    var current: Int?
    /// Changes that have been asked for and that nothing has used yet.
    var pendingTransforms: [Transform] = []
    var packetTests: [PacketTest] = []
    var stateTests: [StateTest] = []
    var transactionTests: [TransactionTest] = []
    var effects: [Effect] = []
    var limits: [RuleLimit] = []
    /// Names of byte_extract and byte_math, by number; they hold for all buffers of the rule.
    var variables: [String] = []
    /// Variables that one rule may have.
    static let variablesMax = 255
    var references: [Reference] = []
    var stepCount = 0
    var warnings: [String] = []
    /// What the rule asks for and does not get, its match aside: each name once.
    private(set) var idle: [String] = []

    var hasSignatureID = false
    var hasRevision = false
    var hasMessage = false
    var hasPriority = false
    var hasFastPattern = false
    var hasFrame = false
    var hasAppEvent = false
    var hasDecodeEvent = false
    var hasAppProtocolTest = false
    var hasIPProtocol = false
    /// An address of the header stands under a `!`.
    var hasNegatedAddress = false
    var hasStreamSize = false
    var hasDataSize = false
    /// Directions that keywords besides buffers imply.
    var sides: [FlowTest.Side] = []
    /// Why the rule cannot be taken, found where reading may go on (`requires`).
    var skipReason: String?

    /// Notes something that is read and has no effect.
    mutating func addIdle(_ what: String) {
        if !idle.contains(what) { idle.append(what) }
    }

    /// The list that steps go to now, opened where needed.
    mutating func activeList() -> Int {
        if let current {
            guard !pendingTransforms.isEmpty else { return current }
            return changeActiveList(current)
        }
        if let index = lists.firstIndex(where: { $0.buffer == .payload && !$0.isBase64 && $0.transforms.isEmpty }) {
            return index
        }
        lists.append(DraftList(buffer: .payload))
        return lists.count - 1
    }

    /// A list of the same buffer with the changes that were asked for.
    private mutating func changeActiveList(_ index: Int) -> Int {
        let transforms = lists[index].transforms + pendingTransforms
        pendingTransforms = []
        let buffer = lists[index].buffer
        if lists[index].steps.isEmpty, lists[index].absence == .needed {
            lists[index].transforms = transforms
            current = index
        } else if let other = lists.firstIndex(where: { $0.buffer == buffer && $0.transforms == transforms }),
            !BufferInfo.of(buffer).traits.contains(.isMultiple)
        {
            current = other
        } else {
            lists.append(DraftList(buffer: buffer, transforms: transforms, side: lists[index].side))
            current = lists.count - 1
        }
        return current ?? index
    }

    mutating func append(_ step: DraftStep, to list: Int) {
        var step = step
        step.order = stepCount
        stepCount += 1
        lists[list].steps.append(step)
    }

    /// The last step that `isWanted` takes: in the active list, or in every list where none is opened.
    func last(_ isWanted: (DraftStep) -> Bool) -> (list: Int, step: Int)? {
        var found: (list: Int, step: Int)?
        var best = -1
        for list in lists.indices where current == nil || current == list {
            guard let index = lists[list].steps.lastIndex(where: isWanted) else { continue }
            if lists[list].steps[index].order > best {
                best = lists[list].steps[index].order
                found = (list, index)
            }
        }
        return found
    }
}
