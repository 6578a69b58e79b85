// SPDX-License-Identifier: Apache-2.0
//
// What can go wrong between a store and a lake, said to an operator in one line.

internal import Store

/// Why a segment could not be shipped, or a lake not be asked.
///
/// Equality is on the code alone, so that a test does not depend on wording.
package struct LakeError: Error, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        /// The place of the lake is none that is understood.
        case place
        /// There are no credentials, or they were refused.
        case credentials
        /// The place does not answer, or refuses.
        case refused
        /// Another file has the name already.
        case conflict
        /// The store itself.
        case store
        /// The engine is not there, or refuses the statement.
        case engine
    }

    package var code: Code
    /// What it is about: a path, an address, an engine.
    package var subject: String
    package var reason: String
    package var advice: String

    package init(_ code: Code, _ subject: String, _ reason: String, advice: String) {
        self.code = code
        self.subject = subject
        self.reason = reason
        self.advice = advice
    }

    init(_ error: StoreError) {
        self.init(.store, error.path, error.reason, advice: error.advice)
    }

    package var description: String { "\(subject): \(reason); \(advice)" }

    package static func == (left: LakeError, right: LakeError) -> Bool { left.code == right.code }
}
