// SPDX-License-Identifier: Apache-2.0
//
// Just enough JSON (RFC 8259) to find values by key in lists beside a rule file.
//
// Reads   one JSON text.
// Writes  the octets of strings, the text of elements.
// Leaves  numbers as values, duplicate keys (the first counts).

/// A position in a JSON text. Every step is bounded by the text and by `depthMax`.
struct JSONReader {
    private let text: RuleText
    private var position: Int
    /// Lists and objects within each other.
    private static let depthMax = 64

    init(_ text: RuleText) {
        self.text = text
        position = text.startIndex
    }

    /// The string (or number, as written) that the keys lead to; with none, the text's own.
    mutating func string(at keys: [String]) -> [UInt8]? {
        guard find(keys) else { return nil }
        if peek == 0x22 { return takeString() }
        guard let value = takeValue(0), let first = value.first, first.isDigit || first == 0x2D else { return nil }
        return Array(value)
    }

    /// The elements of the list that the keys lead to, each as its text.
    mutating func elements(at keys: [String]) -> [RuleText]? {
        guard find(keys), take(0x5B) else { return nil }
        var found: [RuleText] = []
        if take(0x5D) { return found }
        repeat {
            guard let value = takeValue(0) else { return nil }
            found.append(value)
        } while take(0x2C)
        return take(0x5D) ? found : nil
    }

    /// Goes to the value of a path of keys.
    private mutating func find(_ keys: [String]) -> Bool {
        for key in keys where !enter(key) { return false }
        return true
    }

    /// Goes to the value of one key of the object here.
    private mutating func enter(_ key: String) -> Bool {
        guard take(0x7B), !take(0x7D) else { return false }
        let wanted = Array(key.utf8)
        repeat {
            guard let name = takeString(), take(0x3A) else { return false }
            if name == wanted {
                skipSpace()
                return true
            }
            guard takeValue(0) != nil else { return false }
        } while take(0x2C)
        return false
    }

    private var peek: UInt8? { position < text.endIndex ? text[position] : nil }

    private mutating func skipSpace() {
        while let octet = peek, octet.isSpace { position += 1 }
    }

    private mutating func take(_ octet: UInt8) -> Bool {
        skipSpace()
        guard peek == octet else { return false }
        position += 1
        skipSpace()
        return true
    }

    private mutating func takeString() -> [UInt8]? {
        guard take(0x22, keepingSpace: true) else { return nil }
        var octets: [UInt8] = []
        while let octet = peek {
            position += 1
            if octet == 0x22 { return octets }
            guard octet == 0x5C else {
                octets.append(octet)
                continue
            }
            guard takeEscape(&octets) else { return nil }
        }
        return nil
    }

    private mutating func take(_ octet: UInt8, keepingSpace: Bool) -> Bool {
        skipSpace()
        guard peek == octet else { return false }
        position += 1
        return true
    }

    private mutating func takeEscape(_ octets: inout [UInt8]) -> Bool {
        guard let octet = peek else { return false }
        position += 1
        let plain: [UInt8: UInt8] = [
            0x22: 0x22, 0x5C: 0x5C, 0x2F: 0x2F, 0x62: 0x08, 0x66: 0x0C, 0x6E: 0x0A, 0x72: 0x0D, 0x74: 0x09,
        ]
        if let value = plain[octet] {
            octets.append(value)
            return true
        }
        guard octet == 0x75, let first = takeUnit() else { return false }
        var scalar = first
        if (0xD800...0xDBFF).contains(first) {
            guard peek == 0x5C else { return false }
            position += 1
            guard peek == 0x75 else { return false }
            position += 1
            guard let second = takeUnit(), (0xDC00...0xDFFF).contains(second) else { return false }
            scalar = 0x1_0000 + (first - 0xD800) << 10 + (second - 0xDC00)
        }
        guard let made = Unicode.Scalar(scalar) else { return false }
        octets.append(contentsOf: String(Character(made)).utf8)
        return true
    }

    private mutating func takeUnit() -> UInt32? {
        guard text.endIndex - position >= 4, let value = text[position..<(position + 4)].hexadecimal(0xFFFF) else {
            return nil
        }
        position += 4
        return UInt32(value)
    }

    /// Steps over one value; its text.
    private mutating func takeValue(_ depth: Int) -> RuleText? {
        skipSpace()
        let start = position
        guard depth < JSONReader.depthMax, let first = peek else { return nil }
        switch first {
        case 0x22:
            guard takeString() != nil else { return nil }
        case 0x7B, 0x5B:
            guard takeMembers(isObject: first == 0x7B, depth) else { return nil }
        default:
            while let octet = peek, octet.isLetter || octet.isDigit || [0x2B, 0x2D, 0x2E].contains(octet) {
                position += 1
            }
            guard position > start else { return nil }
        }
        let end = position
        skipSpace()
        return text[start..<end]
    }

    private mutating func takeMembers(isObject: Bool, _ depth: Int) -> Bool {
        let close: UInt8 = isObject ? 0x7D : 0x5D
        position += 1
        skipSpace()
        if peek == close {
            position += 1
            return true
        }
        repeat {
            if isObject { guard takeString() != nil, take(0x3A) else { return false } }
            guard takeValue(depth + 1) != nil else { return false }
        } while take(0x2C)
        skipSpace()
        guard peek == close else { return false }
        position += 1
        return true
    }
}
