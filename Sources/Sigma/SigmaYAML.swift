// SPDX-License-Identifier: Apache-2.0
//
// The YAML of Sigma rules, as values of a kind.
//
// Reads   one file of one or several documents.
// Writes  `SigmaYAML`.
// Leaves  anchors and aliases, which no rule needs and bombs are made of: refused.

import Yams

/// A YAML value. Numbers and truth values stay as they are written, since all that Sigma compares is text.
indirect enum SigmaYAML: Equatable {
    case null
    case scalar(String)
    case list([SigmaYAML])
    case map([Member])

    struct Member: Equatable {
        var key: String
        var value: SigmaYAML
    }

    /// Reads all documents of a file.
    static func documents(_ text: String) throws(SigmaRefusal) -> [SigmaYAML] {
        guard text.utf8.count <= SigmaLimits.fileBytesMax else {
            throw SigmaRefusal(.yaml, "the file is larger than \(SigmaLimits.fileBytesMax) octets")
        }
        guard max(nesting(text), indentation(text)) <= SigmaLimits.depthMax * 4 else {
            throw SigmaRefusal(.yaml, "brackets or lines nest deeper than \(SigmaLimits.depthMax * 4)")
        }
        do {
            // The parser holds the anchors, which its nodes refer to weakly: it must outlive them.
            let parser = try Yams.Parser(yaml: text)
            var found: [SigmaYAML] = []
            var left = SigmaLimits.nodesMax
            try withExtendedLifetime(parser) {
                while let node = try parser.nextRoot() { found.append(try SigmaYAML(node, 0, &left)) }
            }
            return found
        } catch let refusal as SigmaRefusal {
            throw refusal
        } catch let error as YamlError {
            let line = "\(error)".split(separator: "\n").first.map(String.init) ?? "not YAML"
            throw SigmaRefusal(.yaml, "the YAML cannot be read: \(line)")
        } catch {
            throw SigmaRefusal(.yaml, "the YAML cannot be read")
        }
    }

    /// How deep brackets may nest at most, quotes left out of account: the parser recurses with them.
    private static func nesting(_ text: String) -> Int {
        var (depth, deepest) = (0, 0)
        for octet in text.utf8 {
            if octet == 0x5B || octet == 0x7B {
                depth += 1
                deepest = max(deepest, depth)
            } else if octet == 0x5D || octet == 0x7D {
                depth = max(depth - 1, 0)
            } else if octet == 0x0A {
                // What a regular expression leaves open does not add up over lines; a flow over lines is rare.
                depth = min(depth, SigmaLimits.depthMax)
            }
        }
        return deepest
    }

    /// How deep lines may nest at most: by their indentation, and by dashes and question marks behind each other.
    private static func indentation(_ text: String) -> Int {
        var (open, deepest) = ([Int](), 0)
        for line in text.utf8.split(separator: 0x0A) {
            guard let first = line.firstIndex(where: { $0 != 0x20 }), line[first] != 0x23 else { continue }
            let indent = line.distance(from: line.startIndex, to: first)
            while let last = open.last, last >= indent { open.removeLast() }
            open.append(indent)
            var (rest, marks) = (line[first...], 0)
            while let mark = rest.first, mark == 0x2D || mark == 0x3F, rest.dropFirst().first ?? 0x20 == 0x20 {
                marks += 1
                rest = rest.dropFirst().drop { $0 == 0x20 }
            }
            deepest = max(deepest, open.count + marks)
        }
        return deepest
    }

    private init(_ node: Node, _ depth: Int, _ left: inout Int) throws {
        left -= 1
        guard left > 0 else { throw SigmaRefusal(.yaml, "more than \(SigmaLimits.nodesMax) values") }
        guard depth <= SigmaLimits.depthMax else {
            throw SigmaRefusal(.yaml, "values nest deeper than \(SigmaLimits.depthMax)")
        }
        guard node.anchor == nil else { throw SigmaRefusal(.yaml, "anchors and aliases are not read") }
        switch node {
        case .alias: throw SigmaRefusal(.yaml, "anchors and aliases are not read")
        case .scalar(let scalar):
            let isPlain = scalar.style == .plain || scalar.style == .any
            let isNull = isPlain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
            self = isNull ? .null : .scalar(scalar.string)
        case .sequence(let sequence):
            var elements: [SigmaYAML] = []
            for element in sequence { elements.append(try SigmaYAML(element, depth + 1, &left)) }
            self = .list(elements)
        case .mapping(let mapping):
            var members: [Member] = []
            for (key, value) in mapping {
                guard case .scalar(let name) = key else { throw SigmaRefusal(.yaml, "a key is no text") }
                members.append(Member(key: name.string, value: try SigmaYAML(value, depth + 1, &left)))
            }
            self = .map(members)
        }
    }

    subscript(_ key: String) -> SigmaYAML? {
        guard case .map(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    var text: String? {
        guard case .scalar(let text) = self else { return nil }
        return text
    }

    var isNull: Bool { self == .null }

    /// The texts of a list, or a single one.
    var texts: [String] {
        switch self {
        case .scalar(let text): [text]
        case .list(let elements): elements.compactMap(\.text)
        case .null, .map: []
        }
    }
}
