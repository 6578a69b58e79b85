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
    /// The text that is hashed.
    fileprivate var line = TextBuffer()

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

    fileprivate mutating func appendDecimal(_ list: KeyPath<TLSNumbers, [UInt16]>) {
        for (index, value) in self[keyPath: list].enumerated() {
            if index > 0 { line.append("-") }
            line.append(decimal: UInt64(value))
        }
    }

    fileprivate mutating func appendHexadecimal(_ list: [UInt16]) {
        for (index, value) in list.enumerated() {
            if index > 0 { line.append(",") }
            for shift: UInt16 in [12, 8, 4, 0] {
                line.bytes.append(TextBuffer.hexadecimalDigit(UInt8(truncatingIfNeeded: value >> shift & 15)))
            }
        }
    }
}

extension TLS {
    func fingerprintClient(_ stated: UInt16, ciphers: RawSpan, extensions: RawSpan, _ id: ConnectionID) {
        numbers.clear(stated)
        TLSNumbers.append(ciphers, from: 0, to: &numbers.suites)
        numbers.read(extensions)
        numbers.line.append(decimal: UInt64(stated))
        numbers.line.append(",")
        numbers.appendDecimal(\.suites)
        numbers.line.append(",")
        numbers.appendDecimal(\.types)
        numbers.line.append(",")
        numbers.appendDecimal(\.groups)
        numbers.line.append(",")
        numbers.appendDecimal(\.formats)
        record.ja3 = Digests.md5(numbers.line.bytes, to: &record.text)
        writeJA4(isDatagram: kind == .dtls, isQUIC: kind != .dtls && id.transport == .udp)
    }

    func fingerprintServer(_ stated: UInt16, suite: UInt16, extensions: RawSpan) {
        numbers.clear(stated)
        numbers.read(extensions)
        numbers.line.append(decimal: UInt64(stated))
        numbers.line.append(",")
        numbers.line.append(decimal: UInt64(suite))
        numbers.line.append(",")
        numbers.appendDecimal(\.types)
        record.ja3s = Digests.md5(numbers.line.bytes, to: &record.text)
    }

    // MARK: JA4

    /// `t13d1516h2_` and twelve digits each of the sorted suites and the sorted extensions.
    private func writeJA4(isDatagram: Bool, isQUIC: Bool) {
        let start = record.text.begin()
        record.text.append(isQUIC ? "q" : isDatagram ? "d" : "t")
        record.text.append(TLS.versionCode(numbers.version))
        record.text.append(numbers.hasServerName ? "d" : "i")
        appendTwoDigits(numbers.suites.count)
        appendTwoDigits(numbers.types.count)
        appendApplication(numbers.application)
        record.text.append("_")
        numbers.suites.sort()
        appendDigest(numbers.suites, [])
        record.text.append("_")
        // The name and the protocols are told apart above.
        numbers.types.removeAll { $0 == 0 || $0 == 16 }
        numbers.types.sort()
        appendDigest(numbers.types, numbers.signatures)
        record.ja4 = record.text.end(start)
    }

    private func appendTwoDigits(_ count: Int) {
        let value = min(count, 99)
        record.text.bytes.append(0x30 &+ UInt8(truncatingIfNeeded: value / 10))
        record.text.bytes.append(0x30 &+ UInt8(truncatingIfNeeded: value % 10))
    }

    /// First and last letter of the first protocol; of its hexadecimal form where they are no letters or digits.
    private func appendApplication(_ ends: (UInt8, UInt8)?) {
        guard let ends else { return record.text.append("00") }
        if TLS.isAlphanumeric(ends.0), TLS.isAlphanumeric(ends.1) {
            record.text.bytes += [ends.0, ends.1]
        } else {
            record.text.bytes.append(TextBuffer.hexadecimalDigit(ends.0 >> 4))
            record.text.bytes.append(TextBuffer.hexadecimalDigit(ends.1 & 15))
        }
    }

    private func appendDigest(_ list: [UInt16], _ more: [UInt16]) {
        guard !list.isEmpty else { return record.text.append("000000000000") }
        numbers.line.clear()
        numbers.appendHexadecimal(list)
        if !more.isEmpty {
            numbers.line.append("_")
            numbers.appendHexadecimal(more)
        }
        Digests.sha256(numbers.line.bytes, digitCount: 12, to: &record.text)
    }

    private static func isAlphanumeric(_ octet: UInt8) -> Bool {
        (0x30...0x39).contains(octet) || (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet)
    }

    private static func versionCode(_ version: UInt16) -> StaticString {
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
