// SPDX-License-Identifier: Apache-2.0
//
// Values that go into a statement and come out of it.
//
// Reads   Swift's own values.
// Writes  SQL literals.

package import Records

/// A value of SQL: of one of SQLite's five classes (sqlite.org/datatype3.html).
///
/// A parameter is most often written as what it is: `["host": "10.0.0.5", "limit": 100]`.
package enum SQLValue: Sendable, Equatable, Hashable {
    case null
    case integer(Int64)
    case real(Double)
    /// UTF-8; a time is a text too (`2026-11-22 13:00:05.250000`, UTC).
    case text([UInt8])
    case blob([UInt8])

    package init(_ text: String) { self = .text(Array(text.utf8)) }
    package init(_ number: some BinaryInteger) {
        self = Int64(exactly: number).map { .integer($0) } ?? .real(Double(number))
    }

    /// A time as the store's columns have it, down to the microsecond.
    package init(_ time: Timestamp) {
        var octets: [UInt8] = []
        // Towards the past, as the store cuts nanoseconds.
        TimeText.append((time.nanoseconds - (time.nanoseconds % 1000 + 1000) % 1000) / 1000, to: &octets)
        self = .text(octets)
    }

    /// The value as it stands in a statement; nil for a text with a NUL, which no statement can have. NaN is NULL.
    package var literal: String? {
        switch self {
        case .null: "NULL"
        case .integer(.min): "(-9223372036854775807 - 1)"
        case .integer(let number): "\(number)"
        case .real(let number) where number.isNaN: "NULL"
        case .real(let number) where number.isInfinite: number < 0 ? "-9e999" : "9e999"
        case .real(let number): "\(number)"
        case .text(let octets):
            octets.contains(0) ? nil : "'\(String(decoding: octets, as: UTF8.self).replacing("'", with: "''"))'"
        case .blob(let octets): "x'\(String(decoding: hexadecimal(octets), as: UTF8.self))'"
        }
    }
}

extension SQLValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self.init(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .real(value) }
    package init(booleanLiteral value: Bool) { self = .integer(value ? 1 : 0) }
    package init(nilLiteral: ()) { self = .null }
}

/// Puts values in the places of a statement's parameters: `:name`, `@name` and `$name` by name, `?` by number from 1.
///
/// The outcome is a statement that says all of itself: it can be worked on column by column, explained, and sent to
/// another engine. Throws `.value` for a parameter without a value, or a value that no statement can have.
package func bindParameters(_ statement: String, _ values: [String: SQLValue]) throws(QueryError) -> String {
    // What has no tokens is wrong in a way that SQLite explains best.
    guard let tokens = SQLTokens.read(statement) else { return statement }
    let octets = Array(statement.utf8)
    var bound: [UInt8] = []
    var (place, count) = (0, 0)
    for token in tokens {
        guard case .parameter(let given) = token.kind else { continue }
        if given.isEmpty { count += 1 }
        let name = given.isEmpty ? "\(count)" : given
        guard let value = values[name] else {
            let known = values.keys.sorted().joined(separator: ", ")
            throw QueryError(
                .value, "the parameter \(name) has no value", place: statementPlace(statement, token.range.lowerBound),
                advice: known.isEmpty ? "give it one" : "values were given for \(known)")
        }
        guard let literal = value.literal else {
            throw QueryError(
                .value, "the value of \(name) has a NUL character",
                place: statementPlace(statement, token.range.lowerBound), advice: "leave it out")
        }
        bound += octets[place..<token.range.lowerBound]
        bound += literal.utf8
        place = token.range.upperBound
    }
    guard place > 0 else { return statement }
    return String(decoding: bound + octets[place...], as: UTF8.self)
}
