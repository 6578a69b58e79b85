// SPDX-License-Identifier: Apache-2.0
//
// Audit events as a table: CloudTrail's event history as the console, Athena or a script writes it (CSV, RFC 4180).
//
// Reads   the first line, which names the columns, and one row after the other.
// Writes  each row as the JSON object that CloudTrail itself would have written, as far as the columns say it.
// Leaves  rows that end in the middle of a quotation (RecordCutter.swift), other providers' tables.

import JSON

/// The columns of one table.
struct CloudTable {
    /// Why a row is no record.
    struct Refusal: Error {
        var reason: String
        init(_ reason: String) { self.reason = reason }
    }

    /// Of each column the member it is, of the event or of who made it.
    private let columns: [(name: String, isIdentity: Bool)]

    private static let columnsMax = 256
    /// Names of columns, in small letters without spaces and marks, that are not CloudTrail's own.
    private static let aliases: [String: String] = [
        "eventdatetime": "eventTime", "time": "eventTime", "sourceip": "sourceIPAddress", "userid": "userIdentity",
        "requestuseragent": "userAgent", "region": "awsRegion", "username": "userName", "awsaccesskey": "accessKeyId",
    ]
    private static let members = [
        "eventVersion", "eventTime", "eventSource", "eventName", "eventID", "eventType", "eventCategory", "awsRegion",
        "sourceIPAddress", "userAgent", "userIdentity", "errorCode", "errorMessage", "requestID", "readOnly",
        "requestParameters", "responseElements", "additionalEventData", "recipientAccountId", "sharedEventID",
        "resources",
        "vpcEndpointId", "tlsDetails", "managementEvent",
    ]
    private static let identity = ["userName", "accessKeyId", "principalId", "arn"]
    private static let known = Dictionary(
        uniqueKeysWithValues: (members + identity).map { ($0.lowercased(), $0) })

    /// Members that make an event of CloudTrail; as `CloudShape` wants three of them.
    private static let telling: Set<String> = [
        "eventVersion", "eventSource", "eventName", "userIdentity", "eventID", "awsRegion", "eventTime",
    ]

    /// nil where the columns are not those of an audit log.
    init?(_ line: ArraySlice<UInt8>) {
        var line = line
        if line.starts(with: [0xEF, 0xBB, 0xBF]) { line = line.dropFirst(3) }
        let names = CloudTable.cells(line)
        guard names.count <= CloudTable.columnsMax else { return nil }
        var used: Set<String> = []
        columns = names.map { octets in
            let text = String(decoding: octets, as: UTF8.self)
            let plain = text.lowercased().filter { $0.isLetter || $0.isNumber }
            let name = CloudTable.aliases[plain] ?? CloudTable.known[plain] ?? text
            guard used.insert(name).inserted else { return ("", false) }
            return (name, CloudTable.identity.contains(name))
        }
        guard used.intersection(CloudTable.telling).count >= 3, used.contains("eventName") else { return nil }
    }

    /// Whether one of the lines behind the first, which a quotation mark has made a part of the row, is a row itself:
    /// then the mark was lost. What is written over several lines hardly has as many values as the table.
    func holdsRow(_ row: ArraySlice<UInt8>) -> Bool {
        guard columns.count >= 4 else { return false }
        return row.split(separator: 0x0A).dropFirst().contains { CloudTable.cells($0).count == columns.count }
    }

    /// A row as JSON. `_row` is the row as it stands in the file.
    func object(_ row: ArraySlice<UInt8>) throws(Refusal) -> [UInt8] {
        var row = row
        while row.last == 0x0A || row.last == 0x0D { row.removeLast() }
        guard String(validating: row, as: UTF8.self) != nil else { throw Refusal("is not UTF-8") }
        let cells = CloudTable.cells(row)
        guard cells.count <= columns.count else {
            throw Refusal("is a row of \(cells.count) values, of \(columns.count) columns")
        }
        var json = JSONWriter()
        json.beginObject()
        let hasIdentity = columns.contains { $0.name == "userIdentity" }
        for (cell, column) in zip(cells, columns) where !cell.isEmpty && !column.name.isEmpty {
            guard hasIdentity || !column.isIdentity else { continue }
            CloudTable.add(cell, column.name, &json)
        }
        let about = zip(cells, columns).filter { !$0.0.isEmpty && $0.1.isIdentity }
        if !hasIdentity, !about.isEmpty {
            json.key("userIdentity")
            json.object { json in for (cell, column) in about { CloudTable.add(cell, column.name, &json) } }
        }
        json.key("_row")
        json.string(row)
        json.endObject()
        return json.octets
    }

    private static func add(_ cell: [UInt8], _ name: String, _ json: inout JSONWriter) {
        json.key(name)
        if let nested = nested(cell) { json.raw(nested[...]) } else { json.string(cell[...]) }
    }

    /// An object or array that stands in a cell, as JSON or as Python prints it; nil where it is neither.
    private static func nested(_ cell: [UInt8]) -> [UInt8]? {
        guard cell.first == 0x7B || cell.first == 0x5B else { return nil }
        for octets in [cell, PythonLiteral.json(cell)]
        where (try? JSONDocument(octets, limits: CloudLimits.json)) != nil {
            return octets
        }
        return nil
    }

    /// The values of a line. A quoted one may hold commas, line ends and, doubled, quotes; spaces before a value go.
    private static func cells(_ line: ArraySlice<UInt8>) -> [[UInt8]] {
        var cells: [[UInt8]] = []
        var cell: [UInt8] = []
        var place = line.startIndex
        var isQuoted = false
        while place < line.endIndex, cells.count <= columnsMax {
            let octet = line[place]
            place += 1
            switch octet {
            case 0x22 where isQuoted:
                if place < line.endIndex, line[place] == 0x22 {
                    cell.append(0x22)
                    place += 1
                } else {
                    isQuoted = false
                }
            case 0x22 where cell.isEmpty: isQuoted = true
            case 0x2C where !isQuoted:
                cells.append(cell)
                cell.removeAll(keepingCapacity: true)
            case 0x20 where cell.isEmpty && !isQuoted, 0x0A where !isQuoted, 0x0D where !isQuoted: break
            default: cell.append(octet)
            }
        }
        cells.append(cell)
        return cells
    }
}

/// Which line ends of a table end a row: those outside of quoted values. A mark opens a value at its beginning only,
/// and stands for itself where it is doubled inside.
struct QuotationMarks {
    private(set) var isQuoted = false
    /// Nothing of the value has come yet.
    private var isEmpty = true
    private var hasJustClosed = false

    /// Takes the next octet.
    mutating func isLineEnd(_ octet: UInt8) -> Bool {
        let mayBeDoubled = hasJustClosed
        hasJustClosed = false
        if octet == 0x22 {
            if isQuoted {
                (isQuoted, hasJustClosed) = (false, true)
            } else if mayBeDoubled || isEmpty {
                isQuoted = true
            }
            return false
        }
        if isQuoted {
            isEmpty = false
        } else if octet == 0x2C || octet == 0x0A {
            isEmpty = true
            return octet == 0x0A
        } else if octet != 0x20, octet != 0x0D {
            isEmpty = false
        }
        return false
    }
}

/// What Python prints of dictionaries and lists, as scripts put it into tables.
private enum PythonLiteral {
    private static let words: [(word: [UInt8], json: [UInt8])] = [
        (Array("None".utf8), Array("null".utf8)), (Array("True".utf8), Array("true".utf8)),
        (Array("False".utf8), Array("false".utf8)),
    ]

    /// The same as JSON; what is no literal comes out as no JSON.
    static func json(_ octets: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var place = 0
        while place < octets.count {
            let octet = octets[place]
            if octet == 0x27 || octet == 0x22 {
                place = string(octets, place, &out)
            } else if let found = words.first(where: { octets[place...].starts(with: $0.word) }) {
                out += found.json
                place += found.word.count
            } else {
                out.append(octet)
                place += 1
            }
        }
        return out
    }

    /// A string in either quotes; gives the place behind it.
    private static func string(_ octets: [UInt8], _ start: Int, _ out: inout [UInt8]) -> Int {
        let quote = octets[start]
        var text: [UInt8] = []
        var place = start + 1
        while place < octets.count, octets[place] != quote {
            if octets[place] == 0x5C, place + 1 < octets.count {
                place += 1
                switch octets[place] {
                case 0x6E: text.append(0x0A)
                case 0x74: text.append(0x09)
                case 0x72: text.append(0x0D)
                case 0x27, 0x22, 0x5C: text.append(octets[place])
                // An escape that is not known here stays as it is.
                default: text += [0x5C, octets[place]]
                }
            } else {
                text.append(octets[place])
            }
            place += 1
        }
        // Not appended to `out` itself: that would copy all of it for each string.
        var json = JSONWriter()
        json.string(text[...])
        out += json.octets
        return place + 1
    }
}
