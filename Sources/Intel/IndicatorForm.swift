// SPDX-License-Identifier: Apache-2.0
//
// The one form in which a value is compared, of each kind; and what is no indicator.
//
// Reads   octets of a feed, `hxxp://evil[.]example/a` among them.
// Writes  octets of the form, or the reason why not.
// Leaves  lists of harmless values (WarningList.swift).

import Records

/// Why a value is no indicator.
struct Unfit: Error, Equatable {
    var reason: String
    init(_ reason: String) { self.reason = reason }
}

/// Forms: an address is 16 octets in network order; an endpoint the address and 2 octets of the port; a network the
/// address and an octet of the length; digests are raw octets; all else is text.
enum IndicatorForm {
    /// Longest value of any kind.
    static let valueMax = 2048

    static func make(_ kind: IndicatorKind, _ text: ArraySlice<UInt8>) throws(Unfit) -> [UInt8] {
        let value = try clean(text)
        switch kind {
        case .address: return try address(value)
        case .endpoint: return try endpoint(value)
        case .network: return try network(value)
        case .domain: return try name(value, takesSuffixes: true)
        case .hostname: return try name(value, takesSuffixes: false)
        case .url: return try url(value)
        case .file: return try digest(value, [16, 20, 32], "MD5, SHA-1 or SHA-256")
        case .certificate: return try digest(value, [20, 32], "SHA-1 or SHA-256")
        case .ja3, .ja3s: return try digest(value, [16], "32 hexadecimal digits")
        case .ja4: return try ja4(value)
        case .email: return try email(value)
        case .userAgent, .userName, .fileName, .software:
            guard value.count >= 3 else { throw Unfit("fewer than three characters would match too much") }
            return value
        }
    }

    /// Without blanks around it, and with the dots that reports put in brackets.
    private static func clean(_ text: ArraySlice<UInt8>) throws(Unfit) -> [UInt8] {
        var value = text
        while let first = value.first, first <= 0x20 { value = value.dropFirst() }
        while let last = value.last, last <= 0x20 { value = value.dropLast() }
        guard !value.isEmpty else { throw Unfit("the value is empty") }
        guard value.count <= valueMax else { throw Unfit("the value has more than \(valueMax) octets") }
        guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else { throw Unfit("the value has control characters") }
        guard value.contains(0x5B) else { return Array(value) }
        var plain: [UInt8] = []
        var place = value.startIndex
        while place < value.endIndex {
            // [.] and [:]
            if value[place] == 0x5B, place + 2 < value.endIndex, value[place + 2] == 0x5D,
                value[place + 1] == 0x2E || value[place + 1] == 0x3A
            {
                plain.append(value[place + 1])
                place += 3
            } else {
                plain.append(value[place])
                place += 1
            }
        }
        return plain
    }

    // MARK: addresses

    static func octets(_ address: Address) -> [UInt8] {
        var octets: [UInt8] = []
        octets.reserveCapacity(16)
        for word in [address.high, address.low] {
            for shift in stride(from: 56, through: 0, by: -8) {
                octets.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
            }
        }
        return octets
    }

    private static func address(_ value: [UInt8]) throws(Unfit) -> [UInt8] {
        guard let address = Address(octets: value[...]) else { throw Unfit("this is no address") }
        try check(address)
        return octets(address)
    }

    private static func check(_ address: Address) throws(Unfit) {
        let text =
            address == Address(v4: 0) || address == Address(high: 0, low: 0)
            ? "the unspecified address"
            : address.isMulticast || address.isBroadcast
                ? "an address of groups"
                : unroutable.contains { $0.contains(address) } ? "a private address, which every network has" : nil
        if let text { throw Unfit("this is \(text)") }
    }

    private static let unroutable = [
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "100.64.0.0/10",
        "0.0.0.0/8",
        "::1", "fc00::/7", "fe80::/10",
    ].compactMap { AddressPrefix($0) }

    /// `1.2.3.4:443`, `1.2.3.4|443`, `[2001:db8::1]:443`.
    private static func endpoint(_ value: [UInt8]) throws(Unfit) -> [UInt8] {
        guard let mark = value.lastIndex(where: { $0 == 0x3A || $0 == 0x7C }) else {
            throw Unfit("an endpoint is an address and a port")
        }
        var host = value[..<mark]
        if host.first == 0x5B, host.last == 0x5D { host = host.dropFirst().dropLast() }
        guard let port = number(value[(mark + 1)...]), (1...65_535).contains(port) else {
            throw Unfit("the port is no number from 1 to 65535")
        }
        return try address(Array(host)) + [UInt8(port >> 8), UInt8(port & 0xFF)]
    }

    /// `10.0.0.0/8`; a network of one is an address, which is for the caller to see.
    private static func network(_ value: [UInt8]) throws(Unfit) -> [UInt8] {
        let parts = value.split(separator: 0x2F, omittingEmptySubsequences: false)
        guard parts.count == 2, let address = Address(octets: parts[0]), let bits = number(parts[1]),
            bits <= (address.isV4 ? 32 : 128)
        else { throw Unfit("this is no network such as 203.0.113.0/24") }
        let least = address.isV4 ? 8 : 16
        guard bits >= least else {
            throw Unfit("a network of /\(bits) is a good part of the Internet; /\(least) is the widest that is taken")
        }
        let all = address.isV4 ? bits + 96 : bits
        let masked = mask(address, all)
        try check(masked)
        return octets(masked) + [UInt8(all)]
    }

    /// The first bits of an address, counted over its 128-bit form.
    static func mask(_ address: Address, _ bits: Int) -> Address {
        let high = bits >= 64 ? UInt64.max : bits <= 0 ? 0 : ~(UInt64.max >> UInt64(bits))
        let low = bits >= 128 ? UInt64.max : bits <= 64 ? 0 : ~(UInt64.max >> UInt64(bits - 64))
        return Address(high: address.high & high, low: address.low & low)
    }

    static func number(_ digits: some Collection<UInt8>) -> Int? {
        guard !digits.isEmpty, digits.count <= 9 else { return nil }
        var value = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            value = value * 10 + Int(digit - 0x30)
        }
        return value
    }

    // MARK: names

    /// Lower case, no dot at the end, no star in front. A suffix below which anybody registers names is refused, and
    /// so is a lone label.
    static func name(_ value: [UInt8], takesSuffixes: Bool) throws(Unfit) -> [UInt8] {
        var name = value[...]
        if name.starts(with: "*.".utf8) { name = name.dropFirst(2) }
        while name.first == 0x2E { name = name.dropFirst() }
        while name.last == 0x2E { name = name.dropLast() }
        let plain = name.map(lowered)
        guard plain.count <= 253 else { throw Unfit("a name has 253 octets at most") }
        guard Address(octets: plain[...]) == nil else { throw Unfit("this is an address and no name") }
        let labels = plain.split(separator: 0x2E, omittingEmptySubsequences: false)
        for label in labels {
            guard (1...63).contains(label.count) else {
                throw Unfit("a label of the name has no octet, or more than 63")
            }
            guard label.allSatisfy(isOfName) else {
                throw Unfit(
                    label.contains { $0 >= 0x80 }
                        ? "the name is not in ASCII: write it as DNS does, xn--…" : "this is no name of a host")
            }
        }
        guard labels.count >= 2 else { throw Unfit("one label alone, such as com, is no indicator") }
        guard !takesSuffixes || !DomainSuffixes.isSuffix(plain) else {
            throw Unfit("anybody may register names below \(String(decoding: plain, as: UTF8.self))")
        }
        return plain
    }

    private static func isOfName(_ octet: UInt8) -> Bool {
        octet == 0x2D || octet == 0x5F || (0x30...0x39).contains(octet) || (0x61...0x7A).contains(octet)
    }

    @inline(__always) static func lowered(_ octet: UInt8) -> UInt8 {
        (0x41...0x5A).contains(octet) ? octet | 0x20 : octet
    }

    // MARK: URLs

    /// `host[:port]/path[?question]`: no scheme, no user, no fragment; host in lower case; percent signs decoded once.
    private static func url(_ value: [UInt8]) throws(Unfit) -> [UInt8] {
        var rest = value[...]
        var scheme: [UInt8] = []
        if let colon = rest.firstIndex(of: 0x3A), rest[colon...].starts(with: "://".utf8) {
            scheme = rest[..<colon].map(lowered)
            rest = rest[(colon + 3)...]
        }
        let end = rest.firstIndex { $0 == 0x2F || $0 == 0x3F || $0 == 0x23 } ?? rest.endIndex
        var host = rest[..<end]
        if let at = host.lastIndex(of: 0x40) { host = host[(at + 1)...] }
        rest = rest[end...]
        let place = try hostOfURL(host, isSecure: scheme == Array("https".utf8))
        if let fragment = rest.firstIndex(of: 0x23) { rest = rest[..<fragment] }
        var path = decode(rest)
        if path.first != 0x2F { path.insert(0x2F, at: 0) }
        // The host alone would match every visit of the place: that is for a domain or an address to say.
        guard path.count > 1 else { throw Unfit("a URL without a path is a host: give it as a domain or an address") }
        return place + path
    }

    /// With its port where that is not the scheme's own.
    private static func hostOfURL(_ host: ArraySlice<UInt8>, isSecure: Bool) throws(Unfit) -> [UInt8] {
        var name = host
        var port: [UInt8] = []
        if let colon = host.lastIndex(of: 0x3A), host.last != 0x5D {
            name = host[..<colon]
            let digits = host[(colon + 1)...]
            guard digits.isEmpty || number(digits) != nil else { throw Unfit("the URL's port is no number") }
            if !digits.isEmpty, number(digits) != (isSecure ? 443 : 80) { port = [0x3A] + digits }
        }
        var bare = name
        if bare.first == 0x5B, bare.last == 0x5D { bare = bare.dropFirst().dropLast() }
        if let address = Address(octets: bare) {
            try check(address)
            var text: [UInt8] = []
            address.write(to: &text)
            return (address.isV4 ? text : [0x5B] + text + [0x5D]) + port
        }
        return try self.name(Array(name), takesSuffixes: false) + port
    }

    /// Percent signs undone, once.
    static func decode(_ text: ArraySlice<UInt8>) -> [UInt8] {
        guard text.contains(0x25) else { return Array(text) }
        var plain: [UInt8] = []
        plain.reserveCapacity(text.count)
        var place = text.startIndex
        while place < text.endIndex {
            if text[place] == 0x25, place + 2 < text.endIndex, let high = digit(text[place + 1]),
                let low = digit(text[place + 2])
            {
                plain.append(high << 4 | low)
                place += 3
            } else {
                plain.append(text[place])
                place += 1
            }
        }
        return plain
    }

    // MARK: digests and the rest

    static func digit(_ octet: UInt8) -> UInt8? {
        switch octet {
        case 0x30...0x39: octet - 0x30
        case 0x41...0x46: octet - 0x37
        case 0x61...0x66: octet - 0x57
        default: nil
        }
    }

    private static func digest(_ value: [UInt8], _ lengths: [Int], _ wanted: String) throws(Unfit) -> [UInt8] {
        guard let octets = hexadecimal(value[...]) else {
            throw Unfit("a digest is \(wanted), in hexadecimal digits")
        }
        guard lengths.contains(octets.count) else {
            throw Unfit("a digest of \(octets.count) octets is not looked for; it is \(wanted)")
        }
        guard octets.contains(where: { $0 != octets[0] }) else {
            throw Unfit("the digest is one octet over and over")
        }
        guard !IndicatorForm.empty.contains(octets) else { throw Unfit("this is the digest of an empty file") }
        return octets
    }

    /// Octets of an even number of hexadecimal digits; colons between them may stand.
    static func hexadecimal(_ value: ArraySlice<UInt8>) -> [UInt8]? {
        var octets: [UInt8] = []
        octets.reserveCapacity(32)
        var high: UInt8?
        for octet in value where octet != 0x3A {
            guard let digit = digit(octet) else { return nil }
            if let first = high {
                octets.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        return high == nil && !octets.isEmpty ? octets : nil
    }

    private static let empty: Set<[UInt8]> = Set(
        [
            "d41d8cd98f00b204e9800998ecf8427e", "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ].compactMap { hexadecimal(Array($0.utf8)[...]) })

    /// `t13d1516h2_8daaf6152771_b186095e22b6` (FoxIO's JA4).
    private static func ja4(_ value: [UInt8]) throws(Unfit) -> [UInt8] {
        let plain = value.map(lowered)
        let parts = plain.split(separator: 0x5F, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count == 10, parts[1].count == 12, parts[2].count == 12 else {
            throw Unfit("a JA4 fingerprint is 10, 12 and 12 characters with underscores between")
        }
        return plain
    }

    private static func email(_ value: [UInt8]) throws(Unfit) -> [UInt8] {
        let plain = value.map(lowered)
        guard let at = plain.lastIndex(of: 0x40), at > 0, at < plain.count - 1, !plain.contains(0x20) else {
            throw Unfit("this is no mail address")
        }
        return plain
    }

    // MARK: back to text

    static func text(_ kind: IndicatorKind, _ value: ArraySlice<UInt8>) -> String {
        switch kind {
        case .address: return address(of: value).description
        case .endpoint:
            guard value.count == 18, let low = value.last else { return "" }
            let port = UInt16(value[value.endIndex - 2]) << 8 | UInt16(low)
            let address = address(of: value.prefix(16))
            return address.isV4 ? "\(address):\(port)" : "[\(address)]:\(port)"
        case .network:
            let address = address(of: value.prefix(16))
            let bits = Int(value.last ?? 0)
            return "\(address)/\(address.isV4 ? bits - 96 : bits)"
        case .file, .certificate, .ja3, .ja3s:
            var text: [UInt8] = []
            for octet in value {
                text.append(TextBuffer.hexadecimalDigit(octet >> 4))
                text.append(TextBuffer.hexadecimalDigit(octet & 15))
            }
            return String(decoding: text, as: UTF8.self)
        default: return String(decoding: value, as: UTF8.self)
        }
    }

    static func address(of octets: ArraySlice<UInt8>) -> Address {
        var words: (UInt64, UInt64) = (0, 0)
        for (index, octet) in octets.prefix(16).enumerated() {
            if index < 8 { words.0 = words.0 << 8 | UInt64(octet) } else { words.1 = words.1 << 8 | UInt64(octet) }
        }
        return Address(high: words.0, low: words.1)
    }
}
