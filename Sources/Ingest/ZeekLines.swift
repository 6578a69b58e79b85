// SPDX-License-Identifier: Apache-2.0
//
// Zeek's logs, line by line: tab-separated with a head, or JSON.
//
// Reads   lines; the head's `#separator`, `#set_separator`, `#empty_field`, `#unset_field`, `#path`, `#fields`.
// Writes  rows of the log that the head, the member `_path` or the file's name says.
// Leaves  files (`ZeekIngest`).
//
// Columns go by name: order does not matter, what is not known is left out, what is missing stays unset.

import JSON
import Records

/// What became of a line.
enum LineOutcome: Equatable {
    /// A row of the log with this number in the schemas.
    case row(log: Int)
    /// A head line, an empty line, a line of a log that the store does not have.
    case nothing
    /// No record, and why.
    case bad(String)
}

/// Reads lines of one file, one after the other. Used by one thread.
protocol LineReading: AnyObject {
    /// What a line is: nothing, a row or several of different logs, or no record.
    func read(_ line: ArraySlice<UInt8>, _ outcomes: inout [LineOutcome])
    /// By the number of the log, the row that was read last.
    var rows: [IngestedRow] { get }
    /// Rows that waited for another line and wait no longer.
    func leftover(isAtEnd: Bool) -> [(log: Int, row: IngestedRow)]
    /// Lines that are needed to go on with the file later.
    var headLines: [String] { get }
    func restore(_ head: [String])
    /// Values that were none of their column's kind, and were left out.
    var oddValueCount: Int { get }
    var firstOddValue: String? { get }
    /// Logs or kinds of events that the store does not have.
    var unknown: Set<String> { get }
}

/// Zeek's lines.
final class ZeekLines: LineReading {
    private struct Head {
        var separator: UInt8 = 0x09
        var setSeparator: UInt8 = 0x2C
        var empty: [UInt8] = Array("(empty)".utf8)
        var unset: [UInt8] = [0x2D]
        /// Number of the log; nil where the store has none of that name.
        var log: Int?
        var isKnownPath = false
        /// For each field its column; nil where the log has none of that name.
        var columns: [Int?] = []
    }

    private let schemas: [LogSchema]
    private let places: [[String: Int]]
    private let logsByPath: [String: Int]
    /// The log that the file's name says.
    private let fileLog: Int?
    private let fileLogName: String
    private var head: Head?
    private let json = JSONDocument(
        limits: JSONLimits(depthMax: 16, bytesMax: LineFile.lineBytesMax, nodesMax: 1 << 16))
    /// The row of the last line that was one, by the log's number.
    private(set) var rows: [IngestedRow]
    /// Lines of the head that is in force, to go on with the file later.
    private(set) var headLines: [String] = []
    /// Values that were none of their column's kind and were left out.
    private(set) var oddValueCount = 0
    private(set) var firstOddValue: String?
    /// Logs that the store does not have, by name.
    private(set) var unknown: Set<String> = []
    private var fields: [ArraySlice<UInt8>] = []
    private var scratch: [UInt8] = []

    private static let headLinesMax = 16
    /// They are kept with the place in the file, to go on there.
    private static let headLineBytesMax = 64 << 10
    private static let unknownMax = 64

    init(_ schemas: [LogSchema], fileName: String) {
        self.schemas = schemas
        places = schemas.map { schema in
            var places: [String: Int] = [:]
            for (index, column) in schema.columns.enumerated() {
                places[column.name] = index
                places[column.storeName] = index
            }
            return places
        }
        logsByPath = Dictionary(schemas.enumerated().map { ($1.path, $0) }, uniquingKeysWith: { first, _ in first })
        rows = schemas.map { IngestedRow($0) }
        fileLogName = ZeekLines.logName(fileName)
        fileLog = logsByPath[fileLogName]
    }

    /// The log's name in a file's name: `conn.log`, `conn.2026-11-22-13-00-00.log.gz`, `conn_20261122.log` are conn.
    static func logName(_ fileName: String) -> String {
        let base = fileName.split(separator: "/").last ?? ""
        let name = base.prefix { $0.isLetter || $0 == "_" || $0.isNumber && $0.isASCII }
        // A date behind an underscore is no part of the name.
        let parts = name.split(separator: "_", omittingEmptySubsequences: false)
        let kept = parts.prefix { !$0.isEmpty && !$0.allSatisfy(\.isNumber) }
        return kept.joined(separator: "_").lowercased()
    }

    func read(_ line: ArraySlice<UInt8>, _ outcomes: inout [LineOutcome]) { outcomes.append(read(line)) }

    private func read(_ line: ArraySlice<UInt8>) -> LineOutcome {
        guard let first = line.first else { return .nothing }
        if first == 0x23 { return readHead(line) }
        if first == 0x7B { return readJSON(line) }
        return readValues(line)
    }

    // MARK: tab-separated

    private func readHead(_ line: ArraySlice<UInt8>) -> LineOutcome {
        guard line.count <= ZeekLines.headLineBytesMax else {
            return .bad("it is a line of the head of more than \(ZeekLines.headLineBytesMax) octets")
        }
        let text = String(decoding: line, as: UTF8.self)
        if text.hasPrefix("#separator") {
            head = Head()
            headLines = []
            let value = text.dropFirst("#separator".count).drop { $0 == " " || $0 == "\t" }
            if let octet = ZeekLines.unescaped(Array(value.utf8)[...]).first { head?.separator = octet }
        }
        if headLines.count < ZeekLines.headLinesMax { headLines.append(text) }
        if head == nil { head = Head() }
        let separator = head?.separator ?? 0x09
        let parts = line.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.count > 1 else { return .nothing }
        let key = String(decoding: parts[0], as: UTF8.self)
        switch key {
        case "#set_separator": head?.setSeparator = parts[1].first ?? 0x2C
        case "#empty_field": head?.empty = Array(parts[1])
        case "#unset_field": head?.unset = Array(parts[1])
        case "#path":
            let path = String(decoding: parts[1], as: UTF8.self)
            head?.log = logsByPath[path]
            head?.isKnownPath = true
            if head?.log == nil { note(unknownLog: path) }
        case "#fields":
            if head?.isKnownPath != true { head?.log = fileLog }
            guard let log = head?.log else {
                if head?.isKnownPath != true { note(unknownLog: fileLogName) }
                return .nothing
            }
            head?.columns = parts.dropFirst().map { places[log][String(decoding: $0, as: UTF8.self)] }
        default: break
        }
        return .nothing
    }

    private func readValues(_ line: ArraySlice<UInt8>) -> LineOutcome {
        guard let head else { return .bad("there is no head (#fields) before it, and it is no JSON") }
        guard let log = head.log else { return .nothing }
        guard !head.columns.isEmpty else { return .bad("there is no #fields line before it") }
        fields.removeAll(keepingCapacity: true)
        var start = line.startIndex
        for place in line.indices where line[place] == head.separator && fields.count <= head.columns.count {
            fields.append(line[start..<place])
            start = place + 1
        }
        fields.append(line[start...])
        guard fields.count <= head.columns.count else {
            return .bad("it has more fields than the \(head.columns.count) that the head names")
        }
        guard fields.count == head.columns.count else {
            return .bad("it has \(fields.count) fields where the head names \(head.columns.count)")
        }
        rows[log].clear()
        for (field, column) in zip(fields, head.columns) {
            guard let column, !field.elementsEqual(head.unset) else { continue }
            if !take(field, log, column, head) { note(oddValue: field, log, column) }
        }
        return finish(log)
    }

    private func take(_ field: ArraySlice<UInt8>, _ log: Int, _ column: Int, _ head: Head) -> Bool {
        let isEmpty = field.elementsEqual(head.empty)
        if rows[log].kinds[column].isList {
            if isEmpty { return rows[log].set(column, elements: []) }
            let elements = field.split(separator: head.setSeparator, omittingEmptySubsequences: false).map {
                $0.elementsEqual(head.empty) ? [] : ZeekLines.unescaped($0)
            }
            return rows[log].set(column, elements: elements)
        }
        return rows[log].set(column, isEmpty ? [] : ZeekLines.unescaped(field))
    }

    /// `\xnn` is an octet, `\\` a backslash.
    static func unescaped(_ octets: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard octets.contains(0x5C) else { return octets }
        var result: [UInt8] = []
        result.reserveCapacity(octets.count)
        var place = octets.startIndex
        while place < octets.endIndex {
            guard octets[place] == 0x5C, place + 1 < octets.endIndex else {
                result.append(octets[place])
                place += 1
                continue
            }
            if octets[place + 1] == 0x5C {
                result.append(0x5C)
                place += 2
            } else if octets[place + 1] == 0x78, place + 3 < octets.endIndex,
                let octet = UInt8(String(decoding: octets[(place + 2)...(place + 3)], as: UTF8.self), radix: 16)
            {
                result.append(octet)
                place += 4
            } else {
                result.append(0x5C)
                place += 1
            }
        }
        return result[...]
    }

    // MARK: JSON

    private func readJSON(_ line: ArraySlice<UInt8>) -> LineOutcome {
        do { try json.read(Array(line)) } catch { return .bad("it is no JSON: \(error.sentence)") }
        let root = json.root
        var log = fileLog
        var name = fileLogName
        if let path = root["_path"]?.string {
            log = logsByPath[path]
            name = path
        }
        guard let log else {
            note(unknownLog: name)
            return .nothing
        }
        rows[log].clear()
        for (key, value) in root.members {
            guard let column = places[log][key], !value.isNull else { continue }
            if !take(value, log, column) { note(oddValue: value.raw, log, column) }
        }
        return finish(log)
    }

    private func take(_ value: JSONValue, _ log: Int, _ column: Int) -> Bool {
        guard rows[log].kinds[column].isList else {
            guard value.isScalar else { return false }
            return rows[log].set(column, text(value))
        }
        guard value.isArray else { return rows[log].set(column, elements: [text(value)]) }
        return rows[log].set(column, elements: value.elements.map { text($0) })
    }

    /// A scalar's octets; octets that Zeek wrote as `\xnn` because they are no UTF-8 are themselves again.
    private func text(_ value: JSONValue) -> ArraySlice<UInt8> {
        var octets: [UInt8] = []
        value.appendText(to: &octets)
        return WireText.restored(octets[...])
    }

    // MARK: rows

    private func finish(_ log: Int) -> LineOutcome {
        guard let clock = places[log]["ts"] else { return .row(log: log) }
        guard case .word = rows[log].cells[clock] else { return .bad("it has no time (ts)") }
        rows[log].complete(schemas[log], places[log])
        return .row(log: log)
    }

    private func note(unknownLog name: String) {
        if unknown.count < ZeekLines.unknownMax { unknown.insert(String(name.prefix(40))) }
    }

    private func note(oddValue octets: ArraySlice<UInt8>, _ log: Int, _ column: Int) {
        oddValueCount += 1
        if firstOddValue == nil {
            let shown = String(decoding: octets.prefix(40), as: UTF8.self)
            firstOddValue = "\"\(shown)\" is no value of \(schemas[log].path).\(schemas[log].columns[column].name)"
        }
    }

    func leftover(isAtEnd: Bool) -> [(log: Int, row: IngestedRow)] { [] }

    /// Goes on with a file whose head was read before.
    func restore(_ lines: [String]) {
        for line in lines { _ = readHead(Array(line.utf8)[...]) }
    }
}

/// Octets that were written as `\xnn` since they are no text.
enum WireText {
    /// Only what the escaping makes is undone: control characters, and octets from 0x80 on.
    static func restored(_ octets: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard octets.contains(0x5C) else { return octets }
        var result: [UInt8] = []
        var place = octets.startIndex
        while place < octets.endIndex {
            if octets[place] == 0x5C, place + 3 < octets.endIndex, octets[place + 1] == 0x78,
                let octet = UInt8(String(decoding: octets[(place + 2)...(place + 3)], as: UTF8.self), radix: 16),
                octet < 0x20 || octet >= 0x7F
            {
                result.append(octet)
                place += 4
            } else {
                result.append(octets[place])
                place += 1
            }
        }
        return result[...]
    }
}

extension IngestedRow {
    /// What other columns imply: the flow's identity, and its name in every tool.
    mutating func complete(_ schema: LogSchema, _ places: [String: Int]) {
        func address(_ name: String) -> Address? {
            guard let place = places[name], case .address(let address) = cells[place] else { return nil }
            return address
        }
        func port(_ name: String) -> UInt16 {
            guard let place = places[name], case .word(let word) = cells[place] else { return 0 }
            return UInt16(truncatingIfNeeded: word)
        }
        guard let originator = address("id.orig_h"), let responder = address("id.resp_h") else { return }
        guard let place = places["proto"], case .text(let proto) = cells[place] else { return }
        let transport: Transport
        let number: UInt8
        switch String(decoding: text[proto], as: UTF8.self) {
        case "tcp": (transport, number) = (.tcp, 6)
        case "udp": (transport, number) = (.udp, 17)
        case "icmp": (transport, number) = (.icmp, originator.isV4 ? 1 : 58)
        default: return
        }
        let id = ConnectionID(
            originator: originator, responder: responder, originatorPort: port("id.orig_p"),
            responderPort: port("id.resp_p"), transport: transport, protocolNumber: number)
        connection = id
        guard let own = places["community_id"], case .unset = cells[own] else { return }
        let start = text.begin()
        CommunityID.write(id: id, to: &text.bytes)
        cells[own] = .text(text.end(start))
    }
}
