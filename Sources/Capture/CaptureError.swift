// SPDX-License-Identifier: Apache-2.0
// What can go wrong with captures and interfaces, said to an operator.
//
// Reads   nothing.
// Writes  one line each: where, what, and what to do next.
// Leaves  the exit status to the command.

/// Why a capture or an interface could not be read at all.
///
/// Equality is on the code alone, so that a test does not depend on wording.
package struct CaptureError: Error, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        case missing, unreadable, empty, notACapture, noCaptures, unsupportedLinkType, filter, interface, privileges
        case repeatedStandardInput
    }

    package var code: Code
    /// The path, the interface, or the setting it is about.
    package var subject: String
    package var reason: String
    /// What the operator can do next.
    package var advice: String

    package init(_ code: Code, _ subject: String, _ reason: String, advice: String) {
        self.code = code
        self.subject = subject
        self.reason = reason
        self.advice = advice
    }

    package var description: String { "\(subject): \(reason); \(advice)" }

    package static func == (left: CaptureError, right: CaptureError) -> Bool { left.code == right.code }
}

/// A capture that could be read in part only. The packets before the damage were delivered.
package struct CaptureWarning: Equatable, Sendable, CustomStringConvertible {
    package var path: String
    /// Octets from the start of the capture to the first record that is not whole. In a gzip
    /// file this counts unpacked octets.
    package var offset: Int
    package var reason: String

    package init(path: String, offset: Int, reason: String) {
        self.path = path
        self.offset = offset
        self.reason = reason
    }

    package var description: String { "\(path): at octet \(offset): \(reason)" }
}
