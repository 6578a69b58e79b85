// SPDX-License-Identifier: Apache-2.0
//
// What can be wrong with a question, said in one line: what, where in the statement, what to do.

import Store

/// Why a question got no answer.
///
/// Equality is on the code alone, so that a test does not depend on wording.
package struct QueryError: Error, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        /// The statement is not SQL.
        case syntax
        /// It names a table that is not there.
        case unknownTable
        /// It names a column that is not there.
        case unknownColumn
        /// It is not one question: it would change something, or there are several.
        case notAllowed
        /// A value does not fit, such as a time that is none.
        case value
        /// The store cannot be read.
        case store
        /// The answer cannot be written.
        case output
        /// The statement needs more than its limits allow, or SQLite failed.
        case failed
        /// It would read more than `--limit-bytes` allows.
        case tooMuch
        /// Nobody wants the answer any more.
        case cancelled
    }

    package var code: Code
    /// What is wrong.
    package var reason: String
    /// Where in the statement; nil where it is about no place.
    package var place: StatementPlace?
    /// What the operator can do next.
    package var advice: String

    package init(_ code: Code, _ reason: String, place: StatementPlace? = nil, advice: String) {
        self.code = code
        self.reason = reason
        self.place = place
        self.advice = advice
    }

    init(_ error: StoreError) {
        self.init(.store, "\(error.path): \(error.reason)", advice: error.advice)
    }

    package static let cancelled = QueryError(.cancelled, "cancelled", advice: "ask again for the whole answer")

    package var description: String {
        guard let place else { return "\(reason); \(advice)" }
        let position =
            place.hasLines
            ? "at line \(place.line), character \(place.column)" : "at character \(place.character)"
        return "\(reason), \(position) of the statement near \"\(place.near)\"; \(advice)"
    }

    package static func == (left: QueryError, right: QueryError) -> Bool { left.code == right.code }
}

/// Names that someone who typed `name` may have meant: nearest first, at most three.
func similarNames(to name: String, among names: [String]) -> [String] {
    let wanted = name.lowercased()
    var scored: [(name: String, distance: Int)] = []
    for candidate in Set(names).sorted() {
        let other = candidate.lowercased()
        var distance = editDistance(Array(wanted.utf8), Array(other.utf8))
        // `orig_h` for `id_orig_h`, `id.orig_h` for `id_orig_h`: a part of the name is nearer than its edits say.
        if wanted.count >= 3 && (other.contains(wanted) || wanted.contains(other)) { distance = min(distance, 1) }
        if distance <= max(2, wanted.count / 3) { scored.append((candidate, distance)) }
    }
    return scored.sorted { $0.distance < $1.distance }.prefix(3).map(\.name)
}

/// Octets to insert, delete or replace; names only, so bounded by 64 octets each.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    let (left, right) = (left.prefix(64), right.prefix(64))
    var row = Array(0...right.count)
    for (i, a) in left.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, b) in right.enumerated() {
            let above = row[j + 1]
            row[j + 1] = min(above + 1, row[j] + 1, diagonal + (a == b ? 0 : 1))
            diagonal = above
        }
    }
    return row[right.count]
}
