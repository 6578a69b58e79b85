// SPDX-License-Identifier: Apache-2.0
//
// The indicators of one feed, in few arrays: a million take some 60 MB.
//
// Reads   indicators, one by one.
// Writes  fixed rows and one arena of octets; the same as a file.
// Leaves  looking for values (IndicatorIndex.swift).

import Foundation
package import Records

/// What stands for one indicator.
struct IndicatorRow: Equatable {
    /// Where its value begins in the arena.
    var offset: UInt32
    var count: UInt16
    var kind: IndicatorKind
    /// 0 to 100; above it the flags.
    var confidence: UInt8
    /// Number of its label, and of its threat, in the table of texts; 0 is none.
    var label: UInt16
    var threat: UInt16
    /// Seconds since 1970; 0 is never, or not known.
    var expires: UInt32
    var added: UInt32
    /// When the feed saw it last; 0 is not known.
    var seen: UInt32
    var isSinkhole: Bool

    /// How sure it still is at a time: as sure as the feed says when it was seen last, and nothing where it expires,
    /// `c·(1 − (t/τ)^(1/δ))` as MISP's decaying models have it. Files and fingerprints, which do not expire, stay.
    ///
    /// - Parameter decay: δ; below 1 the loss comes late, above 1 early, 0 is none at all.
    func confidence(at time: Timestamp, decay: Double) -> UInt8 {
        let start = Double(seen == 0 ? added : seen)
        guard expires != 0, decay > 0, Double(expires) > start else { return confidence }
        let age = Double(time.nanoseconds) / 1e9 - start
        guard age > 0 else { return confidence }
        let share = 1 - pow(min(age / (Double(expires) - start), 1), 1 / decay)
        return UInt8((Double(confidence) * share).rounded())
    }
}

/// The indicators of one feed.
package struct IndicatorSet: Sendable {
    /// The feed's name.
    package var name: String
    /// When it was read, by the system's clock.
    package var imported: Timestamp
    private(set) var rows: [IndicatorRow] = []
    private(set) var arena: [UInt8] = []
    /// Labels and threats; the first is empty.
    private(set) var texts: [[UInt8]] = [[]]
    private var textPlaces: [[UInt8]: UInt16] = [[]: 0]

    /// Indicators of one feed, and octets of their values, at most.
    static let rowsMax = 20_000_000
    static let arenaMax = 1 << 31
    /// Different labels; more are left out.
    private static let textsMax = 65_000
    private static let textBytesMax = 512

    package init(name: String, imported: Timestamp) {
        self.name = name
        self.imported = imported
    }

    package var count: Int { rows.count }
    var isFull: Bool {
        rows.count >= IndicatorSet.rowsMax || arena.count >= IndicatorSet.arenaMax - IndicatorForm.valueMax
    }

    func value(_ row: IndicatorRow) -> ArraySlice<UInt8> { arena[Int(row.offset)..<Int(row.offset) + Int(row.count)] }
    /// Whether two rows are of one value and kind.
    func isSame(_ left: IndicatorRow, _ right: IndicatorRow) -> Bool {
        left.kind == right.kind && value(left).elementsEqual(value(right))
    }

    func text(_ number: UInt16) -> String { String(decoding: texts[Int(number)], as: UTF8.self) }

    /// Appends an indicator; `added` is when it came to be known here.
    mutating func append(_ indicator: Indicator, added: Timestamp) {
        let row = IndicatorRow(
            offset: UInt32(arena.count), count: UInt16(indicator.value.count), kind: indicator.kind,
            confidence: min(indicator.confidence, 100), label: place(indicator.label),
            threat: place(indicator.threat),
            expires: indicator.expires.map(IndicatorSet.seconds) ?? 0, added: IndicatorSet.seconds(added),
            seen: indicator.seen.map(IndicatorSet.seconds) ?? 0, isSinkhole: indicator.isSinkhole)
        arena.append(contentsOf: indicator.value)
        rows.append(row)
    }

    private mutating func place(_ text: [UInt8]) -> UInt16 {
        guard !text.isEmpty else { return 0 }
        let text = Array(text.prefix(IndicatorSet.textBytesMax))
        if let known = textPlaces[text] { return known }
        guard texts.count < IndicatorSet.textsMax else { return 0 }
        let place = UInt16(texts.count)
        texts.append(text)
        textPlaces[text] = place
        return place
    }

    /// Whole seconds, at least 1, so that 0 stays what it says.
    static func seconds(_ time: Timestamp) -> UInt32 { UInt32(clamping: max(time.nanoseconds / 1_000_000_000, 1)) }

    /// Sets when a row came to be known, of one that an earlier reading had.
    mutating func setAdded(_ row: Int, _ seconds: UInt32) { rows[row].added = seconds }

    /// Leaves out a row that says what another one says.
    mutating func remove(where isGone: (Int) -> Bool) {
        var kept: [IndicatorRow] = []
        kept.reserveCapacity(rows.count)
        for (place, row) in rows.enumerated() where !isGone(place) { kept.append(row) }
        rows = kept
    }

    // MARK: the file

    private static let magic = Array("WEIRIND1".utf8)
    private static let rowBytes = 24

    /// The set as octets: magic, checksum, times, counts, texts, rows, arena; numbers little-endian.
    func encode() -> [UInt8] {
        var bytes = IndicatorSet.magic
        bytes.reserveCapacity(64 + rows.count * IndicatorSet.rowBytes + arena.count)
        bytes.append(word: 0)
        bytes.append(word: UInt64(bitPattern: imported.nanoseconds))
        bytes.append(text: Array(name.utf8))
        bytes.append(word: UInt64(texts.count))
        for text in texts { bytes.append(text: text) }
        bytes.append(word: UInt64(rows.count))
        bytes.append(word: UInt64(arena.count))
        for row in rows {
            bytes.append(
                word: UInt64(row.offset) | UInt64(row.count) << 32 | UInt64(row.kind.rawValue) << 48
                    | UInt64(row.confidence | (row.isSinkhole ? 128 : 0)) << 56)
            bytes.append(word: UInt64(row.label) | UInt64(row.threat) << 16 | UInt64(row.expires) << 32)
            bytes.append(word: UInt64(row.added) | UInt64(row.seen) << 32)
        }
        bytes.append(contentsOf: arena)
        let sum = IndicatorSet.checksum(bytes, from: 16)
        for shift in 0..<8 { bytes[8 + shift] = UInt8(truncatingIfNeeded: sum >> UInt64(shift * 8)) }
        return bytes
    }

    /// Nil where the octets are not those of a set, or not all of them.
    init?(decoding bytes: [UInt8]) {
        var reader = OctetReader(bytes)
        guard bytes.starts(with: IndicatorSet.magic) else { return nil }
        reader.place = 8
        guard let sum = reader.word(), sum == IndicatorSet.checksum(bytes, from: 16), let imported = reader.word(),
            let name = reader.text(), let textCount = reader.word(), textCount <= 65_536
        else { return nil }
        self.init(
            name: String(decoding: name, as: UTF8.self), imported: Timestamp(nanoseconds: Int64(bitPattern: imported))
        )
        texts = []
        for _ in 0..<textCount {
            guard let text = reader.text() else { return nil }
            texts.append(text)
        }
        guard texts.first?.isEmpty == true, let rowCount = reader.word(), let arenaCount = reader.word(),
            rowCount <= UInt64(IndicatorSet.rowsMax), arenaCount <= UInt64(IndicatorSet.arenaMax),
            Int(rowCount) * IndicatorSet.rowBytes + Int(arenaCount) == bytes.count - reader.place
        else { return nil }
        rows.reserveCapacity(Int(rowCount))
        for _ in 0..<rowCount {
            guard let first = reader.word(), let second = reader.word(), let third = reader.word(),
                let kind = IndicatorKind(rawValue: UInt8(truncatingIfNeeded: first >> 48))
            else { return nil }
            let row = IndicatorRow(
                offset: UInt32(truncatingIfNeeded: first), count: UInt16(truncatingIfNeeded: first >> 32), kind: kind,
                confidence: UInt8(truncatingIfNeeded: first >> 56) & 127, label: UInt16(truncatingIfNeeded: second),
                threat: UInt16(truncatingIfNeeded: second >> 16), expires: UInt32(truncatingIfNeeded: second >> 32),
                added: UInt32(truncatingIfNeeded: third), seen: UInt32(truncatingIfNeeded: third >> 32),
                isSinkhole: first >> 63 == 1)
            guard UInt64(row.offset) + UInt64(row.count) <= arenaCount, Int(row.label) < texts.count,
                Int(row.threat) < texts.count
            else { return nil }
            rows.append(row)
        }
        arena = Array(bytes[reader.place...])
        for (place, text) in texts.enumerated() { textPlaces[text] = UInt16(place) }
    }

    /// Against damage, not against forgers: who can write the store can write anything.
    private static func checksum(_ bytes: [UInt8], from start: Int) -> UInt64 {
        var sum: UInt64 = 0xCBF2_9CE4_8422_2325
        for octet in bytes.dropFirst(start) { sum = (sum ^ UInt64(octet)) &* 0x0000_0100_0000_01B3 }
        return sum
    }
}

/// Walks over octets, never beyond their end.
private struct OctetReader {
    private let bytes: [UInt8]
    var place = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func word() -> UInt64? {
        guard place + 8 <= bytes.count else { return nil }
        var value: UInt64 = 0
        for shift in 0..<8 { value |= UInt64(bytes[place &+ shift]) << UInt64(shift &* 8) }
        place += 8
        return value
    }

    mutating func text() -> [UInt8]? {
        guard let count = word(), count <= UInt64(bytes.count - place) else { return nil }
        defer { place += Int(count) }
        return Array(bytes[place..<place + Int(count)])
    }
}

extension [UInt8] {
    fileprivate mutating func append(word value: UInt64) {
        for shift in 0..<8 { append(UInt8(truncatingIfNeeded: value >> UInt64(shift &* 8))) }
    }

    fileprivate mutating func append(text: [UInt8]) {
        append(word: UInt64(text.count))
        append(contentsOf: text)
    }
}
