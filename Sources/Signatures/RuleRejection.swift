// SPDX-License-Identifier: Apache-2.0
//
// What is wrong with a rule, for the people who write them.
//
// Reads   nothing.
// Writes  one line for each refusal or warning.
// Leaves  where the rule stands (RuleLoader.swift adds it).

/// Why a rule does not load, and what to write instead.
package struct RuleError: Error, Sendable {
    /// Stable, for tests: equality is by code alone.
    package enum Code: String, Sendable {
        case action, header, address, port, variable, option, keyword, value, content, regex, buffer, direction
        case combination, duplicate, file, tooLong, unsupported, identity
    }
    package var code: Code
    package var reason: String
    /// What to write instead; may be empty.
    package var advice = ""

    package init(_ code: Code, _ reason: String, advice: String = "") {
        self.code = code
        self.reason = reason
        self.advice = advice
    }

    package var sentence: String { advice.isEmpty ? reason : "\(reason); \(advice)" }
}

/// A rule that is refused, or of which there is something to say.
package struct RuleNote: Sendable {
    package var file: String
    package var line: Int
    /// 0 where the rule gives none, or none can be read.
    package var signature: UInt32
    package var sentence: String

    package init(file: String, line: Int, signature: UInt32, sentence: String) {
        self.file = file
        self.line = line
        self.signature = signature
        self.sentence = sentence
    }

    /// What is said of no line, as of a variable, stands alone.
    package var text: String {
        line == 0 ? sentence : "\(file):\(line): \(signature == 0 ? "" : "sid \(signature): ")\(sentence)"
    }
}
