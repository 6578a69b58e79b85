// SPDX-License-Identifier: Apache-2.0
//
// threshold.config, in Suricata's format: what is said of rules beside the rules.
//
// Reads   the file.
// Writes  limits of rules.
// Leaves  what a limit does (the engine, and the sensor's filter of alerts).

import Records

/// What threshold.config says of rules.
struct ThresholdFile {
    private struct Entry {
        var generator: UInt32
        var signature: UInt32
        var limit: RuleLimit
        var addresses: AddressSet?
        var line = 0
    }
    private var entries: [Entry] = []
    private var path = ""

    init() {}

    /// `suppress`, `threshold` or `event_filter`, `rate_filter` with `gen_id N, sig_id N, …`; a backslash goes on.
    init(reading path: String, _ variables: RuleVariables) throws(RuleFileError) {
        self.path = path
        var pending: [UInt8] = []
        let lines = try configurationLines(path)
        if let last = lines.last, last.text.last == 0x5C {
            throw RuleFileError(path: "\(path):\(last.number)", reason: "the line goes on, and nothing follows")
        }
        for (number, line) in lines {
            if line.last == 0x5C {
                pending += line.dropLast()
                continue
            }
            let text = (pending + line)[...]
            pending = []
            do {
                var entry = try ThresholdFile.entry(text, variables)
                entry.line = number
                entries.append(entry)
            } catch {
                throw RuleFileError(path: "\(path):\(number)", reason: error.sentence)
            }
        }
    }

    private static func entry(_ text: RuleText, _ variables: RuleVariables) throws(RuleError) -> Entry {
        guard let command = text.words.first else { throw RuleError(.value, "\(text.quoted) is not known") }
        guard ["suppress", "threshold", "event_filter", "rate_filter"].contains(command.string) else {
            throw RuleError(
                .value, "\(command.quoted) is not known", advice: "write suppress, event_filter or rate_filter")
        }
        var fields: [String: RuleText] = [:]
        for part in fieldParts(text.dropFirst(command.count).trimmed) {
            guard let key = part.words.first else { throw RuleError(.value, "an empty field in \(text.quoted)") }
            fields[key.string] = part.dropFirst(key.count).trimmed
        }
        guard let generator = fields["gen_id"]?.decimal(0xFFFF_FFFF),
            let signature = fields["sig_id"]?.decimal(0xFFFF_FFFF)
        else {
            throw RuleError(.value, "\(text.quoted) lacks gen_id or sig_id, or one is no number")
        }
        var entry = Entry(
            generator: UInt32(generator), signature: UInt32(signature), limit: RuleLimit(kind: .suppress))
        switch command.string {
        case "suppress": try suppress(&entry, fields, variables)
        case "rate_filter": entry.limit = try rateFilter(fields)
        default: entry.limit = try eventFilter(fields)
        }
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

    private static func suppress(
        _ entry: inout Entry, _ fields: [String: RuleText], _ variables: RuleVariables
    ) throws(RuleError) {
        let track = fields["track"] ?? [][...]
        if track.isEmpty, fields["ip"] == nil { return }
        let tracks: [String: RuleLimit.Track] = ["by_src": .source, "by_dst": .target, "by_either": .both]
        guard let found = tracks[track.string], let text = fields["ip"] else {
            throw RuleError(.value, "suppress takes track by_src|by_dst|by_either and ip")
        }
        entry.limit.track = found
        entry.addresses = try AddressSet(parsing: text, variables.values)
    }

    private static func eventFilter(_ fields: [String: RuleText]) throws(RuleError) -> RuleLimit {
        let parts = ["type", "track", "count", "seconds", "multiplier"].compactMap { key in
            fields[key].map { "\(key) \($0.string)" }
        }
        return try RuleParser.limit(RuleText(parts.joined(separator: ", ")), isFilter: false)
    }

    private static func rateFilter(_ fields: [String: RuleText]) throws(RuleError) -> RuleLimit {
        guard let track = fields["track"].flatMap({ RuleParser.tracks[$0.string] }),
            let count = fields["count"]?.decimal(0xFFFF_FFFF), count > 0,
            let seconds = fields["seconds"]?.decimal(0xFFFF_FFFF), seconds > 0,
            let timeout = fields["timeout"]?.decimal(0xFFFF_FFFF), let action = fields["new_action"]
        else { throw RuleError(.value, "rate_filter takes track, count, seconds, new_action and timeout") }
        var limit = RuleLimit(kind: .rateFilter, track: track, count: UInt32(count), seconds: UInt32(seconds))
        limit.timeoutSeconds = UInt32(timeout)
        guard let newAction = actions[action.string] else {
            throw RuleError(
                .value, "the new_action \(action.quoted) is not known", advice: "write alert, pass, drop or reject")
        }
        limit.newAction = newAction
        return limit
    }

    /// The last two leave the rule's action as it is, in Suricata too.
    private static let actions: [String: RuleAction] = [
        "alert": .alert, "pass": .pass, "drop": .drop, "reject": .rejectSource, "sdrop": .alert, "log": .alert,
    ]

    /// Gives the rules that the entries name their limits, a number of 0 being every rule, as Suricata does: what
    /// suppresses comes first; an event filter for one rule replaces what the rule itself says; what is for all
    /// rules, and a rate filter, yields to it. Gives back a warning for each entry that names no rule.
    func apply(to builder: inout RuleSetBuilder) -> [RuleNote] {
        guard !entries.isEmpty else { return [] }
        var isUsed = [Bool](repeating: false, count: entries.count)
        for index in builder.rules.indices {
            let rule = builder.rules[index]
            var suppressions: [RuleLimit] = []
            var limits = rule.limits.indices.map { builder.limits[$0] }
            for (place, entry) in entries.enumerated() {
                guard entry.generator == 0 || entry.generator == rule.id.generator,
                    entry.signature == 0 || entry.signature == rule.id.signature
                else { continue }
                isUsed[place] = true
                var limit = entry.limit
                if limit.kind == .suppress {
                    if let addresses = entry.addresses {
                        limit.addresses = UInt32(builder.addressSets.number(of: addresses))
                    }
                    suppressions.append(limit)
                } else if limits.isEmpty {
                    limits.append(limit)
                } else if limit.kind != .rateFilter, entry.signature != 0 {
                    limits[limits.count - 1] = limit
                }
            }
            builder.setLimits(suppressions + limits, of: index)
        }
        return zip(entries, isUsed).filter { !$0.1 }.map { entry, _ in
            RuleNote(
                file: path, line: entry.line, signature: entry.signature,
                sentence: "no rule \(entry.generator):\(entry.signature) is loaded, so the line does nothing")
        }
    }
}
