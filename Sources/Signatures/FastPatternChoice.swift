// SPDX-License-Identifier: Apache-2.0
//
// The pattern that makes a rule a candidate (specification section 7).
//
// Reads   the draft's lists.
// Writes  nothing.
// Leaves  the pattern matcher (the engine).

import Records

/// A stretch of a content in a draft.
struct FastPlace {
    var list: Int
    var step: Int
    var offset: Int
    var count: Int
}

extension RuleParser {
    /// What the rule says, else the content that finds the fewest: of the buffers that stand out most,
    /// the longest, of those the strongest. None where every content is negated.
    func fastPattern() -> FastPlace? {
        if let said = saidPattern() { return said }
        var best: (place: FastPlace, rank: Int, strength: Int)?
        for list in draft.lists.indices {
            let draftList = draft.lists[list]
            guard !draftList.isBase64, draftList.absence == .needed, draftList.canPrefilter else { continue }
            let rank = FastPatternRank.of(draftList.buffer)
            for step in draftList.steps.indices {
                guard let content = draftList.steps[step].content, !content.flags.contains(.isNegated) else { continue }
                let count = draftList.steps[step].pattern.count
                let strength = FastPatternRank.strength(draftList.steps[step].pattern)
                if let found = best {
                    let isBetter = (-rank, count, strength) > (-found.rank, found.place.count, found.strength)
                    guard isBetter else { continue }
                }
                best = (FastPlace(list: list, step: step, offset: 0, count: count), rank, strength)
            }
        }
        return best?.place
    }

    private func saidPattern() -> FastPlace? {
        for list in draft.lists.indices {
            for step in draft.lists[list].steps.indices {
                let draftStep = draft.lists[list].steps[step]
                guard draftStep.content?.flags.contains(.isNegated) == false else { continue }
                switch draftStep.fast {
                case .no: continue
                case .whole:
                    return FastPlace(list: list, step: step, offset: 0, count: draftStep.pattern.count)
                case .stretch(let offset, let count):
                    return FastPlace(list: list, step: step, offset: offset, count: count)
                }
            }
        }
        return nil
    }
}

extension DraftList {
    /// Buffers that are put together only when a rule asks have no pattern matcher in front of them.
    var canPrefilter: Bool {
        switch buffer {
        case .ipSource, .ipDestination: false
        default: true
        }
    }
}

/// How well a pattern tells traffic apart.
enum FastPatternRank {
    /// Lower is better.
    static func of(_ buffer: SignatureBuffer) -> Int {
        switch buffer {
        case .payload, .httpMethod, .httpStatusCode, .httpStatusMessage: 3
        default: 2
        }
    }

    /// Letters are common, other printable octets and 00, 01, FF less, all else rare; repetition adds little.
    static func strength(_ pattern: [UInt8]) -> Int {
        var seen = [Bool](repeating: false, count: 256)
        var sum = 0
        for octet in pattern {
            if seen[Int(octet)] {
                sum += 1
                continue
            }
            seen[Int(octet)] = true
            if octet.isLetter {
                sum += 3
            } else if (0x20...0x7E).contains(octet) || octet == 0 || octet == 1 || octet == 0xFF {
                sum += 4
            } else {
                sum += 6
            }
        }
        return sum
    }
}
