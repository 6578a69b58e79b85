// SPDX-License-Identifier: Apache-2.0
//
// Which files are saved: what the option --extract says.
//
// Reads   a rule such as `mime=application/x-dosexec,source=http`.
// Writes  whether a file is meant.
// Leaves  saving it (FileExtraction.swift).

import Wire

/// All parts of a rule must hold; a rule without parts (`all`) means every file.
package struct ExtractionRule: Sendable, Equatable {
    /// Patterns in which `*` stands for any octets and `?` for one; letters of both cases are the same.
    package var type: [UInt8]?
    package var name: [UInt8]?
    /// As the column `source` has it, any case.
    package var source: [UInt8]?
    /// A digest in hexadecimal: the file is saved, and kept if it is this one.
    package var digest: [UInt8]?

    package init() {}

    /// Reads a rule; nil where it is none.
    package init?(parsing text: String) {
        if text == "all" { return }
        for part in text.split(separator: ",") {
            guard let equals = part.firstIndex(of: "="), equals < part.index(before: part.endIndex) else { return nil }
            let value = Array(part[part.index(after: equals)...].utf8)
            switch part[..<equals] {
            case "mime": type = value
            case "name": name = value
            case "source": source = value
            case "md5", "sha1", "sha256":
                let digits = value.map { (0x41...0x46).contains($0) ? $0 | 0x20 : $0 }
                let count = part.hasPrefix("md5") ? 32 : part.hasPrefix("sha1=") ? 40 : 64
                guard digits.count == count, digits.allSatisfy(ExtractionRule.isHexadecimal) else { return nil }
                digest = digits
            default: return nil
            }
        }
        if self == ExtractionRule() { return nil }
    }

    /// The digest that the rule needs to be computed.
    package var neededHash: FileHashes {
        switch digest?.count {
        case 32: .md5
        case 40: .sha1
        case 64: .sha256
        default: []
        }
    }

    /// Whether all but the digest holds for a file.
    package func mayMean(type: [UInt8]?, name: [UInt8]?, source: StaticString) -> Bool {
        if let pattern = self.type {
            guard let type, ExtractionRule.matches(pattern[...], type[...]) else { return false }
        }
        if let pattern = self.name {
            guard let name, ExtractionRule.matches(pattern[...], name[...]) else { return false }
        }
        guard let wanted = self.source else { return true }
        return ExtractionRule.matches(wanted[...], Array(source.description.utf8)[...])
    }

    private static func isHexadecimal(_ octet: UInt8) -> Bool {
        (0x30...0x39).contains(octet) || (0x61...0x66).contains(octet)
    }

    private static func lower(_ octet: UInt8) -> UInt8 { (0x41...0x5A).contains(octet) ? octet | 0x20 : octet }

    /// Goes back to the last `*` only, so that a pattern costs at most pattern times text.
    static func matches(_ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>) -> Bool {
        var at = pattern.startIndex
        var place = text.startIndex
        var star: (pattern: Int, text: Int)?
        while place < text.endIndex {
            if at < pattern.endIndex, pattern[at] == 0x2A {
                star = (at &+ 1, place)
                at &+= 1
            } else if at < pattern.endIndex, pattern[at] == 0x3F || lower(pattern[at]) == lower(text[place]) {
                at &+= 1
                place &+= 1
            } else if let last = star {
                star = (last.pattern, last.text &+ 1)
                at = last.pattern
                place = last.text &+ 1
            } else {
                return false
            }
        }
        while at < pattern.endIndex, pattern[at] == 0x2A { at &+= 1 }
        return at == pattern.endIndex
    }
}
