// SPDX-License-Identifier: Apache-2.0
//
// Which rows a store has already, so that a row that comes again in another file is not written again.
//
// Reads   segments that hold rows of the same hours; lists are not compared.
// Writes  nothing.
// Leaves  files that come again (`FileLedger`).
//
// A row is the same when all its cells that are no lists are. Two equal rows of one file are two rows: what is there
// is counted, and only so many are taken for known.

import Records
import Store

/// The identity of a row: a sum over its cells, so that the columns' order does not matter. Keyed at random.
enum RowHash {
    private static let key = (UInt64.random(in: 0 ... .max), UInt64.random(in: 0 ... .max))

    static func column(_ name: String) -> UInt64 { text(Array(name.utf8)[...]) }

    static func text(_ octets: ArraySlice<UInt8>) -> UInt64 {
        var hash = SipHash(key0: key.0, key1: key.1)
        var (word, filled) = (UInt64(0), UInt64(0))
        for octet in octets {
            word |= UInt64(octet) << (filled &* 8)
            filled &+= 1
            if filled == 8 {
                hash.absorb(word)
                (word, filled) = (0, 0)
            }
        }
        hash.absorb(word ^ UInt64(octets.count) << 56)
        return hash.finish()
    }

    static func cell(_ column: UInt64, _ value: UInt64) -> UInt64 {
        var mixed = column ^ value &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    static func address(_ address: Address) -> UInt64 { address.high &* 31 &+ address.low }
}

/// The rows of a store, by hour and as far as they are asked for. Used by one thread.
final class RowIdentities {
    private struct Group {
        let reader: SegmentReader
        let rowGroup: Int
        let times: ClosedRange<Int64>
    }

    private final class Log {
        var names: [UInt64]
        var unread: [Group] = []
        var hours: Set<Int64> = []
        /// Rows of the store, by identity; those that were taken for known already are counted off.
        var counts: [UInt64: UInt32] = [:]
        /// Rows of files that were read before and are not in the store yet.
        var earlier: [UInt64: UInt32] = [:]
        /// Rows of the file at hand.
        var own: [UInt64: UInt32] = [:]

        init(_ schema: LogSchema) { names = schema.columns.map { RowHash.column($0.storeName) } }
    }

    private let schemas: [LogSchema]
    private var logs: [Log?]
    private let store: StoreReader?

    private static let hour: Int64 = 3_600_000_000

    /// - Parameter store: nil where there is none yet.
    init(_ store: StoreReader?, _ schemas: [LogSchema]) {
        self.store = store
        self.schemas = schemas
        logs = schemas.map { _ in nil }
    }

    private func log(_ number: Int) throws(StoreError) -> Log {
        if let known = logs[number] { return known }
        let log = Log(schemas[number])
        logs[number] = log
        guard let store else { return log }
        for segment in try store.segments(log: schemas[number].path, bounds: []) {
            guard segment.times != nil else { continue }
            let reader = try SegmentReader.open(segment.path)
            guard let clock = reader.index(of: "ts") else { continue }
            for rowGroup in 0..<reader.rowGroupCount {
                guard case .signed(let min, let max) = reader.bounds(column: clock, rowGroup: rowGroup).values else {
                    continue
                }
                log.unread.append(Group(reader: reader, rowGroup: rowGroup, times: min...max))
            }
        }
        return log
    }

    /// Whether the store, or a file before this one, has the row; one such row is counted off.
    func isKnown(_ row: IngestedRow, log number: Int, clock: Int?) throws(StoreError) -> Bool {
        let log = try log(number)
        let hash = RowIdentities.hash(row, log.names)
        if let clock, case .word(let time) = row.cells[clock] {
            let hour = Int64(bitPattern: time) / 1000 / RowIdentities.hour
            if log.hours.insert(hour).inserted { try load(log, hour) }
        }
        if let count = log.counts[hash], count > 0 {
            log.counts[hash] = count - 1
            return true
        }
        if let count = log.earlier[hash], count > 0 {
            log.earlier[hash] = count - 1
            return true
        }
        log.own[hash, default: 0] += 1
        return false
    }

    /// The file at hand is done: its rows are known to the next one. Rows that it shared with others count again.
    func endFile() {
        for case let log? in logs {
            log.earlier.merge(log.own, uniquingKeysWith: +)
            log.own.removeAll()
        }
    }

    private func load(_ log: Log, _ hour: Int64) throws(StoreError) {
        let times = hour * RowIdentities.hour ... (hour + 1) * RowIdentities.hour - 1
        let wanted = log.unread.filter { $0.times.overlaps(times) }
        guard !wanted.isEmpty else { return }
        log.unread.removeAll { $0.times.overlaps(times) }
        for group in wanted {
            for hash in try RowIdentities.hashes(group.reader, group.rowGroup) { log.counts[hash, default: 0] += 1 }
        }
    }

    // MARK: hashes

    private static func hash(_ row: IngestedRow, _ names: [UInt64]) -> UInt64 {
        var sum: UInt64 = 0
        for (index, cell) in row.cells.enumerated() {
            let kind = row.kinds[index]
            switch cell {
            case .word(let word) where kind == .time || kind == .interval:
                sum &+= RowHash.cell(names[index], UInt64(bitPattern: Int64(bitPattern: word) / 1000))
            case .word(let word): sum &+= RowHash.cell(names[index], word)
            case .address(let address): sum &+= RowHash.cell(names[index], RowHash.address(address))
            case .text(let place):
                var octets: [UInt8] = []
                TextEscaping.appendEscaped(row.text[place], to: &octets)
                sum &+= RowHash.cell(names[index], RowHash.text(octets[...]))
            case .unset, .texts, .words, .addresses: break
            }
        }
        return sum
    }

    private static func hashes(_ reader: SegmentReader, _ rowGroup: Int) throws(StoreError) -> [UInt64] {
        var sums = [UInt64](repeating: 0, count: reader.rowCount(rowGroup: rowGroup))
        for (index, column) in reader.columns.enumerated() where !column.kind.isList {
            let vector = try reader.read(column: index, rowGroup: rowGroup)
            let name = RowHash.column(column.name)
            guard column.kind.isStoredAsText else {
                for row in sums.indices where vector.isSet(row) { sums[row] &+= RowHash.cell(name, vector.words[row]) }
                continue
            }
            let values = (0..<vector.texts.count).map { value(vector.texts[$0], column.kind) }
            for row in sums.indices where vector.isSet(row) {
                sums[row] &+= RowHash.cell(name, values[Int(vector.indices[row])])
            }
        }
        return sums
    }

    private static func value(_ octets: ArraySlice<UInt8>, _ kind: ColumnKind) -> UInt64 {
        switch kind {
        case .address: Address(octets: octets).map(RowHash.address) ?? RowHash.text(octets)
        case .uid, .fuid: UID(octets: octets)?.value ?? RowHash.text(octets)
        default: RowHash.text(octets)
        }
    }
}
