// SPDX-License-Identifier: Apache-2.0
//
// What may be wrong with a JSON text, and how much of one is read.

/// Why octets are no JSON text (RFC 8259), and where.
package struct JSONError: Error, Equatable, CustomStringConvertible {
    package enum Reason: Equatable, Sendable {
        /// The text ends inside a value.
        case truncated
        /// A character that may not stand there.
        case unexpected(UInt8)
        /// Objects and arrays within each other beyond `JSONLimits.depthMax`.
        case tooDeep
        /// More octets than `JSONLimits.bytesMax`.
        case tooLong
        /// More values than `JSONLimits.nodesMax`.
        case tooMany
        /// Octets of a string that are no UTF-8 (RFC 3629).
        case invalidUTF8
        /// A control character that stands unescaped in a string.
        case controlCharacter(UInt8)
        /// A backslash with something behind it that the grammar does not know.
        case invalidEscape
        /// A number that the grammar does not know: `01`, `1.`, `+1`.
        case invalidNumber
        /// Something other than white space behind the value.
        case trailing
    }

    package var reason: Reason
    /// Octets from the start of the array that was read.
    package var offset: Int

    package init(_ reason: Reason, at offset: Int) {
        self.reason = reason
        self.offset = offset
    }

    /// One clause without the offset: `ends inside a value`.
    package var sentence: String {
        switch reason {
        case .truncated: "ends inside a value"
        case .unexpected(let octet): "unexpected \(JSONError.name(of: octet))"
        case .tooDeep: "objects and arrays nest too deep"
        case .tooLong: "is too long"
        case .tooMany: "holds too many values"
        case .invalidUTF8: "is not UTF-8"
        case .controlCharacter(let octet): "a string holds the control character \(octet)"
        case .invalidEscape: "a string holds an unknown escape"
        case .invalidNumber: "a number is not written as JSON wants it"
        case .trailing: "something stands behind the value"
        }
    }

    package var description: String { "\(sentence) (octet \(offset))" }

    private static func name(of octet: UInt8) -> String {
        (0x21...0x7E).contains(octet) ? "“\(Character(Unicode.Scalar(octet)))”" : "octet \(octet)"
    }
}

/// How much of a JSON text is read; what goes beyond is a `JSONError`.
package struct JSONLimits: Sendable {
    /// Objects and arrays within each other. CloudTrail's deepest records reach 12.
    package var depthMax: Int
    /// Octets of one text. A node's positions are 32 bits wide, so 4 GiB is the end.
    package var bytesMax: Int
    /// Values and keys of one text; a node takes 20 octets of memory.
    package var nodesMax: Int

    package init(depthMax: Int = 64, bytesMax: Int = 64 << 20, nodesMax: Int = 4 << 20) {
        precondition(depthMax > 0 && nodesMax < Int(UInt32.max), "limits are positive and fit a node")
        self.depthMax = depthMax
        self.bytesMax = min(bytesMax, Int(UInt32.max) - 1)
        self.nodesMax = nodesMax
    }
}
