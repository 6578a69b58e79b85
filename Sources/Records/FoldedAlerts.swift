// SPDX-License-Identifier: Apache-2.0
//
// Alerts of one rule about the same, which become one row while they go on.
//
// Reads   alerts as they are raised.
// Writes  each of them once its time is over, with their number, the first and the last time.
// Leaves  what makes two alerts the same (who raises them), and where rows go.

/// What alerts have in common that become one: the rule, and whom it is about.
package struct AlertFoldKey: Hashable, Sendable {
    /// Numbers of the rule, and of whatever else has to be the same.
    package var rule: UInt64
    package var detail: UInt64
    package var first: Address
    package var second: Address

    package init(
        rule: UInt64, detail: UInt64 = 0, first: Address = Address(high: 0, low: 0),
        second: Address = Address(high: 0, low: 0)
    ) {
        (self.rule, self.detail, self.first, self.second) = (rule, detail, first, second)
    }
}

extension AlertRecord {
    /// What alerts of one rule about the same have in common: the rule's identity, the hosts, and whom it is about but
    /// for the record itself. nil where it is about nobody: then each stands for itself.
    package var foldKey: AlertFoldKey? {
        var hasher = Hasher()
        var isAbout = id != nil
        for entity in entities where !text[entity].starts(with: AlertRecord.recordMark) {
            hasher.combine(entity.count)
            for octet in text[entity] { hasher.combine(octet) }
            isAbout = true
        }
        guard isAbout else { return nil }
        var rule = Hasher()
        for octet in text[ruleID] { rule.combine(octet) }
        var key = AlertFoldKey(
            rule: UInt64(bitPattern: Int64(rule.finalize())), detail: UInt64(bitPattern: Int64(hasher.finalize())))
        if let id { (key.first, key.second) = (id.originator, id.responder) }
        return key
    }

    private static let recordMark = Array("record:".utf8)
}

/// Alerts that wait for more of their kind. Bounded by their number and their texts: beyond, the eldest goes first.
package struct FoldedAlerts {
    package struct Row {
        package var record: AlertRecord
        package var ordinal: UInt64
    }

    private static let countMax = 100_000
    private static let bytesMax = 64 << 20

    /// For how long a row takes in others, from its first alert on; 0 for one row each.
    package let seconds: Int
    private var held: [AlertFoldKey: Row] = [:]
    /// Keys in the order in which their rows began.
    private var open: [AlertFoldKey] = []
    private var openStart = 0
    /// Octets of the texts of rows that are held.
    private var byteCount = 0

    package init(seconds: Int) { self.seconds = seconds }

    package var isEmpty: Bool { openStart == open.count }
    package var isFull: Bool { held.count >= FoldedAlerts.countMax || byteCount >= FoldedAlerts.bytesMax }

    /// Counts an alert into the row that waits for it; false where there is none.
    package mutating func count(_ key: AlertFoldKey, at time: Timestamp) -> Bool {
        guard let last = held[key]?.record.last else { return false }
        held[key]?.record.count &+= 1
        held[key]?.record.last = max(last, time)
        return true
    }

    /// Begins a row, of which `count` has found none. Make room first where it `isFull`.
    package mutating func hold(_ record: AlertRecord, _ key: AlertFoldKey, ordinal: UInt64) {
        byteCount += record.text.bytes.count
        held[key] = Row(record: record, ordinal: ordinal)
        open.append(key)
    }

    /// The eldest row, if its time is over; call it again until there is none.
    package mutating func next(at time: Timestamp) -> Row? {
        // A record is written when its connection ends: its own time may be long past.
        guard openStart < open.count, let eldest = held[open[openStart]],
            time.since(eldest.record.first) > Int64(seconds) * 1_000_000_000
        else { return nil }
        return next()
    }

    /// The eldest row, whatever its time.
    package mutating func next() -> Row? {
        guard openStart < open.count else { return nil }
        let row = held.removeValue(forKey: open[openStart])
        byteCount -= row?.record.text.bytes.count ?? 0
        openStart += 1
        if openStart > 1024, openStart * 2 > open.count {
            open.removeFirst(openStart)
            openStart = 0
        }
        return row
    }

    /// Alerts that are all there, in any order: those of one rule about the same folded, by their times.
    package static func fold(_ alerts: [AlertRecord], seconds: Int) -> [AlertRecord] {
        guard seconds > 0 else { return alerts }
        var folded = FoldedAlerts(seconds: seconds)
        var rows: [AlertRecord] = []
        for place in alerts.indices.sorted(by: { (alerts[$0].ts, $0) < (alerts[$1].ts, $1) }) {
            let alert = alerts[place]
            while let row = folded.next(at: alert.ts) { rows.append(row.record) }
            guard let key = alert.foldKey else {
                rows.append(alert)
                continue
            }
            if folded.count(key, at: alert.ts) { continue }
            if folded.isFull, let eldest = folded.next() { rows.append(eldest.record) }
            folded.hold(alert, key, ordinal: 0)
        }
        while let row = folded.next() { rows.append(row.record) }
        return rows
    }
}
