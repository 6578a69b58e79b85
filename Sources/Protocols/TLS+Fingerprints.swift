// SPDX-License-Identifier: Apache-2.0
//
// Fingerprints of hellos: JA3 and JA3S (salesforce/ja3, 2017), JA4 (FoxIO, the TLS
// client fingerprint, 2023).
//
// Reads   suites and extensions of a hello.
// Writes  three texts of the row.
// Leaves  the rest of the JA4 family.

import Files
import Records
import Wire

/// What a fingerprint is made of: the numbers of a hello, without the ones that clients
/// put in at random (GREASE, RFC 8701). Reused for the next hello; keeps its memory.
struct TLSNumbers {
    var suites: [UInt16] = []
    /// Types of extensions.
    var types: [UInt16] = []
    var groups: [UInt16] = []
    var formats: [UInt16] = []
    var signatures: [UInt16] = []
    var version: UInt16 = 0
    var hasServerName = false
    /// First and last octet of the first protocol of the client.
    var application: (UInt8, UInt8)?
    /// The text whose hash is JA3 or JA3S.
    private(set) var line = TextBuffer()
    /// The text whose hash is a half of JA4.
    private var half = TextBuffer()
    /// What tells one fingerprint from another.
    private var key: [UInt16] = []
    /// The same for the whole of a ClientHello.
    private var helloKey: [UInt16] = []
    /// Whether anybody looks at `ja3Line`.
    fileprivate var wantsLine = false

    /// The text that JA3 or JA3S hashes, until the next hello; blank where nobody looks at it.
    var ja3Line: [UInt8] { line.bytes }

    fileprivate mutating func clear(_ stated: UInt16) {
        suites.removeAll(keepingCapacity: true)
        types.removeAll(keepingCapacity: true)
        groups.removeAll(keepingCapacity: true)
        formats.removeAll(keepingCapacity: true)
        signatures.removeAll(keepingCapacity: true)
        (version, hasServerName, application) = (stated, false, nil)
        line.clear()
    }

    private static func isGrease(_ value: UInt16) -> Bool {
        value & 0x0F0F == 0x0A0A && value >> 8 == value & 0xFF
    }

    /// Appends numbers of two octets from `start` on, without GREASE.
    fileprivate static func append(_ span: RawSpan, from start: Int, to list: inout [UInt16]) {
        for place in stride(from: start, to: span.byteCount &- 1, by: 2) {
            let value = span.load(place, as: UInt16.self)
            if !isGrease(value) { list.append(value) }
        }
    }

    /// Collects from extensions whose lengths were checked.
    fileprivate mutating func read(_ extensions: RawSpan) {
        var at = 0
        while extensions.byteCount &- at >= 4 {
            let type = extensions.load(at, as: UInt16.self)
            let count = Int(extensions.load(at &+ 2, as: UInt16.self))
            guard extensions.byteCount &- at &- 4 >= count else { return }
            let data = extensions.extracting(at &+ 4 ..< at &+ 4 &+ count)
            at &+= 4 &+ count
            guard !TLSNumbers.isGrease(type) else { continue }
            types.append(type)
            read(type, data)
        }
    }

    private mutating func read(_ type: UInt16, _ data: RawSpan) {
        switch type {
        case 0: hasServerName = true
        case 10: TLSNumbers.append(data, from: 2, to: &groups)
        case 11:
            for place in 0..<data.byteCount where place > 0 { formats.append(UInt16(data.octet(place))) }
        case 13: TLSNumbers.append(data, from: 2, to: &signatures)
        case 16:
            guard data.byteCount > 3 else { return }
            let length = Int(data.octet(2))
            guard length > 0, data.byteCount >= 3 &+ length else { return }
            application = (data.octet(3), data.octet(2 &+ length))
        case 43: readVersions(data)
        default: break
        }
    }

    /// The newest version that is offered. Those of DTLS count down.
    private mutating func readVersions(_ data: RawSpan) {
        let countsDown = version >> 8 == 0xFE
        var newest: UInt16?
        for place in stride(from: 1, to: data.byteCount &- 1, by: 2) {
            let value = data.load(place, as: UInt16.self)
            guard !TLSNumbers.isGrease(value) else { continue }
            if let best = newest, countsDown ? best <= value : best >= value { continue }
            newest = value
        }
        if let newest { version = newest }
    }

    private mutating func appendDecimal(_ list: [UInt16]) {
        for (index, value) in list.enumerated() {
            if index > 0 { line.append("-") }
            line.append(decimal: UInt64(value))
        }
    }

    private mutating func appendHexadecimal(_ list: [UInt16]) {
        for (index, value) in list.enumerated() {
            if index > 0 { half.append(",") }
            for shift: UInt16 in [12, 8, 4, 0] {
                half.bytes.append(TextBuffer.hexadecimalDigit(UInt8(truncatingIfNeeded: value >> shift & 15)))
            }
        }
    }

    private mutating func beginKey(_ fields: [4 of Int], _ first: UInt16) {
        key.removeAll(keepingCapacity: true)
        for index in 0..<4 { key.append(UInt16(truncatingIfNeeded: fields[index])) }
        key.append(first)
    }

    /// All that JA3 and JA4 are made of. What precedes the lists tells where each one ends.
    private mutating func collectHelloKey(_ stated: UInt16, _ letter: UInt8) {
        helloKey.removeAll(keepingCapacity: true)
        let counts: [4 of Int] = [suites.count, types.count, groups.count, formats.count]
        for index in 0..<4 { helloKey.append(UInt16(truncatingIfNeeded: counts[index])) }
        helloKey.append(stated)
        helloKey.append(version)
        helloKey.append(UInt16(letter) << 8 | (application == nil ? 0 : 1))
        helloKey.append(application.map { UInt16($0.0) << 8 | UInt16($0.1) } ?? 0)
        helloKey += suites
        helloKey += types
        helloKey += groups
        helloKey += formats
        helloKey += signatures
    }

    /// JA3 and JA4 of a ClientHello; `letter` is the first one of JA4. A program says the same hello each time: both
    /// are found in one look. Where a program shuffles its extensions the halves of JA4 are found.
    fileprivate mutating func writeClient(
        _ stated: UInt16, _ letter: UInt8, to text: inout TextBuffer, _ cache: inout FingerprintCache
    ) -> (ja3: Text, ja4: Text) {
        collectHelloKey(stated, letter)
        let start = text.begin()
        if cache.append(helloKey, line: &line.bytes, wantsLine: wantsLine, digest: &text.bytes) {
            return TLSNumbers.split(text, from: start)
        }
        writeJA3(stated, to: &text)
        text.bytes.append(letter)
        writeJA4(to: &text, &cache)
        cache.keep(helloKey, line: line.bytes, digest: text.bytes[start...])
        return TLSNumbers.split(text, from: start)
    }

    /// JA3 and JA4 stand one behind the other; the first is an MD5.
    private static func split(_ text: borrowing TextBuffer, from start: Int) -> (ja3: Text, ja4: Text) {
        let digitCount: UInt32 = 32
        let whole = text.end(start)
        return (
            Text(offset: whole.offset, count: digitCount),
            Text(offset: whole.offset &+ digitCount, count: whole.count &- digitCount)
        )
    }

    /// JA3: version, suites, extensions, groups, formats of points, each a list of decimal numbers.
    private mutating func writeJA3(_ stated: UInt16, to text: inout TextBuffer) {
        line.append(decimal: UInt64(stated))
        line.append(",")
        appendDecimal(suites)
        line.append(",")
        appendDecimal(types)
        line.append(",")
        appendDecimal(groups)
        line.append(",")
        appendDecimal(formats)
        _ = Digests.md5(line.bytes, to: &text)
    }

    /// JA3S: version, suite, extensions.
    fileprivate mutating func writeJA3S(
        _ stated: UInt16, suite: UInt16, to text: inout TextBuffer, _ cache: inout FingerprintCache
    ) -> Text {
        beginKey([types.count, 0, 0, -1], stated)
        key.append(suite)
        key += types
        let start = text.begin()
        if cache.append(key, line: &line.bytes, wantsLine: wantsLine, digest: &text.bytes) { return text.end(start) }
        line.append(decimal: UInt64(stated))
        line.append(",")
        line.append(decimal: UInt64(suite))
        line.append(",")
        appendDecimal(types)
        let digest = Digests.md5(line.bytes, to: &text)
        cache.keep(key, line: line.bytes, digest: text.bytes[start...])
        return digest
    }

    /// A half of JA4: twelve digits of the hash of one list or two.
    private mutating func appendDigest(
        _ list: [UInt16], _ more: [UInt16], to text: inout TextBuffer, _ cache: inout FingerprintCache
    ) {
        guard !list.isEmpty else { return text.append("000000000000") }
        beginKey([list.count, more.count, 0, -2], 0)
        key += list
        key += more
        half.clear()
        if cache.append(key, line: &half.bytes, wantsLine: false, digest: &text.bytes) { return }
        appendHexadecimal(list)
        if !more.isEmpty {
            half.append("_")
            appendHexadecimal(more)
        }
        let start = text.begin()
        Digests.sha256(half.bytes, digitCount: 12, to: &text)
        cache.keep(key, line: [], digest: text.bytes[start...])
    }

    /// JA4 behind its first letter: `13d1516h2_` and twelve digits each of the sorted suites and the sorted extensions.
    private mutating func writeJA4(to text: inout TextBuffer, _ cache: inout FingerprintCache) {
        text.append(TLS.versionCode(version))
        text.append(hasServerName ? "d" : "i")
        text.appendTwoDigits(suites.count)
        text.appendTwoDigits(types.count)
        text.appendApplication(application)
        text.append("_")
        suites.sort()
        appendDigest(suites, [], to: &text, &cache)
        text.append("_")
        // The name and the protocols are told apart above.
        types.removeAll { $0 == 0 || $0 == 16 }
        types.sort()
        appendDigest(types, signatures, to: &text, &cache)
    }
}

extension TLS {
    func fingerprintClient(
        _ stated: UInt16, ciphers: RawSpan, extensions: RawSpan, _ context: inout AnalyzerContext
    ) {
        numbers.clear(stated)
        numbers.wantsLine = context.wantsTransactions || context.wantsEvents
        TLSNumbers.append(ciphers, from: 0, to: &numbers.suites)
        numbers.read(extensions)
        let isQUIC = kind != .dtls && context.id.transport == .udp
        let letter = isQUIC ? UInt8(ascii: "q") : kind == .dtls ? UInt8(ascii: "d") : UInt8(ascii: "t")
        (record.ja3, record.ja4) = numbers.writeClient(stated, letter, to: &record.text, &context.fingerprints)
    }

    func fingerprintServer(
        _ stated: UInt16, suite: UInt16, extensions: RawSpan, _ context: inout AnalyzerContext
    ) {
        numbers.clear(stated)
        numbers.wantsLine = context.wantsTransactions || context.wantsEvents
        numbers.read(extensions)
        record.ja3s = numbers.writeJA3S(stated, suite: suite, to: &record.text, &context.fingerprints)
    }

    fileprivate static func versionCode(_ version: UInt16) -> StaticString {
        switch version {
        case 0x0304: "13"
        case 0x0303: "12"
        case 0x0302: "11"
        case 0x0301: "10"
        case 0x0300: "s3"
        case 0x0002: "s2"
        case 0xFEFF: "d1"
        case 0xFEFD: "d2"
        case 0xFEFC: "d3"
        default: "00"
        }
    }
}

extension TextBuffer {
    fileprivate mutating func appendTwoDigits(_ count: Int) {
        let value = min(count, 99)
        bytes.append(0x30 &+ UInt8(truncatingIfNeeded: value / 10))
        bytes.append(0x30 &+ UInt8(truncatingIfNeeded: value % 10))
    }

    /// First and last letter of the first protocol; of its hexadecimal form where they are no letters or digits.
    fileprivate mutating func appendApplication(_ ends: (UInt8, UInt8)?) {
        guard let ends else { return append("00") }
        if TextBuffer.isAlphanumeric(ends.0), TextBuffer.isAlphanumeric(ends.1) {
            bytes.append(ends.0)
            bytes.append(ends.1)
        } else {
            bytes.append(TextBuffer.hexadecimalDigit(ends.0 >> 4))
            bytes.append(TextBuffer.hexadecimalDigit(ends.1 & 15))
        }
    }

    private static func isAlphanumeric(_ octet: UInt8) -> Bool {
        (0x30...0x39).contains(octet) || (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet)
    }
}
