// SPDX-License-Identifier: Apache-2.0
//
// A record with a column of every kind, and seeded rows of it.

import Foundation
import Records

@testable import Store

struct EveryKind: LogRecord {
    var ts: Timestamp?
    var uid: UID?
    var address: Address?
    var port: UInt16?
    var interval: Int64?
    var count: UInt64?
    var integer: Int64?
    var real: Double?
    var boolean: Bool?
    var text: [UInt8]?
    var word: StaticString?
    var proto: StaticString?
    var fuid: UID?
    var texts: [[UInt8]]?
    var vector: [[UInt8]]?
    var uids: [UInt64]?
    var fuids: [UInt64]?
    var intervals: [UInt64]?
    var counts: [UInt64]?
    var addresses: [Address]?

    static let log = LogID.stats
    static let summary: StaticString = "Every kind."

    func write(to row: inout RowBatch) {
        var buffer = TextBuffer()
        func add(_ octets: [UInt8]) -> Text {
            let start = buffer.begin()
            buffer.bytes.append(contentsOf: octets)
            return buffer.end(start)
        }
        let text = text.map(add) ?? .absent
        let texts = texts.map { $0.map(add) }
        let vector = vector.map { $0.map(add) }
        row.time("ts", ts, "When.")
        row.uid("uid", uid, "Who.")
        row.address("id.orig_h", address, "An address.")
        row.port("id.orig_p", port, "A port.")
        row.interval("duration", interval, "A duration.")
        row.count("count", count, "A count.")
        row.integer("integer", integer, "An integer.")
        row.real("real", real, "A real.")
        row.boolean("boolean", boolean, "Yes or no.")
        row.text("query", text, in: buffer, "A text.", isKey: true)
        row.text("word", word, "A text of a fixed set.")
        row.enumeration("proto", proto, "An enumeration.")
        row.fuid("fuid", fuid, "A file.")
        row.textSet("texts", texts, in: buffer, "Texts.")
        row.textVector("vector", vector, in: buffer, "More texts.")
        row.uidSet("uids", uids, "Connections.")
        row.fuidVector("fuids", fuids, "Files.")
        row.intervalVector("intervals", intervals, "Durations.")
        row.countVector("counts", counts, "Counts.")
        row.addressVector("addresses", addresses, "Addresses.")
    }

    static let schema = makeSchema()

    /// The cells as the store holds them, by name: JSON without times' and texts' decorations.
    var stored: [String: Any] {
        var cells: [String: Any] = [:]
        cells["ts"] = ts.map { $0.nanoseconds / 1000 }
        cells["uid"] = uid.map { EveryKind.identity($0.value, "C") }
        cells["id_orig_h"] = address.map { "\($0)" }
        cells["id_orig_p"] = port.map { UInt64($0) }
        cells["duration"] = interval.map { $0 / 1000 }
        cells["count"] = count
        cells["integer"] = integer
        cells["real"] = real
        cells["boolean"] = boolean
        cells["query"] = text.map(EveryKind.escaped)
        cells["word"] = word.map { "\($0)" }
        cells["proto"] = proto.map { "\($0)" }
        cells["fuid"] = fuid.map { EveryKind.identity($0.value, "F") }
        cells["texts"] = texts.map { $0.map(EveryKind.escaped) }
        cells["vector"] = vector.map { $0.map(EveryKind.escaped) }
        cells["uids"] = uids.map { $0.map { EveryKind.identity($0, "C") } }
        cells["fuids"] = fuids.map { $0.map { EveryKind.identity($0, "F") } }
        cells["intervals"] = intervals.map { $0.map { Int64(bitPattern: $0) / 1000 } }
        cells["counts"] = counts
        cells["addresses"] = addresses.map { $0.map { "\($0)" } }
        return cells
    }

    private static func identity(_ value: UInt64, _ prefix: String) -> String {
        var bytes: [UInt8] = []
        UID(value: value).write(prefix: Array(prefix.utf8)[0], to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func escaped(_ octets: [UInt8]) -> String {
        var bytes: [UInt8] = []
        TextEscaping.appendEscaped(octets[...], to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Xorshift64*: the same rows on every machine.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed | 1 }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
}

extension EveryKind {
    /// How the cells of a column are filled.
    enum Shape: CaseIterable {
        /// Unset cells among a few and many different values.
        case mixed
        case allUnset
        case allEqual
        /// Extremes: largest numbers, empty and long texts, empty lists.
        case extreme
        /// Every text is another, and lists are long.
        case distinct
    }

    static func rows(_ count: Int, _ shape: Shape, seed: UInt64 = 7) -> [EveryKind] {
        var random = Seeded(seed)
        return (0..<count).map { row(shape, $0, &random) }
    }

    private static func row(_ shape: Shape, _ number: Int, _ random: inout Seeded) -> EveryKind {
        switch shape {
        case .mixed: mixed(number, &random)
        case .allUnset: EveryKind()
        case .allEqual:
            EveryKind(
                ts: Timestamp(seconds: 1_700_000_000), uid: UID(value: 5), address: Address(v4: 0x0A00_0001), port: 53,
                interval: 1_500_000, count: 3, integer: -3, real: 0.5, boolean: true, text: Array("same".utf8),
                word: "same", proto: "udp", fuid: UID(value: 6), texts: [Array("a".utf8), Array("b".utf8)],
                vector: [Array("c".utf8)], uids: [1], fuids: [2], intervals: [3000], counts: [4],
                addresses: [Address(v4: 1)])
        case .extreme: extreme(number, &random)
        case .distinct: distinct(number, &random)
        }
    }

    private static func mixed(_ number: Int, _ random: inout Seeded) -> EveryKind {
        var row = EveryKind()
        func some() -> Bool { UInt8.random(in: 0..<4, using: &random) > 0 }
        func text() -> [UInt8] {
            Array("host\(UInt32.random(in: 0..<300, using: &random)).example".utf8)
        }
        row.ts = Timestamp(nanoseconds: 1_700_000_000_000_000_000 + Int64(number) * 1_234_567)
        if some() { row.uid = UID(value: random.next()) }
        if some() { row.address = Address(v4: 0x0A00_0000 | UInt32.random(in: 0..<500, using: &random)) }
        if some() { row.port = UInt16.random(in: .min ... .max, using: &random) }
        if some() { row.interval = Int64.random(in: 0..<1_000_000_000_000, using: &random) }
        if some() { row.count = UInt64.random(in: 0..<100_000, using: &random) }
        if some() { row.integer = Int64.random(in: -5..<5, using: &random) }
        if some() { row.real = Double.random(in: -1...1, using: &random) }
        if some() { row.boolean = Bool.random(using: &random) }
        if some() { row.text = text() }
        if some() { row.word = some() ? "SF" : "S0" }
        if some() { row.proto = some() ? "tcp" : "udp" }
        if some() { row.fuid = UID(value: random.next()) }
        if some() { row.texts = (0 ..< number % 4).map { _ in text() } }
        if some() { row.vector = (0 ..< number % 3).map { _ in text() } }
        if some() { row.uids = (0 ..< number % 2).map { _ in random.next() } }
        if some() { row.fuids = (0 ..< number % 5).map { _ in random.next() } }
        if some() { row.intervals = (0 ..< number % 4).map { _ in UInt64.random(in: 0..<1_000_000, using: &random) } }
        if some() { row.counts = (0 ..< number % 4).map { _ in UInt64.random(in: 0..<9, using: &random) } }
        if some() { row.addresses = (0 ..< number % 4).map { _ in Address(v4: UInt32(number)) } }
        return row
    }

    private static func extreme(_ number: Int, _ random: inout Seeded) -> EveryKind {
        let isOdd = number % 2 == 1
        let long = [UInt8](repeating: 0x7E, count: 100) + Array("é".utf8)
        return EveryKind(
            ts: Timestamp(nanoseconds: isOdd ? .max : .min), uid: UID(value: isOdd ? .max : 0),
            address: isOdd ? Address(high: .max, low: .max) : Address(high: 0, low: 0), port: isOdd ? .max : 0,
            interval: isOdd ? .max : .min, count: isOdd ? .max : 0, integer: isOdd ? .max : .min,
            real: isOdd ? -.infinity : .greatestFiniteMagnitude, boolean: isOdd,
            text: isOdd ? [] : [UInt8](repeating: UInt8(truncatingIfNeeded: 0x80 + number), count: 300),
            word: isOdd ? "" : nil, proto: nil, fuid: UID(value: isOdd ? .max : 0), texts: isOdd ? [] : [[], long],
            vector: isOdd ? nil : [[0xFF, 0x00, 0x41, 0xC3, 0xA9, 0x0A]], uids: isOdd ? [] : [.max, 0],
            fuids: isOdd ? [.max] : nil, intervals: isOdd ? [UInt64(bitPattern: .min)] : [],
            counts: isOdd ? [.max, 0, .max] : [], addresses: isOdd ? [] : [Address(high: 1 << 63, low: 1)])
    }

    private static func distinct(_ number: Int, _ random: inout Seeded) -> EveryKind {
        let text = Array("/\(random.next())/\(number)".utf8)
        return EveryKind(
            ts: Timestamp(seconds: Int64(number)), uid: UID(value: random.next()),
            address: Address(high: random.next(), low: random.next()), port: UInt16(truncatingIfNeeded: number),
            interval: Int64(number) * 1000, count: random.next(), integer: Int64(bitPattern: random.next()),
            real: Double(number), boolean: number % 3 == 0, text: text, word: "word", proto: "tcp",
            fuid: UID(value: random.next()), texts: [text, text + text], vector: [text],
            uids: (0..<20).map { _ in random.next() }, fuids: [random.next()], intervals: [UInt64(number) * 1000],
            counts: (0..<10).map { UInt64($0) }, addresses: [Address(high: random.next(), low: 1)])
    }

    /// A batch of rows.
    static func batch(_ rows: [EveryKind]) -> RowBatch {
        var batch = RowBatch(schema)
        for (index, row) in rows.enumerated() { batch.append(row, order: UInt64(index), ordinal: 0) }
        return batch
    }
}

/// A folder that goes when the value goes.
final class TemporaryFolder {
    let path: String

    init() {
        path = NSTemporaryDirectory() + "/weir-store-" + UUID().uuidString
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a store of one segment for each group of rows.
    func store(_ groups: [[EveryKind]], settings: StoreWriter.Settings = .init()) throws {
        let writer = try StoreWriter(folder: path, settings: settings)
        for rows in groups {
            try writer.append(EveryKind.batch(rows), schema: EveryKind.schema)
            try writer.flush(time: Timestamp(seconds: 1_795_352_400))
        }
    }
}

/// The cells of a vector, as `EveryKind.stored` gives them.
func cells(_ vector: ColumnVector) -> [Any?] {
    func value(_ place: Int) -> Any {
        if vector.kind.isStoredAsText { return String(decoding: vector.text(place), as: UTF8.self) }
        let word = vector.words[place]
        switch vector.kind {
        case .time, .interval, .integer, .intervalVector: return Int64(bitPattern: word)
        case .real: return Double(bitPattern: word)
        case .boolean: return word == 1
        default: return word
        }
    }
    return (0..<vector.rowCount).map { row in
        guard vector.isSet(row) else { return nil }
        return vector.kind.isList ? vector.elements(row).map(value) : value(row)
    }
}

/// One way to write a cell, so that two can be compared.
func written(_ cell: Any?) -> String { cell.map { "\($0)" } ?? "unset" }
