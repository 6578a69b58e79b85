// SPDX-License-Identifier: Apache-2.0
//
// Contents against what their buffer can hold: what could never match is refused.
//
// Reads   the draft's lists.
// Writes  patterns in the form of their buffer (lower-case digests, upper-case serials).
// Leaves  everything else.

import Records

extension RuleParser {
    mutating func checkPatterns(_ list: Int) throws(RuleError) {
        let buffer = draft.lists[list].buffer
        if draft.lists[list].transforms.isEmpty, !draft.lists[list].isBase64 {
            switch buffer {
            case .httpHost: try forEachContent(list, RuleParser.checkHost)
            case .httpMethod: try forEachContent(list, RuleParser.checkMethod)
            case .ja3Hash, .ja3sHash, .sshHASSH, .sshHASSHServer, .quicCYUHash:
                try forEachContent(list, RuleParser.checkDigest)
            case .tlsCertSerial: try forEachContent(list, RuleParser.checkSerial)
            case .tlsCertFingerprint: try forEachContent(list, RuleParser.checkFingerprint)
            case .tlsRandom: try checkLength(list, 32)
            case .tlsRandomTime: try checkLength(list, 4)
            case .tlsRandomBytes: try checkLength(list, 28)
            default: break
            }
        }
        for transform in draft.lists[list].transforms { try check(transform, list) }
    }

    private mutating func forEachContent(
        _ list: Int, _ check: (inout DraftStep, ContentStep) throws(RuleError) -> Void
    ) throws(RuleError) {
        for index in draft.lists[list].steps.indices {
            guard let content = draft.lists[list].steps[index].content else { continue }
            try check(&draft.lists[list].steps[index], content)
        }
    }

    private static func checkHost(_ step: inout DraftStep, _ content: ContentStep) throws(RuleError) {
        guard !content.flags.contains(.isCaseless) else {
            throw RuleError(.content, "http.host is in lower case: nocase has no meaning", advice: "leave nocase away")
        }
        guard !step.pattern.contains(where: \.isUpper) else {
            throw RuleError(
                .content, "http.host is in lower case, and the content has upper case",
                advice: "write it in lower case, or look at http.host.raw")
        }
    }

    private static func checkMethod(_ step: inout DraftStep, _ content: ContentStep) throws(RuleError) {
        guard step.pattern.first?.isBlank == false, step.pattern.last?.isBlank == false else {
            throw RuleError(.content, "a method neither begins nor ends with a blank", advice: "use http.request_line")
        }
    }

    /// An MD5 in hexadecimal digits.
    private static func checkDigest(_ step: inout DraftStep, _ content: ContentStep) throws(RuleError) {
        guard step.pattern.count == 32, step.pattern.allSatisfy({ $0.hexadecimal != nil }) else {
            throw RuleError(.content, "the buffer holds 32 hexadecimal digits", advice: "write all of them")
        }
        for index in step.pattern.indices { step.pattern[index] = step.pattern[index].lowered }
    }

    /// `5C:19:B7`: upper case, with colons.
    private static func checkSerial(_ step: inout DraftStep, _ content: ContentStep) throws(RuleError) {
        guard step.pattern.count <= 2 || step.pattern.contains(0x3A) else {
            throw RuleError(.content, "a serial number is written with colons", advice: "write 5C:19:B7:B1")
        }
        for index in step.pattern.indices where step.pattern[index].isLower { step.pattern[index] &= 0xDF }
    }

    /// A SHA-1 as `4a:a3:…`: lower case, with colons, whole.
    private static func checkFingerprint(_ step: inout DraftStep, _ content: ContentStep) throws(RuleError) {
        guard step.pattern.count == 59 else {
            throw RuleError(
                .content, "a fingerprint is 20 octets with colons between", advice: "write all of them: 4a:a3:66:…")
        }
        guard stride(from: 2, to: 59, by: 3).allSatisfy({ step.pattern[$0] == 0x3A }) else {
            throw RuleError(.content, "a fingerprint has a colon behind every octet", advice: "write 4a:a3:66:…")
        }
        for index in step.pattern.indices { step.pattern[index] = step.pattern[index].lowered }
    }

    private func checkLength(_ list: Int, _ count: Int) throws(RuleError) {
        for step in draft.lists[list].steps where step.content != nil {
            guard step.pattern.count <= count else {
                throw RuleError(
                    .content, "\(draft.lists[list].buffer.name) has \(count) octets, the content \(step.pattern.count)")
            }
        }
    }

    /// A content that the transform can never leave behind.
    private func check(_ transform: Transform, _ list: Int) throws(RuleError) {
        for step in draft.lists[list].steps {
            guard let content = step.content else { continue }
            let isCaseless = content.flags.contains(.isCaseless)
            switch transform {
            case .stripWhitespace:
                if step.pattern.contains(where: \.isSpace) {
                    throw RuleError(
                        .content, "strip_whitespace leaves no white space, and the content has some",
                        advice: "leave it away")
                }
            case .compressWhitespace:
                if zip(step.pattern, step.pattern.dropFirst()).contains(where: { $0.isSpace && $1.isSpace }) {
                    throw RuleError(
                        .content, "compress_whitespace leaves single blanks, and the content has two",
                        advice: "write one")
                }
            case .toLowercase:
                if !isCaseless, step.pattern.contains(where: \.isUpper) {
                    throw RuleError(
                        .content, "to_lowercase leaves no upper case, and the content has some",
                        advice: "write it in lower case")
                }
            case .toUppercase:
                if isCaseless ? false : step.pattern.contains(where: \.isLower) {
                    throw RuleError(
                        .content, "to_uppercase leaves no lower case, and the content has some",
                        advice: "write it in upper case")
                }
            case .md5: try checkDigestLength(step, 16)
            case .sha1: try checkDigestLength(step, 20)
            case .sha256: try checkDigestLength(step, 32)
            default: break
            }
        }
    }

    private func checkDigestLength(_ step: DraftStep, _ count: Int) throws(RuleError) {
        guard step.pattern.count == count else {
            throw RuleError(
                .content, "the digest has \(count) octets, the content \(step.pattern.count)",
                advice: "write it as |…|, whole")
        }
    }

    // MARK: sizes

    /// Contents that the size of their buffer, or of the packet, leaves no room for.
    func checkSizes() throws(RuleError) {
        for list in draft.lists {
            for step in list.steps {
                guard case .size(let test) = step.step, let maximum = test.maximum else { continue }
                try checkRoom(list, maximum, "the buffer's size is \(maximum) at most")
            }
        }
        for case .dataSize(let test) in draft.packetTests {
            guard let maximum = test.maximum, let payload = draft.lists.first(where: { $0.buffer == .payload }) else {
                continue
            }
            try checkRoom(payload, maximum, "dsize lets \(maximum) octets through at most")
        }
    }

    private func checkRoom(_ list: DraftList, _ maximum: UInt64, _ reason: String) throws(RuleError) {
        var needed: UInt64 = 0
        for step in list.steps {
            guard let content = step.content, !content.flags.contains(.isNegated) else { continue }
            let count = UInt64(step.pattern.count)
            if content.flags.contains(.hasDistance), !content.flags.contains(.distanceIsVariable), content.distance >= 0
            {
                needed += count + UInt64(content.distance)
            } else if content.flags.contains(.hasOffset), !content.flags.contains(.offsetIsVariable) {
                needed = max(needed, count + UInt64(content.offset))
            } else {
                needed = max(needed, count)
            }
        }
        guard needed <= maximum else {
            throw RuleError(
                .combination, "\(reason), and the contents need \(needed)", advice: "the rule can never match")
        }
    }
}

extension NumberTest {
    /// The greatest number that the test lets through; nil where there is none.
    var maximum: UInt64? {
        switch comparison {
        case .equal, .lessOrEqual: first
        case .less: first - 1
        case .inside: second - 1
        case .within: second
        default: nil
        }
    }
}
