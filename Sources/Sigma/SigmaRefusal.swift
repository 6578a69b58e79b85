// SPDX-License-Identifier: Apache-2.0
//
// Why a rule is not loaded, and what bounds the loading.

/// A rule, or a document that is none, and why it is not loaded. Equality is on the code alone.
package struct SigmaRefusal: Error, Equatable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// Not YAML, or YAML with anchors, too deep or too large.
        case yaml
        /// A part of the rule is missing or of the wrong form.
        case form
        /// The condition cannot be read.
        case condition
        /// A modifier that the specification does not have, or one that does not fit its values.
        case modifier
        /// `%name%` without a value.
        case placeholder
        /// A regular expression that cannot be compiled, or may take for ever.
        case expression
        /// Correlation rules, aggregations, collections of old.
        case unsupported
        /// The file cannot be read.
        case file
    }

    package var code: Code
    package var reason: String

    package init(_ code: Code, _ reason: String) {
        self.code = code
        self.reason = reason
    }

    package var description: String { reason }
    package static func == (left: SigmaRefusal, right: SigmaRefusal) -> Bool { left.code == right.code }
}

/// What bounds a rule; real ones stay far below.
package enum SigmaLimits {
    /// Octets of one file.
    package static let fileBytesMax = 1 << 20
    /// Maps and lists within each other.
    package static let depthMax = 24
    /// Values of one file, those of aliases counted each time.
    package static let nodesMax = 20_000
    /// Nodes of one rule's condition, its `1 of` and `all of` and lists written out.
    package static let testsMax = 10_000
    /// Parentheses and `not` within each other.
    package static let conditionDepthMax = 32
    /// Octets of one value.
    package static let valueBytesMax = 8192
    /// Values that one value becomes by its modifiers.
    package static let expansionsMax = 1024
    /// Octets of all of these together.
    package static let expandedBytesMax = 1 << 17
    /// Files of one folder tree, rules of one set.
    package static let filesMax = 100_000
}
