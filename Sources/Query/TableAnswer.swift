// SPDX-License-Identifier: Apache-2.0
//
// An answer as aligned columns.
//
// Widths are those of the first thousand rows, so that a long answer begins at once; what is wider later
// pushes its line out of line, up to the bound.

/// Aligned columns: names, a rule, rows; numbers to the right.
struct TableAnswer {
    let columns: [AnswerColumn]
    let widthMax: Int
    let isColoured: Bool

    private static let rowsMeasured = 1000

    init(_ columns: [AnswerColumn], widthMax: Int, isColoured: Bool) {
        self.columns = columns
        self.widthMax = max(4, widthMax)
        self.isColoured = isColoured
    }

    func write(_ statement: SQLiteStatement, to sink: AnswerSink) throws(QueryError) -> Int {
        guard !columns.isEmpty else { return 0 }
        var first: [[Shown]] = []
        while first.count < TableAnswer.rowsMeasured, try statement.step() { first.append(row(statement)) }
        let isRight = columns.indices.map { column in
            columns[column].form == .number || first.contains { $0[column].isNumber }
                && first.allSatisfy { $0[column].isNumber || $0[column].isNull }
        }
        let names = columns.map { Shown(cut(clean($0.name)), isNumber: false, isNull: false) }
        let widths = columns.indices.map { column in
            max(names[column].width, first.map { $0[column].width }.max() ?? 0)
        }
        let header = line(names, widths, isRight)
        let rule = widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ")
        try sink.write(Array((isColoured ? "\u{1B}[1m\(header)\u{1B}[0m\n\(rule)\n" : "\(header)\n\(rule)\n").utf8))
        for row in first { try sink.write(Array((line(row, widths, isRight) + "\n").utf8)) }
        var count = first.count
        if count == TableAnswer.rowsMeasured {
            while !sink.isClosed, try statement.step() {
                try sink.write(Array((line(row(statement), widths, isRight) + "\n").utf8))
                count += 1
            }
        }
        if isColoured { try sink.write(Array("(\(count) \(count == 1 ? "row" : "rows"))\n".utf8)) }
        return count
    }

    private struct Shown {
        let text: String
        let width: Int
        let isNumber: Bool
        let isNull: Bool
        init(_ text: String, isNumber: Bool, isNull: Bool) {
            self.text = text
            width = text.count
            self.isNumber = isNumber
            self.isNull = isNull
        }
    }

    private func row(_ statement: SQLiteStatement) -> [Shown] {
        columns.indices.map { index in
            let value = statement.value(index)
            let text = String(decoding: plainText(value, columns[index]), as: UTF8.self)
            let isNumber =
                switch value {
                case .integer, .real: columns[index].form != .boolean
                default: false
                }
            return Shown(cut(clean(text)), isNumber: isNumber, isNull: value == .null)
        }
    }

    private func line(_ cells: [Shown], _ widths: [Int], _ isRight: [Bool]) -> String {
        var line = ""
        for index in cells.indices {
            if index > 0 { line += "  " }
            let space = String(repeating: " ", count: max(0, widths[index] - cells[index].width))
            if isRight[index] {
                line += space + cells[index].text
            } else {
                line += index == cells.count - 1 ? cells[index].text : cells[index].text + space
            }
        }
        return line
    }

    private func cut(_ text: String) -> String {
        text.count <= widthMax ? text : text.prefix(widthMax - 1) + "…"
    }

    /// Nothing in a cell may move the cursor or colour the terminal: control characters become a dot.
    private func clean(_ text: String) -> String {
        let isControl = { (scalar: Unicode.Scalar) in scalar.value < 0x20 || 0x7F...0x9F ~= scalar.value }
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { result.append(isControl(scalar) ? "·" : scalar) }
        return String(result)
    }
}
