// SPDX-License-Identifier: Apache-2.0
//
// classification.config, reference.config, threshold.config and reputation
// lists, in Suricata's formats.
//
// Reads   the files, or the built-in tables.
// Writes  tables of the parser; limits of rules.
// Leaves  what a limit does (the engine).

import Records

/// Lines of a configuration file without comments.
private func configurationLines(_ path: String) throws(RuleFileError) -> [(number: Int, text: RuleText)] {
    let bytes = try RuleFileBytes.read(path)
    var lines: [(number: Int, text: RuleText)] = []
    for (index, line) in bytes[...].split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
        let text = line.trimmed
        if let first = text.first, first != 0x23 { lines.append((index + 1, text)) }
    }
    return lines
}

extension RuleParser {
    /// `config classification: NAME,DESCRIPTION,PRIORITY`.
    mutating func readClassifications(_ path: String?) throws(RuleFileError) {
        guard let path else {
            for (name, description, priority) in Classification.defaults {
                add(Classification(name: name, description: description, priority: priority))
            }
            return
        }
        for (number, line) in try configurationLines(path) {
            guard let cut = line.cut(0x3A), cut.head.words.map(\.string) == ["config", "classification"] else {
                throw RuleFileError(
                    path: "\(path):\(number)", reason: "write config classification: NAME,DESCRIPTION,PRIORITY")
            }
            let parts = cut.tail.parts(0x2C)
            guard parts.count >= 3, !parts[0].isEmpty, let priority = parts[parts.count - 1].decimal(255) else {
                throw RuleFileError(
                    path: "\(path):\(number)", reason: "write config classification: NAME,DESCRIPTION,PRIORITY")
            }
            let description = parts[1..<(parts.count - 1)].map(\.string).joined(separator: ", ")
            add(Classification(name: parts[0].string.lowercased(), description: description, priority: UInt8(priority)))
        }
    }

    private mutating func add(_ classification: Classification) {
        guard classifications[classification.name] == nil, builder.classifications.count < 65_534 else { return }
        builder.classifications.append(classification)
        classifications[classification.name] = UInt16(builder.classifications.count)
    }

    /// `config reference: TYPE PREFIX`.
    mutating func readReferences(_ path: String?) throws(RuleFileError) {
        guard let path else {
            builder.referencePrefixes = Reference.defaults
            return
        }
        for (number, line) in try configurationLines(path) {
            guard let cut = line.cut(0x3A), cut.head.words.map(\.string) == ["config", "reference"],
                let type = cut.tail.words.first
            else { throw RuleFileError(path: "\(path):\(number)", reason: "write config reference: TYPE PREFIX") }
            let prefix = cut.tail.dropFirst(type.count).trimmed.string
            builder.referencePrefixes[type.string.lowercased()] = prefix
        }
    }

    /// Categories: `NUMBER,NAME,DESCRIPTION`; lists: `ADDRESS|NETWORK,CATEGORY,SCORE`.
    mutating func readReputation(_ categories: String?, _ lists: [String]) throws(RuleFileError) {
        guard let categories else { return }
        for (number, line) in try configurationLines(categories) {
            let parts = line.parts(0x2C)
            guard parts.count >= 2, let index = parts[0].decimal(UInt64(Reputation.categoriesMax - 1)),
                !parts[1].isEmpty
            else {
                throw RuleFileError(
                    path: "\(categories):\(number)", reason: "write NUMBER,NAME,DESCRIPTION; numbers are below 60")
            }
            builder.reputation.categories[Int(index)] = parts[1].string
        }
        for list in lists {
            for (number, line) in try configurationLines(list) {
                let parts = line.parts(0x2C)
                guard parts.count == 3, let category = parts[1].decimal(UInt64(Reputation.categoriesMax - 1)),
                    let score = parts[2].decimal(127), add(parts[0], UInt8(category), UInt8(score))
                else { throw RuleFileError(path: "\(list):\(number)", reason: "write ADDRESS,CATEGORY,SCORE") }
            }
        }
    }

    private mutating func add(_ text: RuleText, _ category: UInt8, _ score: UInt8) -> Bool {
        if let address = Address(text.string) {
            builder.reputation.add(address, category: category, score: score)
            return true
        }
        guard let prefix = AddressPrefix(text.string), let cut = text.cut(0x2F), let bits = cut.tail.decimal(128) else {
            return false
        }
        let isV4 = Address(cut.head.string)?.isV4 == true
        builder.reputation.add(prefix, bits: Int(bits) + (isV4 ? 96 : 0), category: category, score: score)
        return true
    }
}

/// What threshold.config says of rules.
struct ThresholdFile {
    private struct Entry {
        var generator: UInt32
        var signature: UInt32
        var limit: RuleLimit
        /// Only rules without a threshold of their own take it.
        var yieldsToRule: Bool
        var addresses: AddressSet?
    }
    private var entries: [Entry] = []

    init() {}

    /// `suppress`, `threshold` or `event_filter`, `rate_filter` with `gen_id N, sig_id N, …`; a backslash goes on.
    init(reading path: String) throws(RuleFileError) {
        var pending: [UInt8] = []
        for (number, line) in try configurationLines(path) {
            if line.last == 0x5C {
                pending += line.dropLast()
                continue
            }
            let text = (pending + line)[...]
            pending = []
            do {
                entries.append(try ThresholdFile.entry(text))
            } catch {
                throw RuleFileError(path: "\(path):\(number)", reason: error.sentence)
            }
        }
    }

    private static func entry(_ text: RuleText) throws(RuleError) -> Entry {
        let words = text.words
        guard let command = words.first, words.count > 2 else { throw RuleError(.value, "\(text.quoted) is not known") }
        var fields: [String: RuleText] = [:]
        for part in fieldParts(text.dropFirst(command.count).trimmed) {
            guard let key = part.words.first else { throw RuleError(.value, "an empty field in \(text.quoted)") }
            fields[key.string] = part.dropFirst(key.count).trimmed
        }
        guard let generator = fields["gen_id"]?.decimal(0xFFFF_FFFF),
            let signature = fields["sig_id"]?.decimal(0xFFFF_FFFF)
        else {
            throw RuleError(.value, "\(text.quoted) lacks gen_id or sig_id")
        }
        var entry = Entry(
            generator: UInt32(generator), signature: UInt32(signature), limit: RuleLimit(kind: .suppress),
            yieldsToRule: true)
        switch command.string {
        case "suppress": try suppress(&entry, fields)
        case "threshold", "event_filter": entry.limit = try eventFilter(fields)
        case "rate_filter": entry.limit = try rateFilter(fields)
        default:
            throw RuleError(
                .value, "\(command.quoted) is not known", advice: "write suppress, event_filter or rate_filter")
        }
        if entry.limit.kind == .suppress || entry.limit.kind == .rateFilter { entry.yieldsToRule = false }
        return entry
    }

    /// Commas outside of brackets part the fields.
    private static func fieldParts(_ text: RuleText) -> [RuleText] {
        var parts: [RuleText] = []
        var start = text.startIndex
        var depth = 0
        for index in text.indices {
            if text[index] == 0x5B { depth += 1 }
            if text[index] == 0x5D { depth -= 1 }
            if text[index] == 0x2C, depth == 0 {
                parts.append(text[start..<index].trimmed)
                start = index + 1
            }
        }
        parts.append(text[start...].trimmed)
        return parts
    }

    private static func suppress(_ entry: inout Entry, _ fields: [String: RuleText]) throws(RuleError) {
        guard let track = fields["track"] else { return }
        let tracks: [String: RuleLimit.Track] = ["by_src": .source, "by_dst": .target, "by_either": .both]
        guard let found = tracks[track.string], let text = fields["ip"] else {
            throw RuleError(.value, "suppress takes track by_src|by_dst|by_either and ip")
        }
        entry.limit.track = found
        entry.addresses = try AddressSet(parsing: text, RuleVariables().values)
    }

    private static func eventFilter(_ fields: [String: RuleText]) throws(RuleError) -> RuleLimit {
        var text = "type \(fields["type"]?.string ?? "")"
        for key in ["track", "count", "seconds", "multiplier"] {
            if let value = fields[key] { text += ", \(key) \(value.string)" }
        }
        return try RuleParser.limit(RuleText(text), isFilter: false)
    }

    private static func rateFilter(_ fields: [String: RuleText]) throws(RuleError) -> RuleLimit {
        guard let track = fields["track"].flatMap({ RuleParser.tracks[$0.string] }),
            let count = fields["count"]?.decimal(0xFFFF_FFFF), count > 0,
            let seconds = fields["seconds"]?.decimal(0xFFFF_FFFF), seconds > 0,
            let timeout = fields["timeout"]?.decimal(0xFFFF_FFFF), let action = fields["new_action"]
        else { throw RuleError(.value, "rate_filter takes track, count, seconds, new_action and timeout") }
        var limit = RuleLimit(kind: .rateFilter, track: track, count: UInt32(count), seconds: UInt32(seconds))
        limit.timeoutSeconds = UInt32(timeout)
        limit.newAction = try RuleAction(parsing: action)
        return limit
    }

    /// Adds the limits to the rules that they name; a number of 0 is every rule.
    func apply(to builder: inout RuleSetBuilder) {
        guard !entries.isEmpty else { return }
        for index in builder.rules.indices {
            let rule = builder.rules[index]
            var limits = rule.limits.indices.map { builder.limits[$0] }
            let hasOwn = !limits.isEmpty
            for entry in entries {
                guard entry.generator == 0 || entry.generator == rule.id.generator,
                    entry.signature == 0 || entry.signature == rule.id.signature, !(entry.yieldsToRule && hasOwn)
                else { continue }
                var limit = entry.limit
                if let addresses = entry.addresses {
                    limit.addresses = UInt32(builder.addressSets.number(of: addresses))
                }
                limits.append(limit)
            }
            if limits.count != rule.limits.indices.count { builder.setLimits(limits, of: index) }
        }
    }
}
