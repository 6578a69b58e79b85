// SPDX-License-Identifier: Apache-2.0
//
// Conditions: `selection and not 1 of filter_*` (specification 2.1, "condition").
//
// Reads   a condition, and the search identifiers of its rule.
// Writes  one tree.
// Leaves  aggregations behind `|`, which version 2 has no more: refused by name.

struct SigmaConditionReader {
    /// By name, in the order of the rule.
    private let searches: [(name: String, node: SigmaNode)]
    private let sizes: [Int]
    private var words: [String] = []
    private var position = 0
    /// Tests that the conditions may still bring in: each mention of a search counts all of it.
    private var testsLeft = SigmaLimits.testsMax

    init(_ searches: [(name: String, node: SigmaNode)]) {
        self.searches = searches
        sizes = searches.map(\.node.count)
    }

    /// A search as a part of the condition.
    private mutating func use(_ place: Int) throws(SigmaRefusal) -> SigmaNode {
        testsLeft -= sizes[place]
        guard testsLeft >= 0 else {
            throw SigmaRefusal(.condition, "the rule has more than \(SigmaLimits.testsMax) tests, written out")
        }
        return searches[place].node
    }

    mutating func read(_ text: String) throws(SigmaRefusal) -> SigmaNode {
        guard !text.contains("|") else {
            throw SigmaRefusal(.unsupported, "aggregations behind | are not evaluated: \(text)")
        }
        words = SigmaConditionReader.words(text)
        position = 0
        guard !words.isEmpty else { throw SigmaRefusal(.condition, "the condition is empty") }
        let node = try either(0)
        guard position == words.count else {
            throw SigmaRefusal(.condition, "“\(words[position])” stands where the condition should end: \(text)")
        }
        return node
    }

    private static func words(_ text: String) -> [String] {
        var words: [String] = []
        var word = ""
        for character in text {
            if character == "(" || character == ")" || character.isWhitespace {
                if !word.isEmpty { words.append(word) }
                word = ""
                if !character.isWhitespace { words.append(String(character)) }
            } else {
                word.append(character)
            }
        }
        if !word.isEmpty { words.append(word) }
        return words
    }

    private mutating func take(_ word: String) -> Bool {
        guard position < words.count, words[position].lowercased() == word else { return false }
        position += 1
        return true
    }

    private mutating func either(_ depth: Int) throws(SigmaRefusal) -> SigmaNode {
        var nodes = [try both(depth)]
        while take("or") { nodes.append(try both(depth)) }
        return .joined(nodes, isAll: false)
    }

    private mutating func both(_ depth: Int) throws(SigmaRefusal) -> SigmaNode {
        var nodes = [try negation(depth)]
        while take("and") { nodes.append(try negation(depth)) }
        return .joined(nodes, isAll: true)
    }

    private mutating func negation(_ depth: Int) throws(SigmaRefusal) -> SigmaNode {
        guard depth < SigmaLimits.conditionDepthMax else {
            throw SigmaRefusal(.condition, "the condition nests deeper than \(SigmaLimits.conditionDepthMax)")
        }
        if take("not") { return .not(try negation(depth + 1)) }
        if take("(") {
            let node = try either(depth + 1)
            guard take(")") else { throw SigmaRefusal(.condition, "a parenthesis of the condition stays open") }
            return node
        }
        guard position < words.count else { throw SigmaRefusal(.condition, "the condition ends too early") }
        let word = words[position]
        position += 1
        if position < words.count, words[position].lowercased() == "of" { return try quantified(word) }
        guard !["and", "or", "of", ")"].contains(word.lowercased()) else {
            throw SigmaRefusal(.condition, "“\(word)” stands where a search identifier should")
        }
        guard let place = searches.firstIndex(where: { $0.name == word }) else {
            throw SigmaRefusal(.condition, "the condition names “\(word)”, which the rule does not have")
        }
        return try use(place)
    }

    /// `1 of them`, `all of selection_*`.
    private mutating func quantified(_ quantity: String) throws(SigmaRefusal) -> SigmaNode {
        position += 1
        guard position < words.count else { throw SigmaRefusal(.condition, "“\(quantity) of” ends too early") }
        let pattern = words[position]
        position += 1
        let isAll: Bool
        switch quantity.lowercased() {
        case "1", "any": isAll = false
        case "all": isAll = true
        default: throw SigmaRefusal(.condition, "“\(quantity) of”: only 1, any and all are known")
        }
        let isThem = pattern.lowercased() == "them"
        let found = searches.indices.filter { place in
            let name = searches[place].name
            return isThem ? !name.hasPrefix("_") : SigmaConditionReader.fits(name, pattern)
        }
        guard !found.isEmpty else {
            throw SigmaRefusal(.condition, "“\(quantity) of \(pattern)” fits no search identifier")
        }
        var nodes: [SigmaNode] = []
        for place in found { nodes.append(try use(place)) }
        return .joined(nodes, isAll: isAll)
    }

    private static func fits(_ name: String, _ pattern: String) -> Bool {
        let tokens = pattern.utf8.map { $0 == 0x2A ? SigmaPattern.anyOctets : SigmaPattern.Token($0) }
        let octets = Array(name.utf8)
        return SigmaPattern(tokens, isCased: true).matches(octets, 0..<octets.count)
    }
}
