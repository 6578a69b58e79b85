// SPDX-License-Identifier: Apache-2.0
//
// The functions that SQL has here: one list, which SQLite and the vectorised path both go by.
//
// Names and meanings are those of DuckDB (duckdb.org/docs/sql/functions) and Spark (spark.apache.org/docs/latest/api/
// sql) where either has the function and both agree; Docs/sql.md lists them.
//
// Leaves  SQLite's own functions, of which a few are here too so that the vectorised path has them.

/// Why a function gave no value: SQLite shows it as the statement's error.
struct FunctionFailure: Error {
    let reason: String
}

/// A function of one row.
struct SQLFunction: Sendable {
    /// What a function gives, when it is not NULL.
    enum Outcome: Sendable {
        case text
        case integer
        case real
        /// It depends on the arguments; the vectorised path leaves the function alone.
        case any
    }

    let name: String
    /// How it is written.
    let usage: String
    let arguments: ClosedRange<Int>
    let outcome: Outcome
    /// Whether SQLite has it already.
    var isBuiltIn = false
    let body: @Sendable ([SQLValue]) throws(FunctionFailure) -> SQLValue

    static let all: [SQLFunction] = networkFunctions + textFunctions + timeFunctions + builtInFunctions

    private static let byName = Dictionary(grouping: all, by: \.name)

    /// The function of a name and a number of arguments.
    static func find(_ name: String, arguments: Int) -> SQLFunction? {
        byName[name]?.first { $0.arguments.contains(arguments) }
    }

    /// All names, aggregates too.
    static var names: [String] { Array(Set(all.map(\.name) + SQLAggregate.all.map(\.name))).sorted() }

    /// How a function is written; nil for one that is not here.
    static func usage(_ name: String) -> String? {
        byName[name]?.first?.usage ?? SQLAggregate.all.first { $0.name == name }?.usage
    }
}

extension SQLValue {
    /// The octets of a text, or of a number as text; nil for NULL.
    var octets: [UInt8]? {
        switch self {
        case .null: nil
        case .integer(let number): Array("\(number)".utf8)
        case .real(let number): Array("\(number)".utf8)
        case .text(let octets), .blob(let octets): octets
        }
    }

    /// A whole number; nil for anything else.
    var wholeNumber: Int64? {
        switch self {
        case .integer(let number): number
        case .real(let number): Int64(exactly: number)
        case .text(let octets): Int64(String(decoding: octets, as: UTF8.self))
        case .null, .blob: nil
        }
    }

    /// A number; nil for anything else.
    var number: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .real(let number): number
        case .null, .text, .blob: nil
        }
    }
}
