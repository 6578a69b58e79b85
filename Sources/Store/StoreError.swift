// SPDX-License-Identifier: Apache-2.0
//
// What can go wrong with a store, said to an operator in one line: what, where, what to do.

/// Why a store, or one of its segments, could not be opened, read or written.
///
/// Equality is on the code alone, so that a test does not depend on wording.
package struct StoreError: Error, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        /// There is no store in the folder.
        case missing
        /// The folder or a file in it cannot be opened, made or listed.
        case unreadable
        /// Another writer holds the store.
        case locked
        /// The file system has no room left.
        case full
        /// A later version of Weir made the store.
        case newer
        /// A segment is not what it says it is.
        case damagedSegment
        /// The catalogue cannot be read or written.
        case catalogue
        /// The system refused to write.
        case unwritable
    }

    package var code: Code
    /// What went wrong.
    package var reason: String
    /// The path that it is about.
    package var path: String
    /// What the operator can do next.
    package var advice: String

    package init(_ code: Code, _ reason: String, path: String, advice: String) {
        self.code = code
        self.reason = reason
        self.path = path
        self.advice = advice
    }

    package var description: String { "\(path): \(reason); \(advice)" }

    package static func == (left: StoreError, right: StoreError) -> Bool { left.code == right.code }
}
