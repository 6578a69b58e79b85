// SPDX-License-Identifier: Apache-2.0
//
// classification.config, reference.config and reputation lists, in Suricata's formats.
//
// Reads   the files, or the built-in tables.
// Writes  tables of the parser.
// Leaves  threshold.config (ThresholdFile.swift).

import Records

/// Lines of a configuration file without comments.
func configurationLines(_ path: String) throws(RuleFileError) -> [(number: Int, text: RuleText)] {
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
                let type = cut.tail.words.first, cut.tail.words.count > 1
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
