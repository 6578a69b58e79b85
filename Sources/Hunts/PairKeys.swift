// SPDX-License-Identifier: Apache-2.0
//
// What makes a pair: two addresses, or an address and the name that it asked for.
//
// Reads   columns of conn, ssl and http.
// Writes  64-bit keys.
// Leaves  counting and scoring (`PairPass`).
//
// A connection counts that leaves the site: from one of its addresses to one that is not its own. Behind a web proxy
// (CONNECT) the name counts, wherever the proxy is.

import Records
import Store
import Synchronization

/// Pairs of addresses; the connections of a name that is itself looked at rule a pair out.
struct AddressPairKeys: RowKeys {
    static let columns = ["ts", "id_orig_h", "id_resp_h", "orig_ip_bytes", "uid"]

    let hosts: HostNumbers
    /// Nil where nothing is ruled out.
    let names: ConnectionNames?
    /// Keys of the pairs of an address and a name that are looked at.
    let beaconNames: NumberTable
    let times: ClosedRange<Int64>

    static func parts(_ key: UInt64) -> (source: UInt32, target: UInt32) {
        (UInt32(truncatingIfNeeded: key >> 32), UInt32(truncatingIfNeeded: key))
    }

    func forEach(_ rows: ScannedRows, _ body: (Int, Int64, UInt64, Bool) -> Void) {
        guard let clock = rows.columns[0], let sources = rows.columns[1], let targets = rows.columns[2] else { return }
        let sourceNumbers = hosts.numbers(sources)
        let targetNumbers = hosts.numbers(targets)
        let uids = names.map { $0.isEmpty } ?? true || beaconNames.count == 0 ? nil : rows.columns[4]
        for row in 0..<rows.rowCount where clock.isSet(row) && sources.isSet(row) && targets.isSet(row) {
            let time = Int64(bitPattern: clock.words[row])
            let source = sourceNumbers[Int(sources.indices[row])]
            let target = targetNumbers[Int(targets.indices[row])]
            guard source.isInternal, !target.isInternal, source.isHost, target.isHost, times.contains(time) else {
                continue
            }
            var isRuledOut = false
            if let uids, let names, uids.isSet(row), let uid = UID(octets: uids.text(row)),
                let name = names.name(of: uid)
            {
                isRuledOut = beaconNames.find(NamePairKeys.key(source.number, name.number)) != nil
            }
            let key = UInt64(source.number) << 32 | UInt64(target.number)
            body(row, time.quotient(by: 1_000_000), key, isRuledOut)
        }
    }

    /// The newest or oldest microsecond of the rows that count.
    func outermost(_ rows: ScannedRows, isNewest: Bool) -> Int64? {
        guard let clock = rows.columns[0] else { return nil }
        var best: Int64?
        forEach(rows) { row, _, _, _ in
            let time = Int64(bitPattern: clock.words[row])
            best = best.map { isNewest ? max($0, time) : min($0, time) } ?? time
        }
        return best
    }
}

/// Pairs of an address and a name.
struct NamePairKeys: RowKeys {
    static let columns = AddressPairKeys.columns

    let hosts: HostNumbers
    let names: ConnectionNames
    let times: ClosedRange<Int64>

    /// Names are counted from 1 in a key, which so is never 0.
    static func key(_ source: UInt32, _ name: UInt32) -> UInt64 { UInt64(source) << 32 | (UInt64(name) + 1) }
    static func parts(_ key: UInt64) -> (source: UInt32, name: UInt32) {
        (UInt32(truncatingIfNeeded: key >> 32), UInt32(truncatingIfNeeded: key) - 1)
    }

    func forEach(_ rows: ScannedRows, _ body: (Int, Int64, UInt64, Bool) -> Void) {
        guard let clock = rows.columns[0], let sources = rows.columns[1], let targets = rows.columns[2],
            let uids = rows.columns[4]
        else { return }
        let sourceNumbers = hosts.numbers(sources)
        let targetNumbers = hosts.numbers(targets)
        for row in 0..<rows.rowCount where clock.isSet(row) && sources.isSet(row) && targets.isSet(row) {
            let time = Int64(bitPattern: clock.words[row])
            let source = sourceNumbers[Int(sources.indices[row])]
            let target = targetNumbers[Int(targets.indices[row])]
            guard source.isInternal, source.isHost, uids.isSet(row), times.contains(time),
                let uid = UID(octets: uids.text(row)), let name = names.name(of: uid),
                name.isProxied || !target.isInternal && target.isHost
            else { continue }
            body(row, time.quotient(by: 1_000_000), NamePairKeys.key(source.number, name.number), false)
        }
    }
}

/// The name that each connection asked for: TLS's server name, or the host of its last HTTP request.
struct ConnectionNames: Sendable {
    struct Name: Sendable {
        var number: UInt32
        /// Whether it was asked of a proxy by CONNECT.
        var isProxied: Bool
    }

    private struct Found: Sendable {
        var uids: [UInt64] = []
        var times: [Int64] = []
        /// Number of the name shifted by one, and whether it is proxied.
        var values: [UInt32] = []
    }

    private var table = NumberTable()
    private let texts: NameNumbers

    var isEmpty: Bool { table.count == 0 }

    /// - Parameter times: microseconds of the rows wanted.
    init(_ store: StoreReader, times: ClosedRange<Int64>) throws(StoreError) {
        let texts = NameNumbers()
        self.texts = texts
        let read = { @Sendable (found: inout Found, rows: ScannedRows) in
            ConnectionNames.add(rows, texts, to: &found)
        }
        let tls = try ColumnScan(store, log: "ssl", columns: ["ts", "uid", "server_name"], times: times)
        for share in try tls.run({ Found() }, read) {
            for (uid, value) in zip(share.uids, share.values) { table.values[table.place(uid)] = value }
        }
        let http = try ColumnScan(store, log: "http", columns: ["ts", "uid", "host", "method"], times: times)
        var newest: [UInt64: Int64] = [:]
        for share in try http.run({ Found() }, read) {
            for index in share.uids.indices {
                let uid = share.uids[index]
                if let known = newest[uid], known > share.times[index] { continue }
                newest[uid] = share.times[index]
                table.values[table.place(uid)] = share.values[index]
            }
        }
    }

    private static func add(_ rows: ScannedRows, _ texts: NameNumbers, to found: inout Found) {
        guard let clock = rows.columns[0], let uids = rows.columns[1], let names = rows.columns[2] else { return }
        let methods = rows.columns.count > 3 ? rows.columns[3] : nil
        let numbers = texts.numbers(names)
        for row in 0..<rows.rowCount where clock.isSet(row) && uids.isSet(row) && names.isSet(row) {
            guard let number = numbers[Int(names.indices[row])], let uid = UID(octets: uids.text(row)),
                uid.value != 0
            else { continue }
            var isProxied = false
            if let methods, methods.isSet(row) { isProxied = methods.text(row).elementsEqual("CONNECT".utf8) }
            found.uids.append(uid.value)
            found.times.append(Int64(bitPattern: clock.words[row]))
            found.values.append(number << 1 | (isProxied ? 1 : 0))
        }
    }

    func name(of uid: UID) -> Name? {
        guard uid.value != 0, let place = table.find(uid.value) else { return nil }
        return Name(number: table.values[place] >> 1, isProxied: table.values[place] & 1 == 1)
    }

    func text(_ number: UInt32) -> [UInt8] { texts.text(number) }
}

/// Names as numbers. Shared by workers.
final class NameNumbers: Sendable {
    private struct Names {
        var numbers: [[UInt8]: UInt32] = [:]
        var texts: [[UInt8]] = []
    }
    private let names = Mutex(Names())
    /// Names beyond are not told apart from none.
    private static let countMax = 1 << 24

    /// By place in the vector's texts; nil for a text of no octets.
    func numbers(_ vector: ColumnVector) -> [UInt32?] {
        names.withLock { names in
            (0..<vector.texts.count).map { index in
                let text = Array(vector.texts[index])
                guard !text.isEmpty else { return nil }
                if let known = names.numbers[text] { return known }
                guard names.texts.count < NameNumbers.countMax else { return nil }
                let number = UInt32(names.texts.count)
                names.numbers[text] = number
                names.texts.append(text)
                return number
            }
        }
    }

    func text(_ number: UInt32) -> [UInt8] { names.withLock { $0.texts[Int(number)] } }
}
