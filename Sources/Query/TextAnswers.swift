// SPDX-License-Identifier: Apache-2.0
//
// Answers as CSV and as JSON lines.

/// RFC 4180: a line of names, then one line a row. NULL is an empty field, an empty text is `""`.
struct CSVAnswer {
    let columns: [AnswerColumn]
    init(_ columns: [AnswerColumn]) { self.columns = columns }

    func write(_ statement: SQLiteStatement, to sink: AnswerSink) throws(QueryError) -> Int {
        var line: [UInt8] = []
        for (index, column) in columns.enumerated() {
            if index > 0 { line.append(0x2C) }
            CSVAnswer.append(Array(column.name.utf8), to: &line)
        }
        line.append(contentsOf: [0x0D, 0x0A])
        try sink.write(line)
        var count = 0
        while !sink.isClosed, try statement.step() {
            line.removeAll(keepingCapacity: true)
            for (index, column) in columns.enumerated() {
                if index > 0 { line.append(0x2C) }
                switch statement.value(index) {
                case .null: break
                case .text(let octets): CSVAnswer.append(octets, to: &line)
                case let value: line.append(contentsOf: plainText(value, column))
                }
            }
            line.append(contentsOf: [0x0D, 0x0A])
            try sink.write(line)
            count += 1
        }
        return count
    }

    private static func append(_ octets: [UInt8], to line: inout [UInt8]) {
        let needsQuotes = octets.isEmpty || octets.contains { $0 == 0x22 || $0 == 0x2C || $0 == 0x0A || $0 == 0x0D }
        guard needsQuotes else { return line.append(contentsOf: octets) }
        line.append(0x22)
        for octet in octets {
            if octet == 0x22 { line.append(0x22) }
            line.append(octet)
        }
        line.append(0x22)
    }
}

/// One object a line with every column in order; NULL is null, lists are arrays, blobs hexadecimal texts.
struct JSONAnswer {
    let columns: [AnswerColumn]
    private let keys: [[UInt8]]

    init(_ columns: [AnswerColumn]) {
        self.columns = columns
        keys = columns.enumerated().map { index, column in
            var key: [UInt8] = Array(index == 0 ? "{".utf8 : ",".utf8)
            JSONAnswer.append(Array(column.name.utf8), to: &key)
            key.append(0x3A)
            return key
        }
    }

    func write(_ statement: SQLiteStatement, to sink: AnswerSink) throws(QueryError) -> Int {
        var count = 0
        while !sink.isClosed, try statement.step() {
            try sink.write(line(columns.indices.map { statement.value($0) }))
            count += 1
        }
        return count
    }

    /// A row with the end of its line.
    func line(_ values: [SQLValue]) -> [UInt8] {
        var line: [UInt8] = []
        for (index, column) in columns.enumerated() {
            line.append(contentsOf: keys[index])
            switch values[index] {
            case .null: line.append(contentsOf: "null".utf8)
            case .text(let octets) where column.form == .json: line.append(contentsOf: octets)
            case .text(let octets): JSONAnswer.append(octets, to: &line)
            case .blob(let octets): JSONAnswer.append(hexadecimal(octets), to: &line)
            case .real(let number) where !number.isFinite: line.append(contentsOf: "null".utf8)
            case let value: line.append(contentsOf: plainText(value, column))
            }
        }
        line.append(contentsOf: columns.isEmpty ? "{}\n".utf8 : "}\n".utf8)
        return line
    }

    /// A quoted text. Texts that SQL made may be anything: what is not UTF-8 becomes U+FFFD.
    private static func append(_ octets: [UInt8], to line: inout [UInt8]) {
        line.append(0x22)
        let isASCII = octets.allSatisfy { $0 < 0x80 }
        for octet in isASCII ? octets : Array(String(decoding: octets, as: UTF8.self).utf8) {
            switch octet {
            case 0x22, 0x5C: line.append(contentsOf: [0x5C, octet])
            case 0x0A: line.append(contentsOf: "\\n".utf8)
            case 0x0D: line.append(contentsOf: "\\r".utf8)
            case 0x09: line.append(contentsOf: "\\t".utf8)
            case 0..<0x20: line.append(contentsOf: Array("\\u00".utf8) + hexadecimal([octet]))
            default: line.append(octet)
            }
        }
        line.append(0x22)
    }
}

/// A value that needs no quoting in any form.
func plainText(_ value: SQLValue, _ column: AnswerColumn) -> [UInt8] {
    switch value {
    case .null: []
    case .integer(0) where column.form == .boolean: Array("false".utf8)
    case .integer(1) where column.form == .boolean: Array("true".utf8)
    case .integer(let number): Array("\(number)".utf8)
    case .real(let number): Array("\(number)".utf8)
    case .text(let octets): octets
    case .blob(let octets): hexadecimal(octets)
    }
}

func hexadecimal(_ octets: [UInt8]) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    return octets.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
}
