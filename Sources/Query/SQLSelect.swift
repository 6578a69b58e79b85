// SPDX-License-Identifier: Apache-2.0
//
// One SELECT over one or two tables in parts, each with its place in the text.
//
// Leaves  reading the text (SQLParser), what the vectorised path makes of it (VectorPlan).

/// An expression. `range` is its place in the statement.
struct SQLExpression: Equatable {
    indirect enum Kind: Equatable {
        case column(table: String?, name: String)
        case integer(Int64)
        case real(Double)
        case text(String)
        case null
        /// `-`, `+`, `NOT`.
        case unary(String, SQLExpression)
        /// Comparisons, `AND`, `OR`, arithmetic, `||`, `LIKE`, `GLOB`, `IS`, and their opposites with `NOT ` in front.
        case binary(String, SQLExpression, SQLExpression)
        case isNull(SQLExpression, Bool)
        case among(SQLExpression, [SQLExpression], Bool)
        case between(SQLExpression, SQLExpression, SQLExpression, Bool)
        case call(String, [SQLExpression], isDistinct: Bool, isStar: Bool)
        /// An aggregate of the rows for which a condition is true: `count(*) FILTER (WHERE …)`.
        case filtered(SQLExpression, SQLExpression)
        /// CASE: what stands behind it, if anything does, then WHEN and THEN in turn, then ELSE, if there is one.
        case cases([SQLExpression], hasBase: Bool, hasElse: Bool)
        /// CAST to a type, in capitals.
        case cast(SQLExpression, String)
    }
    let kind: Kind
    let range: Range<Int>

    /// The same question, wherever it stands.
    static func == (left: SQLExpression, right: SQLExpression) -> Bool {
        switch (left.kind, right.kind) {
        case (.column(let leftTable, let leftName), .column(let rightTable, let rightName)):
            // A column with its table's name in front may be the one without.
            return leftName.lowercased() == rightName.lowercased()
                && (leftTable == nil || rightTable == nil || leftTable?.lowercased() == rightTable?.lowercased())
        default: return left.kind == right.kind
        }
    }

    /// The parts of which it is made.
    var parts: [SQLExpression] {
        switch kind {
        case .column, .integer, .real, .text, .null: []
        case .unary(_, let part), .isNull(let part, _), .cast(let part, _): [part]
        case .binary(_, let left, let right), .filtered(let left, let right): [left, right]
        case .among(let part, let list, _): [part] + list
        case .between(let part, let low, let high, _): [part, low, high]
        case .call(_, let parts, _, _), .cases(let parts, _, _): parts
        }
    }
}

/// A table and the name by which the statement calls it.
struct SQLTable: Equatable {
    let name: String
    let alias: String?
    /// Octets of the statement where the name stands, without the alias.
    let range: Range<Int>
}

/// A SELECT without subqueries.
struct SQLSelect {
    struct Item {
        let expression: SQLExpression
        let alias: String?
    }
    struct Order {
        let expression: SQLExpression
        /// What stands behind the expression: ASC, DESC, NULLS FIRST.
        let isDescending: Bool
        let isPlain: Bool
    }

    var isDistinct = false
    /// `SELECT *`: then there are no items.
    var isStar = false
    var items: [Item] = []
    var table = SQLTable(name: "", alias: nil, range: 0..<0)
    /// `JOIN table ON …`, or `, table` without a condition of its own.
    var joined: (table: SQLTable, on: SQLExpression?)?
    var filter: SQLExpression?
    var groups: [SQLExpression] = []
    var having: SQLExpression?
    var order: [Order] = []
    var limit: SQLExpression?
    var offset: SQLExpression?
}
