// SPDX-License-Identifier: Apache-2.0
//
// Feeds that are tables: abuse.ch's, Zeek's, any other by a mapping, and bare lists.
//
// Reads   lines with commas (RFC 4180, blanks behind commas allowed), semicolons or tabs; `#` begins a remark.
// Writes  indicators into a `FeedReader`.
// Leaves  fields that go on over several lines.

import Query
import Records

/// What a column of a table is.
private enum ColumnMeaning: Equatable {
    case value(IndicatorKind)
    /// A value whose kind stands in the column of kinds.
    case anyValue
    case kind
    case port
    case confidence
    case label
    case threat
    case seen
    case expires
    /// URLhaus: whether it still answers.
    case status
}

/// Walks over the lines of a table.
struct FeedTable {
    private let octets: [UInt8]
    private let path: String
    private let form: FeedForm
    private var columns: [(index: Int, meaning: ColumnMeaning)] = []
    private var separator: UInt8 = 0x2C
    private var skipsFirst = false
    private var fields: [Range<Int>] = []
    private var unquoted: [UInt8] = []

    /// Lines that are looked at for the form.
    private static let headLines = 60
    /// Octets of such a line; what has no line end within is no table's head.
    private static let headBytesMax = 64 << 10
    private static let fieldsMax = 256

    // MARK: which form

    /// The form of a table by its first lines.
    static func form(
        _ octets: [UInt8], mapping: [(column: String, meaning: String)], path: String
    ) throws(IntelError) -> FeedForm {
        for line in head(octets) {
            let text = String(decoding: line.prefix(400), as: UTF8.self).lowercased()
            if text.hasPrefix("#fields") { return .zeek }
            let plain = text.filter { $0 != "#" && $0 != " " && $0 != "\"" }
            if plain.hasPrefix("id,dateadded,url") { return .urlhaus }
            if plain.contains("ioc_value") && plain.contains("ioc_type") { return .threatfox }
            if plain.contains("dst_ip") && plain.contains("dst_port") { return .feodo }
            if plain.hasPrefix("listingdate,sha1") || plain.hasPrefix("ja3_md5,") { return .sslbl }
        }
        if !mapping.isEmpty { return .csv }
        guard let line = head(octets).first(where: { $0.first != 0x23 }) else {
            throw IntelError(.notAFeed, "it has remarks and nothing else", path: path, advice: "download it again")
        }
        guard line.contains(0x2C) || line.contains(0x3B) || line.contains(0x09) else { return .list }
        throw IntelError(
            .value, "this is a table of no form that is known", path: path,
            advice: "say what its columns are, such as --map ip=address --map score=confidence, or --map 1=domain")
    }

    private static func head(_ octets: [UInt8]) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        var place = octets.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        while place < octets.count, lines.count < headLines {
            let end = octets[place...].firstIndex(of: 0x0A) ?? octets.count
            var line = octets[place..<min(end, place + headBytesMax)]
            if line.last == 0x0D { line = line.dropLast() }
            if !line.isEmpty { lines.append(line) }
            place = end + 1
        }
        return lines
    }

    init(
        _ octets: [UInt8], path: String, form: FeedForm, mapping: [(column: String, meaning: String)]
    ) throws(IntelError) {
        (self.octets, self.path, self.form) = (octets, path, form)
        switch form {
        case .zeek: try chooseZeek()
        case .csv: try choose(mapping)
        case .list: columns = [(0, .anyValue)]
        default: try choose(named: FeedTable.known(form))
        }
    }

    /// Columns of the feeds that are known, by their names, in the order in which they stand where there is no header.
    private static func known(_ form: FeedForm) -> [(name: String, meaning: ColumnMeaning?)] {
        switch form {
        case .urlhaus:
            [
                ("id", nil), ("dateadded", .seen), ("url", .value(.url)), ("url_status", .status),
                ("last_online", nil),
                ("threat", .threat), ("tags", .label), ("urlhaus_link", nil), ("reporter", nil),
            ]
        case .threatfox:
            [
                ("first_seen_utc", .seen), ("ioc_id", nil), ("ioc_value", .anyValue), ("ioc_type", .kind),
                ("threat_type", .threat), ("fk_malware", nil), ("malware_alias", nil), ("malware_printable", .label),
                ("last_seen_utc", .seen), ("confidence_level", .confidence), ("reference", nil), ("tags", nil),
                ("anonymous", nil), ("reporter", nil),
            ]
        case .feodo:
            [
                ("first_seen_utc", .seen), ("dst_ip", .value(.endpoint)), ("dst_port", .port), ("c2_status", .status),
                ("last_online", .seen), ("malware", .label),
            ]
        default:
            [("listingdate", .seen), ("sha1", .value(.certificate)), ("listingreason", .label)]
        }
    }

    /// Finds the known columns by the line of names, which may be a remark.
    private mutating func choose(named table: [(name: String, meaning: ColumnMeaning?)]) throws(IntelError) {
        for line in FeedTable.head(octets) {
            var text = line
            while let first = text.first, first == 0x23 || first == 0x20 { text = text.dropFirst() }
            let names = text.split(separator: 0x2C, omittingEmptySubsequences: false).map { part in
                String(decoding: part, as: UTF8.self).lowercased().filter { $0 != "\"" && $0 != " " && $0 != "\r" }
            }
            if names.first == "ja3_md5" {
                columns = [(0, .value(.ja3)), (2, .seen), (3, .label)].filter { $0.0 < names.count }
                skipsFirst = line.first != 0x23
                return
            }
            guard names.filter({ name in table.contains { $0.name == name } }).count >= 3 else { continue }
            skipsFirst = line.first != 0x23
            columns = names.enumerated().compactMap { index, name in
                guard let entry = table.first(where: { $0.name == name }), let meaning = entry.meaning else {
                    return nil
                }
                return (index, meaning)
            }
            return
        }
        columns = table.enumerated().compactMap { index, entry in entry.meaning.map { (index, $0) } }
    }

    /// `#fields`, then the names between tabs.
    private mutating func chooseZeek() throws(IntelError) {
        separator = 0x09
        for line in FeedTable.head(octets) where line.starts(with: "#fields".utf8) {
            let names = line.split(separator: 0x09, omittingEmptySubsequences: false).dropFirst()
            for (index, name) in names.enumerated() {
                switch String(decoding: name, as: UTF8.self) {
                case "indicator": columns.append((index, .anyValue))
                case "indicator_type": columns.append((index, .kind))
                case "meta.desc": columns.append((index, .label))
                case "meta.confidence": columns.append((index, .confidence))
                default: break
                }
            }
        }
        guard columns.contains(where: { $0.meaning == .anyValue }), columns.contains(where: { $0.meaning == .kind })
        else {
            throw IntelError(
                .notAFeed, "its #fields do not name indicator and indicator_type, between tabs", path: path,
                advice: "see docs.zeek.org, framework intel")
        }
    }

    private mutating func choose(_ mapping: [(column: String, meaning: String)]) throws(IntelError) {
        guard let line = FeedTable.head(octets).first(where: { $0.first != 0x23 }) ?? FeedTable.head(octets).last
        else { return }
        separator = [0x09, 0x3B, 0x2C].first { line.contains($0) } ?? 0x2C
        let names = line.split(separator: separator, omittingEmptySubsequences: false).map { part in
            String(decoding: part, as: UTF8.self).lowercased().filter { $0 != "\"" && $0 != " " && $0 != "#" }
        }
        for entry in mapping {
            guard let meaning = FeedTable.meaning(entry.meaning) else {
                let kinds = IndicatorKind.allCases.map(\.name).joined(separator: ", ")
                throw IntelError(
                    .value, "--map \(entry.column)=\(entry.meaning): there is no such meaning", path: path,
                    advice: "choose from \(kinds), any, port, confidence, label, threat, seen, expires")
            }
            if let number = Int(entry.column), number >= 1, number <= FeedTable.fieldsMax {
                columns.append((number - 1, meaning))
            } else if let index = names.firstIndex(of: entry.column.lowercased()) {
                columns.append((index, meaning))
                skipsFirst = true
            } else {
                throw IntelError(
                    .value,
                    "there is no column “\(entry.column)”; the first line has \(names.joined(separator: ", "))",
                    path: path, advice: "name one of them, or its number from 1")
            }
        }
    }

    private static func meaning(_ text: String) -> ColumnMeaning? {
        if let kind = IndicatorKind(name: text) { return .value(kind) }
        switch text {
        case "any": return .anyValue
        case "type": return .kind
        case "port": return .port
        case "confidence": return .confidence
        case "label": return .label
        case "threat": return .threat
        case "seen": return .seen
        case "expires": return .expires
        default: return nil
        }
    }

    // MARK: lines

    mutating func read(into feed: inout FeedReader) throws(IntelError) {
        var place = octets.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        var number = 0
        let needed = columns.map(\.index).max() ?? 0
        while place < octets.count {
            number += 1
            var end = place
            while end < octets.count, octets[end] != 0x0A { end += 1 }
            let isLast = end == octets.count
            let start = place
            place = end + 1
            if end > start, octets[end - 1] == 0x0D { end -= 1 }
            guard end > start, octets[start] != 0x23 else { continue }
            if skipsFirst {
                skipsFirst = false
                continue
            }
            feed.count()
            guard split(start..<end) else {
                let reason = isLast ? "the file ends inside of this line" : "a quotation mark is not closed"
                feed.refuse(number, octets[start..<end], reason)
                continue
            }
            guard fields.count > needed || form == .list else {
                let reason =
                    isLast ? "the file ends inside of this line" : "the line has \(fields.count) columns only"
                feed.refuse(number, octets[start..<end], reason)
                continue
            }
            // What was cut off may be a part of the value: 203.0.113.1 of 203.0.113.14.
            if isLast, form != .list, form != .csv, form != .zeek {
                feed.refuse(
                    number, octets[start..<end], "the file ends inside of this line: it was not downloaded to its end"
                )
                continue
            }
            take(number, &feed)
        }
    }

    /// Finds the fields of a line; false where a quotation mark is not closed.
    private mutating func split(_ line: Range<Int>) -> Bool {
        fields.removeAll(keepingCapacity: true)
        if form == .list {
            fields.append(line)
            return true
        }
        var place = line.lowerBound
        while fields.count < FeedTable.fieldsMax {
            if separator != 0x09 { while place < line.upperBound, octets[place] == 0x20 { place += 1 } }
            if place < line.upperBound, octets[place] == 0x22, separator != 0x09 {
                let start = place + 1
                place = start
                // Doubled quotation marks stay doubled: no value that is looked for has any.
                while place < line.upperBound {
                    if octets[place] == 0x22 {
                        guard place + 1 < line.upperBound, octets[place + 1] == 0x22 else { break }
                        place += 1
                    }
                    place += 1
                }
                guard place < line.upperBound else { return false }
                fields.append(start..<place)
                while place < line.upperBound, octets[place] != separator { place += 1 }
            } else {
                let start = place
                while place < line.upperBound, octets[place] != separator { place += 1 }
                fields.append(start..<place)
            }
            guard place < line.upperBound else { return true }
            place += 1
        }
        return true
    }

    private func take(_ number: Int, _ feed: inout FeedReader) {
        var confidence: UInt8?
        var (seen, expires): (Timestamp?, Timestamp?)
        var (label, threat, port): (ArraySlice<UInt8>, ArraySlice<UInt8>, ArraySlice<UInt8>) = ([], [], [])
        var kindText: ArraySlice<UInt8> = []
        for column in columns where column.index < fields.count {
            let text = octets[fields[column.index]]
            switch column.meaning {
            case .confidence: confidence = IndicatorForm.number(text).map { UInt8(min($0, 100)) } ?? confidence
            case .label: label = text.elementsEqual("-".utf8) || text.elementsEqual("None".utf8) ? [] : text
            case .threat: threat = text
            case .port: port = text
            // The last time that is given counts, of those that are times.
            case .seen: seen = FeedTime.parse(text) ?? seen
            case .expires: expires = FeedTime.parse(text) ?? expires
            // What does not answer any more is less likely to be met, and more likely to be somebody else's by now.
            case .status: confidence = text.elementsEqual("online".utf8) ? 80 : 50
            case .kind: kindText = text
            case .value, .anyValue: break
            }
        }
        for column in columns where column.index < fields.count {
            var text = octets[fields[column.index]]
            var kind: IndicatorKind
            switch column.meaning {
            case .value(let own):
                kind = own
                if own == .endpoint, !port.isEmpty { text = text + [0x3A] + port }
            case .anyValue:
                guard let own = kindText.isEmpty ? FeedTable.guess(text) : FeedTable.kind(kindText) else {
                    let type = String(decoding: kindText.prefix(40), as: UTF8.self)
                    feed.refuse(
                        number, text,
                        kindText.isEmpty ? "it is of no kind that is known" : "the type \(type) is not looked for")
                    continue
                }
                kind = own
            default: continue
            }
            if kind == .address, text.contains(0x2F) { kind = .network }
            guard !text.isEmpty else { continue }
            feed.take(
                kind, text, place: number, confidence: confidence, seen: seen, expires: expires, label: Array(label),
                threat: Array(threat))
        }
    }

    /// Types of ThreatFox and of Zeek (`Intel::ADDR`), and our own names.
    private static func kind(_ text: ArraySlice<UInt8>) -> IndicatorKind? {
        let name = String(decoding: text, as: UTF8.self)
        if let own = kinds[name.lowercased()] { return own }
        return IndicatorKind(name: name)
    }

    private static let kinds: [String: IndicatorKind] = [
        "ip:port": .endpoint, "domain": .domain, "url": .url, "md5_hash": .file, "sha1_hash": .file,
        "sha256_hash": .file,
        "md5": .file, "sha1": .file, "sha256": .file,
        "intel::addr": .address, "intel::subnet": .network, "intel::url": .url, "intel::software": .software,
        "intel::email": .email, "intel::domain": .domain, "intel::user_name": .userName,
        "intel::cert_hash": .certificate, "intel::file_hash": .file, "intel::file_name": .fileName,
    ]

    /// The kind that a bare value looks like.
    static func guess(_ text: ArraySlice<UInt8>) -> IndicatorKind? {
        if Address(octets: text) != nil { return .address }
        if text.contains(0x2F) {
            let host = text.prefix { $0 != 0x2F }
            let isNetwork =
                Address(octets: host) != nil
                && IndicatorForm.number(text[host.endIndex...].dropFirst()) != nil
            return isNetwork ? .network : .url
        }
        if text.contains(0x40) { return .email }
        if let digest = IndicatorForm.hexadecimal(text), [16, 20, 32].contains(digest.count) { return .file }
        if let colon = text.lastIndex(of: 0x3A), IndicatorForm.number(text[(colon + 1)...]) != nil {
            return .endpoint
        }
        return text.contains(0x2E) ? .domain : nil
    }
}

/// Times as feeds write them: as SQL does, with `UTC` behind it or not, or seconds since 1970.
enum FeedTime {
    static func parse(_ text: ArraySlice<UInt8>) -> Timestamp? {
        Timestamp(octets: text.suffix(4).elementsEqual(" UTC".utf8) ? text.dropLast(4) : text)
    }
}
