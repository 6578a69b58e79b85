// SPDX-License-Identifier: Apache-2.0
//
// A program's name and version out of what it says of itself.
//
// Reads   a banner: `Apache/2.4.41 (Ubuntu)`, `OpenSSH_8.9p1`, a browser's User-Agent.
// Writes  name, four numbers, and what follows them.
// Leaves  who said it and where it is logged (SoftwareLog.swift).
//
// The rules are those of Zeek's base/frameworks/software, so that names and numbers agree.

import Wire

/// A version as the software log has it.
struct SoftwareVersion: Equatable {
    var major: UInt64?
    var minor: UInt64?
    var minor2: UInt64?
    var minor3: UInt64?
    var addl: [UInt8] = []

    fileprivate mutating func set(_ index: Int, _ value: UInt64?) {
        switch index {
        case 0: major = value
        case 1: minor = value
        case 2: minor2 = value
        default: minor3 = value
        }
    }
}

/// What a banner says. Made once for each banner and host a day, so it may allocate.
struct SoftwareBanner: Equatable {
    /// Octets of a banner that are looked at.
    static let bytesMax = 512

    var name: [UInt8] = []
    var version = SoftwareVersion()

    init(_ banner: RawSpan) {
        var octets: [UInt8] = []
        banner.extracting(0..<min(banner.byteCount, SoftwareBanner.bytesMax)).append(to: &octets)
        if SoftwareBanner.isBrowser(octets) { self.init(browser: octets) } else { self.init(plain: octets[...]) }
    }

    // MARK: name, separator, numbers, rest

    private init(plain banner: ArraySlice<UInt8>) {
        let octets = SoftwareBanner.unescaped(banner)
        guard let place = SoftwareBanner.numbers(in: octets) else {
            name = SoftwareBanner.stripped(octets[...], parenthesis: true)
            return
        }
        name = SoftwareBanner.stripped(octets[..<place.lowerBound], parenthesis: true)
        readNumbers(SoftwareBanner.stripped(octets[place]))
        readRest(octets[place.upperBound...])
    }

    /// Where a version stands: at least two digits, points, hyphens, commas or blanks, perhaps behind one of `/ - _` or
    /// behind a blank and `(` or `v`. The first place, and there the longest.
    private static func numbers(in octets: [UInt8]) -> Range<Int>? {
        for start in octets.indices {
            var best = run(octets, start)
            if [0x2F, 0x2D, 0x5F].contains(octets[start]) { best = max(best, run(octets, start + 1)) }
            if octets[start] == 0x20 {
                var at = start + 1
                while at < octets.count, octets[at] == 0x28 || octets[at] == 0x76 { at += 1 }
                if at > start + 1 { best = max(best, run(octets, at)) }
            }
            if best > 0 { return start..<best }
        }
        return nil
    }

    /// The end of a run of at least two octets of a version from `start` on; 0 where there is none.
    private static func run(_ octets: [UInt8], _ start: Int) -> Int {
        var at = start
        while at < octets.count, isDigit(octets[at]) || [0x2D, 0x2E, 0x5F, 0x2C, 0x20].contains(octets[at]) { at += 1 }
        return at - start >= 2 ? at : 0
    }

    private mutating func readNumbers(_ whole: [UInt8]) {
        var octets = whole[...]
        // The separator between name and version.
        if let first = octets.first, [0x2F, 0x2D, 0x2E, 0x5F, 0x76, 0x28].contains(first) { octets.removeFirst() }
        let parts = octets.split(
            maxSplits: 3, omittingEmptySubsequences: false,
            whereSeparator: { [0x2D, 0x2E, 0x5F, 0x2C, 0x5B, 0x28, 0x7B, 0x20].contains($0) })
        for (index, part) in parts.enumerated() where !part.isEmpty {
            version.set(index, SoftwareBanner.firstNumber(part))
        }
    }

    private mutating func readRest(_ rest: ArraySlice<UInt8>) {
        guard !rest.isEmpty else { return }
        if let inside = SoftwareBanner.parenthesized(rest) {
            version.addl = Array(inside)
            return
        }
        let ends: [UInt8] = [0x2D, 0x2E, 0x5F, 0x2C, 0x3B, 0x5B, 0x5D, 0x28, 0x29, 0x7B, 0x7D, 0x20]
        let parts = rest.split(maxSplits: 3, omittingEmptySubsequences: false, whereSeparator: { ends.contains($0) })
        let part = parts.prefix(3).first { !$0.isEmpty } ?? rest
        version.addl = SoftwareBanner.stripped(part)
    }

    /// Letters, digits and a few signs in parentheses at the beginning.
    private static func parenthesized(_ rest: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let open = rest.firstIndex(where: { $0 != 0x20 && $0 != 9 }), rest[open] == 0x28,
            let close = rest[open...].firstIndex(of: 0x29)
        else { return nil }
        let inside = rest[(open + 1)..<close]
        let isPlain = inside.allSatisfy {
            isDigit($0) || (0x61...0x7A).contains($0 | 0x20) || [0x2D, 0x2E, 0x5F, 0x20, 9].contains($0)
        }
        return isPlain ? inside : nil
    }

    // MARK: browsers

    /// `Mozilla/5.` or `Opera/9.`.
    private static func isBrowser(_ octets: [UInt8]) -> Bool {
        for name in ["Mozilla/", "Opera/"] where octets.starts(with: name.utf8) {
            let rest = octets.dropFirst(name.utf8.count)
            let digits = rest.prefix(while: isDigit)
            return !digits.isEmpty && rest.dropFirst(digits.count).first == 0x2E
        }
        return false
    }

    private init(browser octets: [UInt8]) {
        let find = { (text: String) in SoftwareBanner.find(text, in: octets) }
        name = Array("<unknown browser>".utf8)
        if let place = find(" MSIE ") ?? find("Trident/") {
            name = Array("MSIE".utf8)
            readExplorer(octets, place)
        } else if find("Edge/") != nil {
            read(octets, "Edge/", as: "Edge")
        } else if let place = find("Version/"), SoftwareBanner.find("Safari/", in: octets, from: place) != nil {
            read(octets, "Version/", as: "Safari")
            if find(" Mobile") != nil { version.addl = Array("Mobile".utf8) }
        } else if let other = ["Firefox/", "Netscape/", "Thunderbird/"].first(where: { find($0) != nil }) {
            read(octets, other, as: String(other.dropLast()))
        } else if let place = find("Chrome/"), SoftwareBanner.find("Safari/", in: octets, from: place) != nil {
            read(octets, "Chrome/", as: "Chrome")
        } else if octets.starts(with: "Opera/".utf8) {
            let mobile = ["Opera Mini", "Opera Mobi"].first { find($0 + "/") != nil }
            read(octets, find("Version/") != nil ? "Version/" : (mobile ?? "Opera") + "/", as: mobile ?? "Opera")
        } else if find("AdobeAIR/") != nil {
            read(octets, "AdobeAIR/", as: "AdobeAIR")
        } else if find("AppleWebKit/") != nil {
            read(octets, "AppleWebKit/", as: "Unspecified WebKit")
        }
    }

    /// The engine tells newer versions than the name does: those say that they are an old one.
    private mutating func readExplorer(_ octets: [UInt8], _ place: Int) {
        let engines: [(String, UInt64)] = [
            ("Trident/4.0", 8), ("Trident/5.0", 9), ("Trident/6.0", 10), ("Trident/7.0", 11),
        ]
        if let known = engines.first(where: { SoftwareBanner.find($0.0, in: octets) != nil }) {
            (version.major, version.minor) = (known.1, 0)
        } else {
            read(octets, "MSIE ", as: "MSIE")
        }
    }

    /// The version is the digits and points behind `key`.
    private mutating func read(_ octets: [UInt8], _ key: String, as name: String) {
        self.name = Array(name.utf8)
        guard let place = SoftwareBanner.find(key, in: octets) else { return }
        let digits = octets[(place + key.utf8.count)...].prefix { SoftwareBanner.isDigit($0) || $0 == 0x2E }
        readNumbers(Array(digits))
    }

    // MARK: octets

    private static func isDigit(_ octet: UInt8) -> Bool { (0x30...0x39).contains(octet) }

    private static func find(_ text: String, in octets: [UInt8], from start: Int = 0) -> Int? {
        let wanted = Array(text.utf8)
        guard octets.count >= wanted.count else { return nil }
        var at = start
        while at <= octets.count - wanted.count {
            if octets[at] == wanted[0], octets[at..<(at + wanted.count)].elementsEqual(wanted) { return at }
            at += 1
        }
        return nil
    }

    private static func stripped(_ octets: ArraySlice<UInt8>, parenthesis: Bool = false) -> [UInt8] {
        var octets = octets
        if parenthesis, octets.first == 0x28 { octets.removeFirst() }
        while let first = octets.first, HTTPOctets.isSpace(first) { octets.removeFirst() }
        while let last = octets.last, HTTPOctets.isSpace(last) { octets.removeLast() }
        return Array(octets)
    }

    private static func stripped(_ octets: [UInt8]) -> [UInt8] { stripped(octets[...]) }

    /// The first run of digits; what does not fit is as large as can be.
    private static func firstNumber(_ octets: ArraySlice<UInt8>) -> UInt64? {
        guard let start = octets.firstIndex(where: isDigit) else { return nil }
        var value: UInt64 = 0
        for octet in octets[start...] {
            guard isDigit(octet) else { break }
            let (product, overflows) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowsToo) = product.addingReportingOverflow(UInt64(octet - 0x30))
            if overflows || overflowsToo { return .max }
            value = sum
        }
        return value
    }

    /// `%2f` becomes a slash.
    private static func unescaped(_ octets: ArraySlice<UInt8>) -> [UInt8] {
        guard octets.contains(0x25) else { return Array(octets) }
        var out: [UInt8] = []
        var at = octets.startIndex
        while at < octets.endIndex {
            if octets[at] == 0x25, at + 2 < octets.endIndex, let high = digit(octets[at + 1]),
                let low = digit(octets[at + 2])
            {
                out.append(high << 4 | low)
                at += 3
            } else {
                out.append(octets[at])
                at += 1
            }
        }
        return out
    }

    private static func digit(_ octet: UInt8) -> UInt8? {
        if isDigit(octet) { return octet - 0x30 }
        return (0x61...0x66).contains(octet | 0x20) ? (octet | 0x20) - 0x57 : nil
    }
}
