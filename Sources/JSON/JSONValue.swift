// SPDX-License-Identifier: Apache-2.0
//
// One value of a JSON text, and ways into it.

/// A value of a `JSONDocument`. Small and quick to hand on; it keeps the
/// document alive.
package struct JSONValue {
    package let document: JSONDocument
    let index: Int

    @inline(__always)
    private var node: JSONNode { document.nodes[index] }

    package var kind: JSONKind { node.kind }
    package var isNull: Bool { kind == .null }
    package var isObject: Bool { kind == .object }
    package var isArray: Bool { kind == .array }
    /// Neither object nor array.
    package var isScalar: Bool { !isObject && !isArray }

    /// Members of an object, elements of an array; 0 of everything else.
    package var count: Int { Int(node.count) }

    /// Where the value stands in `document.octets`, a string with its quotes.
    package var rawRange: Range<Int> { Int(node.start)..<Int(node.end) }
    /// The value as it was written, octet for octet.
    package var raw: ArraySlice<UInt8> { document.octets[rawRange] }

    /// What stands between a string's quotes, undecoded; of others `rawRange`.
    package var contentRange: Range<Int> {
        let node = self.node
        return node.kind == .string ? Int(node.start) + 1..<Int(node.end) - 1 : Int(node.start)..<Int(node.end)
    }

    /// A string that holds a backslash, so that its content is not its text.
    package var isEscaped: Bool { node.kind == .string && node.mark }
}

// MARK: Scalars

extension JSONValue {
    /// A string, decoded; nil of everything else.
    package var string: String? {
        guard kind == .string else { return nil }
        guard isEscaped else { return String(decoding: document.octets[contentRange], as: UTF8.self) }
        var octets: [UInt8] = []
        appendText(to: &octets)
        return String(decoding: octets, as: UTF8.self)
    }

    /// A scalar as text: a string decoded, a number and a truth value as
    /// written; nil of null, objects and arrays.
    package var text: String? {
        switch kind {
        case .string: string
        case .number, .bool: String(decoding: raw, as: UTF8.self)
        case .null, .object, .array: nil
        }
    }

    /// Appends the decoded string, or what stands there of any other value.
    /// A lone surrogate becomes U+FFFD.
    package func appendText(to target: inout [UInt8]) {
        let range = contentRange
        guard isEscaped else {
            target.append(contentsOf: document.octets[range])
            return
        }
        JSONEscapes.appendDecoded(document.octets, range, to: &target)
    }

    /// A truth value, also where it stands in a string (`"true"`, `"False"`).
    package var bool: Bool? {
        switch kind {
        case .bool: node.mark
        case .string:
            if hasText("true", ignoringCase: true) {
                true
            } else if hasText("false", ignoringCase: true) {
                false
            } else {
                nil
            }
        default: nil
        }
    }

    /// A whole number, also where it stands in a string; nil where it has a
    /// fraction, an exponent or more than 64 bits.
    package var integer: Int64? {
        guard kind == .number || kind == .string else { return nil }
        let content = document.octets[contentRange]
        guard content.count <= 20, var index = content.indices.first else { return nil }
        let isNegative = content[index] == 0x2D
        if isNegative { index += 1 }
        guard index < content.endIndex else { return nil }
        var value: Int64 = 0
        while index < content.endIndex {
            let digit = content[index]
            guard (0x30...0x39).contains(digit) else { return nil }
            let (tens, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let step = Int64(digit - 0x30)
            let (sum, overflow) =
                isNegative ? tens.subtractingReportingOverflow(step) : tens.addingReportingOverflow(step)
            guard !isTooLarge, !overflow else { return nil }
            value = sum
            index += 1
        }
        return value
    }

    /// A number, also where it stands in a string; nil where it is not finite.
    package var double: Double? {
        guard kind == .number || kind == .string, contentRange.count <= 64, let text,
            let first = text.utf8.first, first == 0x2D || (0x30...0x39).contains(first),
            let value = Double(text), value.isFinite
        else { return nil }
        return value
    }

    /// Whether a string's text (of other scalars: what is written) is `text`.
    package func hasText(_ text: String, ignoringCase: Bool = false) -> Bool {
        guard isScalar else { return false }
        return document.content(at: index, equals: text, ignoringCase)
    }
}

// MARK: Members and elements

extension JSONValue {
    /// The value of the object's member `key`. Of several members of one name
    /// the last counts, as with most readers (RFC 8259 section 4 leaves it
    /// open). Without regard to case, a member written exactly so goes first.
    package func member(_ key: String, ignoringCase: Bool = false) -> JSONValue? {
        guard isObject else { return nil }
        var exact: Int?
        var other: Int?
        let nodes = document.nodes
        let length = key.utf8.count
        var place = index + 1
        for _ in 0..<count {
            let name = nodes[place]
            if Int(name.end &- name.start) &- 2 == length || name.mark {
                if document.content(at: place, equals: key, false) {
                    exact = place + 1
                } else if ignoringCase, document.content(at: place, equals: key, true) {
                    other = place + 1
                }
            }
            place = Int(nodes[place + 1].next)
        }
        return (exact ?? other).map { JSONValue(document: document, index: $0) }
    }

    package subscript(_ key: String) -> JSONValue? { member(key) }

    /// The element at `position` of an array.
    package subscript(_ position: Int) -> JSONValue? {
        guard isArray, position >= 0, position < count else { return nil }
        var place = index + 1
        for _ in 0..<position { place = Int(document.nodes[place].next) }
        return JSONValue(document: document, index: place)
    }

    /// The value that the keys lead to, one object after the other. A whole
    /// number leads into an array.
    package func at(_ path: [String], ignoringCase: Bool = false) -> JSONValue? {
        var value = self
        for key in path {
            if value.isArray {
                guard let position = Int(key), let element = value[position] else { return nil }
                value = element
            } else {
                guard let member = value.member(key, ignoringCase: ignoringCase) else { return nil }
                value = member
            }
        }
        return value
    }

    package func at(_ path: String..., ignoringCase: Bool = false) -> JSONValue? {
        at(path, ignoringCase: ignoringCase)
    }

    /// Every member of an object in the order of the text; the key is a string value.
    package func forEachMember(_ body: (_ key: JSONValue, _ value: JSONValue) -> Void) {
        guard isObject else { return }
        var place = index + 1
        for _ in 0..<count {
            body(JSONValue(document: document, index: place), JSONValue(document: document, index: place + 1))
            place = Int(document.nodes[place + 1].next)
        }
    }

    /// The elements of an array; nothing of everything else.
    package var elements: JSONElements {
        JSONElements(document: document, place: index + 1, left: isArray ? count : 0)
    }

    /// The members of an object; nothing of everything else.
    package var members: JSONMembers {
        JSONMembers(document: document, place: index + 1, left: isObject ? count : 0)
    }

    /// Whether one name stands twice among an object's members.
    package var hasDuplicateKeys: Bool {
        guard isObject, count > 1 else { return false }
        var names: Set<String> = []
        for member in members where !names.insert(member.key).inserted { return true }
        return false
    }
}

/// The elements of an array, one after the other.
package struct JSONElements: Sequence, IteratorProtocol {
    let document: JSONDocument
    var place: Int
    var left: Int

    package mutating func next() -> JSONValue? {
        guard left > 0 else { return nil }
        defer {
            left -= 1
            place = Int(document.nodes[place].next)
        }
        return JSONValue(document: document, index: place)
    }
}

/// The members of an object, one after the other, keys decoded.
package struct JSONMembers: Sequence, IteratorProtocol {
    let document: JSONDocument
    var place: Int
    var left: Int

    package mutating func next() -> (key: String, value: JSONValue)? {
        guard left > 0 else { return nil }
        let key = JSONValue(document: document, index: place).string ?? ""
        let value = JSONValue(document: document, index: place + 1)
        left -= 1
        place = Int(document.nodes[place + 1].next)
        return (key, value)
    }
}

extension JSONDocument {
    /// Whether the content of the string (or scalar) at `index` is `text`; case of ASCII letters only.
    func content(at index: Int, equals text: String, _ ignoringCase: Bool) -> Bool {
        let node = nodes[index]
        let isString = node.kind == .string
        let start = Int(node.start) + (isString ? 1 : 0)
        let length = Int(node.end) - start - (isString ? 1 : 0)
        if isString, node.mark {
            var decoded: [UInt8] = []
            JSONEscapes.appendDecoded(octets, start..<start + length, to: &decoded)
            return JSONEscapes.equals(decoded, 0..<decoded.count, text, ignoringCase)
        }
        return JSONEscapes.equals(octets, start..<start + length, text, ignoringCase)
    }
}
