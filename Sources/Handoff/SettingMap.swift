// SPDX-License-Identifier: Apache-2.0
//
// One connector's map of the configuration: every key is read once, and what is left over is an error.

internal import Foundation
internal import Yams

/// The keys and values of one connector. Keys are the same with dashes and with underscores.
struct SettingMap {
    private var values: [String: Node] = [:]
    private var lines: [String: Int] = [:]
    private var known: [String] = []
    private let path: String
    private let line: Int
    var name: String?

    init(_ mapping: Node.Mapping, path: String) throws(HandoffError) {
        self.path = path
        line = mapping.mark?.line ?? 1
        for (key, value) in mapping {
            guard let text = key.string else { throw HandoffError("\(path):\(line): handoff: a key is not a text") }
            let own = SettingMap.own(text)
            guard values[own] == nil else {
                throw HandoffError("\(path):\(key.mark?.line ?? line): handoff: \(own) stands there twice")
            }
            // An empty value leaves the default.
            if value.null == nil { values[own] = value }
            lines[own] = key.mark?.line
        }
    }

    private static func own(_ key: String) -> String { key.replacingOccurrences(of: "-", with: "_") }

    func error(_ key: String, _ reason: String) -> HandoffError {
        let place = lines[key] ?? line
        return HandoffError("\(path):\(place): handoff: " + (name.map { $0 + ": " } ?? "") + "\(key): \(reason)")
    }

    private mutating func take(_ key: String) -> Node? {
        known.append(key)
        return values[key]
    }

    mutating func text(_ key: String) throws(HandoffError) -> String? {
        guard let node = take(key) else { return nil }
        guard let scalar = node.scalar else { throw error(key, "one value is wanted") }
        guard scalar.string.utf8.count <= 4_096, !scalar.string.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F })
        else {
            throw error(key, "the value is longer than 4096 octets, or has control characters")
        }
        return scalar.string.isEmpty ? nil : scalar.string
    }

    mutating func needed(_ key: String) throws(HandoffError) -> String {
        guard let text = try text(key) else { throw error(key, "a value is needed") }
        return text
    }

    mutating func choice<Choice>(_ key: String, _: Choice.Type) throws(HandoffError) -> Choice
    where Choice: CaseIterable & RawRepresentable, Choice.RawValue == String {
        let text = try needed(key)
        guard let choice = Choice(rawValue: text) else {
            let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw error(key, "“\(text)”: choose one of \(known)")
        }
        return choice
    }

    mutating func boolean(_ key: String) throws(HandoffError) -> Bool? {
        guard let text = try text(key) else { return nil }
        switch text.lowercased() {
        case "true", "yes", "on": return true
        case "false", "no", "off": return false
        default: throw error(key, "“\(text)” is neither true nor false")
        }
    }

    mutating func integer(_ key: String, _ range: ClosedRange<Int>) throws(HandoffError) -> Int? {
        guard let text = try text(key) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw error(key, "“\(text)” is not a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// A duration such as 10, 500ms, 10s, 5m, 2h or 3d, in seconds.
    mutating func seconds(_ key: String, _ range: ClosedRange<Double>) throws(HandoffError) -> Double? {
        guard let text = try text(key) else { return nil }
        let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]
        let unit = units.first { text.hasSuffix($0.0) } ?? ("", 1)
        guard let number = Double(text.dropLast(unit.0.count)), number.isFinite, range.contains(number * unit.1) else {
            throw error(key, "“\(text)” is not a duration such as 10s, 5m or 72h")
        }
        return number * unit.1
    }

    mutating func texts(_ key: String) throws(HandoffError) -> [String]? {
        guard let node = take(key) else { return nil }
        if let scalar = node.scalar { return [scalar.string] }
        guard let sequence = node.sequence, sequence.count <= 64 else { throw error(key, "a short list is wanted") }
        var texts: [String] = []
        for entry in sequence {
            guard let scalar = entry.scalar else { throw error(key, "a list of texts is wanted") }
            texts.append(scalar.string)
        }
        return texts
    }

    mutating func map(_ key: String) throws(HandoffError) -> [(String, String)] {
        guard let node = take(key) else { return [] }
        guard let mapping = node.mapping else { throw error(key, "a map of names to values is wanted") }
        var pairs: [(String, String)] = []
        for (name, value) in mapping {
            guard let name = name.string, let value = value.scalar, !name.isEmpty, name.utf8.count <= 100 else {
                throw error(key, "a map of names to texts is wanted")
            }
            pairs.append((name, value.string))
        }
        return pairs
    }

    /// `KEY_file` or `KEY_env`.
    mutating func secret(_ key: String) throws(HandoffError) -> ConnectorSettings.SecretPlace? {
        let file = try text(key + "_file")
        let variable = try text(key + "_env")
        if values[key] != nil, key == "secret" {
            throw error(key, "a secret does not stand in the configuration; give \(key)_file or \(key)_env")
        }
        switch (file, variable) {
        case (let file?, nil): return .file(file)
        case (nil, let variable?): return .variable(variable)
        case (nil, nil): return nil
        default: throw error(key + "_file", "give either a file or a variable, not both")
        }
    }

    /// Refuses what nobody has asked for.
    func finish() throws(HandoffError) {
        for key in values.keys.sorted() where !known.contains(key) {
            let names = Set(known).sorted().joined(separator: ", ")
            throw error(key, "there is no such key here; the keys are \(names)")
        }
    }
}
