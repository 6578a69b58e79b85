// SPDX-License-Identifier: Apache-2.0
//
// The forms in which log files are written, and what can go wrong with them.

/// The form of the log files.
package enum LogFormat: String, Sendable, CaseIterable {
    /// One JSON object a line under Zeek's column names, `NAME.log`.
    case zeekJSON = "zeek-json"
    /// Zeek's tab-separated values with header lines, `NAME.log`.
    case zeekTSV = "zeek-tsv"
    /// Suricata's event format, one file `eve.json`.
    case eve
}

/// Why log files could not be written: what, where, what to do.
///
/// Equality is on the code alone, so that a test does not depend on wording.
package struct LogError: Error, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        /// The folder cannot be made.
        case folder
        /// The file cannot be opened.
        case file
        /// The file system has no room left.
        case full
        /// The system refused to write.
        case write
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

    package static func == (left: LogError, right: LogError) -> Bool { left.code == right.code }
}
