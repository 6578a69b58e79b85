// SPDX-License-Identifier: Apache-2.0
//
// Patterns of STIX 2.1 (part 9 of the specification): the part of them that one record can decide.
//
// Reads   `[domain-name:value = 'evil.example']`.
// Writes  values and their kinds, or why the pattern is refused.
// Leaves  patterns over several observations, over time, with order or negation.

/// The values of a pattern of one observation.
struct STIXPattern {
    struct Value: Equatable {
        var kind: IndicatorKind
        var text: [UInt8]
    }
    /// Any of them suffices.
    private(set) var values: [Value] = []

    private static let patternMax = 64 << 10
    private static let comparisonsMax = 1000
    private static let depthMax = 16

    private enum Token: Equatable {
        case open, close, left, right, comma
        case word([UInt8])
        case text([UInt8])
        case equal
        case other
    }

    /// What is left to read; taking the first costs nothing.
    private typealias Tokens = ArraySlice<Token>

    /// One comparison: an object's path and the texts that it may equal.
    private struct Comparison {
        var path: [UInt8]
        var texts: [[UInt8]]
        var isLike = false
        var isSubset = false
    }

    private indirect enum Node {
        case comparison(Comparison)
        case all([Node])
        case any([Node])
    }

    init(_ pattern: [UInt8]) throws(Unfit) {
        guard pattern.count <= STIXPattern.patternMax else { throw Unfit("the pattern is longer than 64 KiB") }
        var tokens = try STIXPattern.tokens(pattern)[...]
        guard tokens.first == .open else { throw Unfit("a pattern begins with an observation in brackets") }
        var isFirst = true
        while !tokens.isEmpty {
            if !isFirst {
                guard case .word(let word) = tokens.removeFirst(), word == Array("OR".utf8) else {
                    throw Unfit("the pattern is over several observations, or over time")
                }
            }
            isFirst = false
            guard !tokens.isEmpty, tokens.removeFirst() == .open else {
                throw Unfit("an observation in brackets is missing")
            }
            var comparisons = 0
            let node = try STIXPattern.disjunction(&tokens, &comparisons, 0)
            guard !tokens.isEmpty, tokens.removeFirst() == .close else {
                throw Unfit("the observation is not closed, or holds what is not understood")
            }
            try values.append(contentsOf: STIXPattern.values(node))
        }
    }

    // MARK: reading

    private static func tokens(_ pattern: [UInt8]) throws(Unfit) -> [Token] {
        var tokens: [Token] = []
        var place = 0
        while place < pattern.count {
            let octet = pattern[place]
            switch octet {
            case 0x20, 0x09, 0x0A, 0x0D: place += 1
            case 0x5B: tokens.append(.open); place += 1
            case 0x5D: tokens.append(.close); place += 1
            case 0x28: tokens.append(.left); place += 1
            case 0x29: tokens.append(.right); place += 1
            case 0x2C: tokens.append(.comma); place += 1
            case 0x27: tokens.append(.text(try text(pattern, &place)))
            case 0x3D:
                place += place + 1 < pattern.count && pattern[place + 1] == 0x3D ? 2 : 1
                tokens.append(.equal)
            case 0x21, 0x3C, 0x3E: tokens.append(.other); place += 1
            default: tokens.append(.word(try word(pattern, &place)))
            }
            guard tokens.count <= comparisonsMax * 8 else { throw Unfit("the pattern has too many parts") }
        }
        return tokens
    }

    /// A text in single quotes, with `\'` and `\\` (section 9.2).
    private static func text(_ pattern: [UInt8], _ place: inout Int) throws(Unfit) -> [UInt8] {
        var text: [UInt8] = []
        place += 1
        while place < pattern.count {
            if pattern[place] == 0x5C, place + 1 < pattern.count {
                text.append(pattern[place + 1])
                place += 2
            } else if pattern[place] == 0x27 {
                place += 1
                return text
            } else {
                text.append(pattern[place])
                place += 1
            }
        }
        throw Unfit("a text of the pattern is not closed")
    }

    /// A word, or a path whose parts may stand in quotes: `file:hashes.'SHA-256'`.
    private static func word(_ pattern: [UInt8], _ place: inout Int) throws(Unfit) -> [UInt8] {
        var word: [UInt8] = []
        while place < pattern.count {
            let octet = pattern[place]
            if octet == 0x27, word.last == 0x2E {
                word.append(contentsOf: try text(pattern, &place))
                continue
            }
            // A list's index stands in brackets inside a path.
            if octet == 0x5B, !word.isEmpty, word.contains(0x3A) {
                while place < pattern.count, pattern[place] != 0x5D { place += 1 }
                place += 1
                continue
            }
            guard octet > 0x20, ![0x5B, 0x5D, 0x28, 0x29, 0x2C, 0x27, 0x3D, 0x21, 0x3C, 0x3E].contains(octet) else {
                break
            }
            word.append(octet)
            place += 1
        }
        return word
    }

    private static func disjunction(
        _ tokens: inout Tokens, _ count: inout Int, _ depth: Int
    ) throws(Unfit) -> Node {
        var parts = [try conjunction(&tokens, &count, depth)]
        while tokens.first == .word(Array("OR".utf8)) {
            tokens.removeFirst()
            parts.append(try conjunction(&tokens, &count, depth))
        }
        return parts.count == 1 ? parts[0] : .any(parts)
    }

    private static func conjunction(
        _ tokens: inout Tokens, _ count: inout Int, _ depth: Int
    ) throws(Unfit) -> Node {
        var parts = [try primary(&tokens, &count, depth)]
        while tokens.first == .word(Array("AND".utf8)) {
            tokens.removeFirst()
            parts.append(try primary(&tokens, &count, depth))
        }
        return parts.count == 1 ? parts[0] : .all(parts)
    }

    private static func primary(_ tokens: inout Tokens, _ count: inout Int, _ depth: Int) throws(Unfit) -> Node {
        guard depth < depthMax else { throw Unfit("the pattern nests too deep") }
        count += 1
        guard count <= comparisonsMax else { throw Unfit("the pattern has too many comparisons") }
        if tokens.first == .left {
            tokens.removeFirst()
            let node = try disjunction(&tokens, &count, depth + 1)
            guard !tokens.isEmpty, tokens.removeFirst() == .right else { throw Unfit("a bracket is not closed") }
            return node
        }
        guard tokens.count >= 3, case .word(let path) = tokens.removeFirst(), path.contains(0x3A) else {
            throw Unfit("a comparison such as ipv4-addr:value = '203.0.113.1' is missing")
        }
        var comparison = Comparison(path: path, texts: [])
        switch tokens.removeFirst() {
        case .equal: break
        case .word(let word) where word == Array("IN".utf8): return try list(comparison, &tokens)
        case .word(let word) where word == Array("LIKE".utf8): comparison.isLike = true
        case .word(let word) where word == Array("ISSUBSET".utf8): comparison.isSubset = true
        case .word(let word):
            throw Unfit("the comparison \(String(decoding: word.prefix(40), as: UTF8.self)) is not understood")
        default: throw Unfit("only what equals a value can be looked for")
        }
        comparison.texts = [try literal(&tokens)]
        return .comparison(comparison)
    }

    private static func list(_ comparison: Comparison, _ tokens: inout Tokens) throws(Unfit) -> Node {
        var comparison = comparison
        guard !tokens.isEmpty, tokens.removeFirst() == .left else {
            throw Unfit("a list in round brackets is missing")
        }
        repeat {
            comparison.texts.append(try literal(&tokens))
            guard let next = tokens.first, next == .comma else { break }
            tokens.removeFirst()
        } while true
        guard !tokens.isEmpty, tokens.removeFirst() == .right else { throw Unfit("the list is not closed") }
        return .comparison(comparison)
    }

    private static func literal(_ tokens: inout Tokens) throws(Unfit) -> [UInt8] {
        guard let token = tokens.first else { throw Unfit("a value is missing") }
        tokens.removeFirst()
        switch token {
        case .text(let text), .word(let text): return text
        default: throw Unfit("a value is missing")
        }
    }

    // MARK: meaning

    private static func values(_ node: Node) throws(Unfit) -> [Value] {
        switch node {
        case .comparison(let comparison): return try values(comparison)
        case .any(let parts):
            var all: [Value] = []
            for part in parts { try all.append(contentsOf: values(part)) }
            return all
        case .all(let parts): return try both(parts)
        }
    }

    /// What must hold together: an address and a port, or several digests of one file, of which one suffices.
    private static func both(_ parts: [Node]) throws(Unfit) -> [Value] {
        var comparisons: [Comparison] = []
        for part in parts {
            guard case .comparison(let comparison) = part, comparison.texts.count == 1 else {
                throw Unfit("several conditions must hold together")
            }
            comparisons.append(comparison)
        }
        func text(_ path: String) -> [UInt8]? { comparisons.first { $0.path == Array(path.utf8) }?.texts.first }
        if let address = text("network-traffic:dst_ref.value"), let port = text("network-traffic:dst_port") {
            let other = comparisons.filter { comparison in
                ![
                    "network-traffic:dst_ref.value", "network-traffic:dst_port", "network-traffic:dst_ref.type",
                    "network-traffic:protocols",
                ].contains { Array($0.utf8) == comparison.path }
            }
            guard other.isEmpty else { throw Unfit("several conditions must hold together") }
            let host: [UInt8] = address.contains(0x3A) ? [0x5B] + address + [0x5D] : address
            return [Value(kind: .endpoint, text: host + [0x3A] + port)]
        }
        guard comparisons.allSatisfy({ $0.path.starts(with: "file:".utf8) }) else {
            throw Unfit("several conditions must hold together")
        }
        for digest in ["SHA-256", "SHA256", "SHA-1", "SHA1", "MD5"] {
            if let value = text("file:hashes.\(digest)") { return [Value(kind: .file, text: value)] }
        }
        throw Unfit("several conditions must hold together")
    }

    private static let paths: [String: IndicatorKind] = [
        "ipv4-addr:value": .address, "ipv6-addr:value": .address, "network-traffic:dst_ref.value": .address,
        "network-traffic:src_ref.value": .address, "domain-name:value": .domain, "url:value": .url,
        "email-addr:value": .email, "email-message:from_ref.value": .email, "email-message:sender_ref.value": .email,
        "file:hashes.MD5": .file, "file:hashes.SHA-1": .file, "file:hashes.SHA1": .file, "file:hashes.SHA-256": .file,
        "file:hashes.SHA256": .file, "file:name": .fileName, "x509-certificate:hashes.SHA-1": .certificate,
        "x509-certificate:hashes.SHA-256": .certificate, "user-account:user_id": .userName,
        "user-account:account_login": .userName,
        "network-traffic:extensions.http-request-ext.request_header.User-Agent": .userAgent,
    ]

    private static func values(_ comparison: Comparison) throws(Unfit) -> [Value] {
        let path = String(decoding: comparison.path.prefix(200), as: UTF8.self)
        guard let kind = paths[path] else { throw Unfit("\(path) is not seen on a network, or not looked for") }
        var values: [Value] = []
        for text in comparison.texts {
            var text = text
            if comparison.isLike {
                let rest = text.drop { $0 == 0x25 }
                // A star in front of a dot: the names below.
                if kind == .domain, rest.count < text.count, rest.first == 0x2E { text = Array(rest.dropFirst()) }
                guard !text.contains(0x25), !text.contains(0x5F) || kind == .domain else {
                    throw Unfit("LIKE with wildcards is understood of the names below a domain alone")
                }
            }
            let isNetwork = kind == .address && text.contains(0x2F)
            guard !comparison.isSubset || isNetwork else {
                throw Unfit("ISSUBSET wants a network such as 203.0.113.0/24")
            }
            values.append(Value(kind: isNetwork ? .network : kind, text: text))
        }
        return values
    }
}
