// SPDX-License-Identifier: Apache-2.0
//
// Alerts that wait for more of their kind: counted, given back in order, bounded.

import Testing

@testable import Records

@Suite("folded alerts") struct FoldedAlertsTests {
    private func record(_ seconds: Int64, octets: Int = 0) -> AlertRecord {
        var record = AlertRecord()
        (record.ts, record.first, record.last) = (
            Timestamp(seconds: seconds), Timestamp(seconds: seconds), Timestamp(seconds: seconds)
        )
        record.evidence = record.text.add([UInt8](repeating: 0x61, count: octets))
        return record
    }

    @Test func `alerts of one kind are counted, and the eldest goes first`() {
        var folded = FoldedAlerts(seconds: 60)
        for number in 0..<3 {
            folded.hold(record(Int64(number)), AlertFoldKey(rule: UInt64(number)), ordinal: UInt64(number))
        }
        let counted = folded.count(AlertFoldKey(rule: 1), at: Timestamp(seconds: 50))
        let strange = folded.count(AlertFoldKey(rule: 7), at: Timestamp(seconds: 50))
        #expect(counted && !strange)
        let early = folded.next(at: Timestamp(seconds: 60))
        let first = folded.next(at: Timestamp(seconds: 61))
        let second = folded.next()
        #expect(early?.ordinal == nil && first?.ordinal == 0 && first?.record.count == 1)
        #expect(second?.record.count == 2 && second?.record.last == Timestamp(seconds: 50))
    }

    @Test func `what is held is bounded by its texts, too`() {
        var folded = FoldedAlerts(seconds: 60)
        var held = 0
        while !folded.isFull, held < 200 {
            folded.hold(record(0, octets: 1 << 20), AlertFoldKey(rule: UInt64(held)), ordinal: 0)
            held += 1
        }
        #expect(held == 64)
        _ = folded.next()
        #expect(!folded.isFull)
        while folded.next() != nil { held -= 1 }
        #expect(held == 1 && folded.isEmpty)
    }
}
