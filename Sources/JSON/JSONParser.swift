// SPDX-License-Identifier: Apache-2.0
//
// Reads a JSON text (RFC 8259) into a list of nodes that point into its octets.
//
// Reads   one value out of an array of octets.
// Writes  a node for each value and key, in the order of the text.
// Leaves  decoding: strings and numbers stay where they are.

/// What a value is.
package enum JSONKind: UInt8, Sendable {
    case object, array, string, number, bool, null
}

/// A value or a key: where it stands, and where the next one beside it is.
struct JSONNode {
    /// The octets of the value as written, a string with its quotes.
    var start: UInt32
    var end: UInt32
    /// The node behind this one and all that it holds.
    var next: UInt32
    /// Elements of an array, members of an object.
    var count: UInt32
    var kind: JSONKind
    /// A string with a backslash in it; `true` of the two truth values.
    var mark: Bool
}

/// One pass over the octets, without recursion: what nests stands in `open`.
struct JSONParser {
    private(set) var nodes: [JSONNode]
    private var open: [UInt32] = []
    private let limits: JSONLimits
    private var position = 0
    private var end = 0

    init(reusing nodes: [JSONNode], _ limits: JSONLimits) {
        self.nodes = nodes
        self.limits = limits
    }

    /// Reads the value that begins at `range`'s first octet or behind white space; returns where it ends.
    mutating func parse(_ octets: Span<UInt8>, _ range: Range<Int>) throws(JSONError) -> Int {
        precondition(range.lowerBound >= 0 && range.upperBound <= octets.count, "the range lies in the octets")
        guard range.count <= limits.bytesMax, range.upperBound < Int(UInt32.max) else {
            throw JSONError(.tooLong, at: range.lowerBound)
        }
        position = range.lowerBound
        end = range.upperBound
        nodes.removeAll(keepingCapacity: true)
        open.removeAll(keepingCapacity: true)
        repeat {
            try value(octets)
            try closeFinished(octets)
        } while !open.isEmpty
        return position
    }

    /// After a value: the comma to the next one, or the ends of what is open.
    private mutating func closeFinished(_ octets: Span<UInt8>) throws(JSONError) {
        while let container = open.last {
            let index = Int(container)
            let isObject = nodes[index].kind == .object
            // A container that has just been opened stands last and holds nothing yet.
            let isFresh = nodes[index].count == 0
            skipSpace(octets)
            let octet = try peek(octets)
            if octet == (isObject ? 0x7D : 0x5D) {
                position &+= 1
                nodes[index].end = UInt32(truncatingIfNeeded: position)
                nodes[index].next = UInt32(truncatingIfNeeded: nodes.count)
                open.removeLast()
                continue
            }
            if !isFresh {
                guard octet == 0x2C else { throw JSONError(.unexpected(octet), at: position) }
                position &+= 1
                skipSpace(octets)
            }
            nodes[index].count &+= 1
            if isObject { try key(octets) }
            return
        }
    }

    private mutating func key(_ octets: Span<UInt8>) throws(JSONError) {
        let octet = try peek(octets)
        guard octet == 0x22 else { throw JSONError(.unexpected(octet), at: position) }
        try string(octets)
        skipSpace(octets)
        let colon = try peek(octets)
        guard colon == 0x3A else { throw JSONError(.unexpected(colon), at: position) }
        position &+= 1
    }

    private mutating func value(_ octets: Span<UInt8>) throws(JSONError) {
        skipSpace(octets)
        let octet = try peek(octets)
        switch octet {
        case 0x22: try string(octets)
        case 0x7B, 0x5B:
            guard open.count < limits.depthMax else { throw JSONError(.tooDeep, at: position) }
            open.append(UInt32(truncatingIfNeeded: nodes.count))
            try append(octet == 0x7B ? .object : .array, from: position, to: position)
            position &+= 1
        case 0x2D, 0x30...0x39: try number(octets)
        case 0x74: try word(octets, "true", .bool, mark: true)
        case 0x66: try word(octets, "false", .bool)
        case 0x6E: try word(octets, "null", .null)
        default: throw JSONError(.unexpected(octet), at: position)
        }
    }

    private mutating func append(
        _ kind: JSONKind, from start: Int, to end: Int, mark: Bool = false
    ) throws(JSONError) {
        guard nodes.count < limits.nodesMax else { throw JSONError(.tooMany, at: start) }
        nodes.append(
            JSONNode(
                start: UInt32(truncatingIfNeeded: start), end: UInt32(truncatingIfNeeded: end),
                next: UInt32(truncatingIfNeeded: nodes.count &+ 1), count: 0, kind: kind, mark: mark))
    }

    @inline(__always)
    private func peek(_ octets: Span<UInt8>) throws(JSONError) -> UInt8 {
        guard position < end else { throw JSONError(.truncated, at: position) }
        return octets[position]
    }

    @inline(__always)
    private mutating func skipSpace(_ octets: Span<UInt8>) {
        while position < end, octets[position] <= 0x20, JSONParser.isSpace(octets[position]) { position &+= 1 }
    }

    @inline(__always)
    static func isSpace(_ octet: UInt8) -> Bool {
        octet == 0x20 || octet == 0x0A || octet == 0x0D || octet == 0x09
    }

    private mutating func word(
        _ octets: Span<UInt8>, _ word: StaticString, _ kind: JSONKind, mark: Bool = false
    ) throws(JSONError) {
        let start = position
        for expected in word.description.utf8 {
            let octet = try peek(octets)
            guard octet == expected else { throw JSONError(.unexpected(octet), at: position) }
            position &+= 1
        }
        try append(kind, from: start, to: position, mark: mark)
    }
}

// MARK: Strings

extension JSONParser {
    private mutating func string(_ octets: Span<UInt8>) throws(JSONError) {
        let start = position
        var isEscaped = false
        var index = position &+ 1
        let end = self.end
        while true {
            guard index < end else { throw JSONError(.truncated, at: index) }
            let octet = octets[index]
            if octet == 0x22 { break }
            if octet == 0x5C {
                isEscaped = true
                index = try JSONParser.escapeEnd(octets, index, end)
            } else if octet < 0x20 {
                throw JSONError(.controlCharacter(octet), at: index)
            } else if octet < 0x80 {
                index &+= 1
            } else {
                index = try JSONParser.sequenceEnd(octets, index, end)
            }
        }
        position = index &+ 1
        try append(.string, from: start, to: position, mark: isEscaped)
    }

    /// Where the escape that begins at `index` ends.
    private static func escapeEnd(_ octets: Span<UInt8>, _ index: Int, _ end: Int) throws(JSONError) -> Int {
        guard index &+ 1 < end else { throw JSONError(.truncated, at: end) }
        switch octets[index &+ 1] {
        case 0x22, 0x5C, 0x2F, 0x62, 0x66, 0x6E, 0x72, 0x74: return index &+ 2
        case 0x75:
            for place in index &+ 2 ..< index &+ 6 {
                guard place < end else { throw JSONError(.truncated, at: end) }
                guard hexadecimal(octets[place]) != nil else { throw JSONError(.invalidEscape, at: index) }
            }
            return index &+ 6
        default: throw JSONError(.invalidEscape, at: index)
        }
    }

    static func hexadecimal(_ octet: UInt8) -> UInt32? {
        switch octet {
        case 0x30...0x39: UInt32(octet &- 0x30)
        case 0x41...0x46: UInt32(octet &- 0x37)
        case 0x61...0x66: UInt32(octet &- 0x57)
        default: nil
        }
    }

    /// Where the UTF-8 sequence of several octets ends (RFC 3629 section 4: shortest form, no surrogates).
    private static func sequenceEnd(_ octets: Span<UInt8>, _ index: Int, _ end: Int) throws(JSONError) -> Int {
        let first = octets[index]
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch first {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: throw JSONError(.invalidUTF8, at: index)
        }
        for place in 1..<length {
            guard index &+ place < end else { throw JSONError(.truncated, at: end) }
            guard second.contains(octets[index &+ place]) else { throw JSONError(.invalidUTF8, at: index) }
            second = 0x80...0xBF
        }
        return index &+ length
    }
}

// MARK: Numbers

extension JSONParser {
    private mutating func number(_ octets: Span<UInt8>) throws(JSONError) {
        let start = position
        if octets[position] == 0x2D { position &+= 1 }
        if try peek(octets) == 0x30 {
            position &+= 1
        } else {
            try digits(octets)
        }
        if position < end, octets[position] == 0x2E {
            position &+= 1
            try digits(octets)
        }
        if position < end, octets[position] | 0x20 == 0x65 {
            position &+= 1
            let sign = try peek(octets)
            if sign == 0x2B || sign == 0x2D { position &+= 1 }
            try digits(octets)
        }
        if position < end, (0x30...0x39).contains(octets[position]) { throw JSONError(.invalidNumber, at: start) }
        try append(.number, from: start, to: position)
    }

    /// One digit or more.
    private mutating func digits(_ octets: Span<UInt8>) throws(JSONError) {
        guard (0x30...0x39).contains(try peek(octets)) else { throw JSONError(.invalidNumber, at: position) }
        while position < end, (0x30...0x39).contains(octets[position]) { position &+= 1 }
    }
}
