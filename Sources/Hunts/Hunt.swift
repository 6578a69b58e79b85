// SPDX-License-Identifier: Apache-2.0
//
// One hunt: a question with a head that says what it finds, and why.
//
// Reads   a file of Signatures/hunts: comment lines `-- key: value`, then one SELECT. A line that begins with `--` and
//         three spaces goes on with the one before.
// Writes  `Hunt`.
// Leaves  asking it (`HuntRunner`).
//
//     -- finds: A host that tried many ports of another.
//     -- why: Before anything is broken into it is looked at.
//     -- false positives: Scanners of the site.
//     -- technique: T1046, T1595.001
//     -- severity: 3
//     -- title: {src} tried {ports} ports of {dst}
//     -- identity: src, dst
//     -- entities: host:{src}, host:{dst}
//     -- parameter ports_min = 30: Different ports that refused or did not answer.
//
// Optional: `alerts: no` (a list to read, left out of `--all --alert`), `history: yes` (`since` separates old from
// new), `needs: asn` (an MMDB file).

import Query

/// A value that a hunt takes beside the times and the limit.
package struct HuntParameter: Sendable, Equatable {
    package enum Value: Sendable, Equatable {
        case integer(Int64)
        case real(Double)
        case text(String)
    }

    package var name: String
    package var standard: Value
    package var doc: String

    /// What a person wrote for it, as its kind demands; nil where it is of another kind.
    package func value(_ text: String) -> Value? {
        switch standard {
        case .integer: Int64(text).map { .integer($0) } ?? HuntParameter.finite(text)
        case .real: HuntParameter.finite(text)
        case .text: .text(text)
        }
    }

    private static func finite(_ text: String) -> Value? {
        Double(text).flatMap { $0.isFinite ? .real($0) : nil }
    }

    init(name: String, standard: Value, doc: String) {
        (self.name, self.standard, self.doc) = (name, standard, doc)
    }

    /// Out of `ports_min = 30: Different ports.`
    init?(_ text: Substring) {
        guard let equals = text.firstIndex(of: "=") else { return nil }
        name = text[..<equals].trimmed
        guard !name.isEmpty, name.utf8.allSatisfy({ Hunt.isNameOctet($0) && $0 != 0x2D }) else { return nil }
        let rest = text[text.index(after: equals)...].trimmed
        let literal: Substring
        if rest.hasPrefix("'") {
            guard let end = rest.dropFirst().firstIndex(of: "'") else { return nil }
            literal = rest[rest.index(after: rest.startIndex)..<end]
            standard = .text(String(literal))
            guard rest[rest.index(after: end)...].hasPrefix(":") else { return nil }
            doc = rest[rest.index(after: end)...].dropFirst().trimmed
            return
        }
        guard let colon = rest.firstIndex(of: ":") else { return nil }
        literal = rest[..<colon]
        doc = rest[rest.index(after: colon)...].trimmed
        if let number = Int64(literal) {
            standard = .integer(number)
        } else if let number = Double(literal), number.isFinite {
            standard = .real(number)
        } else {
            return nil
        }
    }
}

package struct Hunt: Sendable, Equatable {
    package var name: String
    package var finds = ""
    package var why = ""
    package var falsePositives = ""
    package var techniques: [String] = []
    /// 1 is the most urgent, 4 the least.
    package var severity: UInt64 = 3
    /// The title of a finding, with `{column}` for a value.
    package var title = ""
    /// The columns that make two rows the same finding, together with the day.
    package var identity: [String] = []
    /// Whom a finding is about, as `kind:{column}`; `peer` is a host where the value is an address, else a domain.
    package var entities: [String] = []
    package var parameters: [HuntParameter] = []
    /// Whether a row is worth an alert; otherwise it is a list to read.
    package var isAlerting = true
    /// Whether what is before `since` tells old from new.
    package var needsHistory = false
    /// Whether a file of autonomous systems is needed.
    package var needsNetworks = false
    /// One SELECT.
    package var statement = ""

    /// Whether the SELECT is plain SQL over the logs, which another engine can answer: without analyses of Weir's own
    /// and without a file beside the store.
    package var isPortable: Bool { !needsNetworks && !huntFunctions.contains { statement.contains($0.name + "(") } }

    /// Parameters that every hunt has.
    package static let common = ["since", "until", "limit", "internal"]

    package static func isNameOctet(_ octet: UInt8) -> Bool {
        (0x61...0x7A).contains(octet) || (0x30...0x39).contains(octet) || octet == 0x5F || octet == 0x2D
    }

    /// Reads a hunt's file. Throws `.damagedFile` with the line.
    package init(name: String, text: String, path: String) throws(HuntError) {
        self.name = name
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let end = lines.firstIndex { !$0.hasPrefix("--") } ?? lines.endIndex
        var entries: [(line: Int, text: String)] = []
        for (number, line) in lines[..<end].enumerated() {
            let rest = line.dropFirst(2)
            if rest.hasPrefix("   "), !entries.isEmpty {
                entries[entries.count - 1].text += " " + rest.trimmed
            } else if !rest.trimmed.isEmpty {
                entries.append((number + 1, rest.trimmed))
            }
        }
        for entry in entries {
            guard try read(entry.text[...], path) else {
                throw HuntError(
                    .damagedFile, "\(path):\(entry.line): \"\(entry.text.prefix(60))\" is no line of a hunt's head",
                    advice: "write it as `-- key: value`; Docs/hunts.md has the keys")
            }
        }
        statement = lines[end...].joined(separator: "\n").trimmed
        for (key, isThere) in [
            ("finds", !finds.isEmpty), ("title", !title.isEmpty), ("identity", !identity.isEmpty),
            ("technique", !techniques.isEmpty),
        ] where !isThere {
            throw HuntError(.damagedFile, "\(path): the head has no line `\(key):`", advice: "add it")
        }
        guard !statement.isEmpty else {
            throw HuntError(.damagedFile, "\(path): there is no SELECT below the head", advice: "add it")
        }
    }

    /// Whether the line was understood.
    private mutating func read(_ text: Substring, _ path: String) throws(HuntError) -> Bool {
        if text.hasPrefix("parameter ") {
            guard let parameter = HuntParameter(text.dropFirst(10)), !Hunt.common.contains(parameter.name),
                !parameters.contains(where: { $0.name == parameter.name })
            else { return false }
            parameters.append(parameter)
            return true
        }
        guard let colon = text.firstIndex(of: ":") else { return false }
        let value = text[text.index(after: colon)...].trimmed
        let list = value.split(separator: ",").map(\.trimmed).filter { !$0.isEmpty }
        switch text[..<colon] {
        case "finds": finds = value
        case "why": why = value
        case "false positives": falsePositives = value
        case "technique": techniques = list
        case "title": title = value
        case "identity": identity = list
        case "entities": entities = list
        case "severity":
            guard let number = UInt64(value), (1...4).contains(number) else { return false }
            severity = number
        case "alerts": return Hunt.read(value, into: &isAlerting)
        case "history": return Hunt.read(value, into: &needsHistory)
        case "needs":
            guard value == "asn" else { return false }
            needsNetworks = true
        default: return false
        }
        return true
    }

    private static func read(_ value: String, into flag: inout Bool) -> Bool {
        guard value == "yes" || value == "no" else { return false }
        flag = value == "yes"
        return true
    }
}

extension StringProtocol {
    /// Without white space at its ends.
    var trimmed: String {
        var rest = Substring(self)
        while let first = rest.first, first.isWhitespace { rest.removeFirst() }
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return String(rest)
    }
}
