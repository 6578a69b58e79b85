// SPDX-License-Identifier: Apache-2.0
//
// The files that rules name: data sets, lists of digests, reputation.
//
// Reads   CSV, JSON and plain lists beside the rule file.
// Writes  `Dataset`, `FileHashList`, `Reputation`.
// Leaves  keywords (DatasetKeywords.swift), JSON itself.

import JSON
import Records
import Wire

/// Looks files up beside the rule file, each read once.
struct RuleFiles {
    /// nil: files may not be read (a fuzzer's rules).
    var folder: String?
    /// Numbers of data sets by name, of digest lists by name and algorithm.
    var datasets: [String: UInt16] = [:]
    var hashLists: [String: UInt16] = [:]
    /// Where data sets are saved and their states stand; nil: nowhere.
    var dataFolder: String?
    var savesFiles = false
    /// Sets of the rules before, which traffic may have changed, by name.
    private var kept: [String: Dataset] = [:]

    /// Sets and lists of one rule set.
    static let countMax = 65_535

    init(folder: String?) { self.folder = folder }

    func path(_ name: String) -> String? {
        guard let folder else { return nil }
        return name.hasPrefix("/") ? name : folder.isEmpty ? name : "\(folder)/\(name)"
    }

    /// Takes over the sets that more than a file has made: those that are saved, and those without a file.
    mutating func keep(_ rules: RuleSet?) {
        for set in rules?.datasets ?? [] where set.isOfTraffic { kept[set.name] = set }
    }

    /// The set of this name and type that the rules before had.
    func kept(_ name: String, _ type: DatasetType) -> Dataset? { kept[name].flatMap { $0.type == type ? $0 : nil } }

    /// A state: below the folder of data, or beside the rule file as it is at first. nil: there is none yet.
    func readState(_ name: String) throws(RuleError) -> [UInt8]? {
        if let dataFolder, RuleFileBytes.exists("\(dataFolder)/\(name)") {
            do {
                return try RuleFileBytes.read("\(dataFolder)/\(name)")
            } catch {
                throw RuleError(.file, error.text)
            }
        }
        return try read(name)
    }

    /// nil: there is no such file, which is a warning and not the rule's end.
    func read(_ name: String) throws(RuleError) -> [UInt8]? {
        guard let path = path(name), RuleFileBytes.exists(path) else { return nil }
        do {
            return try RuleFileBytes.read(path)
        } catch {
            throw RuleError(.file, error.text)
        }
    }
}

/// How the lines of a data set's file are written.
enum DatasetFormat { case csv, json, ndjson }

/// Values from files into a set.
struct DatasetReader {
    var type: DatasetType
    var format = DatasetFormat.csv
    var hasReputation = false
    /// Dotted paths into a JSON object.
    var valueKey: [String] = []
    var arrayKey: [String] = []

    func read(_ bytes: [UInt8], into set: Dataset, _ name: String) throws(RuleError) {
        switch format {
        case .csv: try readLines(bytes, set, name)
        case .ndjson:
            let document = JSONDocument()
            for (number, line) in bytes[...].split(separator: 0x0A).enumerated() where !line.trimmed.isEmpty {
                let place = "\(name):\(number + 1)"
                do throws(JSONError) {
                    try document.read(bytes, line.startIndex..<line.endIndex)
                } catch {
                    throw RuleError(.file, "\(place): \(error.sentence)", advice: "write one JSON object a line")
                }
                try addObject(document.root, set, place)
            }
        case .json:
            let advice = "write [{…},{…}], or use format ndjson"
            let list: JSONValue?
            do throws(JSONError) {
                list = try JSONDocument(bytes).root.at(arrayKey)
            } catch {
                throw RuleError(.file, "\(name): \(error)", advice: advice)
            }
            guard let list, list.isArray else {
                throw RuleError(.file, "\(name) holds no JSON list", advice: advice)
            }
            for (number, element) in list.elements.enumerated() {
                try addObject(element, set, "\(name): element \(number + 1)")
            }
        }
    }

    private func readLines(_ bytes: [UInt8], _ set: Dataset, _ name: String) throws(RuleError) {
        var number = 0
        for line in bytes[...].split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            let line = line.trimmed
            guard !line.isEmpty else { continue }
            let cut = line.cut(0x2C)
            var score: UInt16 = 0
            if hasReputation {
                guard let text = cut?.tail.decimal(65_535) else {
                    throw RuleError(
                        .file, "\(name):\(number): no reputation behind the value", advice: "write VALUE,NUMBER")
                }
                score = UInt16(text)
            }
            guard let value = value(of: cut?.head ?? line) else {
                throw RuleError(.file, "\(name):\(number): \(line.quoted) is no value of this type", advice: advice)
            }
            set.insert(value.octets, reputation: score)
        }
    }

    private var advice: String {
        switch type {
        case .string: "strings stand in base64"
        case .md5: "write 32 hexadecimal digits"
        case .sha256: "write 64 hexadecimal digits"
        case .ipv4: "write an IPv4 address"
        case .ip: "write an address"
        }
    }

    /// An object of a JSON list, kept whole as the value's context.
    private func addObject(_ object: JSONValue, _ set: Dataset, _ place: String) throws(RuleError) {
        guard let value = object.at(valueKey), value.kind == .string || value.kind == .number else {
            throw RuleError(.file, "\(place): no \(valueKey.joined(separator: ".")) in the object")
        }
        var found: [UInt8] = []
        value.appendText(to: &found)
        guard let octets = type == .string ? found : self.value(of: found[...]) else {
            throw RuleError(.file, "\(place): \(found[...].quoted) is no value of this type", advice: advice)
        }
        set.insert(octets.octets, context: Array(object.raw))
    }

    /// The octets that a buffer must hold: addresses as in the packet, IPv4 in its mapped form in sets of `ip`.
    private func value(of text: RuleText) -> [UInt8]? {
        switch type {
        case .string: Base64.decode(text, mode: .strict)
        case .md5: text.count == 32 ? RuleParser.hexadecimal(text) : nil
        case .sha256: text.count == 64 ? RuleParser.hexadecimal(text) : nil
        case .ipv4, .ip:
            Address(text.string).flatMap { address in
                if type == .ipv4 { return address.isV4 ? Array(address.octets.suffix(4)) : nil }
                return address.octets
            }
        }
    }
}

extension Address {
    /// Sixteen octets, IPv4 in its mapped form.
    var octets: [UInt8] {
        [high, low].flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * $0)) } }
    }
}

extension RuleFiles {
    /// The digests of a list: the first word of each line.
    mutating func hashList(
        _ name: String, _ algorithm: FileHashList.Algorithm, _ builder: inout RuleSetBuilder
    ) throws(RuleError) -> (number: UInt16, isMissing: Bool) {
        let key = "\(algorithm) \(name)"
        if let number = hashLists[key] { return (number, false) }
        let bytes = try read(name)
        var digests: [[UInt8]] = []
        for (number, line) in (bytes ?? [])[...].split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            let line = line.trimmed
            guard let first = line.first, first != 0x23, let word = line.words.first else { continue }
            guard word.count == 2 * algorithm.byteCount, let digest = RuleParser.hexadecimal(word) else {
                throw RuleError(
                    .file, "\(name):\(number + 1): \(word.quoted) is no \(algorithm)",
                    advice: "write \(2 * algorithm.byteCount) hexadecimal digits a line")
            }
            digests.append(digest)
        }
        guard builder.hashLists.count < RuleFiles.countMax else { throw RuleError(.file, "too many lists of digests") }
        builder.hashLists.append(FileHashList(algorithm, digests))
        let number = UInt16(builder.hashLists.count - 1)
        hashLists[key] = number
        return (number, bytes == nil)
    }
}
