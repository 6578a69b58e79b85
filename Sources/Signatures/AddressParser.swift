// SPDX-License-Identifier: Apache-2.0
//
// Addresses and ports of a header, with lists, negation and variables.
//
// Reads   the tokens of a header; variables by name.
// Writes  `AddressSet`, `PortSet`.
// Leaves  the rest of the header (HeaderParser.swift).

import Records

/// Variables that headers name with a `$`: `HOME_NET`, `HTTP_PORTS`.
package struct RuleVariables: Sendable {
    package private(set) var values: [String: String]

    /// Suricata 8's defaults.
    package static let defaults: [String: String] = {
        var values = [
            "HOME_NET": "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]", "EXTERNAL_NET": "!$HOME_NET",
            "AIM_SERVERS": "$EXTERNAL_NET", "HTTP_PORTS": "80", "SHELLCODE_PORTS": "!80", "ORACLE_PORTS": "1521",
            "SSH_PORTS": "22", "DNP3_PORTS": "20000", "MODBUS_PORTS": "502",
            "FILE_DATA_PORTS": "[$HTTP_PORTS,110,143]", "FTP_PORTS": "21", "GENEVE_PORTS": "6081",
            "VXLAN_PORTS": "4789", "TEREDO_PORTS": "3544", "SIP_PORTS": "[5060,5061]",
        ]
        for name in [
            "HTTP_SERVERS", "SMTP_SERVERS", "SQL_SERVERS", "DNS_SERVERS", "TELNET_SERVERS", "DC_SERVERS",
            "DNP3_SERVER", "DNP3_CLIENT", "MODBUS_CLIENT", "MODBUS_SERVER", "ENIP_CLIENT", "ENIP_SERVER",
        ] { values[name] = "$HOME_NET" }
        return values
    }()

    package init(_ changes: [String: String] = [:]) {
        values = RuleVariables.defaults.merging(changes) { $1 }
    }
}

/// A set of whole numbers as ranges: what addresses and ports have in common.
struct NumberRanges {
    typealias Element = (first: UInt128, last: UInt128)
    var ranges: [Element] = []

    mutating func add(_ first: UInt128, _ last: UInt128) { ranges.append((first, last)) }

    /// In order, without overlaps, neighbours joined.
    func merged() -> NumberRanges {
        var joined: [Element] = []
        for range in ranges.sorted(by: { $0.first < $1.first }) {
            if let last = joined.last, range.first <= last.last || range.first - 1 == last.last {
                joined[joined.count - 1].last = max(last.last, range.last)
            } else {
                joined.append(range)
            }
        }
        return NumberRanges(ranges: joined)
    }

    /// Without what is in `other`; both are merged.
    func subtracting(_ other: NumberRanges) -> NumberRanges {
        var left: [Element] = []
        for range in ranges {
            var first = range.first
            var isGone = false
            for hole in other.ranges where hole.last >= first && hole.first <= range.last {
                if hole.first > first { left.append((first, hole.first - 1)) }
                guard hole.last < range.last else {
                    isGone = true
                    break
                }
                first = hole.last + 1
            }
            if !isGone { left.append((first, range.last)) }
        }
        return NumberRanges(ranges: left)
    }

    /// The part of a merged set that lies in `bounds`.
    func clipped(_ bounds: Element) -> NumberRanges {
        NumberRanges(
            ranges: ranges.filter { $0.last >= bounds.first && $0.first <= bounds.last }
                .map { (max($0.first, bounds.first), min($0.last, bounds.last)) })
    }

    func isWhole(_ bounds: Element) -> Bool {
        ranges.count == 1 && ranges[0].first == bounds.first && ranges[0].last == bounds.last
    }
}

/// Walks over nested lists; what stands under an odd number of `!` goes to `negated`.
struct ListParser {
    let variables: [String: String]
    let isPorts: Bool
    var positive = NumberRanges()
    var negated = NumberRanges()
    /// Lists in lists, variables in variables (Suricata's `detect-address` limit).
    private static let depthMax = 64
    /// Elements of one set.
    private static let elementsMax = 100_000

    init(_ variables: [String: String], isPorts: Bool) {
        self.variables = variables
        self.isPorts = isPorts
    }

    mutating func parse(_ text: RuleText, isNegated: Bool = false, depth: Int = 0) throws(RuleError) {
        guard depth < ListParser.depthMax else {
            throw RuleError(.variable, "lists or variables within each other more than \(ListParser.depthMax) deep")
        }
        var text = text
        var isNegated = isNegated
        while text.first == 0x21 {
            isNegated.toggle()
            text = text.dropFirst()
        }
        if text.first == 0x5B {
            guard text.last == 0x5D else { throw error("\(text.quoted): the list is not closed") }
            try parseElements(text.dropFirst().dropLast(), isNegated, depth)
        } else if text.first == 0x24 {
            let name = text.dropFirst().string
            guard let value = variables[name] else {
                throw RuleError(
                    .variable, "the variable \(name) is not defined",
                    advice: "define it with --var \(name)=VALUE or in the configuration")
            }
            try parse(RuleText(value).trimmed, isNegated: isNegated, depth: depth + 1)
        } else {
            try parseOne(text, isNegated)
        }
    }

    /// Elements between commas outside of inner brackets. Suricata takes a comma after the last one.
    private mutating func parseElements(_ text: RuleText, _ isNegated: Bool, _ depth: Int) throws(RuleError) {
        var start = text.startIndex
        var level = 0
        for index in text.indices {
            switch text[index] {
            case 0x5B: level += 1
            case 0x5D: level -= 1
            case 0x2C where level == 0:
                try parse(text[start..<index].drop(while: \.isBlank), isNegated: isNegated, depth: depth + 1)
                start = index + 1
            default: break
            }
            guard level >= 0 else { throw error("\(text.quoted): a bracket closes nothing") }
        }
        guard level == 0 else { throw error("\(text.quoted): the list is not closed") }
        let last = text[start...].drop(while: \.isBlank)
        if !last.isEmpty { try parse(last, isNegated: isNegated, depth: depth + 1) }
    }

    private mutating func parseOne(_ text: RuleText, _ isNegated: Bool) throws(RuleError) {
        let found = isPorts ? ListParser.port(text) : ListParser.addresses(text)
        guard !found.isEmpty else {
            throw error("\(text.quoted) is no \(isPorts ? "port or range of ports" : "address, network or range")")
        }
        for range in found {
            if isNegated { negated.add(range.first, range.last) } else { positive.add(range.first, range.last) }
        }
        guard positive.ranges.count + negated.ranges.count <= ListParser.elementsMax else {
            throw error("more than \(ListParser.elementsMax) elements")
        }
    }

    private func error(_ reason: String) -> RuleError {
        isPorts
            ? RuleError(.port, reason, advice: "write 80, 80:90, :1023, 1024: or [80,443,!8080]")
            : RuleError(.address, reason, advice: "write 10.0.0.1, 10.0.0.0/8, 10.0.0.1-10.0.0.9 or [a,b,!c]")
    }

    private static func port(_ text: RuleText) -> [NumberRanges.Element] {
        if text.equalsAnyCase("any") { return [allPorts] }
        guard let colon = text.firstIndex(of: 0x3A) else {
            return text.decimal(65_535).map { [(UInt128($0), UInt128($0))] } ?? []
        }
        let head = text[text.startIndex..<colon]
        let tail = text[(colon + 1)...]
        guard let first = head.isEmpty ? 0 : head.decimal(65_535),
            let last = tail.isEmpty ? 65_535 : tail.decimal(65_535), first <= last
        else { return [] }
        return [(UInt128(first), UInt128(last))]
    }

    static let allPorts: NumberRanges.Element = (0, 65_535)
    static let mapped: NumberRanges.Element = (UInt128(0xFFFF) << 32, UInt128(0xFFFF) << 32 | 0xFFFF_FFFF)
    static let belowMapped: NumberRanges.Element = (0, mapped.first - 1)
    static let aboveMapped: NumberRanges.Element = (mapped.last + 1, .max)

    /// IPv4 stands in its mapped form; the mapped range is no part of IPv6.
    private static func addresses(_ text: RuleText) -> [NumberRanges.Element] {
        if text.equalsAnyCase("any") { return [belowMapped, mapped, aboveMapped] }
        if let slash = text.firstIndex(of: 0x2F) {
            guard let address = Address(text[text.startIndex..<slash].string) else { return [] }
            return network(address, text[(slash + 1)...])
        }
        if let dash = text.firstIndex(of: 0x2D) {
            guard let first = Address(text[text.startIndex..<dash].string),
                let last = Address(text[(dash + 1)...].string), first.isV4 == last.isV4, !(last < first)
            else { return [] }
            return [(first.number, last.number)]
        }
        return Address(text.string).map { [($0.number, $0.number)] } ?? []
    }

    /// A prefix length, or a mask as `255.255.0.0`.
    private static func network(_ address: Address, _ text: RuleText) -> [NumberRanges.Element] {
        var bits: UInt64
        if address.isV4, text.contains(0x2E) {
            guard let mask = Address(text.string), mask.isV4 else { return [] }
            let inverse = ~mask.v4
            guard inverse & (inverse &+ 1) == 0 else { return [] }
            bits = UInt64(inverse.leadingZeroBitCount)
        } else {
            guard let count = text.decimal(address.isV4 ? 32 : 128) else { return [] }
            bits = count
        }
        if address.isV4 { bits += 96 }
        let host: UInt128 = bits == 0 ? .max : bits >= 128 ? 0 : (UInt128(1) << (128 - UInt128(bits))) - 1
        let first = address.number & ~host
        guard !address.isV4, bits < 96 else { return [(first, first | host)] }
        let whole = NumberRanges(ranges: [(first, first | host)])
        return whole.clipped(belowMapped).ranges + whole.clipped(aboveMapped).ranges
    }
}

extension Address {
    var number: UInt128 { UInt128(high) << 64 | UInt128(low) }
    init(number: UInt128) {
        self.init(high: UInt64(truncatingIfNeeded: number >> 64), low: UInt64(truncatingIfNeeded: number))
    }
}

extension AddressSet {
    /// A list in which everything is negated means everything of those versions but it;
    /// a version that the list does not name is not in the set (Suricata's reading).
    init(parsing text: RuleText, _ variables: [String: String]) throws(RuleError) {
        var list = ListParser(variables, isPorts: false)
        try list.parse(text)
        let negated = list.negated.merged()
        var left = NumberRanges()
        let versions: [[NumberRanges.Element]] = [
            [ListParser.mapped], [ListParser.belowMapped, ListParser.aboveMapped],
        ]
        let positive = list.positive.merged()
        var isAny = negated.ranges.isEmpty
        for version in versions {
            var wanted = version.flatMap { positive.clipped($0).ranges }
            let holes = version.flatMap { negated.clipped($0).ranges }
            if holes.count == version.count, zip(holes, version).allSatisfy({ $0 == $1 }) {
                throw RuleError(
                    .address, "every address is negated",
                    advice: "give the variable a network, or write 'any' where it is meant")
            }
            if wanted.isEmpty, !holes.isEmpty { wanted = version }
            if !(wanted.count == version.count && zip(wanted, version).allSatisfy({ $0 == $1 })) { isAny = false }
            left.ranges += NumberRanges(ranges: wanted).subtracting(NumberRanges(ranges: holes)).ranges
        }
        guard !left.ranges.isEmpty else {
            throw RuleError(.address, "no address is left of \(text.quoted)", advice: "what is negated covers the rest")
        }
        let ranges = left.merged().ranges.map {
            AddressSet.Span(first: Address(number: $0.first), last: Address(number: $0.last))
        }
        self.init(ranges: isAny ? [] : ranges, isAny: isAny)
    }
}

extension PortSet {
    init(parsing text: RuleText, _ variables: [String: String]) throws(RuleError) {
        var list = ListParser(variables, isPorts: true)
        try list.parse(text)
        let negated = list.negated.merged()
        guard !negated.isWhole(ListParser.allPorts) else {
            throw RuleError(.port, "every port is negated", advice: "write 'any' or the ports that are meant")
        }
        var positive = list.positive
        if positive.ranges.isEmpty, !negated.ranges.isEmpty { positive.ranges = [ListParser.allPorts] }
        let left = positive.merged().subtracting(negated)
        guard !left.ranges.isEmpty else {
            throw RuleError(.port, "no port is left of \(text.quoted)", advice: "what is negated covers the rest")
        }
        self.init(
            ranges: left.ranges.map {
                PortSet.Span(first: UInt16(truncatingIfNeeded: $0.first), last: UInt16(truncatingIfNeeded: $0.last))
            })
    }
}
