// SPDX-License-Identifier: Apache-2.0
//
// The choice between an answer for people and one for machines.
//
// Reads   the value of `--format`.
// Writes  the sentence that refuses another one.
// Leaves  commands with more forms than these (query, export, incidents).

import ArgumentParser

enum OutputForm {
    /// - Throws: `ValidationError` where the value is neither text nor json.
    static func check(_ format: String) throws {
        guard ["text", "json"].contains(format) else {
            throw ValidationError("--format \(format): choose text or json")
        }
    }
}
