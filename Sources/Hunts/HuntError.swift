// SPDX-License-Identifier: Apache-2.0
//
// What can be wrong with a hunt, said in one line: what, where, what to do.

package import Query
package import Store

/// Why a hunt did not run.
///
/// Equality is on the code alone, so that a test does not depend on wording.
package struct HuntError: Error, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        /// There is no hunt of that name, or no folder of hunts.
        case unknownHunt
        /// A hunt's file cannot be read, or its head makes no sense.
        case damagedFile
        /// A parameter is unknown, or its value does not fit.
        case parameter
        /// A file that the hunt needs was not given or cannot be read.
        case missingInput
        /// The question failed.
        case question
        /// Findings cannot be written.
        case store
    }

    package var code: Code
    package var reason: String
    package var advice: String

    package init(_ code: Code, _ reason: String, advice: String) {
        self.code = code
        self.reason = reason
        self.advice = advice
    }

    package init(_ error: QueryError, hunt: String) {
        self.init(.question, "hunt \(hunt): \(error.description)", advice: "")
    }

    package init(_ error: QueryError) { self.init(.question, error.description, advice: "") }

    package init(_ error: StoreError) {
        self.init(.store, "\(error.path): \(error.reason)", advice: error.advice)
    }

    package var description: String { advice.isEmpty ? reason : "\(reason); \(advice)" }

    package static func == (left: HuntError, right: HuntError) -> Bool { left.code == right.code }
}
