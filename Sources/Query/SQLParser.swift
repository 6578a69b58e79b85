// SPDX-License-Identifier: Apache-2.0
//
// One SELECT over one or two tables, as far as the vectorised path may take it.
//
// Reads   tokens.
// Writes  the parts of the statement (SQLSelect).
// Leaves  everything else to SQLite: nil is “not ours”, never an error.

/// Recursive descent with SQLite's precedence of operators.
struct SQLParser {
    private let tokens: [SQLToken]
    private var position = 0
    private var depth = 0
    /// Expressions inside each other; deeper ones are SQLite's.
    private static let depthMax = 60

    /// The SELECT that begins at a token, and the token behind it.
    ///
    /// - Parameter stopped: where it was no longer understood: a token's number.
    static func parse(_ tokens: [SQLToken], at start: Int, stopped: inout Int) -> (select: SQLSelect, end: Int)? {
        var parser = SQLParser(tokens: tokens)
        parser.position = start
        guard let select = parser.select() else {
            stopped = parser.position
            return nil
        }
        return (select, parser.position)
    }

    private init(tokens: [SQLToken]) { self.tokens = tokens }

    // MARK: words

    private var peek: SQLToken.Kind { tokens[position].kind }
    private var start: Int { tokens[position].range.lowerBound }
    private var end: Int { position > 0 ? tokens[position - 1].range.upperBound : 0 }

    private mutating func take(_ mark: String) -> Bool {
        guard peek == .mark(mark) else { return false }
        position += 1
        return true
    }

    private func isWord(_ word: String, ahead: Int = 0) -> Bool {
        guard position + ahead < tokens.count, case .word(let text) = tokens[position + ahead].kind else {
            return false
        }
        return text.uppercased() == word
    }

    private mutating func take(word: String) -> Bool {
        guard isWord(word) else { return false }
        position += 1
        return true
    }

    private static let reserved: Set<String> = [
        "SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "UNION", "EXCEPT", "INTERSECT",
        "JOIN", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "NATURAL", "OUTER", "ON", "USING", "AS", "AND", "OR",
        "NOT", "IN", "IS", "LIKE", "GLOB", "REGEXP", "MATCH", "BETWEEN", "ISNULL", "NOTNULL", "CASE", "WHEN",
        "THEN", "ELSE", "END", "CAST", "COLLATE", "EXISTS", "DISTINCT", "ALL", "ASC", "DESC", "NULLS", "ESCAPE",
        "WINDOW", "OVER", "FILTER", "VALUES", "WITH", "INDEXED", "BY", "NULL",
    ]

    private mutating func name() -> String? {
        switch peek {
        case .word(let text):
            guard !SQLParser.reserved.contains(text.uppercased()) else { return nil }
            position += 1
            return text
        case .quoted(let text):
            position += 1
            return text
        default: return nil
        }
    }

    // MARK: the statement

    private mutating func select() -> SQLSelect? {
        guard take(word: "SELECT") else { return nil }
        var select = SQLSelect()
        select.isDistinct = take(word: "DISTINCT")
        if !select.isDistinct { _ = take(word: "ALL") }
        if take("*") {
            select.isStar = true
        } else {
            repeat {
                guard let expression = expression() else { return nil }
                var alias: String?
                if take(word: "AS") {
                    guard let given = name() else { return nil }
                    alias = given
                } else {
                    alias = name()
                }
                select.items.append(SQLSelect.Item(expression: expression, alias: alias))
            } while take(",")
        }
        guard take(word: "FROM"), let table = table() else { return nil }
        select.table = table
        guard join(&select), clauses(&select) else { return nil }
        return select
    }

    private mutating func table() -> SQLTable? {
        let range = tokens[position].range
        guard let name = name(), peek != .mark("(") else { return nil }
        if take(word: "AS") { return self.name().map { SQLTable(name: name, alias: $0, range: range) } }
        return SQLTable(name: name, alias: self.name(), range: range)
    }

    private mutating func join(_ select: inout SQLSelect) -> Bool {
        if take(",") {
            guard let table = table() else { return false }
            select.joined = (table, nil)
            return peek != .mark(",")
        }
        let isInner = take(word: "INNER")
        guard take(word: "JOIN") else { return !isInner }
        guard let table = table() else { return false }
        guard take(word: "ON") else {
            select.joined = (table, nil)
            return !isWord("USING")
        }
        guard let on = expression() else { return false }
        select.joined = (table, on)
        return !["JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL"].contains { isWord($0) }
    }

    private mutating func clauses(_ select: inout SQLSelect) -> Bool {
        if take(word: "WHERE") {
            guard let filter = expression() else { return false }
            select.filter = filter
        }
        if take(word: "GROUP") {
            guard take(word: "BY"), let groups = list() else { return false }
            select.groups = groups
        }
        if take(word: "HAVING") {
            guard let having = expression() else { return false }
            select.having = having
        }
        if take(word: "ORDER") {
            guard take(word: "BY") else { return false }
            repeat {
                guard let expression = expression() else { return false }
                let isDescending = take(word: "DESC")
                if !isDescending { _ = take(word: "ASC") }
                var isPlain = true
                if take(word: "NULLS") {
                    guard take(word: "FIRST") || take(word: "LAST") else { return false }
                    isPlain = false
                }
                select.order.append(
                    SQLSelect.Order(expression: expression, isDescending: isDescending, isPlain: isPlain))
            } while take(",")
        }
        if take(word: "LIMIT") {
            guard let limit = expression() else { return false }
            select.limit = limit
            if take(word: "OFFSET") {
                guard let offset = expression() else { return false }
                select.offset = offset
            }
        }
        return true
    }

    private mutating func list() -> [SQLExpression]? {
        var list: [SQLExpression] = []
        repeat {
            guard let expression = expression() else { return nil }
            list.append(expression)
        } while take(",")
        return list
    }

    // MARK: expressions

    private mutating func expression() -> SQLExpression? {
        depth += 1
        defer { depth -= 1 }
        guard depth < SQLParser.depthMax else { return nil }
        return chain([("OR", true)], SQLParser.conjunction)
    }

    private typealias Level = (inout SQLParser) -> SQLExpression?

    /// Left-associative operators of one strength; each is a mark, or a word where the flag says so.
    private mutating func chain(_ operators: [(String, Bool)], _ next: Level) -> SQLExpression? {
        let first = start
        guard var left = next(&self) else { return nil }
        while let found = operators.first(where: { $1 ? isWord($0) : peek == .mark($0) }) {
            position += 1
            guard let right = next(&self) else { return nil }
            left = SQLExpression(kind: .binary(found.0, left, right), range: first..<end)
        }
        return left
    }

    private static func conjunction(_ parser: inout SQLParser) -> SQLExpression? {
        parser.chain([("AND", true)], negation)
    }

    private static func negation(_ parser: inout SQLParser) -> SQLExpression? {
        let first = parser.start
        guard parser.isWord("NOT"), !parser.isWord("EXISTS", ahead: 1) else { return equality(&parser) }
        parser.position += 1
        parser.depth += 1
        defer { parser.depth -= 1 }
        guard parser.depth < depthMax, let part = negation(&parser) else { return nil }
        return SQLExpression(kind: .unary("NOT", part), range: first..<parser.end)
    }

    /// `=`, `<>`, `IS`, `IN`, `LIKE`, `GLOB`, `BETWEEN`, `ISNULL`.
    private static func equality(_ parser: inout SQLParser) -> SQLExpression? {
        let first = parser.start
        guard var left = order(&parser) else { return nil }
        while true {
            if let mark = ["=", "==", "<>", "!="].first(where: { parser.peek == .mark($0) }) {
                parser.position += 1
                guard let right = order(&parser) else { return nil }
                let name = mark == "==" ? "=" : mark == "!=" ? "<>" : mark
                left = SQLExpression(kind: .binary(name, left, right), range: first..<parser.end)
                continue
            }
            guard let kind = parser.predicate(left) else { return nil }
            guard let kind else { return left }
            left = SQLExpression(kind: kind, range: first..<parser.end)
        }
    }

    /// A predicate behind `left`; the inner nil where none follows, the outer where it is not ours.
    private mutating func predicate(_ left: SQLExpression) -> SQLExpression.Kind?? {
        if take(word: "ISNULL") { return .some(.isNull(left, true)) }
        if take(word: "NOTNULL") { return .some(.isNull(left, false)) }
        if take(word: "IS") {
            let isNot = take(word: "NOT")
            guard take(word: "NULL") else { return .none }
            return .some(.isNull(left, !isNot))
        }
        let negatable = ["LIKE", "GLOB", "REGEXP", "IN", "BETWEEN", "NULL"]
        let isNot = isWord("NOT") && negatable.contains { isWord($0, ahead: 1) }
        if isNot { position += 1 }
        if isNot, take(word: "NULL") { return .some(.isNull(left, false)) }
        for word in ["LIKE", "GLOB", "REGEXP"] where take(word: word) {
            guard let pattern = SQLParser.order(&self), !isWord("ESCAPE") else { return .none }
            return .some(.binary((isNot ? "NOT " : "") + word, left, pattern))
        }
        if take(word: "IN") {
            guard take("(") else { return .none }
            if take(")") { return .some(.among(left, [], isNot)) }
            guard let list = list(), take(")") else { return .none }
            return .some(.among(left, list, isNot))
        }
        if take(word: "BETWEEN") {
            guard let low = SQLParser.order(&self), take(word: "AND"), let high = SQLParser.order(&self) else {
                return .none
            }
            return .some(.between(left, low, high, isNot))
        }
        return .some(nil)
    }

    private static func order(_ parser: inout SQLParser) -> SQLExpression? {
        parser.chain([("<=", false), (">=", false), ("<", false), (">", false)], sum)
    }

    private static func sum(_ parser: inout SQLParser) -> SQLExpression? {
        parser.chain([("+", false), ("-", false)], product)
    }

    private static func product(_ parser: inout SQLParser) -> SQLExpression? {
        parser.chain([("*", false), ("/", false), ("%", false)], joint)
    }

    private static func joint(_ parser: inout SQLParser) -> SQLExpression? {
        parser.chain([("||", false)], sign)
    }

    private static func sign(_ parser: inout SQLParser) -> SQLExpression? {
        let first = parser.start
        for mark in ["-", "+"] where parser.take(mark) {
            parser.depth += 1
            defer { parser.depth -= 1 }
            guard parser.depth < depthMax, let part = sign(&parser) else { return nil }
            return SQLExpression(kind: .unary(mark, part), range: first..<parser.end)
        }
        guard let value = parser.primary() else { return nil }
        // A collation changes what is equal: SQLite's.
        return parser.isWord("COLLATE") ? nil : value
    }

    private mutating func primary() -> SQLExpression? {
        let first = start
        func made(_ kind: SQLExpression.Kind) -> SQLExpression { SQLExpression(kind: kind, range: first..<end) }
        switch peek {
        case .integer(let value):
            position += 1
            return made(.integer(value))
        case .real(let value):
            position += 1
            return made(.real(value))
        case .text(let value):
            position += 1
            return made(.text(value))
        case .mark("("):
            position += 1
            guard let inner = expression(), take(")") else { return nil }
            return SQLExpression(kind: inner.kind, range: first..<end)
        case .word, .quoted: return named(first)
        default: return nil
        }
    }

    private mutating func named(_ first: Int) -> SQLExpression? {
        if take(word: "NULL") { return SQLExpression(kind: .null, range: first..<end) }
        if isWord("CASE") { return caseExpression(first) }
        if isWord("CAST") { return castExpression(first) }
        if case .word(let text) = peek, tokens[position + 1].kind != .mark("("),
            ["TRUE", "FALSE"].contains(text.uppercased())
        {
            position += 1
            return SQLExpression(kind: .integer(text.uppercased() == "TRUE" ? 1 : 0), range: first..<end)
        }
        guard let name = name() else { return nil }
        if take("(") { return call(name, first) }
        guard take(".") else { return SQLExpression(kind: .column(table: nil, name: name), range: first..<end) }
        guard let column = self.name() else { return nil }
        return SQLExpression(kind: .column(table: name, name: column), range: first..<end)
    }

    private mutating func call(_ name: String, _ first: Int) -> SQLExpression? {
        var (isStar, isDistinct) = (false, false)
        var parts: [SQLExpression] = []
        if take("*") {
            isStar = true
        } else if peek != .mark(")") {
            isDistinct = take(word: "DISTINCT")
            guard let list = list() else { return nil }
            parts = list
        }
        guard take(")") else { return nil }
        let kind = SQLExpression.Kind.call(name.lowercased(), parts, isDistinct: isDistinct, isStar: isStar)
        let call = SQLExpression(kind: kind, range: first..<end)
        guard take(word: "FILTER") else { return isWord("OVER") ? nil : call }
        guard take("("), take(word: "WHERE"), let condition = expression(), take(")"), !isWord("OVER") else {
            return nil
        }
        return SQLExpression(kind: .filtered(call, condition), range: first..<end)
    }

    private mutating func caseExpression(_ first: Int) -> SQLExpression? {
        position += 1
        var parts: [SQLExpression] = []
        let hasBase = !isWord("WHEN")
        if hasBase {
            guard let base = expression() else { return nil }
            parts.append(base)
        }
        while take(word: "WHEN") {
            guard let test = expression(), take(word: "THEN"), let value = expression() else { return nil }
            parts += [test, value]
        }
        let hasElse = take(word: "ELSE")
        if hasElse {
            guard let value = expression() else { return nil }
            parts.append(value)
        }
        guard take(word: "END") else { return nil }
        return SQLExpression(kind: .cases(parts, hasBase: hasBase, hasElse: hasElse), range: first..<end)
    }

    private mutating func castExpression(_ first: Int) -> SQLExpression? {
        position += 1
        guard take("("), let part = expression(), take(word: "AS") else { return nil }
        var type: [String] = []
        while let word = name() { type.append(word.uppercased()) }
        guard take(")") else { return nil }
        return SQLExpression(kind: .cast(part, type.joined(separator: " ")), range: first..<end)
    }
}
